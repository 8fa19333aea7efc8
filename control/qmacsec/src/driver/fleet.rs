//! The driver's view of the workers of one encryptor. Orders go to all of them, and an order is
//! done when all have acknowledged it.
//!
//! Keys are expanded here, on the driver's thread, with a separate copy for each worker. A worker
//! that receives a key has nothing left to compute.

mod member;
mod port_watches;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::ops::RangeInclusive;
use std::task::Poll;
use std::time::{Duration, Instant};

use gcm::Engine;
use port::LinkState;
use rekey::{Action, Direction, Step};
use secy::{Protection, RxConfig, RxSa, SaId, Salt, Suite, TxSa, TxScConfig, ValidateFrames};
use tracing::{error, warn};
use wire::{OVERHEAD_MAX, Pn, Sci};
use worker::{
    Command, ControlFrame, Opener, Openers, Outcome, Policy, Seat, Side, StatsSnapshot, Ticket,
    WorkerConfig,
};

use super::too_long::TooLong;
use super::turns::take_turns;
use crate::config::EncryptorConfig;
use crate::limits;
use crate::numa;
use crate::ports::Ports;
use crate::run_error::RunError;
use crate::status::{PolicyLine, WorkerReport};
use member::Member;
use port_watches::PortWatches;

/// Interval of the checks whether the workers have wiped their keys.
const ZEROISE_LOOK: Duration = Duration::from_micros(200);

/// The workers, and the orders that they have not completed yet.
pub(crate) struct Fleet {
    crew: Vec<Member>,
    port_watches: PortWatches,
    engine: Engine,
    suite: Suite,
    policy: Policy,
    pending: Vec<Pending>,
    /// The last tx SA that all workers have installed.
    tx_in_use: Option<SaId>,
    /// The last worker from which rekey frames were taken.
    turn: usize,
}

/// An order that not all workers have acknowledged.
struct Pending {
    step: Step,
    /// For each worker, its commands of this order.
    tickets: Vec<RangeInclusive<u64>>,
}

/// Returns the settings of the worker with this tx SC.
fn worker_config(config: &EncryptorConfig, sci: Sci, pollers: usize) -> WorkerConfig {
    let index = usize::from(sci.port() - 1);
    let frame_len_max = usize::from(config.red.mtu) + port::limits::ETHERNET_HEADER;
    WorkerConfig {
        name: format!("frames-{index}-{}", config.encryptor.name),
        tx: TxScConfig {
            sci,
            explicit_sci: true,
            protection: Protection::Confidentiality,
            clear_vlan_tags: config.macsec.clear_vlan_tags,
            frame_len_max: frame_len_max + OVERHEAD_MAX,
        },
        rx: RxConfig {
            replay_window: config.macsec.replay_window,
            validate: ValidateFrames::Strict,
            clear_vlan_tags: config.macsec.clear_vlan_tags,
        },
        policy: config.policy.table.clone(),
        line_vlan_tags: config.macsec.line_vlan_tags,
        rekey_ethertype: config.rekey.ethertype,
        idle: config.worker.idle(),
        pollers,
        core: config.worker.cores.get(index).copied(),
    }
}

/// An order to apply a policy: the command of each worker.
pub(crate) struct PolicyOrder(Vec<u64>);

/// The result of reading the workers' counters.
pub(crate) struct Used {
    /// Rx SAs under which frames have arrived, with their numbers of frames.
    pub(crate) rx: BTreeMap<SaId, u64>,
    /// The tx SA in use, the highest next packet number, and the number of frames that it has
    /// protected.
    pub(crate) tx: Option<(SaId, Pn, u64)>,
}

/// An order that all workers have carried out.
pub(crate) struct Done {
    pub(crate) step: Step,
    /// The SA that it ended, and the total number of frames under that SA.
    pub(crate) ended: Option<(Direction, SaId, u64)>,
}

