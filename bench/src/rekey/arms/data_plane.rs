//! Our workers under keys that this bench makes: what the data plane's own part of a change of key costs.
//!
//! No protocol and no KME: a thread makes fresh SAs and hands them to both ends through the workers' mailboxes, in
//! the order of every rotation: the receiver holds the key, then the sender switches, and an interval later the
//! receiver lets go of the one before. So keys may change faster than the protocol changes them.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use qmacsec::ports::Opener;
use secy::Protection;
use worker::{Command, Handle, Outcome, Ticket};

use super::boxes::{fresh_keys, keyed_workers};
use crate::keyed::Direction;
use crate::rekey::Error;
use crate::rekey::load::FLOWS;
use crate::rekey::pair::{Drops, watched};
use crate::rekey::watch::Seen;

/// Between two looks whether a worker has carried out an order.
const LOOK: Duration = Duration::from_micros(100);
/// A worker that has not by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// Both workers, at work, and the thread that changes their keys.
pub(super) struct DataPlane {
    /// What each sends to the line.
    seen: [Seen; FLOWS],
    end: Sender<()>,
    thread: JoinHandle<Result<[Handle; FLOWS], Error>>,
}

impl DataPlane {
    /// Keys change at this interval, or stay.
    pub(super) fn start(
        [a, b]: [[Opener; 2]; FLOWS],
        interval: Option<Duration>,
    ) -> Result<Self, Error> {
        let seen = [Seen::default(), Seen::default()];
        let ports = [watched(a, &seen[0], None), watched(b, &seen[1], None)];
        let keys = fresh_keys(Protection::Confidentiality);
        let workers = keyed_workers(ports, &keys)?;
        let mut rotation = Rotation {
            workers,
            keys,
            before: [None, None],
        };
        let (end, ended) = mpsc::channel();
        let work = move || {
            // Workers without a change of key wait for the end alone.
            let mut due = Instant::now();
            loop {
                let pause = interval.map_or(Duration::MAX, |interval| {
                    due += interval;
                    due.saturating_duration_since(Instant::now())
                });
                match ended.recv_timeout(pause) {
                    Err(RecvTimeoutError::Timeout) => rotation.turn()?,
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(rotation.workers),
                }
            }
        };
        let thread = thread::Builder::new().name("keys".to_owned()).spawn(work)?;
        Ok(Self { seen, end, thread })
    }

    /// When each end first sent under another key, since the last call. A load comes next: what was under way is over.
    pub(super) fn take_switches(&self) -> [Vec<Instant>; FLOWS] {
        self.seen.each_ref().map(|seen| {
            seen.resume();
            seen.take_switches()
        })
    }

    /// Keys change no more; the workers, and what must never be, by name.
    pub(super) fn end(self) -> Result<([Handle; FLOWS], Drops), Error> {
        let Self { seen, end, thread } = self;
        drop(end);
        let died = |_| Error::Ended("the thread that changes keys died: a bug".to_owned());
        let workers = thread.join().map_err(died)??;
        let mut wrong = Drops::new();
        for seen in &seen {
            let [_protected, repeated, clear] = seen.counts();
            *wrong.entry("nonce_repeats".to_owned()).or_default() += repeated;
            *wrong
                .entry("cleartext_frames_on_line".to_owned())
                .or_default() += clear;
        }
        Ok((workers, wrong))
    }
}

/// Who sends under which key.
struct Rotation {
    workers: [Handle; FLOWS],
    keys: [Direction; FLOWS],
    /// Of the last turn, which the other end still holds.
    before: [Option<Direction>; FLOWS],
}

impl Rotation {
    /// A fresh key for each direction.
    fn turn(&mut self) -> Result<(), Error> {
        let next = self.keys.each_ref().map(Direction::next);
        for (from, before) in core::mem::take(&mut self.before).iter().enumerate() {
            if let Some(before) = before {
                self.order(1 - from, before.retire_rx())?;
            }
        }
        let held = self.orders(|from| (1 - from, next[from].install_rx()))?;
        self.await_all(held)?;
        let switched = self.orders(|from| (from, next[from].install_tx()))?;
        self.await_all(switched)?;
        self.before = core::mem::replace(&mut self.keys, next).map(Some);
        Ok(())
    }

    /// For each direction, whose worker does what.
    fn orders(
        &mut self,
        order: impl Fn(usize) -> (usize, Command),
    ) -> Result<[(usize, Ticket); FLOWS], Error> {
        let mut of = |from| {
            let (worker, command) = order(from);
            Ok::<_, Error>((worker, self.order(worker, command)?))
        };
        Ok([of(0)?, of(1)?])
    }

    fn order(&mut self, worker: usize, command: Command) -> Result<Ticket, Error> {
        let posted = self.workers[worker].post(command);
        posted.map_err(|_full| Error::Ended("a worker takes no more keys".to_owned()))
    }

    fn await_all(&self, orders: [(usize, Ticket); FLOWS]) -> Result<(), Error> {
        let ordered = Instant::now();
        for (worker, ticket) in orders {
            let worker = &self.workers[worker];
            while !worker.is_done(ticket) {
                if ordered.elapsed() > PATIENCE {
                    return Err(Error::Ended("a worker takes up no key".to_owned()));
                }
                thread::sleep(LOOK);
            }
            if let Some(Outcome::Refused(why)) = worker.outcome(ticket) {
                return Err(Error::Ended(format!("a worker refuses a key: {why:?}")));
            }
        }
        Ok(())
    }
}
