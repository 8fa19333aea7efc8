//! A worker with fixed keys, without the rekey protocol: for benches that measure frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gcm::Engine;
use port::Port;
use port::limits::{ETHERNET_HEADER, MTU_MAX};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use secy::{
    Protection, RxConfig, RxSa, RxScs, SaId, Sak, Salt, Suite, TxSa, TxSc, TxScConfig,
    ValidateFrames,
};
use wire::{An, ETHERTYPE_REKEY, MacAddr, OVERHEAD_MAX, Sci, Ssci};
use worker::{
    Command, ControlLink, Handle, Idle, Mailbox, Openers, Parts, Policy, SpawnError, Stats, Worker,
    WorkerConfig, mailbox,
};

const REPLAY_WINDOW: u32 = 1024;
const SAK_LEN: usize = 32;
const SALT: Salt = Salt([7; 12]);
const SSCI: Ssci = Ssci(1);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Protecting {
    /// The suite; of 256 bits.
    pub suite: Suite,
    pub protection: Protection,
    pub engine: Engine,
}

/// A worker, and the parts that control holds.
pub(crate) struct Keyed {
    pub worker: Worker,
    pub stats: Arc<Stats>,
    mailbox: Mailbox,
    /// Kept: a worker without control ends.
    _control: ControlLink,
}

/// The SAs of one direction: every pair is under a key of its own, so no nonce is used twice.
pub(crate) struct Direction {
    from: Sci,
    an: An,
    epoch: u32,
    how: Protecting,
}

impl Direction {
    /// The SAs of `from`, under a key that this process has not used.
    pub(crate) fn fresh(from: Sci, how: Protecting) -> Self {
        Self::under(An::from_tci(0), from, how)
    }

    /// The next SAs: such a key again, and the next AN.
    pub(crate) fn next(&self) -> Self {
        Self::under(self.an.next(), self.from, self.how)
    }

    fn under(an: An, from: Sci, how: Protecting) -> Self {
        static EPOCH: AtomicU32 = AtomicU32::new(1);
        Self {
            from,
            an,
            epoch: EPOCH.fetch_add(1, Ordering::Relaxed),
            how,
        }
    }

    fn id(&self) -> SaId {
        SaId {
            an: self.an,
            epoch: self.epoch,
        }
    }

    fn sak(&self) -> Sak {
        let mut octets = [0; SAK_LEN];
        ChaCha8Rng::seed_from_u64(self.epoch.into()).fill_bytes(&mut octets);
        Sak::from_slice(self.how.suite, &octets).expect("a suite of 256 bits")
    }

    fn tx_config(&self, frame_len_max: usize) -> TxScConfig {
        TxScConfig {
            sci: self.from,
            explicit_sci: true,
            protection: self.how.protection,
            clear_vlan_tags: 0,
            frame_len_max,
        }
    }

    pub(crate) fn install_rx(&self) -> Command {
        let Protecting { suite, engine, .. } = self.how;
        let sa = RxSa::new(self.id(), suite, &self.sak(), SALT, SSCI, engine);
        let (sci, sa) = (self.from, Box::new(sa));
        Command::InstallRx { sci, sa }
    }

    pub(crate) fn install_tx(&self) -> Command {
        let Protecting { suite, engine, .. } = self.how;
        let sa = TxSa::new(self.id(), suite, &self.sak(), SALT, SSCI, engine);
        Command::InstallTx { sa: Box::new(sa) }
    }

    pub(crate) fn retire_rx(&self) -> Command {
        let (sci, id) = (self.from, self.id());
        Command::RetireRx { sci, id }
    }
}

pub(crate) fn sci(end: u8) -> Sci {
    Sci::new(MacAddr([2, 0, 0, 0, 0xe0, end]), 1)
}

impl Keyed {
    /// A worker that sends as `send` says, and receives what `receive` sends.
    pub(crate) fn new(
        red: Box<dyn Port>,
        black: Box<dyn Port>,
        send: &Direction,
        receive: &Direction,
        idle: Idle,
    ) -> std::io::Result<Self> {
        let (mailbox, inbox) = mailbox::channel();
        let (control, link) = ControlLink::pair()?;
        let stats = Arc::new(Stats::new());
        let worker = Worker::new(Parts {
            red,
            black,
            tx: TxSc::new(send.tx_config(MTU_MAX + OVERHEAD_MAX)),
            rx: RxScs::new(RX),
            policy: Policy::default(),
            line_vlan_tags: 0,
            rekey_ethertype: ETHERTYPE_REKEY,
            idle,
            inbox,
            link,
            stats: Arc::clone(&stats),
        });
        let mut keyed = Self {
            worker,
            stats,
            mailbox,
            _control: control,
        };
        for command in installs(send, receive) {
            let posted = keyed.mailbox.post(command);
            posted.expect(EMPTY);
        }
        keyed.worker.poll();
        Ok(keyed)
    }
}

const RX: RxConfig = RxConfig {
    replay_window: REPLAY_WINDOW,
    validate: ValidateFrames::Strict,
    clear_vlan_tags: 0,
};
const EMPTY: &str = "an empty mailbox of a worker that lives";

fn installs(send: &Direction, receive: &Direction) -> [Command; 2] {
    [send.install_tx(), receive.install_rx()]
}

/// A worker on a thread of its own, as in the program: it idles adaptively and opens its ports
/// there. `red_mtu` is the MTU of red.
pub(crate) fn spawn(
    openers: Openers,
    red_mtu: usize,
    send: &Direction,
    receive: &Direction,
) -> Result<Handle, SpawnError> {
    let config = WorkerConfig {
        name: "keyed".to_owned(),
        tx: send.tx_config(ETHERNET_HEADER + red_mtu + OVERHEAD_MAX),
        rx: RX,
        policy: Policy::default(),
        line_vlan_tags: 0,
        rekey_ethertype: ETHERTYPE_REKEY,
        idle: Idle::default(),
        pollers: 1,
        core: None,
    };
    let mut handle = worker::spawn(config, openers)?;
    for command in installs(send, receive) {
        let posted = handle.post(command);
        posted.expect(EMPTY);
    }
    Ok(handle)
}
