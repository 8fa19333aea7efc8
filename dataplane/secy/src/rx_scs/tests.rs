use gcm::Engine;
use wire::{An, MacAddr, Pn, Sci, Ssci};

use super::{InstallError, RxConfig, RxSaStatus, RxScs};
use crate::limits::RX_SCS_MAX;
use crate::{RxSa, SaId, Sak, Salt, Suite};

fn sa(an: u8, epoch: u32) -> RxSa {
    let suite = Suite::GcmAesXpn256;
    let sak = Sak::from_slice(suite, &[7; 32]).unwrap();
    RxSa::new(
        id(an, epoch),
        suite,
        &sak,
        Salt([0; 12]),
        Ssci(1),
        Engine::RustCrypto,
    )
}

fn id(an: u8, epoch: u32) -> SaId {
    SaId {
        an: An::new(an).unwrap(),
        epoch,
    }
}

fn sci(port: u16) -> Sci {
    Sci::new(MacAddr([2, 0, 0, 0, 0, 0x0a]), port)
}

#[test]
fn never_over_an_sa_in_use() {
    let mut rx = RxScs::new(RxConfig::default());
    rx.install(sci(1), sa(0, 1)).unwrap();
    // Never used, so it is replaced.
    rx.install(sci(1), sa(0, 2)).unwrap();
    assert_eq!(rx.sas().map(|sa| sa.id).collect::<Vec<_>>(), [id(0, 2)]);
    // Used, so the install is refused and the SA stays.
    rx.scs[0].sas[0].as_mut().unwrap().in_pkts_ok = 1;
    assert_eq!(
        rx.install(sci(1), sa(0, 3)),
        Err(InstallError::InUse(id(0, 2)))
    );
    assert_eq!(rx.sas().map(|sa| sa.id).collect::<Vec<_>>(), [id(0, 2)]);
    // Other ANs and other SCs are free.
    rx.install(sci(1), sa(1, 3)).unwrap();
    rx.install(sci(2), sa(0, 3)).unwrap();
    // After a retire the AN is free.
    assert_eq!(
        rx.retire(sci(1), id(0, 2)).map(|sa| sa.id()),
        Some(id(0, 2))
    );
    rx.install(sci(1), sa(0, 5)).unwrap();
}

#[test]
fn retire_is_exact() {
    let mut rx = RxScs::new(RxConfig::default());
    rx.install(sci(1), sa(2, 7)).unwrap();
    for (other_sci, other) in [
        (sci(1), id(2, 6)),
        (sci(1), id(2, 8)),
        (sci(1), id(3, 7)),
        (sci(2), id(2, 7)),
    ] {
        assert!(rx.retire(other_sci, other).is_none(), "{other_sci} {other}");
    }
    assert!(rx.retire(sci(1), id(2, 7)).is_some());
    assert!(rx.retire(sci(1), id(2, 7)).is_none());
}

#[test]
fn an_sc_goes_with_its_last_sa() {
    let mut rx = RxScs::new(RxConfig::default());
    for port in 0..RX_SCS_MAX as u16 {
        rx.install(sci(port), sa(0, 1)).unwrap();
    }
    assert_eq!(rx.install(sci(99), sa(0, 1)), Err(InstallError::TooManyScs));
    rx.install(sci(3), sa(1, 2)).unwrap();
    rx.retire(sci(3), id(0, 1)).unwrap();
    assert_eq!(rx.install(sci(99), sa(0, 1)), Err(InstallError::TooManyScs));
    rx.retire(sci(3), id(1, 2)).unwrap();
    rx.install(sci(99), sa(0, 1)).unwrap();
    assert_eq!(rx.retire_all(), RX_SCS_MAX);
    assert_eq!((rx.retire_all(), rx.sas().count()), (0, 0));
}

#[test]
fn status() {
    let mut rx = RxScs::new(RxConfig {
        replay_window: 8,
        ..RxConfig::default()
    });
    rx.install(sci(1), sa(1, 4).with_lowest_pn(Pn::new(30).unwrap()))
        .unwrap();
    let fresh = RxSaStatus {
        sci: sci(1),
        id: id(1, 4),
        in_pkts_ok: 0,
        lowest_pn: Pn::new(30).unwrap(),
        next_pn: Pn::new(30).unwrap(),
    };
    assert_eq!(rx.sas().collect::<Vec<_>>(), [fresh]);
    rx.scs[0].sas[1]
        .as_mut()
        .unwrap()
        .window
        .test_and_mark(u64::MAX);
    let last = RxSaStatus {
        lowest_pn: Pn::new(u64::MAX - 7).unwrap(),
        next_pn: Pn::new(u64::MAX).unwrap(),
        ..fresh
    };
    assert_eq!(rx.sas().collect::<Vec<_>>(), [last]);
}

#[test]
fn errors_name_the_fix() {
    assert_eq!(
        InstallError::InUse(id(2, 9)).to_string(),
        "AN 2 epoch 9 is in use: retire it before its AN is used again"
    );
    assert_eq!(
        InstallError::TooManyScs.to_string(),
        "at most 16 receive SCs: retire one first"
    );
}
