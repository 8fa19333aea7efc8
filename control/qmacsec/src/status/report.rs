//! The status document. Field names are an interface: scripts read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::State;

/// The complete status of an encryptor.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Name from the config.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Milliseconds since the start.
    pub uptime_ms: u64,
    /// The start by this machine's monotonic clock, in microseconds. Aligns the times of encryptors
    /// on one machine.
    #[serde(default)]
    pub started_us: u64,
    /// Cipher suite.
    pub suite: String,
    /// AES-GCM engine.
    pub engine: String,
    /// The current state: `encrypting`, `degraded`, `line-down`, …
    #[serde(default)]
    pub state: State,
    /// The reason if the state is not `encrypting`, in one sentence.
    #[serde(default)]
    pub reason: Option<String>,
    /// Milliseconds until traffic stops, if keys are short and none arrives.
    #[serde(default)]
    pub stops_in_ms: Option<u64>,
    /// User frames pass in both directions, protected: `state` is `encrypting` or `degraded`.
    pub encrypting: bool,
    /// The other end.
    pub peer: Peer,
    /// The root secret, the basis of all keys besides QKD.
    #[serde(default)]
    pub root: Root,
    /// Red to black: our key.
    pub tx: DirectionReport,
    /// Black to red: the peer's key.
    pub rx: DirectionReport,
    /// QKD keys that were fetched and are not used yet.
    #[serde(default)]
    pub keys_in_stock: usize,
    /// The KME of this site.
    pub kme: KmeHealth,
    /// The ledger, if one is kept.
    #[serde(default)]
    pub ledger: Option<LedgerReport>,
    /// True if keys cannot reach the swap; not set if the process was not hardened, as in tests.
    #[serde(default)]
    pub memory_locked: Option<bool>,
    /// The port, `red` or `black`, that is held down because the other has lost its link.
    #[serde(default)]
    pub held_down: Option<String>,
    /// The links of `red` and `black`.
    #[serde(default)]
    pub links: BTreeMap<String, Link>,
    /// A VLAN tag that the line adds before our frames, and how it is handled, as text.
    #[serde(default)]
    pub line_tag: Option<String>,
    /// Lines that could not be written to the log since the start.
    #[serde(default)]
    pub log_lines_lost: u64,
    /// The frames that are protected, that bypass, and that are dropped; over all workers.
    #[serde(default)]
    pub policy: Vec<PolicyLine>,
    /// The frame workers.
    pub workers: Vec<WorkerReport>,
    /// Rekey frames and their fate, by name.
    pub rekey_frames: BTreeMap<String, u64>,
    /// The last events, newest last: milliseconds since the start, and text.
    pub events: Vec<(u64, String)>,
}

/// The other end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Peer {
    /// Name from the config.
    pub name: String,
    /// SAE ID from the config.
    pub sae_id: String,
    /// `searching`, `adopted`, `agreed`, `lost` or `zeroised`.
    pub session: String,
    /// Milliseconds since its last message.
    #[serde(default)]
    pub silence_ms: Option<u64>,
}

/// The link of one port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The interface; empty if there is none.
    pub interface: String,
    /// `up`, `down` or `gone`.
    pub state: String,
    /// Milliseconds since the last change of the link.
    pub since_ms: u64,
    /// Number of losses since the start that lasted longer than a flap.
    pub losses: u64,
}

/// The reason for a shortage of keys, and its expected end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// The last event that made it worse.
    pub cause: Option<String>,
    /// Number of keys in a row that arrived in time.
    pub in_time: u32,
    /// Number of keys needed for the next better stage.
    pub needed: u32,
    /// Milliseconds until the next better stage, at the earliest.
    pub better_in_ms: u64,
    /// Milliseconds until the key in use reaches its limit and traffic stops, if no other arrives.
    pub stops_in_ms: Option<u64>,
}

/// The root secret and its ML-KEM exchanges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// `qkd-and-pqc`, `qkd` or `pqc-when-short`.
    pub policy: String,
    /// 0: the pre-shared secret. Above that: the number of ML-KEM exchanges of this session in it.
    pub epoch: u32,
    /// Milliseconds since it came into force.
    pub age_ms: Option<u64>,
    /// Exchanges since the start.
    pub exchanges: u64,
    /// Failed exchanges since the start.
    pub failures: u64,
}

