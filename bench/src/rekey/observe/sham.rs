//! Sham switches: moments in runs without rekeying that come about as switches do, and change
//! nothing.
//!
//! A switch happens where the first frame leaves after the worker got its command. If the scheduler
//! keeps the worker off its core, the first frame leaves when it returns, with all that waited: the
//! more often a machine stalls, the more of its switches happen at the end of a stall. Random
//! moments would not. So a thread orders sham switches, as the driver orders real ones, and the
//! first frame that leaves afterwards is the moment.

use std::io;
use std::time::{Duration, Instant, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::background::Background;
use crate::frames::FLOWS;
use crate::rekey::rig::probe::Probe;

/// Orders sham switches from now on, at each of these intervals, in both directions, each from a
/// random phase.
pub(crate) fn order(intervals: &[Duration], probes: &[Probe; FLOWS]) -> io::Result<Background<()>> {
    let seed = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos() as u64;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut due = Vec::new();
    for (number, &interval) in intervals.iter().enumerate() {
        for probe in probes {
            let phase = Duration::from_nanos(rng.next_u64() % interval.as_nanos() as u64);
            due.push((phase, interval, number, probe.clone()));
        }
    }
    Background::start("sham", move |pause| {
        let begun = Instant::now();
        while let Some((at, interval, number, probe)) = due.iter_mut().min_by_key(|due| due.0) {
            if !pause(at.saturating_sub(begun.elapsed())) {
                return;
            }
            probe.order_sham(*number);
            *at += *interval;
        }
    })
}
