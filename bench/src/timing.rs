//! `qmacsec-bench timing`: does the time to seal or open depend on a secret?
//!
//! After Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?" (2017): two classes
//! of inputs in random order, and Welch's t-test on their times, cropped at several percentiles.
//! Above 4.5 the classes differ. That is a test, no proof: it finds leaks that are larger than the
//! noise of the machine, and only those that its classes provoke.
//!
//! Two controls say how far to trust it. `none`: both classes are alike, t must be small.
//! `control`: an open with a tag comparison that stops at the first wrong octet, t must be large.

use clap::{Args, ValueEnum};

use crate::contender::{Contender, Name, Op, find};
use crate::cpu::Clock;
use crate::harness::choice::{name, or_default};
use crate::harness::cores::pin_if;
use crate::harness::error::Error;
use crate::harness::text::{Table, line, or_dash};
use measure::{Secret, Subject, times};

mod measure;

/// |t| above this says that the classes differ (TVLA; Goodwill et al. 2011).
const THRESHOLD: f64 = 4.5;

/// Options of `qmacsec-bench timing`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Engines and peers to test [default: our engines]
    #[arg(long, value_delimiter = ',')]
    pub engines: Vec<Name>,
    /// Measurements of each test
    #[arg(long, default_value_t = 100_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1_000..=100_000_000))]
    pub measurements: u32,
    /// Stay on this core
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// Seed of the random classes and inputs
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// The verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// No difference, and the controls came out as they must.
    NothingFound,
    /// A difference, twice, and the controls came out as they must.
    Leak,
    /// The controls failed: the machine is too noisy, or the test too short.
    CannotTell,
}

struct Row {
    subject: String,
    op: Op,
    /// |t| by secret.
    t: Vec<(Secret, f64)>,
}

pub(crate) fn run(options: &Options) -> Result<(String, Verdict), Error> {
    pin_if(options.core)?;
    let names = Name::value_variants().iter().copied();
    let ours: Vec<Name> = names.filter(|name| name.engine().is_some()).collect();
    let (contenders, absent) = find(&or_default(&options.engines, ours));
    if contenders.is_empty() {
        return Err(Error::NoEngine(absent.join("; ")));
    }
    let clock = Clock::measure();
    let control = Contender::find(Name::AwsLc).expect("a crate that runs everywhere");
    let control = Subject {
        contender: control,
        stops_early: true,
    };
    let found = t_twice(&clock, &control, Op::Open, Secret::Tag, options);
    let control = Row {
        subject: "control".to_owned(),
        op: Op::Open,
        t: vec![(Secret::Tag, found)],
    };
    let mut rows = Vec::new();
    for contender in contenders {
        let subject = Subject {
            contender,
            stops_early: false,
        };
        for (op, secrets) in measure::TESTS {
            let t = |&secret: &Secret| (secret, t_twice(&clock, &subject, op, secret, options));
            rows.push(Row {
                subject: subject.contender.name().to_string(),
                op,
                t: secrets.iter().map(t).collect(),
            });
        }
    }
    let verdict = judge(&control, &rows);
    Ok((report(options, &control, &rows, &absent, verdict), verdict))
}

/// The lesser of two t where the first is above the threshold: a leak repeats itself, chance does
/// not.
fn t_twice(clock: &Clock, subject: &Subject, op: Op, secret: Secret, options: &Options) -> f64 {
    let count = options.measurements;
    let t = |seed| measure::greatest_t(&times(clock, subject, op, secret, count, seed));
    let first = t(options.seed);
    if first > THRESHOLD {
        first.min(t(options.seed.wrapping_add(1)))
    } else {
        first
    }
}

fn judge(control: &Row, rows: &[Row]) -> Verdict {
    let above = |row: &Row, only: fn(Secret) -> bool| {
        let mut t = row.t.iter();
        t.any(|&(secret, t)| only(secret) && t > THRESHOLD)
    };
    let seen = above(control, |_| true);
    let noisy = rows
        .iter()
        .any(|row| above(row, |secret| secret == Secret::None));
    let leak = rows
        .iter()
        .any(|row| above(row, |secret| secret != Secret::None));
    match (seen && !noisy, leak) {
        (false, _) => Verdict::CannotTell,
        (true, true) => Verdict::Leak,
        (true, false) => Verdict::NothingFound,
    }
}

fn report(
    options: &Options,
    control: &Row,
    rows: &[Row],
    absent: &[String],
    verdict: Verdict,
) -> String {
    let mut out = String::new();
    let title = format!(
        "Time against secrets: |t| of Welch's test, {} measurements each; above {THRESHOLD} the \
         classes differ",
        options.measurements
    );
    line!(&mut out, "{title}");
    for absent in absent {
        line!(&mut out, "not measured: {absent}");
    }
    let mut table = Table::new(["engine", "op", "none", "key", "payload", "tag"]);
    for row in core::iter::once(control).chain(rows) {
        let cell = |column: &Secret| {
            let t = row.t.iter().find(|(secret, _)| secret == column);
            let mark = |t: f64| if t > THRESHOLD { "!" } else { " " };
            or_dash(t.map(|&(_, t)| format!("{t:.1}{}", mark(t))))
        };
        let labels = [row.subject.clone(), name(&row.op)].into_iter();
        table.row(labels.chain(Secret::ALL.iter().map(cell)));
    }
    table.print(&mut out, "|t| by secret");
    let verdict = match verdict {
        Verdict::NothingFound => "Nothing found, and both controls are as they must be.",
        Verdict::Leak => {
            "FOUND: time depends on a secret. Repeat on a quiet machine, pinned (--core)."
        }
        Verdict::CannotTell => {
            "NO VERDICT: a control failed. This machine is too noisy, or the test too short \
             (--measurements)."
        }
    };
    line!(
        &mut out,
        "
none: both classes are alike, t must be below the threshold. control: the comparison stops at the
first wrong octet of the tag, t must be above. key, payload: a fixed one against random ones. tag:
wrong in the first octet against wrong in the last. ! above the threshold, also when repeated.

{verdict}"
    );
    if is_virtual() {
        line!(
            &mut out,
            "This is a virtual machine: its noise hides small differences."
        );
    }
    out
}

/// Linux says so in the flags of the CPU.
fn is_virtual() -> bool {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = text.lines().find(|line| line.starts_with("flags"));
    flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

#[cfg(test)]
mod tests;
