use super::{Suite, UnknownSuite};

#[test]
fn names_and_codes_come_back() {
    for suite in Suite::ALL {
        assert_eq!(suite.name().parse(), Ok(suite));
        assert_eq!(Suite::from_code(suite.code()), Some(suite));
    }
    assert_eq!("GCM-AES-256".parse::<Suite>(), Err(UnknownSuite));
    assert_eq!((Suite::from_code(0), Suite::from_code(5)), (None, None));
    assert_eq!(
        UnknownSuite.to_string(),
        "a cipher suite is one of gcm-aes-128 gcm-aes-256 gcm-aes-xpn-128 gcm-aes-xpn-256"
    );
}

#[test]
fn properties() {
    let table = Suite::ALL.map(|suite| (suite.key_len(), suite.xpn(), suite.pn_max()));
    assert_eq!(
        table,
        [
            (16, false, 0xffff_ffff),
            (32, false, 0xffff_ffff),
            (16, true, u64::MAX),
            (32, true, u64::MAX)
        ]
    );
}
