//! The ledgers of all nodes together: do they agree, and which keys does an attacker know who owns
//! some of the nodes?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::ledger::{self, Batch, Entry, LedgerError, SUFFIX};
use crate::passport::{Leg, legs};

/// Findings that are listed; more are counted.
const FINDINGS_MAX: usize = 100;

/// The ledgers of a network.
#[derive(Debug, Default)]
pub struct Ledgers {
    /// Names of the nodes whose ledger is there.
    pub nodes: BTreeSet<String>,
    /// Nodes whose ledger has a gap, or was cut by a crash.
    pub gaps: BTreeSet<String>,
    keys: BTreeMap<String, Key>,
    findings: Vec<String>,
    findings_left_out: usize,
}

/// All that the ledgers say about one key.
#[derive(Debug, Default)]
struct Key {
    /// The two ends: origin, then far node.
    batches: [Option<Drawn>; 2],
    /// Nodes that relayed it, by their own ledgers.
    relayed_by: BTreeSet<String>,
    /// Times of its deliveries to each SAE.
    delivered: BTreeMap<String, Vec<u64>>,
}

/// A key as one of its two ends knows it.
#[derive(Clone, Debug)]
struct Drawn {
    initiator: String,
    target: String,
    passport: Value,
    /// From the initiator to the target: one leg in each domain.
    legs: Vec<Leg>,
}

/// The ledgers of a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The folder cannot be read.
    #[error("{path}: {source}; fix: name the folder of 'network run --folder'")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// There is no ledger of a node.
    #[error("{0}: no ledger of a node (*{SUFFIX}); fix: name the folder of 'network run --folder'")]
    Empty(PathBuf),
    /// A passport has another form.
    #[error("the passport of key {0} cannot be read; both need the same release")]
    Passport(String),
    /// There is no ledger of this node.
    #[error("no ledger of node {name:?}; fix: use one of {nodes}")]
    NoSuchNode {
        /// The name.
        name: String,
        /// Names of the nodes with a ledger.
        nodes: String,
    },
}

/// The knowledge of an attacker who owned some nodes during the whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drill {
    /// The nodes that the attacker owned.
    pub nodes: Vec<String>,
    /// Keys that both SAEs got.
    pub keys: u64,
    /// Keys of these that end at an owned node: known by definition.
    pub keys_of_owned_sites: u64,
    /// Keys between other sites that the attacker knows.
    pub keys_known: u64,
    /// Keys between other sites of which the attacker knows one of two shares, which is nothing.
    pub keys_with_one_share_known: u64,
    /// The pairs with known keys, without the owned sites.
    pub pairs: Vec<KnownPair>,
    /// The key_IDs of all known keys, those of owned sites included.
    #[serde(skip)]
    pub known: BTreeSet<String>,
}

/// A pair of SAEs with known keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KnownPair {
    /// The SAE that called `enc_keys`.
    pub initiator: String,
    /// The SAE that called `dec_keys`.
    pub target: String,
    /// Number of known keys.
    pub keys: u64,
    /// Time of the first delivery of such a key, in milliseconds since 1970.
    pub first_ms: u64,
    /// Time of the last one.
    pub last_ms: u64,
}

impl Ledgers {
    /// Reads all ledgers of nodes in a folder.
    ///
    /// # Errors
    /// One cannot be read, or its chain is broken.
    pub fn read(folder: &Path) -> Result<Self, NetworkError> {
        let wrong = |source| NetworkError::Folder {
            path: folder.to_owned(),
            source,
        };
        let mut files = Vec::new();
        for file in folder.read_dir().map_err(wrong)? {
            let path = file.map_err(wrong)?.path();
            if path.to_string_lossy().ends_with(SUFFIX) {
                files.push(path);
            }
        }
        files.sort();
        let mut ledgers = Self::default();
        for file in &files {
            let mut result = Ok(());
            let (mut node, mut ended) = (String::new(), true);
            ledger::lines(file, |line| {
                node.clone_from(&line.node);
                let crashed = line.entry == Entry::Begin && !ended;
                ended = line.entry == Entry::End;
                if crashed {
                    ledgers.gaps.insert(line.node.clone());
                }
                let taken = ledgers.take(line);
                if result.is_ok() {
                    result = taken;
                }
            })?;
            result?;
            if !ended {
                ledgers.gaps.insert(node);
            }
        }
        if ledgers.nodes.is_empty() {
            return Err(NetworkError::Empty(folder.to_owned()));
        }
        ledgers.compare();
        Ok(ledgers)
    }

