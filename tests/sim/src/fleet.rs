//! The workers of one end and the part of the driver that controls them. The workers are the real
//! ones, polled by hand. An rx SA goes to the worker that owns its SC (ADR 8), other orders to all
//! workers. An order is done when all these workers have acknowledged it.
//!
//! A list for each worker records its orders and acknowledgements. From it the checkers know the
//! SAK of a frame.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gcm::Engine;
use port::mem::{Mem, MemConfig, MemPort, pair_with};
use rekey::{Action, Step};
use secy::{
    Protection, RxConfig, RxSa, RxScs, SaId, Sak, Salt, Suite, TxSa, TxSc, TxScConfig,
    ValidateFrames,
};
use wire::{ETHERTYPE_REKEY, MacAddr, OVERHEAD_MAX, Pn, Sci, Ssci};
use worker::{
    Command, ControlFrame, ControlLink, Idle, Mailbox, Outcome, Parts, Policy, Seat, Stats,
    StatsSnapshot, Ticket, Worker,
};

use crate::flaw::Flaw;
use crate::limits::{BLACK_FRAMES, MTU, POOL_FRAMES, RED_FRAMES};
use crate::saks::{SakNo, Saks};

/// The workers of one run of an end.
pub(crate) struct Fleet {
    pub(crate) crew: Vec<Member>,
    pending: Vec<Pending>,
    /// A worker has published since the last look at the counters.
    published: bool,
    suite: Suite,
    engine: Engine,
    first_pn: Pn,
    flaw: Option<Flaw>,
}

/// One worker, with the far ends of its ports.
pub(crate) struct Member {
    pub(crate) worker: Worker,
    pub(crate) mailbox: Mailbox,
    pub(crate) control: ControlLink,
    pub(crate) stats: Arc<Stats>,
    /// Far end of the red port.
    pub(crate) host: MemPort,
    /// Far end of the black port.
    pub(crate) line: MemPort,
    /// Time of its next poll.
    pub(crate) poll_at: Option<Duration>,
    /// Rekey frames for the driver: published, and received by it.
    in_control: u64,
    taken: u64,
    /// Frames for other workers.
    pub(crate) handed_over: u64,
    /// Published: the rx SAs under which a frame has arrived; the tx SA and its next PN.
    rx_used: Vec<SaId>,
    next_pn: Option<(SaId, Pn)>,
    /// The SAs that it holds according to its acknowledgements.
    pub(crate) tx: Option<TxNow>,
    pub(crate) rx: BTreeMap<(Sci, u8), (SaId, SakNo)>,
    waiting: VecDeque<Command>,
    ordered: u64,
    /// Orders not acknowledged yet, by ticket.
    orders: VecDeque<(u64, Order)>,
}

/// The published counters of all workers: the rx SAs under which a frame has arrived; the tx SA and
/// its highest next PN.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) rx: Vec<SaId>,
    pub(crate) tx: Option<(SaId, Pn)>,
}

/// The tx SA of a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TxNow {
    pub(crate) id: SaId,
    pub(crate) ssci: Ssci,
    pub(crate) sak: SakNo,
}

/// An order as the checkers see it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    InstallRx(Sci, SaId, SakNo),
    InstallTx(TxNow),
    RetireRx(Sci, SaId),
    RetireTx,
}

struct Pending {
    step: Step,
    /// The last ticket of each worker that has a part in the order.
    tickets: Vec<(usize, Ticket)>,
}

/// Key of a tx SA, kept by a process with the flaw that keeps it.
pub(crate) struct Kept {
    pub(crate) id: SaId,
    pub(crate) sas: Vec<(Sci, Ssci)>,
    pub(crate) sak: Rc<Sak>,
    pub(crate) salt: [u8; 12],
}

/// The settings of a fleet.
pub(crate) struct FleetConfig {
    pub(crate) local: MacAddr,
    pub(crate) workers: u16,
    pub(crate) suite: Suite,
    pub(crate) engine: Engine,
    /// First PN of each SA.
    pub(crate) first_pn: Pn,
    /// The line delivers each frame to the worker that owns its SC.
    pub(crate) steered: bool,
    pub(crate) flaw: Option<Flaw>,
}

