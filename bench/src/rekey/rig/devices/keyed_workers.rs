//! Our workers under keys that the bench makes: the data plane's own part of the cost of a switch.
//!
//! There is no protocol and no KME. A thread makes fresh SAs and hands them to both ends through
//! the workers' mailboxes, in the order of every rotation: the receiver installs the key, then the
//! sender switches, and an interval later the receiver retires the old key. So keys may change
//! faster than the protocol changes them.

use std::thread;
use std::time::{Duration, Instant};

use qmacsec::ports::Opener;
use worker::{Command, Handle, Openers, Outcome, Ticket};

use crate::background::Background;
use crate::drops::{Drops, merge, worker_drops};
use crate::frames::FLOWS;
use crate::harness::error::Error;
use crate::keyed::{self, Direction, Protecting, sci};
use crate::rekey::rig::cabling::MTU;
use crate::rekey::rig::probe::{Probe, probed};

/// Pause between two checks whether a worker has carried out a command, and when to give up.
const CHECK_EVERY: Duration = Duration::from_micros(100);
const PATIENCE: Duration = Duration::from_secs(10);

/// Both workers, running, and the thread that changes their keys.
pub(crate) struct KeyedWorkers {
    probes: [Probe; FLOWS],
    rotating: Background<Result<[Handle; FLOWS], Error>>,
}

impl KeyedWorkers {
    /// Starts both; keys change at this interval, or never.
    pub(super) fn start(
        [a, b]: [[Opener; 2]; FLOWS],
        how: Protecting,
        interval: Option<Duration>,
    ) -> Result<Self, Error> {
        let probes = [Probe::default(), Probe::default()];
        let keys = [1, 2].map(|end| Direction::fresh(sci(end), how));
        let spawn = |ports, probe, send, receive| {
            let [red, black] = probed(ports, probe, Duration::ZERO).map(worker::Opener::new);
            let spawned = keyed::spawn(Openers { red, black }, MTU, send, receive);
            spawned.map_err(|error| Error::Ended(error.to_string()))
        };
        let workers = [
            spawn(a, &probes[0], &keys[0], &keys[1])?,
            spawn(b, &probes[1], &keys[1], &keys[0])?,
        ];
        let mut rotation = Rotation {
            workers,
            keys,
            before: [None, None],
        };
        let rotating = Background::start("keys", move |pause| {
            let mut due = Instant::now();
            while pause(interval.map_or(Duration::MAX, |interval| {
                due += interval;
                due.saturating_duration_since(Instant::now())
            })) {
                rotation.rotate()?;
            }
            Ok(rotation.workers)
        })?;
        Ok(Self { probes, rotating })
    }

    /// The moments at which each end first sent under another key, since the last call. A load
    /// comes next: no frame is under way.
    pub(super) fn take_switches(&self) -> [Vec<Instant>; FLOWS] {
        self.probes.each_ref().map(|probe| {
            probe.resume();
            probe.take_switches()
        })
    }

    /// Ends both workers. Returns the frames that they dropped, and violations by name.
    pub(super) fn end(self) -> Result<Drops, Error> {
        let workers = self
            .rotating
            .end()
            .ok_or(Error::Died("changes of keys"))??;
        let mut drops = Drops::new();
        for (handle, probe) in workers.into_iter().zip(&self.probes) {
            let stats = handle.stats.clone();
            let ended = handle.join();
            ended.map_err(|death| Error::Ended(death.to_string()))?;
            merge(&mut drops, &worker_drops(&stats.snapshot()));
            let safety = probe.safety();
            let violations = [
                ("nonce_repeats", safety.repeated),
                ("cleartext_frames_on_line", safety.clear),
            ];
            let violations = violations.map(|(name, frames)| (name.to_owned(), frames));
            merge(&mut drops, &violations.into());
        }
        Ok(drops)
    }
}

struct Rotation {
    workers: [Handle; FLOWS],
    keys: [Direction; FLOWS],
    /// The keys before these, which the receivers still hold.
    before: [Option<Direction>; FLOWS],
}

impl Rotation {
    fn rotate(&mut self) -> Result<(), Error> {
        let next = self.keys.each_ref().map(Direction::next);
        for (from, before) in core::mem::take(&mut self.before).iter().enumerate() {
            if let Some(before) = before {
                self.post(1 - from, before.retire_rx())?;
            }
        }
        for installs in [
            [0, 1].map(|from| (1 - from, next[from].install_rx())),
            [0, 1].map(|from| (from, next[from].install_tx())),
        ] {
            let posted = installs.map(|(worker, command)| (worker, self.post(worker, command)));
            for (worker, ticket) in posted {
                self.wait(worker, ticket?)?;
            }
        }
        self.before = core::mem::replace(&mut self.keys, next).map(Some);
        Ok(())
    }

    fn post(&mut self, worker: usize, command: Command) -> Result<Ticket, Error> {
        let posted = self.workers[worker].post(command);
        posted.map_err(|_full| Error::Ended("a worker takes no more keys".to_owned()))
    }

    fn wait(&self, worker: usize, ticket: Ticket) -> Result<(), Error> {
        let (worker, posted) = (&self.workers[worker], Instant::now());
        while !worker.is_done(ticket) {
            if posted.elapsed() > PATIENCE {
                return Err(Error::Ended("a worker installs no key".to_owned()));
            }
            thread::sleep(CHECK_EVERY);
        }
        match worker.outcome(ticket) {
            Some(Outcome::Refused(why)) => {
                Err(Error::Ended(format!("a worker refuses a key: {why:?}")))
            }
            _ => Ok(()),
        }
    }
}