    fn take(&mut self, line: ledger::Line) -> Result<(), NetworkError> {
        let node = line.node;
        match line.entry {
            Entry::Stocked(batch) => self.take_batch(0, batch)?,
            Entry::Held(batch) => self.take_batch(1, batch)?,
            Entry::Relayed { keys, .. }
            | Entry::HandedOver(Batch { keys, .. })
            | Entry::Carried(Batch { keys, .. }) => {
                for key in keys {
                    let key = self.keys.entry(key).or_default();
                    key.relayed_by.insert(node.clone());
                }
            }
            Entry::Delivered { to, keys, .. } => {
                for key in keys {
                    let key = self.keys.entry(key).or_default();
                    key.delivered
                        .entry(to.clone())
                        .or_default()
                        .push(line.at_ms);
                }
            }
            Entry::Gap { .. } => drop(self.gaps.insert(node.clone())),
            Entry::Block { .. }
            | Entry::Voided { .. }
            | Entry::Accounts { .. }
            | Entry::Begin
            | Entry::End => {}
        }
        self.nodes.insert(node);
        Ok(())
    }

    fn take_batch(&mut self, end: usize, batch: Batch) -> Result<(), NetworkError> {
        let legs = legs(&batch.passport).map(|mut legs| {
            if end == 1 {
                legs.reverse(); // its own domain is the last one
            }
            legs
        });
        for key in batch.keys {
            let legs = legs.clone();
            let drawn = Drawn {
                initiator: batch.initiator.clone(),
                target: batch.target.clone(),
                passport: batch.passport.clone(),
                legs: legs.ok_or_else(|| NetworkError::Passport(key.clone()))?,
            };
            let known = self.keys.entry(key.clone()).or_default();
            if known.batches[end].replace(drawn).is_some() {
                self.find(format!("key_ID {key} is in two batches"));
            }
        }
        Ok(())
    }

    fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_left_out += 1;
        }
    }

    /// Holds the ledgers against each other.
    fn compare(&mut self) {
        let mut findings = Vec::new();
        for (id, key) in &self.keys {
            let mut find = |text: &str| findings.push(format!("key_ID {id}: {text}"));
            for (sae, times) in &key.delivered {
                if times.len() > 1 {
                    find(&format!("delivered {} times to {sae}", times.len()));
                }
                let drawn = key.batches.iter().flatten().next();
                let ends = |drawn: &Drawn| [&drawn.initiator, &drawn.target].contains(&sae);
                if !drawn.map_or(!self.gaps.is_empty(), ends) {
                    find(&format!("delivered to {sae}, which is no end of its batch"));
                }
            }
            if let [Some(origin), Some(far)] = &key.batches
                && !origin.agrees_with(far)
            {
                find("its two nodes have different passports or SAEs for it");
            }
            let Some(drawn) = key.batches.iter().flatten().next() else {
                continue;
            };
            let relays = drawn.relays();
            for relay in &key.relayed_by {
                if !relays.contains(relay) {
                    find(&format!(
                        "{relay} relayed it, and its passport does not say so"
                    ));
                }
            }
            for relay in relays {
                let whole = self.nodes.contains(relay) && !self.gaps.contains(relay);
                if whole && !key.relayed_by.contains(relay) {
                    find(&format!(
                        "its passport names {relay}, whose ledger does not have it"
                    ));
                }
            }
        }
        findings.into_iter().for_each(|finding| self.find(finding));
    }

    /// The contradictions between the ledgers, and the number of those left out.
    #[must_use]
    pub fn findings(&self) -> (&[String], usize) {
        (&self.findings, self.findings_left_out)
    }

    /// Number of keys that both SAEs got.
    #[must_use]
    pub fn keys_delivered(&self) -> u64 {
        self.keys
            .values()
            .filter(|key| key.ends().is_some())
            .count() as u64
    }

    /// Number of keys that both SAEs got, by initiator and target.
    #[must_use]
    pub fn keys_by_pair(&self) -> BTreeMap<(&str, &str), u64> {
        let mut pairs = BTreeMap::new();
        for (drawn, _) in self.keys.values().filter_map(Key::ends) {
            let pair = (drawn.initiator.as_str(), drawn.target.as_str());
            *pairs.entry(pair).or_default() += 1;
        }
        pairs
    }

    /// Checks what an encryptor recorded about a key that it used: the network delivered it to two
    /// SAEs, under the same passport.
    ///
    /// # Errors
    /// The contradiction.
    pub fn check_use(&self, key_id: &str, passport: Option<&str>) -> Result<(), &'static str> {
        let key = self.keys.get(key_id).ok_or("no node has delivered it")?;
        if key.ends().is_none() {
            return Err("the network did not deliver it to two SAEs");
        }
        let text = passport.ok_or("the encryptor has no passport of it")?;
        let text = serde_json::from_str::<Value>(text).ok();
        let mut known = key.batches.iter().flatten();
        match text {
            Some(passport) if known.any(|drawn| drawn.passport == passport) => Ok(()),
            _ => Err("the encryptor has another passport of it than the nodes"),
        }
    }

    /// Computes the keys that an attacker knows who owns these nodes.
    ///
    /// # Errors
    /// There is no ledger of one of them.
    pub fn drill(&self, nodes: &[String]) -> Result<Drill, NetworkError> {
        let own = self.nodes.iter().map(String::as_str);
        let names: BTreeSet<_> = self.path_nodes().chain(own).collect();
        let exists = |name: &String| names.iter().any(|node| is_of(node, name));
        if let Some(name) = nodes.iter().find(|name| !exists(name)) {
            return Err(NetworkError::NoSuchNode {
                name: name.clone(),
                nodes: names.into_iter().collect::<Vec<_>>().join(", "),
            });
        }
        let mut drill = Drill {
            nodes: nodes.to_vec(),
            keys: 0,
            keys_of_owned_sites: 0,
            keys_known: 0,
            keys_with_one_share_known: 0,
            pairs: Vec::new(),
            known: BTreeSet::new(),
        };
        let mut pairs: BTreeMap<(&str, &str), KnownPair> = BTreeMap::new();
        for (id, key) in &self.keys {
            let Some((drawn, at_ms)) = key.ends() else {
                continue;
            };
            drill.keys += 1;
            let owned = |node: &String| nodes.iter().any(|name| is_of(node, name));
            let seen = |leg: &Leg| {
                let seen = leg.paths.iter().filter(|path| path.iter().any(owned));
                (seen.count(), leg.paths.len())
            };
            let mut seen = drawn.legs.iter().map(seen);
            if drawn.sites().into_iter().flatten().any(owned) {
                drill.keys_of_owned_sites += 1;
                drill.known.insert(id.clone());
            } else if seen.clone().any(|(paths, all)| paths == all) {
                drill.keys_known += 1;
                drill.known.insert(id.clone());
                let pair = pairs.entry((&drawn.initiator, &drawn.target)).or_default();
                pair.add(drawn, at_ms);
            } else if seen.any(|(paths, _)| paths > 0) {
                drill.keys_with_one_share_known += 1;
            }
        }
        drill.pairs = pairs.into_values().collect();
        Ok(drill)
    }

    fn path_nodes(&self) -> impl Iterator<Item = &str> {
        let drawn = self
            .keys
            .values()
            .flat_map(|key| key.batches.iter().flatten());
        let legs = drawn.flat_map(|drawn| &drawn.legs);
        legs.flat_map(|leg| leg.paths.iter().flatten().map(String::as_str))
    }
}

