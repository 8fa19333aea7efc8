//! Limits and defaults of the program, in one place.

use std::time::Duration;

use wire::MacAddr;

/// A key is used for so long by default.
pub const REKEY_INTERVAL: Duration = Duration::from_secs(3);
/// Shortest interval that can be asked for.
pub const REKEY_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Longest interval that can be asked for.
pub const REKEY_INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Nice value of the control plane beside its workers: a tenth of a core that both want.
pub const CONTROL_NICE: i32 = 10;
/// When keys run short the last one is used for so long, then traffic stops.
pub const HOLD_MAX: Duration = Duration::from_secs(300);
/// Where rekey frames go by default: the group address that MKA uses, never forwarded by a bridge.
pub const REKEY_DESTINATION: MacAddr = MacAddr([0x01, 0x80, 0xc2, 0x00, 0x00, 0x03]);

/// How long one request to a KME may take by default.
pub const KME_TIMEOUT: Duration = Duration::from_secs(1);
/// Less is no time for a TLS handshake.
pub const KME_TIMEOUT_MIN: Duration = Duration::from_millis(50);
/// More than this and the key comes too late for anything.
pub const KME_TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// A KME gets so long before the fallback is asked as well: a twentieth of the rekey interval, so
/// that with as long for the fallback's answer a failover takes a tenth of it. Never less than a
/// KME needs to answer at all; below an interval of 1 s that is more than a tenth, and keys held
/// ahead bridge it.
#[must_use]
pub fn kme_patience(rekey_interval: Duration) -> Duration {
    (rekey_interval / 20).max(KME_TIMEOUT_MIN)
}
/// How long a key waits in a lab KME for the other end to fetch it.
pub const KEY_LIFE: Duration = Duration::from_secs(60);
/// Open files of lab KMEs: two KMEs with two addresses each, and all connections in use.
pub const KME_OPEN_FILES: u64 = 4096;
/// The modelled link by default.
pub const LINK_PRESET: &str = "metro-50km";
/// Time without any key that the peer names after which this is logged.
pub const KEYS_LATE_MAX: Duration = Duration::from_secs(5);
/// Bits of the QKD keys we ask for.
pub const QKD_KEY_BITS: u32 = 256;

/// Packet numbers a frame may come late by default.
pub const REPLAY_WINDOW: u32 = 1024;
/// Widest replay window.
pub const REPLAY_WINDOW_MAX: u32 = secy::limits::REPLAY_WINDOW_MAX;

/// Default limit of VLAN tags that the line may add: one, as for a Linux kernel.
pub const LINE_VLAN_TAGS: u8 = 1;
/// Largest limit of VLAN tags that the line may add.
pub const LINE_VLAN_TAGS_MAX: u8 = worker::limits::LINE_VLAN_TAGS_MAX;
/// VLAN tags that may stay in clear on the line.
pub const CLEAR_VLAN_TAGS_MAX: u8 = secy::limits::CLEAR_VLAN_TAGS_MAX;

/// A link that is lost for so long is lost for the other side too: longer than most flickers, well
/// under what routing protocols wait.
pub const LINK_LOST_AFTER: Duration = Duration::from_millis(200);
/// A link that is back for so long stays.
pub const LINK_BACK_AFTER: Duration = Duration::from_secs(1);
/// How long a link may take to come up once it may: copper negotiates for seconds.
pub const LINK_SETTLE: Duration = Duration::from_secs(10);

/// Time after the start in which a missing session or key is normal.
pub const STARTING: Duration = Duration::from_secs(10);
/// Delay beyond half an interval after which the status reports a late key.
pub const KEY_LATE: Duration = Duration::from_secs(1);

/// Limit of rekey frames taken from the line in one round, so that a flood of them does not delay
/// timers, the KME or the status.
pub const REKEY_FRAMES_AT_ONCE: usize = 64;

/// Workers of one encryptor.
pub const WORKERS_MAX: usize = worker::limits::WORKERS_MAX;

/// Red MTU by default.
pub const RED_MTU: u16 = 1500;
/// Least MTU that IPv4 hosts accept.
pub const RED_MTU_MIN: u16 = 68;
/// Largest: the frame buffers hold no more.
pub const RED_MTU_MAX: u16 = 9000;
/// The least that every IPv4 host takes in one piece: less is no network to show anything on.
pub const LAB_MTU_MIN: u16 = 576;
/// IFNAMSIZ less the closing zero.
pub const INTERFACE_NAME_MAX: usize = 15;

/// Size at which a segment of the ledger is sealed: two days at the default interval.
pub const LEDGER_SEGMENT_LEN: u64 = 64 << 20;
/// Age at which a segment of the ledger is sealed.
pub const LEDGER_SEGMENT_AGE: Duration = Duration::from_secs(24 * 3600);
/// Delay of packing after the start, until the first keys are in use.
pub const LEDGER_PACK_AFTER: Duration = Duration::from_secs(30);
/// Nice value of packing: the lowest priority.
pub const LEDGER_PACK_NICE: i32 = 19;
/// Default limit for all segments of a ledger: more than ten years at the default interval.
pub const LEDGER_MAX_LEN: u64 = 32_000_000_000;
/// Smallest limit for all segments: a few segments, and space to pack one.
pub const LEDGER_MAX_LEN_MIN: u64 = 300_000_000;

/// Octets of the shortest pre-shared secret.
pub const PSK_LEN_MIN: usize = 32;
/// Octets of the longest pre-shared secret.
pub const PSK_LEN_MAX: usize = 64;
/// A PSK file is hex digits and a line end.
pub const PSK_FILE_LEN_MAX: usize = 4 * PSK_LEN_MAX;
/// 32 random octets have fewer different values than this in one of 10^11 cases.
pub const PSK_DIFFERENT_MIN: usize = 18;

/// Where the daemon listens for `qmacsec status` by default.
pub const STATUS_SOCKET: &str = "/run/qmacsec.sock";
/// A status report is a few kilobytes; more is not ours.
pub const STATUS_LEN_MAX: u64 = 1 << 20;
/// How often the driver looks at the workers' statistics.
pub const STATS_EVERY: Duration = Duration::from_millis(10);
/// How often it asks the kernel for the figures of the interfaces.
pub const INTERFACES_EVERY: Duration = Duration::from_secs(1);

/// How often it looks whether they have carried out an order, while there is one: tokio's own
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

/// Exit code when a command could not do what was asked.
pub const EXIT_FAILURE: u8 = 1;
/// Exit code of `ledger verify` when nothing grave was found but too little could be checked.
pub const EXIT_NOT_PROVEN: u8 = 2;
/// Exit code of `status` when no user frame can pass.
pub const EXIT_NOT_ENCRYPTING: u8 = 3;
/// Exit code of `run` when one of its threads has died: EX_SOFTWARE of sysexits.h.
pub const EXIT_FAULT: u8 = 70;

/// The driver wakes at least so often, also when nothing is due.
pub const SLEEP_MAX: Duration = Duration::from_secs(1);
/// More commands than this waiting for a worker is worth a warning.
pub const COMMANDS_WAITING_MAX: usize = 64;