impl Fleet {
    pub(crate) fn new(config: &FleetConfig) -> Result<Self, String> {
        let mut seats = match config.steered {
            true => Vec::new(),
            false => Seat::for_all(config.workers.into(), MTU + OVERHEAD_MAX),
        }
        .into_iter();
        let crew = (1..=config.workers)
            .map(|port| Member::new(Sci::new(config.local, port), seats.next(), config.flaw))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            crew,
            pending: Vec::new(),
            published: false,
            suite: config.suite,
            engine: config.engine,
            first_pn: config.first_pn,
            flaw: config.flaw,
        })
    }

    /// Returns the next rekey frame from the line.
    pub(crate) fn receive(&mut self) -> Option<ControlFrame> {
        let mut crew = self.crew.iter_mut();
        let member = crew.find(|member| member.in_control > member.taken)?;
        member.taken += 1;
        member.control.recv()
    }

    /// Sends a rekey frame to the line through the first worker.
    pub(crate) fn send(&mut self, frame: &[u8]) {
        if let Some(member) = self.crew.first_mut() {
            // Same as in the driver: the protocol repeats unanswered frames.
            let _full = member.control.send(frame);
        }
    }

    /// Posts an order to the workers. For an install, returns the number of its SAK. For a tx SA,
    /// also returns its key, which only a flaw keeps.
    pub(crate) fn order(
        &mut self,
        action: Action,
        saks: &mut Saks,
    ) -> (Option<SakNo>, Option<Kept>) {
        let Some(step) = action.step() else {
            return (None, None);
        };
        let mut number = None;
        let mut kept = None;
        let before: Vec<u64> = self.crew.iter().map(|member| member.ordered).collect();
        match action {
            Action::InstallRx { id, sas, sak, salt } => {
                if self.flaw == Some(Flaw::RetireBeforeSwitch) {
                    self.retire_rx_now(&sas);
                }
                let sak = Rc::new(sak);
                let no = saks.number(&sak);
                for (sci, ssci) in sas {
                    let salt = Salt(salt.0);
                    let sa = RxSa::new(id, self.suite, &sak, salt, ssci, self.engine);
                    let sa = Box::new(sa.with_lowest_pn(self.first_pn));
                    let command = Command::InstallRx { sci, sa };
                    let owner = self.owner(sci);
                    self.crew[owner].order(command, Order::InstallRx(sci, id, no));
                }
                number = Some(no);
            }
            Action::InstallTx { id, sas, sak, salt } => {
                let sak = Rc::new(sak);
                let salt = salt.0;
                let key = Kept { id, sas, sak, salt };
                number = Some(self.install_tx(&key, saks));
                kept = Some(key);
            }
            Action::RetireRx { id, scis } => {
                for sci in scis {
                    let owner = self.owner(sci);
                    self.crew[owner].order(Command::RetireRx { sci, id }, Order::RetireRx(sci, id));
                }
            }
            Action::RetireTx { .. } => {
                for member in &mut self.crew {
                    member.order(Command::RetireTx, Order::RetireTx);
                }
            }
            Action::Send(_) | Action::FetchKey | Action::FetchKeyById(_) | Action::Event(_) => {}
        }
        let crew = self.crew.iter().zip(before).enumerate();
        let ordered = crew.filter(|(_, (member, before))| member.ordered > *before);
        let tickets = ordered.map(|(worker, (member, _))| (worker, Ticket(member.ordered)));
        let tickets = tickets.collect();
        self.pending.push(Pending { step, tickets });
        (number, kept)
    }

    /// Installs a tx SA in each worker.
    pub(crate) fn install_tx(&mut self, key: &Kept, saks: &mut Saks) -> SakNo {
        let sak = saks.number(&key.sak);
        for (member, &(_, ssci)) in self.crew.iter_mut().zip(&key.sas) {
            let ssci = match self.flaw {
                Some(Flaw::OneSsci) => Ssci(1),
                _ => ssci,
            };
            let salt = Salt(key.salt);
            let sa = TxSa::new(key.id, self.suite, &key.sak, salt, ssci, self.engine);
            let sa = Box::new(sa.with_next_pn(self.first_pn));
            let id = key.id;
            member.order(
                Command::InstallTx { sa },
                Order::InstallTx(TxNow { id, ssci, sak }),
            );
        }
        sak
    }

    /// The flaw: retires old keys before the switch instead of after it.
    fn retire_rx_now(&mut self, sas: &[(Sci, Ssci)]) {
        for member in &mut self.crew {
            let held: Vec<_> = member.rx.iter().map(|(slot, sa)| (slot.0, sa.0)).collect();
            for (sci, id) in held {
                if sas.iter().any(|(of, _)| *of == sci) {
                    member.order(Command::RetireRx { sci, id }, Order::RetireRx(sci, id));
                }
            }
        }
    }

    /// Returns the orders that all workers have acknowledged since the last call.
    pub(crate) fn acknowledged(&mut self) -> Vec<Step> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        for member in &mut self.crew {
            member.post_waiting();
        }
        let crew = &self.crew;
        let hasty = self.flaw == Some(Flaw::FirstWorkerIsEnough);
        let done = |pending: &mut Pending| {
            let tickets = pending.tickets.iter();
            let mut each = tickets.map(|(worker, ticket)| crew[*worker].mailbox.is_done(*ticket));
            if hasty {
                each.any(|done| done)
            } else {
                each.all(|done| done)
            }
        };
        self.pending
            .extract_if(.., done)
            .map(|pending| pending.step)
            .collect()
    }

    /// A worker publishes its counters and SAs.
    pub(crate) fn publish(&mut self, worker: usize) -> &StatsSnapshot {
        self.published = true;
        let member = &mut self.crew[worker];
        let numbers = member.worker.publish();
        member.in_control = numbers.worker.in_control;
        let used = numbers.rx_sas.iter().filter(|sa| sa.in_pkts_ok > 0);
        member.rx_used.clear();
        member.rx_used.extend(used.map(|sa| sa.id));
        member.next_pn = numbers.tx_sa.zip(numbers.next_pn);
        numbers
    }

    /// True if a worker has published since the last look.
    pub(crate) const fn fresh(&self) -> bool {
        self.published
    }

    /// Reads the published counters. `None` if no SA is in use. The rx SAs are left out if no
    /// worker has published since the last look: the protocol knows them.
    pub(crate) fn look(&mut self) -> Option<Seen> {
        let mut crew = self.crew.iter();
        let in_use = crew.any(|member| !member.rx_used.is_empty() || member.next_pn.is_some());
        let mut seen = Seen::default();
        let fresh = std::mem::take(&mut self.published);
        for member in &self.crew {
            if fresh {
                seen.rx.extend(&member.rx_used);
            }
            if let Some((id, pn)) = member.next_pn {
                seen.tx = Some(seen.tx.map_or((id, pn), |(before, highest)| {
                    (before.max(id), highest.max(pn))
                }));
            }
        }
        in_use.then_some(seen)
    }

    /// The worker that validates the frames of an SC.
    pub(crate) fn owner(&self, sci: Sci) -> usize {
        worker::owner(sci, self.crew.len())
    }

    /// True if the worker that owns the SC can receive under this SA.
    pub(crate) fn holds(&self, sci: Sci, id: SaId, sak: SakNo) -> bool {
        let owner = self.crew.get(self.owner(sci));
        owner.is_some_and(|owner| owner.rx.get(&(sci, id.an.value())) == Some(&(id, sak)))
    }
}