impl Key {
    /// Its batch and the time of its first delivery, if both SAEs got it.
    fn ends(&self) -> Option<(&Drawn, u64)> {
        let drawn = self.batches.iter().flatten().next()?;
        let first = |sae: &String| self.delivered.get(sae)?.iter().min().copied();
        let (initiator, target) = (first(&drawn.initiator)?, first(&drawn.target)?);
        Some((drawn, initiator.min(target)))
    }
}

impl Drawn {
    /// Whether two ends say the same. A neighbour domain may have kept its part of the way to
    /// itself.
    fn agrees_with(&self, other: &Self) -> bool {
        let same_saes = self.initiator == other.initiator && self.target == other.target;
        let whole = self.legs.len() == other.legs.len();
        same_saes && (!whole || self.legs == other.legs)
    }

    /// The nodes of the two SAEs.
    fn sites(&self) -> [Option<&String>; 2] {
        let first = self.legs.first().and_then(|leg| leg.paths.first()?.first());
        let last = self.legs.last().and_then(|leg| leg.paths.first()?.last());
        [first, last]
    }

    /// The nodes between, which saw the key or a share of it.
    fn relays(&self) -> BTreeSet<&String> {
        let sites = self.sites();
        let nodes = self.legs.iter().flat_map(|leg| leg.paths.iter().flatten());
        nodes.filter(|node| !sites.contains(&Some(*node))).collect()
    }
}

impl KnownPair {
    fn add(&mut self, drawn: &Drawn, at_ms: u64) {
        if self.keys == 0 {
            self.initiator.clone_from(&drawn.initiator);
            self.target.clone_from(&drawn.target);
            self.first_ms = at_ms;
        }
        self.keys += 1;
        self.first_ms = self.first_ms.min(at_ms);
        self.last_ms = self.last_ms.max(at_ms);
    }
}

/// True if a KME has this name, or is one of the two of the interworking node with this name.
fn is_of(kme: &str, name: &str) -> bool {
    let rest = kme.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests;
