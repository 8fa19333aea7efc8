//! The rules that hold at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use network::{
    Accounts, BatchId, Demand, Key, KeyId, LinkId, NodeId, Passport, Paths, Record, SaeId,
};

use super::plan::Plan;
use super::wire::{self, Seen};

/// Everything seen so far.
#[derive(Default)]
pub struct Check {
    keys: BTreeMap<KeyId, Life>,
    /// End of the key used of a direction of a block.
    pads: BTreeMap<(LinkId, usize, u64), u32>,
    /// Bits that each link end took in, over all its runs.
    taken: BTreeMap<(NodeId, LinkId), u64>,
    pub crashes: BTreeMap<NodeId, Vec<Duration>>,
    pub delivered: u64,
    pub refused: u64,
    pub voided: u64,
    pub relayed: u64,
}

/// The life of a key.
#[derive(Default)]
struct Life {
    batch: Option<BatchId>,
    held: Option<Duration>,
    stocked: Option<Duration>,
    voided: bool,
    /// The nodes that relayed it, with its share.
    seen: BTreeSet<(NodeId, (u8, u8))>,
    /// The content that the pads of the links have encrypted: the key, or its two shares.
    carried: BTreeSet<(u8, [u8; 32])>,
    given: Option<(SaeId, SaeId, [u8; 32])>,
    fetched: bool,
}

type Result = std::result::Result<(), String>;

fn ensure(holds: bool, complaint: impl FnOnce() -> String) -> Result {
    if holds { Ok(()) } else { Err(complaint()) }
}

impl Check {
    pub fn took(&mut self, node: NodeId, link: LinkId, octets: usize) {
        *self.taken.entry((node, link)).or_default() += 8 * octets as u64;
    }

    /// The accounts of a link end close, and nothing came in but blocks.
    pub fn accounts(&self, node: NodeId, link: LinkId, accounts: &Accounts) -> Result {
        let taken = self.taken.get(&(node, link)).copied().unwrap_or_default();
        ensure(accounts.close() && accounts.bits_in == taken, || {
            format!("accounts: of {node:?} and {link:?} do not close: {accounts:?}, in {taken}")
        })
    }

    /// A message leaves a node: its key is new, and its tag right.
    pub fn sent(
        &mut self,
        link: LinkId,
        end: usize,
        octets: &[u8],
        seen: &Seen,
        (key, pad): &([u8; 32], Vec<u8>),
    ) -> Result {
        for segment in &seen.segments {
            let used = self.pads.entry((link, end, segment.block)).or_default();
            ensure(segment.at >= *used && segment.len > 0, || {
                format!("pad: {segment:?} of {link:?} is used twice")
            })?;
            *used = segment.at + segment.len;
        }
        let tag = wire::tag(octets, key);
        ensure(octets.ends_with(&tag), || {
            format!("tag: a node sends a wrong one on {link:?}")
        })?;
        let plain = wire::xor(&octets[seen.payload.clone()], pad);
        for (id, bits) in seen
            .ids
            .iter()
            .zip(plain.chunks(32))
            .filter(|_| !plain.is_empty())
        {
            let bits = <[u8; 32]>::try_from(bits).unwrap();
            self.keys
                .entry(*id)
                .or_default()
                .carried
                .insert((seen.share, bits));
        }
        Ok(())
    }

