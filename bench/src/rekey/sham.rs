//! Sham switches: moments in runs without rekeying that come about as switches do, and change nothing.
//!
//! A switch is where the first frame leaves after the worker was told. If the system keeps the worker
//! from its core, it is told meanwhile, and the first frame leaves when it comes back, with all that waited: the more a
//! machine stalls, the more of its switches stand at the end of a stall. Moments drawn by lot do not.
//! So a thread of its own orders sham switches, as the driver orders real ones, and the first
//! frame that leaves afterwards is the moment.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::account::Account;
use super::load::{FLOWS, Run};
use super::watch::Seen;

/// Sham switches of one interval.
pub(super) struct Sham {
    pub(super) account: Account,
    pub(super) interval: Duration,
    /// In the first part of a run.
    pub(super) time: Duration,
}

/// Orders them while a load runs.
pub(super) struct Ordering {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Ordering {
    /// Of each of these, in both directions, with a phase of its own; from now on.
    pub(super) fn start(shams: &[Sham], seen: &[Seen; FLOWS]) -> std::io::Result<Self> {
        let seed = UNIX_EPOCH
            .elapsed()
            .map_or(0, |time| time.as_nanos() as u64);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut due = Vec::new();
        for (number, sham) in shams.iter().enumerate() {
            for seen in seen {
                let phase = rng.next_u64() % sham.interval.as_nanos() as u64;
                due.push((
                    Duration::from_nanos(phase),
                    sham.interval,
                    number,
                    seen.clone(),
                ));
            }
        }
        let (end, ended) = mpsc::channel();
        let work = move || {
            let begun = Instant::now();
            while let Some((at, interval, number, seen)) = due.iter_mut().min_by_key(|due| due.0) {
                let pause = at.saturating_sub(begun.elapsed());
                if ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                seen.order_sham(*number);
                *at += *interval;
            }
        };
        let thread = thread::Builder::new().name("sham".to_owned()).spawn(work)?;
        Ok(Self { end, thread })
    }

    /// Enough.
    pub(super) fn end(self) {
        drop(self.end);
        let _it_has_no_result = self.thread.join();
    }
}

/// What came of them in a run.
pub(super) fn account(shams: &mut [Sham], seen: &[Seen; FLOWS], run: &Run) {
    let all = seen.each_ref().map(Seen::take_shams);
    for (number, sham) in shams.iter_mut().enumerate() {
        let moments = all.each_ref().map(|all| {
            let ours = all.iter().filter(|(of, _)| *of == number);
            ours.map(|(_, at)| *at).collect()
        });
        sham.account.add_first(sham.time, run, &moments);
        sham.time = sham.time.saturating_sub(run.offer.time);
    }
}