impl Fleet {
    /// Opens the ports and starts the workers, one after the other, so that the ports of one
    /// interface are in the order of the workers.
    pub(crate) fn start(config: &EncryptorConfig, ports: Ports) -> Result<Self, RunError> {
        let black_mtu = usize::from(config.red.mtu) + OVERHEAD_MAX;
        let pollers = ports.workers.len();
        let mut crew = Vec::with_capacity(pollers);
        let mut watches = Vec::with_capacity(pollers);
        let seats = Seat::for_all(pollers, black_mtu);
        for ((port, seat), opened) in (1..).zip(seats).zip(ports.workers) {
            let sci = Sci::new(ports.local, port);
            let worker = worker_config(config, sci, pollers);
            numa::warn_of_distance(config, worker.core);
            let openers = Openers {
                red: Opener::new(opened.red),
                black: Opener::new(opened.black),
            };
            let mut handle = worker::spawn_among(worker, openers, Some(seat))?;
            watches.push(std::mem::take(&mut handle.watches));
            crew.push(Member::new(handle)?);
        }
        // The watch starts once all ports are open. The workers share the interfaces.
        let watches = watches.into_iter().next().unwrap_or_default();
        Ok(Self {
            crew,
            port_watches: PortWatches::new(watches),
            engine: config.encryptor.engine.0,
            suite: config.macsec.suite.0,
            policy: config.policy.table.clone(),
            pending: Vec::new(),
            tx_in_use: None,
            turn: 0,
        })
    }

    /// Returns the number of workers.
    pub(crate) fn count(&self) -> usize {
        self.crew.len()
    }

    /// Returns the number of transmit SCs: one for each worker.
    pub(crate) fn tx_scs(&self) -> u16 {
        u16::try_from(self.crew.len()).unwrap_or(u16::MAX)
    }