    pub fn record(&mut self, now: Duration, node: NodeId, record: &Record) -> Result {
        match record {
            Record::Relayed { share, keys, .. } => {
                self.relayed += keys.len() as u64;
                for key in keys {
                    self.keys
                        .entry(*key)
                        .or_default()
                        .seen
                        .insert((node, *share));
                }
            }
            Record::Held { keys, .. } => {
                for key in keys {
                    self.keys.entry(*key).or_default().held = Some(now);
                }
            }
            Record::Stocked { batch, keys, .. } => {
                for key in keys {
                    let life = self.keys.entry(*key).or_default();
                    ensure(!life.voided, || {
                        format!("void: {key} comes into stock after all")
                    })?;
                    (life.batch, life.stocked) = (Some(*batch), Some(now));
                }
            }
            Record::Voided { batch, keys, .. } if batch.origin == node => {
                self.voided += keys.len() as u64;
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

    /// `enc_keys` gives a key.
    pub fn given(&mut self, demand: &Demand, key: &Key) -> Result {
        self.delivered += 1;
        let life = self.keys.entry(key.id).or_default();
        let id = key.id;
        ensure(life.given.is_none(), || {
            format!("twice: {id} is given again")
        })?;
        ensure(!life.voided, || format!("void: {id} is given"))?;
        ensure(life.stocked.is_some(), || {
            format!("stock: {id} is given without an ACK")
        })?;
        passport(&key.passport, demand, &life.seen)?;
        let (shares, carried): (Vec<u8>, Vec<_>) = life.carried.iter().copied().unzip();
        let whole = carried.iter().fold([0; 32], |sum: [u8; 32], share| {
            wire::xor(&sum, share).try_into().unwrap()
        });
        let expected: &[u8] = if demand.paths == Paths::Two {
            &[1, 2]
        } else {
            &[0]
        };
        ensure(shares == expected && whole == *key.value.expose(), || {
            format!("bits: {id} is not what the links have carried: {shares:?}")
        })?;
        let (initiator, target) = (demand.initiator.clone(), demand.target.clone());
        life.given = Some((initiator, target, *key.value.expose()));
        Ok(())
    }

    /// `dec_keys` gives a key.
    pub fn fetched(&mut self, caller: &SaeId, initiator: &SaeId, key: &Key) -> Result {
        let id = key.id;
        let life = self.keys.entry(id).or_default();
        ensure(!life.fetched, || format!("twice: {id} is fetched again"))?;
        life.fetched = true;
        let Some((from, to, bits)) = &life.given else {
            return Err(format!("other: {id} is fetched, and was never given"));
        };
        ensure((from, to) == (initiator, caller), || {
            format!("other: {id} goes to {caller}")
        })?;
        ensure(bits == key.value.expose(), || format!("bits: {id} differs"))
    }

    /// `dec_keys` refuses a key that was given.
    pub fn missed(&mut self, now: Duration, plan: &Plan, far: NodeId, id: KeyId) -> Result {
        self.refused += 1;
        let life = self.keys.get(&id);
        let Some((held, stocked)) = life.and_then(|life| life.held.zip(life.stocked)) else {
            return Err(format!("stock: {id} is not held at the far node"));
        };
        let mut crashes = self.crashes.get(&far).into_iter().flatten();
        let crashed = crashes.any(|at| *at >= held && *at <= now);
        let told = plan.calm + Duration::from_secs(3);
        let lied = plan.liar.is_some() && stocked <= plan.calm;
        ensure(
            (crashed && now <= told + Duration::from_secs(1)) || lied,
            || format!("stock: {id} is lost at the far node, stocked at {stocked:?}"),
        )
    }
}

/// Only nodes of the passport saw the key, and none saw two shares.
fn passport(passport: &Passport, demand: &Demand, seen: &BTreeSet<(NodeId, (u8, u8))>) -> Result {
    let paths = if demand.paths == Paths::Two { 2 } else { 1 };
    ensure(passport.paths.len() == paths, || {
        "passport: wrong number of paths".to_owned()
    })?;
    for (number, path) in passport.paths.iter().enumerate() {
        let here = |(node, (share, _)): &&(NodeId, (u8, u8))| {
            usize::from(*share) == number + 1 && !path.relays().contains(node)
        };
        let stranger = seen.iter().find(here);
        ensure(stranger.is_none(), || {
            format!("passport: {stranger:?} is not on {path:?}")
        })?;
        let blocks = path.hops.iter().all(|hop| !hop.blocks.is_empty());
        ensure(blocks && path.hops.len() + 1 == path.nodes.len(), || {
            format!("passport: {path:?} has gaps")
        })?;
    }
    for path in &passport.paths {
        for relay in path.relays() {
            let sees_all = paths == 2 && passport.readable_by(&[*relay]);
            ensure(!sees_all, || format!("paths: {relay:?} sees both shares"))?;
        }
    }
    Ok(())
}