fn mem(capacity: usize) -> (Mem, Mem) {
    pair_with(MemConfig {
        capacity,
        mtu: MTU + OVERHEAD_MAX,
        pool_frames: POOL_FRAMES,
        bell: false,
    })
}

impl Member {
    fn new(sci: Sci, seat: Option<Seat>, flaw: Option<Flaw>) -> Result<Self, String> {
        let (red, host) = mem(RED_FRAMES);
        let (black, line) = mem(BLACK_FRAMES);
        let open = |end: Mem| end.open().map_err(|error| error.to_string());
        let (mailbox, inbox) = worker::mailbox::channel();
        let (control, link) = ControlLink::pair().map_err(|error| error.to_string())?;
        let stats = Arc::new(Stats::new());
        let tx = TxSc::new(TxScConfig {
            sci,
            explicit_sci: true,
            protection: Protection::Confidentiality,
            clear_vlan_tags: 0,
            frame_len_max: MTU + port::limits::ETHERNET_HEADER + OVERHEAD_MAX,
        });
        let rx = RxScs::new(RxConfig {
            replay_window: 64,
            validate: match flaw {
                Some(Flaw::Lenient) => ValidateFrames::Check,
                _ => ValidateFrames::Strict,
            },
            clear_vlan_tags: 0,
        });
        let worker = Worker::new(Parts {
            red: Box::new(open(red)?),
            black: Box::new(open(black)?),
            tx,
            rx,
            policy: Policy::default(),
            line_vlan_tags: 0,
            rekey_ethertype: ETHERTYPE_REKEY,
            idle: Idle::default(),
            inbox,
            link,
            stats: Arc::clone(&stats),
        });
        let worker = match seat {
            Some(seat) => worker.among(seat, 0).map_err(|error| error.to_string())?,
            None => worker,
        };
        Ok(Self {
            worker,
            mailbox,
            control,
            stats,
            host: open(host)?,
            line: open(line)?,
            poll_at: None,
            in_control: 0,
            taken: 0,
            handed_over: 0,
            rx_used: Vec::new(),
            next_pn: None,
            tx: None,
            rx: BTreeMap::new(),
            waiting: VecDeque::new(),
            ordered: 0,
            orders: VecDeque::new(),
        })
    }