    /// Waits for a rekey frame from the line.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        let mut bells: Vec<_> = self
            .crew
            .iter()
            .map(|member| Box::pin(member.rung()))
            .collect();
        poll_fn(|context| {
            let mut rung = bells.iter_mut().map(|bell| bell.as_mut().poll(context));
            rung.find(Poll::is_ready).unwrap_or(Poll::Pending)
        })
        .await
    }

    /// Takes a limited number of rekey frames from the line, one from each worker in turn. Returns
    /// true if there may be more.
    pub(crate) fn receive(&mut self, take: impl FnMut(ControlFrame)) -> bool {
        take_turns(
            &mut self.crew,
            &mut self.turn,
            limits::REKEY_FRAMES_AT_ONCE,
            |member| member.handle.control.recv(),
            take,
        )
    }

    /// Sends a rekey frame to the line through the first worker.
    pub(crate) fn send(&mut self, frame: &[u8]) {
        if let Some(member) = self.crew.first_mut()
            && let Err(error) = member.handle.control.send(frame)
        {
            // The protocol repeats unanswered frames.
            warn!(%error, "a rekey frame was not sent");
        }
    }

    /// Posts an order of the rekey protocol to all workers.
    pub(crate) fn order(&mut self, action: Action) {
        let Some(step) = action.step() else { return };
        let (engine, suite) = (self.engine, self.suite);
        let before: Vec<u64> = self.crew.iter().map(|member| member.ordered).collect();
        match action {
            Action::InstallRx { id, sas, sak, salt } => {
                // Only one worker receives each SC: two replay windows would let a replay in.
                for (sci, ssci) in sas {
                    let sa = Box::new(RxSa::new(id, suite, &sak, Salt(salt.0), ssci, engine));
                    self.owner_of(sci).order(Command::InstallRx { sci, sa });
                }
            }
            Action::InstallTx { id, sas, sak, salt } => {
                for (member, &(_, ssci)) in self.crew.iter_mut().zip(&sas) {
                    let sa = Box::new(TxSa::new(id, suite, &sak, Salt(salt.0), ssci, engine));
                    member.order(Command::InstallTx { sa });
                }
            }
            Action::RetireRx { id, scis } => {
                for sci in scis {
                    self.owner_of(sci).order(Command::RetireRx { sci, id });
                }
            }
            Action::RetireTx { .. } => {
                for member in &mut self.crew {
                    member.order(Command::RetireTx);
                }
            }
            Action::Send(_) | Action::FetchKey | Action::FetchKeyById(_) | Action::Event(_) => {
                return;
            }
        }
        let tickets = self
            .crew
            .iter()
            .zip(before)
            .map(|(member, before)| before + 1..=member.ordered);
        let tickets = tickets.collect();
        self.pending.push(Pending { step, tickets });
    }

    /// Orders all workers to apply this policy. Each switches between two bursts.
    pub(crate) fn set_policy(&mut self, policy: Policy) -> PolicyOrder {
        self.policy = policy.with_serial(self.policy.serial() + 1);
        let tickets = self.crew.iter_mut().map(|member| {
            member.order(Command::SetPolicy(Box::new(self.policy.clone())));
            member.ordered
        });
        PolicyOrder(tickets.collect())
    }

    /// True if all running workers apply it.
    pub(crate) fn follows(&self, PolicyOrder(tickets): &PolicyOrder) -> bool {
        let mut members = self.crew.iter().zip(tickets);
        members.all(|(member, &ticket)| {
            member.handle.is_done(Ticket(ticket)) || !member.handle.is_alive()
        })
    }

    /// Returns the links of red and black, as last seen by the first worker.
    pub(crate) fn links(&self) -> Option<[LinkState; 2]> {
        let stats = self.crew.first()?.handle.stats.snapshot();
        Some([stats.red_link, stats.black_link])
    }

    /// Returns the last VLAN tag that the line added, as seen by one of the workers.
    pub(crate) fn line_tag(&self) -> Option<worker::LineTag> {
        let mut crew = self.crew.iter();
        crew.find_map(|member| member.handle.stats.snapshot().line_tag)
    }

    /// Returns the names of the interfaces of red and black.
    pub(crate) fn interfaces(&self) -> [&str; 2] {
        let first = self.crew.first();
        first.map_or(["", ""], |member| {
            [&member.handle.red.name, &member.handle.black.name]
        })
    }

    /// Takes the link of a port down, or lets it come up. One worker does this for the interface.
    pub(crate) fn set_link(&mut self, side: Side, up: bool) {
        if let Some(member) = self.crew.first_mut() {
            member.order(Command::SetLink { side, up });
        }
    }

    /// Returns the worker that validates the frames of an SC.
    fn owner_of(&mut self, sci: Sci) -> &mut Member {
        let owner = worker::owner(sci, self.crew.len());
        self.crew
            .get_mut(owner)
            .expect("there is at least one worker, and the owner is one of them")
    }

    /// True if a running worker has not acknowledged all its orders. Workers do not signal an
    /// acknowledgement, because that would cost the frame path a system call.
    pub(crate) fn is_busy(&self) -> bool {
        self.crew.iter().any(|member| {
            !member.handle.is_done(Ticket(member.ordered)) && member.handle.is_alive()
        })
    }

    /// Returns the orders that all workers have acknowledged since the last call.
    pub(crate) fn acknowledged(&mut self) -> Vec<Done> {
        for member in &mut self.crew {
            member.post_waiting();
        }
        let crew = &self.crew;
        let carried_out = |pending: &mut Pending| {
            crew.iter()
                .zip(&pending.tickets)
                .all(|(member, tickets)| member.handle.is_done(Ticket(*tickets.end())))
        };
        let pending: Vec<Pending> = self.pending.extract_if(.., carried_out).collect();
        pending
            .into_iter()
            .map(|pending| self.done(pending))
            .collect()
    }

    fn done(&mut self, Pending { step, tickets }: Pending) -> Done {
        let ended_frames = self.crew.iter().zip(tickets).flat_map(|(member, tickets)| {
            tickets.filter_map(|ticket| match member.handle.outcome(Ticket(ticket)) {
                Some(Outcome::Ended { frames }) => Some(frames),
                _ => None,
            })
        });
        let frames = ended_frames.sum();
        let ended = match step {
            Step::InstallTx(id) => self.tx_in_use.replace(id).map(|old| (Direction::Tx, old)),
            Step::RetireTx(id) => {
                self.tx_in_use = None;
                Some((Direction::Tx, id))
            }
            Step::RetireRx(id) => Some((Direction::Rx, id)),
            Step::InstallRx(_) => None,
        };
        Done {
            step,
            ended: ended.map(|(direction, id)| (direction, id, frames)),
        }
    }

    /// Wipes every key in every worker at once. Returns the number of workers that confirmed it in
    /// time.
    pub(crate) fn zeroise(&mut self, within: Duration) -> usize {
        self.pending.clear();
        for member in &mut self.crew {
            // Drop the commands that were not posted: an install among them must not follow the
            // wipe.
            member.ordered -= member.waiting.len() as u64;
            member.waiting.clear();
        }
        let posted: Vec<_> = self
            .crew
            .iter_mut()
            .map(|member| member.handle.post(Command::RetireAll))
            .collect();
        let deadline = Instant::now() + within;
        loop {
            let confirmed = self
                .crew
                .iter()
                .zip(&posted)
                .filter(|(member, ticket)| match ticket {
                    Ok(ticket) => member.handle.is_done(*ticket),
                    // This worker has ended and wiped its keys at its end.
                    Err(_) => !member.handle.is_alive(),
                });
            let confirmed = confirmed.count();
            if confirmed == self.crew.len() || Instant::now() > deadline {
                return confirmed;
            }
            std::thread::sleep(ZEROISE_LOOK);
        }
    }

    /// True if all workers run.
    pub(crate) fn is_alive(&self) -> bool {
        self.crew.iter().all(|member| member.handle.is_alive())
    }

    /// Checks about once a second whether the ports receive from their interfaces, and logs
    /// changes.
    pub(crate) fn listen(&mut self) {
        let now = Instant::now();
        if !self.port_watches.is_due(now) {
            return;
        }
        let mut joined = [0; 2];
        for member in &self.crew {
            let stats = member.handle.stats.snapshot();
            joined[0] += stats.red.rx_joined;
            joined[1] += stats.black.rx_joined;
        }
        self.port_watches.look(now, joined);
    }

    /// Returns the reason why a port does not receive from its interface although its link is up.
    pub(crate) fn deaf(&self, side: Side) -> Option<&str> {
        self.port_watches.deaf(side)
    }

    /// Reads the counters.
    pub(crate) fn look(&self) -> Used {
        let mut used = Used {
            rx: BTreeMap::new(),
            tx: None,
        };
        for member in &self.crew {
            let stats = member.handle.stats.snapshot();
            for sa in stats.rx_sas.iter().filter(|sa| sa.in_pkts_ok > 0) {
                *used.rx.entry(sa.id).or_default() += sa.in_pkts_ok;
            }
            if let (Some(id), Some(pn)) = (stats.tx_sa, stats.next_pn) {
                let (id, highest, frames) =
                    used.tx.map_or((id, pn, 0), |(before, highest, frames)| {
                        (before.max(id), highest.max(pn), frames)
                    });
                used.tx = Some((id, highest, frames + pn.value() - 1));
            }
        }
        used
    }

    /// Returns the highest next packet number of the workers.
    pub(crate) fn next_pn(&self) -> Option<u64> {
        self.crew
            .iter()
            .filter_map(|member| member.handle.stats.snapshot().next_pn)
            .map(Pn::value)
            .max()
    }

    /// Returns the number of frames that were dropped because they exceed an MTU.
    pub(super) fn too_long(&self) -> TooLong {
        TooLong {
            red: self.sum(|stats| stats.red.rx_too_long + stats.tx.out_pkts_too_long),
            black: self.sum(|stats| stats.black.tx_too_long),
        }
    }

    /// Returns the number of rekey frames that arrived at red since the last change of the policy.
    pub(crate) fn rekey_frames_on_red(&self) -> u64 {
        self.sum(|stats| stats.policy.red_rekey)
    }

    /// Returns the sum of a counter over all workers.
    fn sum(&self, counter: impl Fn(&StatsSnapshot) -> u64) -> u64 {
        let members = self.crew.iter();
        members
            .map(|member| counter(&member.handle.stats.snapshot()))
            .sum()
    }

    /// Returns the policy and its hits over all workers. Workers that still have another table are
    /// left out.
    pub(crate) fn policy(&self) -> Vec<PolicyLine> {
        let hits: Vec<_> = self
            .crew
            .iter()
            .map(|member| member.handle.stats.snapshot().policy)
            .filter(|hits| hits.serial == self.policy.serial())
            .collect();
        let lines = self.policy.lines().enumerate();
        lines
            .map(|(at, (line, action))| PolicyLine {
                frames: line.to_string(),
                action: action.name().to_owned(),
                red: hits.iter().map(|hits| hits.red[at]).sum(),
                black: hits.iter().map(|hits| hits.black[at]).sum(),
            })
            .collect()
    }

    /// Returns the reports for the status.
    pub(crate) fn reports(&self) -> Vec<WorkerReport> {
        let report = |member: &Member| {
            let mut report = member.report();
            self.port_watches.report(Side::Red, &mut report.red);
            self.port_watches.report(Side::Black, &mut report.black);
            report
        };
        self.crew.iter().map(report).collect()
    }

    /// Ends all workers; each first wipes its keys.
    pub(crate) fn stop(self) {
        for member in self.crew {
            if let Err(death) = member.handle.join() {
                error!("a frame worker died: {death}");
            }
        }
    }
}
