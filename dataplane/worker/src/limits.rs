//! Every limit of this crate, and how they relate.

/// Commands that wait in a worker's mailbox, at most.
pub const MAILBOX_SLOTS: usize = 64;

/// Octets of a control frame, at most: one buffer of a [`crate::ControlLink`].
pub const CONTROL_FRAME_LEN_MAX: usize = 512;
/// Control frames that wait in one direction of a [`crate::ControlLink`], at most.
pub const CONTROL_QUEUE_FRAMES: usize = 64;

/// Breaths of [`crate::Worker::poll`] between two publications of the statistics, at most.
pub const PUBLISH_EVERY: u32 = 64;

/// Rules of a policy, at most.
pub const POLICY_RULES_MAX: usize = 24;
/// Lines of a policy, at most: the fixed one, the rules, the known protocols, the rest.
pub const POLICY_LINES_MAX: usize = 1 + POLICY_RULES_MAX + crate::Protocol::ALL.len() + 1;
/// Upper limit for VLAN tags that the line may add in front of a frame.
pub const LINE_VLAN_TAGS_MAX: u8 = 2;
/// Upper limit for VLAN tags counted in front of a frame: those of the line and the sender's clear
/// ones.
pub const VLAN_TAGS_SEEN_MAX: usize = 8;

/// Last VLAN there is; 4095 is reserved by 802.1Q.
pub const VLAN_ID_MAX: u16 = 4094;

/// Empty breaths before an adaptive worker goes to sleep, unless the config says otherwise.
pub const IDLE_SPINS: u32 = 64;
/// How long a sleeping worker waits for a descriptor, in milliseconds.
pub const IDLE_WAIT_MS: u32 = 100;
/// How often in a row a descriptor may wake the worker without a frame coming of it.
pub const FALSE_WAKES_MAX: u32 = 3;
/// How long the worker waits without a descriptor that woke it falsely too often, in milliseconds.
pub const DISTRUST_WAIT_MS: u32 = 10;
/// How long it waits where a port that is up has no descriptor, in microseconds.
pub const NO_DESCRIPTOR_WAIT_US: u32 = 50;
/// Publications between two looks at the carrier while frames flow.
pub const CARRIER_EVERY: u32 = 256;

/// Sleeps between two looks at the carrier, where frames that trickle in keep every sleep short: with
/// more than ten a second, a link is looked at within a second.
pub const CARRIER_EVERY_SLEEPS: u32 = 8;

/// Workers of one encryptor, at most: as many as a peer takes SCs.
pub const WORKERS_MAX: usize = secy::limits::RX_SCS_MAX;
/// Frames that wait from one worker to another, at most: some bursts.
pub const HANDOVER_FRAMES: usize = 4 * port::BURST_MAX;
/// Buffers for frames taken from another worker: what is on its way out of red.
pub const HANDOVER_POOL: usize = 4 * port::BURST_MAX;

/// Rx SAs of one worker, at most.
pub const RX_SAS_MAX: usize = secy::limits::RX_SCS_MAX * secy::limits::SAS_PER_SC;

const _: () = {
    // One rekey round of a peer with as many SCs as we take: install and retire of each, the tx
    // side, and a shutdown on top. It must fit while the worker sleeps.
    assert!(MAILBOX_SLOTS >= 2 * secy::limits::RX_SCS_MAX + 3);
    // A port's burst goes through the SecY in one piece.
    assert!(port::BURST_MAX <= secy::limits::BURST_MAX);
    // A burst of nothing but control frames finds place, if control is awake.
    assert!(CONTROL_QUEUE_FRAMES >= port::BURST_MAX);
    assert!(port::HEADROOM >= wire::SECTAG_LEN_MAX && port::TAILROOM >= wire::ICV_LEN);
    // The key exchange is not to wait longer for a sleeping worker than it waits for the peer.
    assert!(IDLE_WAIT_MS <= 100 && DISTRUST_WAIT_MS < IDLE_WAIT_MS);
};