    fn order(&mut self, command: Command, order: Order) {
        self.ordered += 1;
        self.orders.push_back((self.ordered, order));
        self.waiting.push_back(command);
        self.post_waiting();
    }

    fn post_waiting(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            if let Err(worker::Full(command)) = self.mailbox.post(command) {
                self.waiting.push_front(command);
                return;
            }
        }
    }

    /// True if a RetireTx is not acknowledged yet.
    pub(crate) fn stopping(&self) -> bool {
        let stops = |order: &Order| matches!(order, Order::RetireTx);
        self.orders.iter().any(|(_, order)| stops(order))
    }

    /// Returns the next order that the worker has acknowledged, after entering it in `tx` and `rx`.
    ///
    /// # Errors
    /// The worker refused it, because it would overwrite an SA in use.
    pub(crate) fn settled(&mut self) -> Result<Option<Order>, String> {
        let done = self.mailbox.acknowledged();
        let Some((ticket, order)) = self.orders.pop_front_if(|(ticket, _)| *ticket <= done) else {
            return Ok(None);
        };
        if let Some(Outcome::Refused(error)) = self.mailbox.outcome(Ticket(ticket)) {
            return Err(format!("I3: {order:?} was refused: {error:?}"));
        }
        match order {
            Order::InstallRx(sci, id, sak) => {
                if let Some((old, _)) = self.rx.insert((sci, id.an.value()), (id, sak)) {
                    return Err(format!("I3: {id} was installed over {old}"));
                }
            }
            Order::InstallTx(tx) => self.tx = Some(tx),
            Order::RetireRx(sci, id) => {
                let slot = (sci, id.an.value());
                if self.rx.get(&slot).is_some_and(|(held, _)| *held == id) {
                    self.rx.remove(&slot);
                }
            }
            Order::RetireTx => self.tx = None,
        }
        Ok(Some(order))
    }
}