/// One direction's key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectionReport {
    /// State of the rekey machine.
    pub state: String,
    /// Association number in use.
    pub an: Option<u8>,
    /// Number of the key in this direction and session.
    pub epoch: Option<u32>,
    /// Name of the QKD key in use.
    pub key_id: Option<String>,
    /// The origin of its bits: `modelled`, `distilled`, unknown, or `pqc` for a key without a QKD
    /// key.
    pub key_origin: Option<String>,
    /// Milliseconds since the key took over.
    pub key_age_ms: Option<u64>,
    /// Stage of the key supply (out): `starting`, `normal`, `stretched`, `sparse`, `held`, `pqc` or
    /// `blocked`.
    #[serde(default)]
    pub supply: String,
    /// Milliseconds since that stage began.
    #[serde(default)]
    pub supply_ms: Option<u64>,
    /// Changes of that stage since the start.
    #[serde(default)]
    pub supply_changes: Option<u64>,
    /// Time that a key is used in that stage, in milliseconds.
    #[serde(default)]
    pub interval_ms: Option<u64>,
    /// The reason for a shortage of keys (out) and its expected end, if there is one.
    #[serde(default)]
    pub shortfall: Option<Shortfall>,
    /// Key switches since the start, the first one included.
    pub switches: u64,
    /// Times of the steps of the last key switches, the newest last.
    #[serde(default)]
    pub recent: Vec<Switch>,
    /// The reason for a missing fresh key, if there is trouble.
    pub trouble: Option<String>,
    /// Milliseconds since that trouble began.
    pub trouble_ms: Option<u64>,
    /// Next packet number (highest of the workers).
    pub next_pn: Option<u64>,
}

/// The steps of one key switch, in microseconds since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Association number of the key that took over.
    pub an: u8,
    /// Its number in this direction.
    pub epoch: u32,
    /// Time when the KME delivered the key: by `enc_keys` (out), by `dec_keys` (in).
    pub key_us: u64,
    /// Time when the key was offered to the peer, or by the peer.
    pub offered_us: u64,
    /// Time when the workers were ordered to install it.
    pub ordered_us: u64,
    /// Time when all workers had it. From then on we protect with it (out), or the peer may (in).
    pub installed_us: u64,
    /// Time when no worker had the previous key any more, if that has happened.
    pub retired_us: Option<u64>,
}

/// State of the KME.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KmeHealth {
    /// URL of the KME in use, from the config.
    pub url: String,
    /// True while the second KME of the site is asked first; `last_error` gives the reason.
    #[serde(default)]
    pub fallback: bool,
    /// `unknown`, `ok` or `failing`.
    pub state: String,
    /// Milliseconds since the state changed.
    pub since_ms: u64,
    /// The last failure as text.
    pub last_error: Option<String>,
    /// Keys fetched since the start.
    pub keys: u64,
    /// Requests that failed since the start.
    pub failures: u64,
}

/// State of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerReport {
    /// `ok`, `failing` while the disk refuses writes, or `restarted` after the live file was lost.
    pub state: String,
    /// Milliseconds since the disk refuses writes.
    pub failing_ms: Option<u64>,
    /// The reason.
    pub error: Option<String>,
    /// Number of the last entry.
    pub entries: u64,
    /// Number of the live segment.
    pub segment: u64,
    /// Records that wait for the disk.
    pub waiting: usize,
    /// Records lost since the start, because too many waited.
    pub lost: u64,
}

/// One line of the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyLine {
    /// The frames that it matches.
    pub frames: String,
    /// `protect`, `bypass` or `discard`.
    pub action: String,
    /// Frames from red that matched it since this policy came into force.
    pub red: u64,
    /// Frames from black that it let bypass.
    pub black: u64,
}

/// One worker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WorkerReport {
    /// The red port.
    pub red: PortReport,
    /// The black port.
    pub black: PortReport,
    /// Transmit counters, by their 802.1AE names.
    pub tx: BTreeMap<String, u64>,
    /// Receive counters, by their 802.1AE names.
    pub rx: BTreeMap<String, u64>,
    /// Other named counters of the worker.
    pub worker: BTreeMap<String, u64>,
    /// True if it still runs.
    pub alive: bool,
}

