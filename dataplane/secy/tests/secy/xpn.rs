//! PNs of 64 bits whose high half is not sent: late frames around 2^31 and 2^32.

use secy::{Discard, RxConfig, RxScs, Suite, TxSc};

use crate::line::{Key, frame, pn, protect_one, sci, tx_config, validate_one};

/// A frame sealed under this PN.
fn sealed(key: &Key, value: u64) -> Vec<u8> {
    let mut tx = TxSc::new(tx_config());
    tx.install(key.tx().with_next_pn(pn(value)));
    protect_one(&mut tx, &frame(64))
}

#[test]
fn late_frames_at_the_boundaries() {
    const OK: Result<(), Discard> = Ok(());
    const LATE: Result<(), Discard> = Err(Discard::InPktsLate);
    const TWICE: Result<(), Discard> = Err(Discard::InPktsDuplicate);
    let key = Key::new(Suite::GcmAesXpn128, 5);
    for boundary in [
        1_u64 << 31,
        1 << 32,
        3 << 31,
        1 << 33,
        7 << 40,
        u64::MAX - 0x7fff_ffff,
    ] {
        // (PN as a distance from the boundary, outcome with window 64)
        let steps = [
            (-100, OK),
            (-1, OK),
            (-2, OK),
            (0, OK),
            (5, OK),
            // Seven late: the next expected PN is past the boundary, this one is before it.
            (-4, OK),
            (-4, TWICE),
            (0, TWICE),
            (-58, OK),
            (-59, LATE),
            (1, OK),
            // The whole window is past the boundary.
            (200, OK),
            (137, OK),
            (136, LATE),
            (200, TWICE),
            (201, OK),
        ];
        let mut rx = RxScs::new(RxConfig {
            replay_window: 64,
            ..RxConfig::default()
        });
        rx.install(sci(1), key.rx().with_lowest_pn(pn(boundary - 1000)))
            .unwrap();
        for (distance, want) in steps {
            let sent = boundary.strict_add_signed(distance);
            let outcome = validate_one(&mut rx, &sealed(&key, sent));
            assert_eq!(outcome.map(|_| ()), want, "{boundary:#x} {distance:+}");
        }
        // A PN before the boundary when the window is past it: it is recovered as a PN of the next
        // cycle, so the nonce is wrong. After the last cycle there is no such PN. The frame is
        // dropped in both cases.
        let outcome = validate_one(&mut rx, &sealed(&key, boundary - 1));
        let last_turn = boundary >> 32 == u64::from(u32::MAX);
        let discard = if last_turn {
            Discard::InPktsLate
        } else {
            Discard::InPktsNotValid
        };
        assert_eq!(outcome, Err(discard), "{boundary:#x}");
        assert_eq!(
            rx.sas().next().map(|sa| sa.next_pn.value()),
            Some(boundary + 202)
        );
    }
}

/// Low half 0 is valid in an XPN suite, but PN 0 is not.
#[test]
fn low_half_0() {
    let key = Key::new(Suite::GcmAesXpn256, 5);
    let mut rx = RxScs::new(RxConfig {
        replay_window: 64,
        ..RxConfig::default()
    });
    rx.install(sci(1), key.rx()).unwrap();
    let mut zero = sealed(&key, 1);
    zero[16..20].fill(0);
    assert_eq!(validate_one(&mut rx, &zero), Err(Discard::InPktsLate));
    let mut rx = RxScs::new(RxConfig {
        replay_window: 64,
        ..RxConfig::default()
    });
    rx.install(sci(1), key.rx().with_lowest_pn(pn((1 << 32) - 9)))
        .unwrap();
    assert_eq!(validate_one(&mut rx, &sealed(&key, 1 << 32)), Ok(frame(64)));

    let key = Key::new(Suite::GcmAes256, 5);
    let mut rx = RxScs::new(RxConfig {
        replay_window: 64,
        ..RxConfig::default()
    });
    rx.install(sci(1), key.rx()).unwrap();
    let mut zero = sealed(&key, 1);
    zero[16..20].fill(0);
    assert_eq!(validate_one(&mut rx, &zero), Err(Discard::InPktsBadTag));
}

/// A new receiver cannot follow a sender that starts far ahead: SAs start at PN 1.
#[test]
fn far_ahead_is_not_followed() {
    let key = Key::new(Suite::GcmAesXpn256, 5);
    let mut rx = RxScs::new(RxConfig {
        replay_window: 64,
        ..RxConfig::default()
    });
    rx.install(sci(1), key.rx()).unwrap();
    assert_eq!(
        validate_one(&mut rx, &sealed(&key, 1 << 40)),
        Err(Discard::InPktsLate)
    );
    assert_eq!(
        validate_one(&mut rx, &sealed(&key, (1 << 40) + 7)),
        Err(Discard::InPktsNotValid)
    );
    assert_eq!(
        validate_one(&mut rx, &sealed(&key, 0xffff_ffff)),
        Ok(frame(64))
    );
}
