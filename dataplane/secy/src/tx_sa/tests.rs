use gcm::Engine;
use wire::{An, Pn, Ssci};

use super::TxSa;
use crate::{SaId, Sak, Salt, Suite};

fn sa(suite: Suite) -> TxSa {
    let sak = Sak::from_slice(suite, &vec![7; suite.key_len()]).unwrap();
    let id = SaId {
        an: An::ZERO,
        epoch: 1,
    };
    TxSa::new(id, suite, &sak, Salt([0; 12]), Ssci(1), Engine::RustCrypto)
}

fn pn(value: u64) -> Pn {
    Pn::new(value).unwrap()
}

#[test]
fn starts_at_1() {
    let mut sa = sa(Suite::GcmAesXpn256);
    let taken: Vec<_> = (0..3).map(|_| sa.take_pn()).collect();
    assert_eq!(taken, [Some(pn(1)), Some(pn(2)), Some(pn(3))]);
    assert_eq!(sa.next_pn(), Some(pn(4)));
}

#[test]
fn stops_after_the_last_and_never_wraps() {
    for suite in Suite::ALL {
        let last = suite.pn_max();
        assert_eq!(last, if suite.xpn() { u64::MAX } else { 0xffff_ffff });
        let mut sa = sa(suite).with_next_pn(pn(last - 1));
        assert_eq!(sa.take_pn(), Some(pn(last - 1)));
        assert_eq!(sa.next_pn(), Some(pn(last)));
        assert_eq!(sa.take_pn(), Some(pn(last)));
        for _ in 0..3 {
            assert_eq!((sa.next_pn(), sa.take_pn()), (None, None), "{suite}");
        }
    }
}

#[test]
fn a_limit_stops_earlier_never_later() {
    let mut sa = sa(Suite::GcmAes128).with_pn_limit(pn(2));
    assert_eq!(
        [sa.take_pn(), sa.take_pn(), sa.take_pn()],
        [Some(pn(1)), Some(pn(2)), None]
    );

    let beyond = pn(u64::MAX);
    let mut sa = self::sa(Suite::GcmAes128)
        .with_pn_limit(beyond)
        .with_next_pn(pn(0xffff_ffff));
    assert_eq!([sa.take_pn(), sa.take_pn()], [Some(pn(0xffff_ffff)), None]);

    assert_eq!(
        self::sa(Suite::GcmAes128)
            .with_next_pn(pn(1 << 32))
            .next_pn(),
        None
    );
    let sa = self::sa(Suite::GcmAesXpn128)
        .with_next_pn(pn(9))
        .with_pn_limit(pn(8));
    assert_eq!(sa.next_pn(), None);
}

#[test]
#[should_panic(expected = "another suite")]
fn a_sak_of_another_length_is_a_bug() {
    let sak = Sak::from_slice(Suite::GcmAes128, &[7; 16]).unwrap();
    let id = SaId {
        an: An::ZERO,
        epoch: 1,
    };
    let _ = TxSa::new(
        id,
        Suite::GcmAes256,
        &sak,
        Salt([0; 12]),
        Ssci(1),
        Engine::RustCrypto,
    );
}
