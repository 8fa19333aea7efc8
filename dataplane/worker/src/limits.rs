//! All limits of this crate and their relations.

/// Upper limit for commands that wait in a worker's mailbox.
pub const MAILBOX_SLOTS: usize = 64;

/// Upper limit for the octets of a control frame: one buffer of a [`crate::ControlLink`].
pub const CONTROL_FRAME_LEN_MAX: usize = 512;
/// Upper limit for control frames that wait in one direction of a [`crate::ControlLink`].
pub const CONTROL_QUEUE_FRAMES: usize = 64;

/// Upper limit for the rounds of [`crate::Worker::poll`] between two publications of the
/// statistics.
pub const PUBLISH_EVERY: u32 = 64;

/// Upper limit for the rules of a policy.
pub const POLICY_RULES_MAX: usize = 24;
/// Number of known control protocols, [`crate::Protocol`].
pub const PROTOCOLS: usize = 6;
/// Upper limit for the lines of a policy: MAC control, the rules, the known protocols, the default.
pub const POLICY_LINES_MAX: usize = 1 + POLICY_RULES_MAX + PROTOCOLS + 1;
/// Upper limit for VLAN tags that the line may add in front of a frame.
pub const LINE_VLAN_TAGS_MAX: u8 = 2;
/// Upper limit for VLAN tags counted in front of a frame: those of the line and the sender's clear
/// ones.
pub const VLAN_TAGS_SEEN_MAX: usize = 8;

/// Highest VLAN ID; IEEE 802.1Q reserves 4095.
pub const VLAN_ID_MAX: u16 = 4094;

/// Empty rounds before an adaptive worker sleeps, unless the config sets another number.
pub const IDLE_SPINS: u32 = 64;
/// Time that a sleeping worker waits for a descriptor, in milliseconds.
pub const IDLE_WAIT_MS: u32 = 100;
/// Upper limit for consecutive wakes by one descriptor without a frame.
pub const FALSE_WAKES_MAX: u32 = 3;
/// Time of a wait that leaves out a descriptor which reached that limit, in milliseconds.
pub const DISTRUST_WAIT_MS: u32 = 10;
/// Time of a wait if a port that is up has no descriptor, in microseconds.
pub const NO_DESCRIPTOR_WAIT_US: u32 = 50;
/// Publications between two checks of the carrier while frames flow.
pub const CARRIER_EVERY: u32 = 256;

/// Sleeps between two checks of the carrier when single frames keep every sleep short. With more
/// than ten frames a second, a link is checked at least once a second.
pub const CARRIER_EVERY_SLEEPS: u32 = 8;

/// Upper limit for the workers of one encryptor: the number of SCs that a peer accepts.
pub const WORKERS_MAX: usize = secy::limits::RX_SCS_MAX;
/// Upper limit for frames that wait from one worker to another: a few bursts.
pub const HANDOVER_FRAMES: usize = 4 * port::BURST_MAX;
/// Buffers for frames taken from another worker: those on their way out of red.
pub const HANDOVER_POOL: usize = 4 * port::BURST_MAX;

/// Upper limit for the rx SAs of one worker.
pub const RX_SAS_MAX: usize = secy::limits::RX_SCS_MAX * secy::limits::SAS_PER_SC;

const _: () = {
    // The commands of one rekey round for a peer with the maximum of SCs: install and retire of
    // each rx SA, the tx side, and a shutdown. All must fit while the worker sleeps.
    assert!(MAILBOX_SLOTS >= 2 * secy::limits::RX_SCS_MAX + 3);
    // A port's burst goes through the SecY as one piece.
    assert!(port::BURST_MAX <= secy::limits::BURST_MAX);
    // A burst of control frames only fits, if control reads the queue.
    assert!(CONTROL_QUEUE_FRAMES >= port::BURST_MAX);
    assert!(port::HEADROOM >= wire::SECTAG_LEN_MAX && port::TAILROOM >= wire::ICV_LEN);
    // A sleeping worker must not delay the key exchange for longer than the wait for the peer.
    assert!(IDLE_WAIT_MS <= 100 && DISTRUST_WAIT_MS < IDLE_WAIT_MS);
};
