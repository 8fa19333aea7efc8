//! The workers of one end: each applies commands in order, at its own pace.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use rekey::{Action, Step};
use secy::SaId;
use wire::{Sci, Ssci};

use super::saks::{SakNo, Saks};

/// A command as one worker sees it.
#[derive(Clone, Debug)]
pub enum Command {
    InstallRx(SaId, Vec<Sci>, SakNo),
    InstallTx(SaId, Sci, Ssci, SakNo),
    RetireRx(SaId, Vec<Sci>),
    RetireTx,
}

/// A tx SA in a worker.
#[derive(Clone, Copy, Debug)]
pub struct TxSa {
    pub id: SaId,
    pub sci: Sci,
    pub sak: SakNo,
    pub next_pn: u64,
}

/// One worker.
#[derive(Default)]
pub struct Worker {
    pub tx: Option<TxSa>,
    pub rx: BTreeMap<(Sci, u8), (SaId, SakNo)>,
    pub todo: VecDeque<(u64, Command)>,
}

/// All workers of one run of an end.
pub struct Workers {
    pub each: Vec<Worker>,
    /// Posted commands by ticket: how many workers still have to acknowledge, and what.
    pub open: BTreeMap<u64, (usize, Step)>,
    ticket: u64,
}

impl Workers {
    pub fn new(count: u16) -> Self {
        let each = (0..count).map(|_| Worker::default()).collect();
        Self {
            each,
            open: BTreeMap::new(),
            ticket: 0,
        }
    }

    /// Posts a command to every worker.
    pub fn post(&mut self, action: Action, saks: &mut Saks) {
        let step = action.step().expect("a command");
        self.ticket += 1;
        self.open.insert(self.ticket, (self.each.len(), step));
        let for_worker: Box<dyn Fn(usize) -> Command> = match action {
            Action::InstallRx { id, sas, sak, .. } => {
                let sak = saks.number(&Rc::new(sak));
                let scis: Vec<Sci> = sas.iter().map(|(sci, _)| *sci).collect();
                Box::new(move |_| Command::InstallRx(id, scis.clone(), sak))
            }
            Action::InstallTx { id, sas, sak, .. } => {
                let sak = saks.number(&Rc::new(sak));
                Box::new(move |n| Command::InstallTx(id, sas[n].0, sas[n].1, sak))
            }
            Action::RetireRx { id, scis } => Box::new(move |_| Command::RetireRx(id, scis.clone())),
            Action::RetireTx { .. } => Box::new(|_| Command::RetireTx),
            _ => unreachable!("not a command"),
        };
        for (n, worker) in self.each.iter_mut().enumerate() {
            worker.todo.push_back((self.ticket, for_worker(n)));
        }
    }

    /// One worker applies its next command; the step, if it was the last worker to do so.
    pub fn apply(&mut self, worker: usize) -> Result<(Command, Option<Step>), String> {
        let Some((ticket, command)) = self.each[worker].todo.pop_front() else {
            return Err("a worker woke without a command".into());
        };
        self.each[worker].apply(&command)?;
        let (left, step) = self.open.get_mut(&ticket).expect("posted");
        *left -= 1;
        let done = (*left == 0).then_some(*step);
        if done.is_some() {
            self.open.remove(&ticket);
        }
        Ok((command, done))
    }

    /// Whether every worker can receive under this SA.
    pub fn all_hold(&self, sci: Sci, id: SaId, sak: SakNo) -> bool {
        self.each
            .iter()
            .all(|worker| worker.rx.get(&(sci, id.an.value())) == Some(&(id, sak)))
    }

    /// Whether any worker has this SA.
    pub fn any_has(&self, id: SaId, tx: bool) -> bool {
        self.each.iter().any(|worker| {
            let has_tx = worker.tx.is_some_and(|sa| sa.id == id);
            if tx {
                has_tx
            } else {
                worker.rx.values().any(|(held, _)| *held == id)
            }
        })
    }
}

impl Worker {
    /// A RetireTx is under way.
    pub fn stopping(&self) -> bool {
        self.todo
            .iter()
            .any(|(_, command)| matches!(command, Command::RetireTx))
    }

    fn apply(&mut self, command: &Command) -> Result<(), String> {
        match command {
            Command::InstallRx(id, scis, sak) => {
                for sci in scis {
                    if let Some(old) = self.rx.insert((*sci, id.an.value()), (*id, *sak)) {
                        return Err(format!("{id} was installed over {}", old.0));
                    }
                    let held = self.rx.keys().filter(|(other, _)| other == sci).count();
                    if held > 3 {
                        return Err(format!("{held} rx SAs of {sci}"));
                    }
                }
            }
            Command::InstallTx(id, sci, _, sak) => {
                self.tx = Some(TxSa {
                    id: *id,
                    sci: *sci,
                    sak: *sak,
                    next_pn: 1,
                });
            }
            Command::RetireRx(id, scis) => {
                for sci in scis {
                    let slot = (*sci, id.an.value());
                    if self.rx.get(&slot).is_some_and(|(held, _)| held == id) {
                        self.rx.remove(&slot);
                    }
                }
            }
            Command::RetireTx => self.tx = None,
        }
        Ok(())
    }
}
