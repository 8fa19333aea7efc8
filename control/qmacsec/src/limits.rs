//! Limits and defaults of the program.

use std::time::Duration;

use wire::MacAddr;

/// Default time that a key is used.
pub const REKEY_INTERVAL: Duration = Duration::from_secs(3);
/// Shortest interval that can be configured.
pub const REKEY_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Longest interval that can be configured.
pub const REKEY_INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Nice value of the control plane beside its workers: a tenth of a core that both need.
pub const CONTROL_NICE: i32 = 10;
/// Longest use of the last key when keys run short. After that, traffic stops.
pub const HOLD_MAX: Duration = Duration::from_secs(300);
/// Default destination of rekey frames: the group address of MKA, which no bridge forwards.
pub const REKEY_DESTINATION: MacAddr = MacAddr([0x01, 0x80, 0xc2, 0x00, 0x00, 0x03]);

/// Default time limit for one request to a KME.
pub const KME_TIMEOUT: Duration = Duration::from_secs(1);
/// Shortest time limit for a request: a TLS handshake needs this time.
pub const KME_TIMEOUT_MIN: Duration = Duration::from_millis(50);
/// Longest time limit for a request: a later key is of no use.
pub const KME_TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// Returns the time that a KME has to answer before the fallback is asked as well. It is a
/// twentieth of the rekey interval: if the fallback takes the same time, a failover takes a tenth
/// of the interval. The minimum is the time that a KME needs to answer. Below an interval of 1 s
/// that is more than a tenth, and prefetched keys bridge it.
#[must_use]
pub fn kme_patience(rekey_interval: Duration) -> Duration {
    (rekey_interval / 20).max(KME_TIMEOUT_MIN)
}
/// Time that the other end has to fetch a key from a lab KME.
pub const KEY_LIFE: Duration = Duration::from_secs(60);
/// Time that an SAE has to fetch a distilled key after the other one has got it.
pub const DISTILLED_KEY_LIFE: Duration = Duration::from_secs(600);
/// Length of the fibre between two QKD devices, unless configured otherwise.
pub const DISTILL_KM: f64 = 10.0;
/// Open files of lab KMEs: two KMEs with two addresses each, and all connections in use.
pub const KME_OPEN_FILES: u64 = 4096;
/// Default preset of the modelled link.
pub const LINK_PRESET: &str = "metro-50km";
/// Time without any key that the peer named after which this is logged.
pub const KEYS_LATE_MAX: Duration = Duration::from_secs(5);
/// Size of the requested QKD keys in bits.
pub const QKD_KEY_BITS: u32 = 256;

/// Default replay window, in packet numbers.
pub const REPLAY_WINDOW: u32 = 1024;
/// Widest replay window.
pub const REPLAY_WINDOW_MAX: u32 = secy::limits::REPLAY_WINDOW_MAX;

/// Default limit of VLAN tags that the line may add: one, as for a Linux kernel.
pub const LINE_VLAN_TAGS: u8 = 1;
/// Largest limit of VLAN tags that the line may add.
pub const LINE_VLAN_TAGS_MAX: u8 = worker::limits::LINE_VLAN_TAGS_MAX;
/// VLAN tags that may stay in clear on the line.
pub const CLEAR_VLAN_TAGS_MAX: u8 = secy::limits::CLEAR_VLAN_TAGS_MAX;

/// Time after which a lost link is reported to the other side too: longer than most flaps, and well
/// below the time limits of routing protocols.
pub const LINK_LOST_AFTER: Duration = Duration::from_millis(200);
/// Time after which a returned link counts as stable.
pub const LINK_BACK_AFTER: Duration = Duration::from_secs(1);
/// Time limit for a released link to come up: copper negotiates for seconds.
pub const LINK_SETTLE: Duration = Duration::from_secs(10);

/// Time after the start in which a missing session or key is normal.
pub const STARTING: Duration = Duration::from_secs(10);
/// Delay beyond half an interval after which the status reports a late key.
pub const KEY_LATE: Duration = Duration::from_secs(1);

/// Limit of rekey frames taken from the line in one round, so that a flood of them does not delay
/// timers, the KME or the status.
pub const REKEY_FRAMES_AT_ONCE: usize = 64;

/// Most workers of one encryptor.
pub const WORKERS_MAX: usize = worker::limits::WORKERS_MAX;

