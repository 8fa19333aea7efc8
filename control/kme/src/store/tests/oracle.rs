//! Tests the store against an oracle that only keeps a list of the issued keys.

use super::{config, secs, stream};
use crate::config::LinkConfig;
use crate::refusal::Refusal;
use crate::store::{EncRequest, Store};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;
use wire::KeyId;

const SAES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Op {
    Fill {
        octets: u64,
    },
    Enc {
        master: usize,
        slave: usize,
        number: u64,
        bits: u64,
        late_secs: u64,
    },
    /// `picks` choose among all keys ever issued; an index beyond the end is an unknown key.
    Dec {
        caller: usize,
        master: usize,
        picks: Vec<usize>,
    },
    /// A well-behaved slave: fetch the newest key that is still reserved.
    DecNewest,
    Wait {
        secs: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let sae = 0..SAES.len();
    let late_secs = prop_oneof![4 => Just(0), 1 => 1..20_u64];
    prop_oneof![
        2 => (0..300_u64).prop_map(|octets| Op::Fill { octets }),
        4 => (sae.clone(), sae.clone(), 0..5_u64, 6..40_u64, late_secs)
            .prop_map(|(master, slave, number, octets, late_secs)| Op::Enc {
                master, slave, number, bits: octets * 8, late_secs,
            }),
        3 => (sae.clone(), sae, prop::collection::vec(0..40_usize, 1..4))
            .prop_map(|(caller, master, picks)| Op::Dec { caller, master, picks }),
        3 => Just(Op::DecNewest),
        2 => (0..40_u64).prop_map(|secs| Op::Wait { secs }),
    ]
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Waiting,
    Delivered,
    Expired,
}

struct Issued {
    id: KeyId,
    octets: Vec<u8>,
    master: usize,
    slave: usize,
    known_from: Duration,
    expires: Duration,
    state: State,
}

struct Oracle {
    config: LinkConfig,
    now: Duration,
    offered: u64,
    overflow: u64,
    pool: u64,
    issued: Vec<Issued>,
    /// Every sequence of 8 octets ever issued, with its key: no bit may be used twice.
    seen: HashMap<[u8; 8], KeyId>,
}

impl Oracle {
    fn bits(&self, state: State) -> u64 {
        let of_state = self.issued.iter().filter(|key| key.state == state);
        of_state.map(|key| key.octets.len() as u64 * 8).sum()
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        for key in &mut self.issued {
            if key.state == State::Waiting && key.expires <= self.now {
                key.state = State::Expired;
            }
        }
    }

    fn enc(&self, number: u64, bits: u64) -> Result<(), Refusal> {
        if number == 0 {
            return Err(Refusal::NumberOutOfRange { number, max: 128 });
        }
        if bits < 64 {
            return Err(Refusal::SizeOutOfRange {
                bits,
                min: 64,
                max: 4096,
            });
        }
        if number * bits > self.pool {
            let (wanted_bits, stored_bits) = (number * bits, self.pool);
            return Err(Refusal::Exhausted {
                wanted_bits,
                stored_bits,
            });
        }
        Ok(())
    }

    fn dec(&self, caller: usize, master: usize, ids: &[KeyId]) -> Result<(), Refusal> {
        let waiting = |id: &KeyId| {
            self.issued
                .iter()
                .find(|k| k.id == *id && k.state == State::Waiting)
        };
        if ids
            .iter()
            .filter_map(waiting)
            .any(|key| key.slave != caller)
        {
            return Err(Refusal::NotNamed);
        }
        for (at, id) in ids.iter().enumerate() {
            let fits = |key: &Issued| key.master == master && key.known_from <= self.now;
            if ids[..at].contains(id) || !waiting(id).is_some_and(fits) {
                return Err(Refusal::KeysNotFound);
            }
        }
        Ok(())
    }

    fn note_fresh(&mut self, id: KeyId, octets: &[u8]) {
        for run in octets.windows(8) {
            let other = self.seen.insert(run.try_into().unwrap(), id);
            assert_eq!(other, None, "key material of {id} was in another key");
        }
    }
}

fn step(store: &mut Store, oracle: &mut Oracle, op: Op) {
    match op {
        Op::Fill { octets } => {
            store.deposit(1, octets).unwrap();
            let taken = (octets * 8).min(oracle.config.pool_bits_max - oracle.pool);
            oracle.offered += octets * 8;
            oracle.overflow += octets * 8 - taken;
            oracle.pool += taken;
        }
        Op::Enc {
            master,
            slave,
            number,
            bits,
            late_secs,
        } => {
            let request = EncRequest {
                master: SAES[master],
                slave: SAES[slave],
                number: Some(number),
                size_bits: Some(bits),
                propagation: secs(late_secs),
            };
            let keys = store.enc_keys(oracle.now, &request);
            assert_eq!(
                keys.as_ref().map(|_| ()),
                oracle.enc(number, bits).as_ref().copied()
            );
            let Ok(keys) = keys else { return };
            assert_eq!(keys.len() as u64, number);
            for key in keys {
                assert_eq!(key.bytes.bits(), bits);
                assert!(oracle.issued.iter().all(|other| other.id != key.id));
                oracle.note_fresh(key.id, key.bytes.expose());
                oracle.pool -= bits;
                oracle.issued.push(Issued {
                    id: key.id,
                    octets: key.bytes.expose().to_vec(),
                    master,
                    slave,
                    known_from: oracle.now + secs(late_secs),
                    expires: oracle.now + oracle.config.reserved_life,
                    state: State::Waiting,
                });
            }
        }
        Op::Dec {
            caller,
            master,
            picks,
        } => {
            let unknown = KeyId::new("not-a-key-of-ours").unwrap();
            let pick = |at: usize| oracle.issued.get(at).map_or(unknown, |key| key.id);
            let ids: Vec<_> = picks.into_iter().map(pick).collect();
            dec(store, oracle, caller, master, &ids);
        }
        Op::DecNewest => {
            let newest = oracle
                .issued
                .iter()
                .rfind(|key| key.state == State::Waiting);
            if let Some((master, slave, id)) = newest.map(|key| (key.master, key.slave, key.id)) {
                dec(store, oracle, slave, master, &[id]);
            }
        }
        Op::Wait { secs: time } => {
            oracle.wait(secs(time));
            store.expire(oracle.now);
        }
    }
}

fn dec(store: &mut Store, oracle: &mut Oracle, caller: usize, master: usize, ids: &[KeyId]) {
    let keys = store.dec_keys(oracle.now, SAES[caller], SAES[master], ids);
    let expected = oracle.dec(caller, master, ids);
    assert_eq!(keys.as_ref().map(|_| ()), expected.as_ref().copied());
    let Ok(keys) = keys else { return };
    assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>(), ids);
    for key in keys {
        let issued = oracle
            .issued
            .iter_mut()
            .find(|issued| issued.id == key.id)
            .unwrap();
        assert_eq!(
            issued.octets,
            key.bytes.expose(),
            "master and slave hold different keys"
        );
        assert_eq!(issued.state, State::Waiting);
        issued.state = State::Delivered;
    }
}

