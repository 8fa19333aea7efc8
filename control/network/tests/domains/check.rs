//! The rules that hold at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use network::{Key, KeyId, Record, Withdrawal};

use crate::plan::{Pair, Place, Plan};

pub type Result = std::result::Result<(), String>;

pub fn ensure(holds: bool, complaint: impl FnOnce() -> String) -> Result {
    if holds { Ok(()) } else { Err(complaint()) }
}

/// Everything seen so far.
#[derive(Default)]
pub struct Check {
    pub keys: BTreeMap<KeyId, Life>,
    pub crashes: BTreeMap<Place, Vec<Duration>>,
    pub delivered: u64,
    pub fetched: u64,
    pub refused: u64,
    /// Keys whose passport lacks the part of the other domain, after a crash there.
    pub without_part: u64,
}

/// The life of a key.
#[derive(Default)]
pub struct Life {
    /// When it came to its target's node.
    held: Option<Duration>,
    /// The interworking nodes that it passed: in the initiator's domain, and in the target's.
    gates: BTreeSet<Place>,
    stocked: bool,
    /// Its origin has given it up.
    pub voided: bool,
    /// The domains whose nodes have said that no SAE has it or gets it.
    pub withdrawn: [bool; 2],
    /// Number of its pair, and its bits.
    pub given: Option<(usize, [u8; 32])>,
    pub fetched: bool,
}

impl Check {
    pub fn record(&mut self, now: Duration, at: Place, plan: &Plan, record: &Record) -> Result {
        match record {
            Record::Held { keys, .. } => {
                for key in keys {
                    let life = self.keys.entry(*key).or_default();
                    ensure(!life.withdrawn[at.domain], || {
                        format!("withdrawn: {key} comes to its target after all")
                    })?;
                    life.held = Some(now);
                }
            }
            Record::HandedOver { keys, .. } | Record::Carried { keys, .. } => {
                for key in keys {
                    self.keys.entry(*key).or_default().gates.insert(at);
                }
            }
            Record::Stocked { keys, .. } => {
                for key in keys {
                    let life = self.keys.entry(*key).or_default();
                    ensure(!life.voided, || {
                        format!("void: {key} comes into stock after all")
                    })?;
                    life.stocked = true;
                }
            }
            Record::Voided { batch, keys, .. }
                if batch.origin == at.node && plan.domains[at.domain].sites.contains(&at.node) =>
            {
                for key in keys {
                    let life = self.keys.entry(*key).or_default();
                    ensure(life.given.is_none(), || {
                        format!("void: {key} was given before")
                    })?;
                    life.voided = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A network answers that no SAE of it has or gets a key.
    pub fn withdrawn(&mut self, domain: usize, key: KeyId, answer: Withdrawal) -> Result {
        if answer == Withdrawal::Done {
            let life = self.keys.entry(key).or_default();
            ensure(life.given.is_none() && !life.fetched, || {
                format!("withdrawn: {key} in domain {domain}, and an SAE has it")
            })?;
            life.withdrawn[domain] = true;
        }
        Ok(())
    }

    /// `enc_keys` gives a key.
    pub fn given(&mut self, pair: usize, key: &Key) -> Result {
        self.delivered += 1;
        let id = key.id;
        let life = self.keys.entry(id).or_default();
        ensure(life.given.is_none(), || {
            format!("twice: {id} is given again")
        })?;
        ensure(!life.voided, || format!("void: {id} is given"))?;
        ensure(life.withdrawn == [false; 2], || {
            format!("withdrawn: {id} is given after all")
        })?;
        ensure(life.stocked && life.held.is_some(), || {
            format!("stock: {id} is given, and is not at its target")
        })?;
        self.without_part += u64::from(key.passport.beyond.is_none());
        life.given = Some((pair, *key.value.expose()));
        Ok(())
    }

    /// `dec_keys` gives a key.
    pub fn fetched(&mut self, pair: usize, key: &Key) -> Result {
        self.fetched += 1;
        let id = key.id;
        let life = self.keys.entry(id).or_default();
        ensure(!life.fetched, || format!("twice: {id} is fetched again"))?;
        life.fetched = true;
        ensure(life.withdrawn == [false; 2], || {
            format!("withdrawn: {id} is fetched after all")
        })?;
        let Some((of, bits)) = &life.given else {
            return Err(format!("other: {id} is fetched, and was never given"));
        };
        ensure(*of == pair, || format!("other: {id} goes to another SAE"))?;
        self.without_part += u64::from(key.passport.beyond.is_none());
        ensure(bits == key.value.expose(), || format!("bits: {id} differs"))
    }

    /// `dec_keys` refuses a key that was given: its target's node has crashed, and the initiator
    /// may not know yet.
    pub fn missed(&mut self, now: Duration, plan: &Plan, pair: &Pair, id: KeyId) -> Result {
        self.refused += 1;
        let life = self.keys.get(&id);
        let Some((life, held)) = life.and_then(|life| Some((life, life.held?))) else {
            return Err(format!("stock: {id} was never at its target"));
        };
        let crashed = |place: &Place| {
            let mut crashes = self.crashes.get(place).into_iter().flatten();
            crashes.any(|at| *at >= held && *at <= now)
        };
        // An interworking node that has crashed, too, does not know what the target's node had.
        let told = now > plan.told && !life.gates.iter().any(crashed);
        ensure(crashed(&pair.to) && !told, || {
            format!("stock: {id} is lost at its target, held since {held:?}")
        })
    }
}
