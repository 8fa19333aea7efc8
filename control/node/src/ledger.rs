//! The ledger of a node: a line of JSON for each block, each batch and each delivery. No key.
//!
//! Each line holds the SHA-256 of the line before, so that no line can be changed or removed
//! without a trace. A thread writes: a slow disk delays no key. Lines that it cannot keep up with
//! are counted in a line of their own.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use network::{Accounts, BatchId, Passport, Record, SaeId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tracing::error;

use crate::map::Map;
use crate::passport;

/// Ending of the file's name. Its name begins with that of the node.
pub const SUFFIX: &str = ".node-ledger";
/// Lines that wait for the writer.
const WAITING_MAX: usize = 8192;
/// Octets of a line; a batch has at most 64 keys.
const LINE_LEN_MAX: u64 = 64 << 10;
/// The hash before the first line.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The content of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Entry {
    /// A block of QKD key came over a link.
    Block {
        /// Name of the link.
        link: String,
        /// Number of the block.
        number: u64,
        /// Origin of its bits.
        label: String,
        /// Failure probability of its proof.
        epsilon: f64,
        /// Estimated excess noise, SNU at the channel input.
        excess_noise_snu: f64,
        /// Its bits.
        bits: u64,
    },
    /// The node relayed a batch and saw its keys, or one share of them, in clear.
    Relayed {
        /// The batch.
        batch: String,
        /// Number of the share, and number of shares.
        share: (u8, u8),
        /// Link on which it came.
        from: String,
        /// Link on which it went.
        to: String,
        /// The key_IDs.
        keys: Vec<String>,
    },
    /// The node drew a batch, and the far node holds it.
    Stocked(Batch),
    /// The node holds a batch from afar.
    Held(Batch),
    /// An interworking node saw a batch in clear and handed it over to the neighbour domain.
    HandedOver(Batch),
    /// An interworking node saw keys of the neighbour domain in clear, and they are at their
    /// target.
    Carried(Batch),
    /// Keys left the node, to an SAE.
    Delivered {
        /// The SAE that got them.
        to: String,
        /// The SAE at the other end.
        peer: String,
        /// The key_IDs.
        keys: Vec<String>,
    },
    /// No SAE of this node gets these keys.
    Voided {
        /// The batch.
        batch: String,
        /// The key_IDs.
        keys: Vec<String>,
        /// The reason.
        reason: String,
    },
    /// The accounts of a link after the loss of its pool.
    Accounts {
        /// Name of the link.
        link: String,
        /// The accounts in bits.
        accounts: Accounts,
    },
    /// The node starts.
    Begin,
    /// The node ends in order. After a crash this line is missing, and some lines before it may be.
    End,
    /// Lines that the writer could not keep up with.
    Gap {
        /// Number of lines.
        lost: u64,
    },
}

/// Keys that travelled together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Name of the batch.
    pub batch: String,
    /// The SAE that calls `enc_keys`.
    pub initiator: String,
    /// The SAE that calls `dec_keys`.
    pub target: String,
    /// The key_IDs.
    pub keys: Vec<String>,
    /// Links, blocks and relays.
    pub passport: Value,
}

/// A line without its hash.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Body {
    number: u64,
    previous: String,
    at_ms: u64,
    node: String,
    entry: Entry,
}

/// A line, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Name of the node.
    pub node: String,
    /// Its content.
    pub entry: Entry,
}

/// The ledger of a running node. Dropping it writes what waits.
pub struct NodeLedger {
    lines: Option<SyncSender<(u64, Entry)>>,
    lost: u64,
    writer: Option<JoinHandle<()>>,
}

/// The ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be opened or read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line is no entry, or does not follow the line before.
    #[error("{path}: line {line}: {problem}; the ledger was changed, or it is not a node's")]
    Line {
        /// The file.
        path: PathBuf,
        /// Number of the line.
        line: u64,
        /// The problem.
        problem: &'static str,
    },
}