/// Default red MTU.
pub const RED_MTU: u16 = 1500;
/// Smallest MTU that IPv4 hosts accept.
pub const RED_MTU_MIN: u16 = 68;
/// Largest red MTU: the frame buffers hold no more.
pub const RED_MTU_MAX: u16 = 9000;
/// Smallest MTU of a lab: every IPv4 host accepts packets of this size in one piece.
pub const LAB_MTU_MIN: u16 = 576;
/// IFNAMSIZ without the terminating zero.
pub const INTERFACE_NAME_MAX: usize = 15;
/// Octets of the longest name or ID in a config.
pub const NAME_LEN_MAX: usize = 64;

/// Size at which a segment of the ledger is sealed: two days at the default interval.
pub const LEDGER_SEGMENT_LEN: u64 = 64 << 20;
/// Age at which a segment of the ledger is sealed.
pub const LEDGER_SEGMENT_AGE: Duration = Duration::from_secs(24 * 3600);
/// Delay of packing after the start, until the first keys are in use.
pub const LEDGER_PACK_AFTER: Duration = Duration::from_secs(30);
/// Nice value of packing: the lowest priority.
pub const LEDGER_PACK_NICE: i32 = 19;
/// Time for which the status tells that a lost live file of the ledger was replaced by a new one.
pub const LEDGER_LOSS_SHOWN: Duration = Duration::from_secs(3600);
/// Default limit for all segments of a ledger: more than ten years at the default interval.
pub const LEDGER_MAX_LEN: u64 = 32_000_000_000;
/// Smallest limit for all segments: a few segments, and space to pack one.
pub const LEDGER_MAX_LEN_MIN: u64 = 300_000_000;

/// Largest capture that is read from a pipe: it is copied to a temporary file.
pub const CAPTURE_COPY_MAX: u64 = 32_000_000_000;

/// Octets of the shortest pre-shared secret.
pub const PSK_LEN_MIN: usize = 32;
/// Octets of the longest pre-shared secret.
pub const PSK_LEN_MAX: usize = 64;
/// Limit of a PSK file, which holds hex digits and a line end.
pub const PSK_FILE_LEN_MAX: usize = 4 * PSK_LEN_MAX;
/// 32 random octets have fewer different values than this in one of 10^11 cases.
pub const PSK_DIFFERENT_MIN: usize = 18;

/// Default path of the status socket, which `qmacsec status` queries.
pub const STATUS_SOCKET: &str = "/run/qmacsec.sock";
/// Limit of a status report, which has a few kilobytes. A longer answer is not ours.
pub const STATUS_LEN_MAX: u64 = 1 << 20;
/// Interval at which the driver reads the workers' statistics.
pub const STATS_EVERY: Duration = Duration::from_millis(10);
/// Interval at which the driver reads the kernel's figures of the interfaces.
pub const INTERFACES_EVERY: Duration = Duration::from_secs(1);

/// Interval at which the driver checks for acknowledgements while an order is pending: tokio's own
/// resolution, and a fraction of the shortest interval.
pub const ORDERS_EVERY: Duration = Duration::from_millis(1);

const _: () = {
    assert!(ORDERS_EVERY.as_millis() * 20 <= REKEY_INTERVAL_MIN.as_millis());
    assert!(HOLD_MAX.as_millis() >= 2 * REKEY_INTERVAL.as_millis());
    assert!(REPLAY_WINDOW <= REPLAY_WINDOW_MAX);
    assert!(LEDGER_MAX_LEN_MIN >= 4 * LEDGER_SEGMENT_LEN);
    assert!(LEDGER_MAX_LEN >= LEDGER_MAX_LEN_MIN);
    assert!(KME_TIMEOUT.as_millis() >= KME_TIMEOUT_MIN.as_millis());
    assert!(KME_TIMEOUT.as_millis() <= KME_TIMEOUT_MAX.as_millis());
};

/// Exit code of a command that failed.
pub const EXIT_FAILURE: u8 = 1;
/// Exit code of `ledger verify` if it found nothing grave but could not check enough.
pub const EXIT_NOT_PROVEN: u8 = 2;
/// Exit code of `status` if no user frame can pass.
pub const EXIT_NOT_ENCRYPTING: u8 = 3;
/// Exit code of `run` after one of its threads has died: EX_SOFTWARE of sysexits.h.
pub const EXIT_FAULT: u8 = 70;

/// Longest sleep of the driver, even if nothing is due.
pub const SLEEP_MAX: Duration = Duration::from_secs(1);
/// More commands than this that wait for a worker give a warning.
pub const COMMANDS_WAITING_MAX: usize = 64;
