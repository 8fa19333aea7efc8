//! Deterministic simulation: two encryptors, their KMEs and a hostile line, on one thread and under
//! a virtual clock. See `README.md`.
//!
//! ```text
//!  LAN ═ red [ Worker ] black ═ line: loss, delay, adversary ═ black [ Worker ] red ═ LAN
//!            mailbox │ link                                     mailbox │ link
//!               [ Rekey ] ──── kmes: Store, Source, faults ──────── [ Rekey ]
//! ```
//! Real parts are `rekey`, `worker` with its mailbox and control link, `secy`, `gcm`, `port::mem`,
//! and the store of `kme`. Simulated are the clock, the line, and the driver's glue between the
//! parts, which is asynchronous in `qmacsec`. One seed determines the plan and everything in it.
#![forbid(unsafe_code)]

mod check;
mod clock;
mod end;
mod flaw;
mod fleet;
mod frames;
#[expect(unreachable_pub, reason = "shared with the tests of `rekey`")]
#[path = "../../../control/rekey/tests/world/kem.rs"]
mod kem;
mod kmes;
mod limits;
mod plan;
#[expect(unreachable_pub, reason = "shared with the tests of `rekey`")]
#[path = "../../../control/rekey/tests/world/queue.rs"]
mod queue;
mod rng;
#[expect(unreachable_pub, reason = "shared with the tests of `rekey`")]
#[path = "../../../control/rekey/tests/world/saks.rs"]
mod saks;
#[expect(unreachable_pub, reason = "shared with the tests of `rekey`")]
#[path = "../../../control/rekey/tests/world/stages.rs"]
mod stages;
mod tally;
mod trace;
mod world;

pub use flaw::Flaw;
pub use plan::Plan;
pub use tally::Tally;

/// The result of a run.
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Totals of the run.
    pub tally: Tally,
    /// Hash of all events, in order.
    pub trace: u64,
    /// The first violation of an invariant, with its time.
    pub violation: Option<String>,
}

/// Runs a plan to its end, or to the first violation.
#[must_use]
pub fn run(plan: Plan) -> Outcome {
    go(plan, false)
}

/// Same as [`run`], with the events on standard error.
#[must_use]
pub fn run_aloud(plan: Plan) -> Outcome {
    go(plan, true)
}

fn go(plan: Plan, aloud: bool) -> Outcome {
    let seed = plan.seed;
    let mut world = world::World::new(plan, aloud);
    let violation = world.run().err();
    Outcome {
        seed,
        tally: world.tally,
        trace: world.trace.hash(),
        violation: violation.map(|text| format!("at {:?}: {text}", world.now)),
    }
}

#[cfg(all(test, feature = "guards"))]
mod mutations;
#[cfg(test)]
mod tests;