impl Entry {
    /// Writes a record of the protocol with names.
    pub(crate) fn of(record: &Record, map: &Map) -> Self {
        let names = |keys: &[network::KeyId]| keys.iter().map(ToString::to_string).collect();
        let new =
            |batch: &BatchId, saes: [&SaeId; 2], keys: &[network::KeyId], passport: &Passport| {
                Batch::of(*batch, saes, names(keys), passport, map)
            };
        match record {
            Record::BlockIn { link, block, bits } => Self::Block {
                link: map.link_name(*link),
                number: block.number,
                label: block.label.name().to_owned(),
                epsilon: block.epsilon,
                excess_noise_snu: block.excess_noise,
                bits: *bits,
            },
            Record::Relayed {
                batch,
                share,
                from,
                to,
                keys,
            } => Self::Relayed {
                batch: batch.to_string(),
                share: *share,
                from: map.link_name(*from),
                to: map.link_name(*to),
                keys: names(keys),
            },
            Record::Stocked {
                batch,
                initiator,
                target,
                keys,
                passport,
            } => Self::Stocked(new(batch, [initiator, target], keys, passport)),
            Record::Held {
                batch,
                initiator,
                target,
                keys,
                passport,
            } => Self::Held(new(batch, [initiator, target], keys, passport)),
            Record::HandedOver {
                batch,
                initiator,
                target,
                keys,
                passport,
            } => Self::HandedOver(new(batch, [initiator, target], keys, passport)),
            Record::Carried {
                batch,
                initiator,
                target,
                keys,
                passport,
            } => Self::Carried(new(batch, [initiator, target], keys, passport)),
            Record::Delivered { to, peer, keys } => Self::Delivered {
                to: to.to_string(),
                peer: peer.to_string(),
                keys: names(keys),
            },
            Record::Voided {
                batch,
                keys,
                reason,
            } => Self::Voided {
                batch: batch.to_string(),
                keys: names(keys),
                reason: reason.to_string(),
            },
            Record::Accounts { link, accounts } => Self::Accounts {
                link: map.link_name(*link),
                accounts: *accounts,
            },
        }
    }
}

impl Batch {
    fn of(
        batch: BatchId,
        [initiator, target]: [&SaeId; 2],
        keys: Vec<String>,
        passport: &Passport,
        map: &Map,
    ) -> Self {
        Self {
            batch: batch.to_string(),
            initiator: initiator.to_string(),
            target: target.to_string(),
            keys,
            passport: passport::to_json(passport, map),
        }
    }
}

impl NodeLedger {
    /// Opens the ledger of a node for appending; a node that starts again continues its file.
    ///
    /// # Errors
    /// The file cannot be opened, or holds something else.
    pub fn open(path: &Path, node: &str) -> Result<Self, LedgerError> {
        let io = |source| LedgerError::Io {
            path: path.to_owned(),
            source,
        };
        let (mut number, mut previous, mut len) = (0, BEGINNING.to_owned(), 0);
        if path.exists() {
            len = read(path, |body, hash| {
                number = body.number;
                hash.clone_into(&mut previous);
            })?;
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path).map_err(io)?;
        file.set_len(len).map_err(io)?; // a crash may have cut the last line
        let (lines, waiting) = mpsc::sync_channel(WAITING_MAX);
        let writer = Writer {
            path: path.to_owned(),
            out: BufWriter::new(file),
            node: node.to_owned(),
            number,
            previous,
        };
        let thread = std::thread::Builder::new().name("node-ledger".to_owned());
        let writer = thread.spawn(move || writer.run(&waiting)).map_err(io)?;
        let mut ledger = Self {
            lines: Some(lines),
            lost: 0,
            writer: Some(writer),
        };
        ledger.append(Entry::Begin);
        Ok(ledger)
    }

    /// Appends an entry without waiting.
    pub(crate) fn append(&mut self, entry: Entry) {
        let Some(lines) = &self.lines else { return };
        let at_ms = now_ms();
        if self.lost > 0
            && lines
                .try_send((at_ms, Entry::Gap { lost: self.lost }))
                .is_ok()
        {
            self.lost = 0;
        }
        if self.lost > 0 || lines.try_send((at_ms, entry)).is_err() {
            self.lost += 1;
        }
    }
}

