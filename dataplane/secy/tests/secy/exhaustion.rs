//! PNs run out and never wrap.

use gcm::Engine;
use secy::{Discard, RxConfig, RxScs, Suite, TxSc};

use crate::line::{Key, Outcome, frame, pn, protect, sci, tx_config, validate};

#[test]
fn the_last_pns_go_out_and_then_nothing() {
    for engine in Engine::available() {
        for suite in Suite::ALL {
            let key = Key {
                engine,
                ..Key::new(suite, 3)
            };
            let last = suite.pn_max();
            let mut tx = TxSc::new(tx_config());
            tx.install(key.tx().with_next_pn(pn(last - 2)));
            let frames = vec![frame(64); 5];
            let outcomes = protect(&mut tx, &frames);
            let low_pns: Vec<u32> = outcomes[..3]
                .iter()
                .flatten()
                .map(|frame| u32::from_be_bytes(frame[16..20].try_into().unwrap()))
                .collect();
            assert_eq!(low_pns, [0xffff_fffd, 0xffff_fffe, 0xffff_ffff], "{suite}");
            let exhausted: Vec<Outcome> = vec![Err(Discard::OutPktsPnExhausted); 5];
            assert_eq!(outcomes[3..], exhausted[..2]);
            assert_eq!((protect(&mut tx, &frames), tx.next_pn()), (exhausted, None));

            // The receiver accepts each of them once.
            let mut rx = RxScs::new(RxConfig {
                replay_window: 64,
                ..RxConfig::default()
            });
            rx.install(sci(1), key.rx().with_lowest_pn(pn(last - 2)))
                .unwrap();
            let sent: Vec<_> = outcomes.into_iter().flatten().collect();
            assert_eq!(validate(&mut rx, &sent), vec![Ok(frame(64)); 3]);
            assert_eq!(
                validate(&mut rx, &sent),
                vec![Err(Discard::InPktsDuplicate); 3]
            );
        }
    }
}

#[test]
fn a_limit_of_policy_stops_before() {
    let mut tx = TxSc::new(tx_config());
    tx.install(Key::new(Suite::GcmAesXpn256, 3).tx().with_pn_limit(pn(70)));
    let outcomes = protect(&mut tx, &vec![frame(64); 100]);
    assert!(outcomes[..70].iter().all(Result::is_ok));
    assert_eq!(outcomes[70..], vec![Err(Discard::OutPktsPnExhausted); 30]);
    // A new SA sends again.
    tx.install(Key::new(Suite::GcmAesXpn256, 4).tx());
    assert!(protect(&mut tx, &[frame(64)])[0].is_ok());
}
