use super::{An, MacAddr, Pn, Sci};

#[test]
fn sci_is_mac_and_port() {
    let sci = Sci::new(MacAddr([2, 0, 0, 0, 0, 0x0a]), 0x0102);
    assert_eq!(sci.to_bytes(), [2, 0, 0, 0, 0, 0x0a, 1, 2]);
    assert_eq!(Sci::from_bytes(sci.to_bytes()), sci);
    assert_eq!(
        (sci.mac(), sci.port()),
        (MacAddr([2, 0, 0, 0, 0, 0x0a]), 0x0102)
    );
    assert_eq!(sci.to_string(), "02:00:00:00:00:0a/258");
}

#[test]
fn an_is_two_bits() {
    assert!(An::new(4).is_none());
    assert_eq!(An::new(3).map(An::next), Some(An::ZERO));
    assert_eq!(An::from_tci(0xff).value(), 3);
}

#[test]
fn pn_is_never_zero() {
    assert!(Pn::new(0).is_none());
    assert_eq!(Pn::FIRST.value(), 1);
    assert_eq!(Pn::new(u64::MAX).map(Pn::value), Some(u64::MAX));
}

#[test]
fn mac_address_text() {
    assert_eq!(
        "02:00:00:00:00:0A".parse(),
        Ok(MacAddr([2, 0, 0, 0, 0, 0x0a]))
    );
    for wrong in [
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:0a:01",
        "2:0:0:0:0:a",
        "+2:00:00:00:00:0a",
        "02-00-00-00-00-0a",
        "02:00:00:00:00:0g",
    ] {
        assert!(wrong.parse::<MacAddr>().is_err(), "{wrong}");
    }
}