impl Drop for NodeLedger {
    fn drop(&mut self) {
        self.append(Entry::End);
        self.lines = None; // the writer ends after the last line
        if let Some(writer) = self.writer.take() {
            let _panicked = writer.join();
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    node: String,
    number: u64,
    previous: String,
}

impl Writer {
    fn run(mut self, lines: &Receiver<(u64, Entry)>) {
        while let Ok(first) = lines.recv() {
            let mut next = Ok(first);
            let written = loop {
                match next {
                    Ok((at_ms, entry)) => {
                        if let Err(error) = self.write(at_ms, entry) {
                            break Err(error);
                        }
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                        break self.out.flush();
                    }
                }
                next = lines.try_recv();
            };
            if let Err(error) = written {
                let path = self.path.display();
                error!(
                    "{path}: {error}; no further line is written. fix: free the disk, start again"
                );
                return;
            }
        }
    }

    fn write(&mut self, at_ms: u64, entry: Entry) -> io::Result<()> {
        self.number += 1;
        let body = Body {
            number: self.number,
            previous: std::mem::take(&mut self.previous),
            at_ms,
            node: self.node.clone(),
            entry,
        };
        let body = serde_json::to_string(&body)?;
        self.previous = hash(&body);
        let open = body.strip_suffix('}').unwrap_or(&body);
        writeln!(self.out, "{open},\"hash\":\"{}\"}}", self.previous)
    }
}

fn hash(body: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for octet in Sha256::digest(body) {
        let _never_fails = write!(text, "{octet:02x}");
    }
    text
}

/// Reads the ledger of a node and checks its chain. A last line that was cut by a crash is left
/// out.
///
/// # Errors
/// The file cannot be read, or a line was changed.
pub fn lines(path: &Path, mut each: impl FnMut(Line)) -> Result<(), LedgerError> {
    read(path, |body, _| {
        each(Line {
            at_ms: body.at_ms,
            node: body.node,
            entry: body.entry,
        });
    })?;
    Ok(())
}

/// Returns the number of octets in whole lines.
fn read(path: &Path, mut each: impl FnMut(Body, &str)) -> Result<u64, LedgerError> {
    let io = |source| LedgerError::Io {
        path: path.to_owned(),
        source,
    };
    let mut reader = BufReader::new(File::open(path).map_err(io)?);
    let (mut number, mut previous) = (0, BEGINNING.to_owned());
    let (mut text, mut whole) = (String::new(), 0);
    loop {
        text.clear();
        let len = io::Read::take(&mut reader, LINE_LEN_MAX)
            .read_line(&mut text)
            .map_err(io)?;
        if len == 0 {
            return Ok(whole);
        }
        let wrong = |problem| LedgerError::Line {
            path: path.to_owned(),
            line: number + 1,
            problem,
        };
        let Some(line) = text.strip_suffix('\n') else {
            let more = reader.fill_buf().map_err(io)?;
            return match more.is_empty() {
                true => Ok(whole), // the node was killed in the middle of a line
                false => Err(wrong("it is too long")),
            };
        };
        let (open, tail) = line
            .rsplit_once(",\"hash\":\"")
            .ok_or_else(|| wrong("it has no hash"))?;
        let stated = tail
            .strip_suffix("\"}")
            .ok_or_else(|| wrong("it has no hash"))?;
        let body = format!("{open}}}");
        if hash(&body) != stated {
            return Err(wrong("its hash is wrong"));
        }
        let body: Body = serde_json::from_str(&body).map_err(|_| wrong("it is no entry"))?;
        if body.number != number + 1 || body.previous != previous {
            return Err(wrong("it does not follow the line before"));
        }
        number = body.number;
        stated.clone_into(&mut previous);
        each(body, &previous);
        whole += len as u64;
    }
}

#[cfg(test)]
mod tests;