fn compare(store: &Store, oracle: &Oracle) {
    let counters = store.counters();
    assert_eq!(store.pool_bits(), oracle.pool);
    assert_eq!(
        store.expiry.len(),
        store.reserved.len(),
        "a timer without its key"
    );
    assert_eq!(store.reserved_bits(), oracle.bits(State::Waiting));
    assert_eq!(counters.offered_bits, oracle.offered);
    assert_eq!(counters.overflow_bits, oracle.overflow);
    assert_eq!(counters.delivered_bits, oracle.bits(State::Delivered));
    assert_eq!(counters.expired_bits, oracle.bits(State::Expired));
    let gone = counters.overflow_bits + counters.delivered_bits + counters.expired_bits;
    let here = store.pool_bits() + store.reserved_bits();
    assert_eq!(counters.offered_bits, gone + here, "the books do not close");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_store_does_what_the_oracle_says(
        seed in any::<u64>(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut store = Store::new(config(), stream(seed));
        let mut oracle = Oracle {
            config: config(),
            now: Duration::ZERO,
            offered: 0,
            overflow: 0,
            pool: 0,
            issued: Vec::new(),
            seen: HashMap::new(),
        };
        for op in ops {
            step(&mut store, &mut oracle, op);
            compare(&store, &oracle);
        }
    }
}