/// One port.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PortReport {
    /// `tap`, `packet`, `mem`, …
    pub kind: String,
    /// The interface; empty if there is none.
    #[serde(default)]
    pub interface: String,
    /// Octets of payload that it carries.
    #[serde(default)]
    pub mtu: usize,
    /// Its counters, by name.
    pub counters: BTreeMap<String, u64>,
    /// `up`, `down` or `gone`.
    pub link: String,
    /// The kernel's figures of the interface, at most a second old; `None` without interface.
    #[serde(default)]
    pub figures: Option<InterfaceFigures>,
    /// The reason why the port cannot receive from its interface: `gone`, `replaced`, `link_down`,
    /// `not_promiscuous`, `queues_unread`; `None` if no such reason is known.
    #[serde(default)]
    pub deaf: Option<String>,
    /// The same as text, with the fix.
    #[serde(default)]
    pub deaf_reason: Option<String>,
}

/// The kernel's figures of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceFigures {
    /// True if it is administratively up.
    pub up: bool,
    /// True if it has a carrier.
    pub carrier: bool,
    /// `up`, `down`, `unknown` and others of RFC 2863.
    pub operstate: String,
    /// Octets of its longest payload.
    pub mtu: usize,
    /// Number of users that hold it in promiscuous mode.
    pub promiscuity: u32,
    /// Receive queues in use, if the driver reports them.
    pub rx_queues: Option<u32>,
    /// Received frames.
    pub rx_frames: u64,
    /// Received frames with errors.
    pub rx_errors: u64,
    /// Received frames that the kernel or driver dropped.
    pub rx_dropped: u64,
    /// Frames that the device dropped because it had no buffer.
    pub rx_missed: u64,
    /// Received frames without a receiver on this host.
    pub rx_nohandler: u64,
}

/// The answer to an order: `rekey`, `zeroise`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// True if it was done.
    pub done: bool,
    /// The result, or the reason for a refusal, as text.
    pub text: String,
    /// Number of workers that confirmed it.
    pub workers: usize,
    /// The time that it took, in milliseconds.
    pub took_ms: f64,
}

/// The status of the lab KMEs of one link.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KmeReport {
    /// Preset and length of the modelled link.
    pub link: String,
    /// Average rate at which the link delivers key, in bit/s.
    pub rate_bit_s: f64,
    /// Origin of the keys: `modelled`.
    pub origin: String,
    /// Bits in the pool.
    pub pool_bits: u64,
    /// Number of keys of the default size in the pool.
    pub pool_keys: u64,
    /// Keys delivered by enc_keys.
    pub keys_delivered: u64,
    /// Keys that the other end never fetched and that were wiped.
    pub keys_expired: u64,
    /// The KMEs by their IDs, with their listening addresses.
    pub kmes: BTreeMap<String, String>,
}

impl Report {
    /// Returns the sum of a counter of one section over all workers.
    #[must_use]
    pub fn sum(
        &self,
        section: impl Fn(&WorkerReport) -> &BTreeMap<String, u64>,
        name: &str,
    ) -> u64 {
        self.workers
            .iter()
            .filter_map(|worker| section(worker).get(name))
            .sum()
    }
}

impl PolicyLine {
    /// True if the line is shown in the status: lines that bypass always, other lines if they
    /// matched frames, except for the usual case.
    #[must_use]
    pub fn is_worth_a_line(&self) -> bool {
        let usual = self.frames == "default" && self.action == "protect";
        self.action == "bypass" || (self.red > 0 && !usual)
    }
}

impl WorkerReport {
    /// Returns all workers together: the sums of their counters, with the ports of the first,
    /// because all share the same interfaces.
    #[must_use]
    pub fn total(workers: &[Self]) -> Self {
        let mut workers = workers.iter();
        let mut total = workers.next().cloned().unwrap_or_default();
        for worker in workers {
            let pairs = [
                (&mut total.red.counters, &worker.red.counters),
                (&mut total.black.counters, &worker.black.counters),
                (&mut total.tx, &worker.tx),
                (&mut total.rx, &worker.rx),
                (&mut total.worker, &worker.worker),
            ];
            for (sums, counters) in pairs {
                for (name, count) in counters {
                    *sums.entry(name.clone()).or_default() += count;
                }
            }
            total.alive &= worker.alive;
        }
        total
    }
}
