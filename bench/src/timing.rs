//! `qmacsec-bench timing`: does the time to seal or open depend on what must stay secret?
//!
//! After Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?" (2017): two classes
//! of inputs in random order, and Welch's t-test on their times, cropped at several percentiles.
//! Above 4.5 the classes differ. That is a test, no proof: it finds leaks that are large enough for
//! the noise of the machine, and only those that its classes provoke.
//!
//! Two controls say how far to trust it. `none`: both classes are the same thing, t must be small.
//! `control`: an open with a tag comparison that stops at the first wrong octet, t must be large.

use std::fmt::Write;

use clap::Args;

use crate::contender::{Contender, Name};
use crate::cpu::Clock;
use crate::crypto;
use measure::{Op, Secret, Subject, times};

mod crops;
mod measure;

/// |t| above this says that the classes differ (TVLA; Goodwill et al. 2011).
const THRESHOLD: f64 = 4.5;

/// Options of `qmacsec-bench timing`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Who is looked at [default: our engines]
    #[arg(long, value_delimiter = ',')]
    pub engines: Vec<Name>,
    /// Measurements of each test
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=100_000_000))]
    pub measurements: u32,
    /// Stay on this core
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// Where the random classes and inputs start from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What the numbers amount to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// No difference, and the controls came out as they must.
    NothingFound,
    /// A difference, twice, and the controls came out as they must.
    Leak,
    /// The controls failed: the machine is too noisy, or the test too short.
    CannotTell,
}

/// One line of the table.
struct Line {
    subject: String,
    op: Op,
    /// |t| by secret.
    t: Vec<(Secret, f64)>,
}

/// Measures; returns the report and what it amounts to.
///
/// # Errors
///
/// When none of the engines can run here, or the core is not to be had.
pub fn run(options: &Options) -> Result<(String, Verdict), crypto::Error> {
    if let Some(core) = options.core {
        crypto::stay_on(core)?;
    }
    let ours: Vec<Name> = Name::ALL
        .into_iter()
        .filter(|name| name.engine().is_some())
        .collect();
    let names = crypto::or_default(&options.engines, ours);
    let (contenders, absent) = crypto::find(&names);
    if contenders.is_empty() {
        return Err(crypto::Error::Nobody(absent.join("; ")));
    }
    let clock = Clock::measure();
    let control = Contender::find(Name::AwsLc).expect("a crate that runs everywhere");
    let found = t_twice(
        &clock,
        &Subject::EarlyExit(control),
        Op::Open,
        Secret::Tag,
        options,
    );
    let control = Line {
        subject: "control".to_owned(),
        op: Op::Open,
        t: vec![(Secret::Tag, found)],
    };

    let mut lines = Vec::new();
    for contender in contenders {
        let subject = Subject::Contender(contender);
        for (op, secrets) in measure::TESTS {
            let t = secrets
                .iter()
                .map(|&secret| (secret, t_twice(&clock, &subject, op, secret, options)));
            lines.push(Line {
                subject: subject.name(),
                op,
                t: t.collect(),
            });
        }
    }
    let verdict = judge(&control, &lines);
    Ok((report(options, &control, &lines, &absent, verdict), verdict))
}

/// A difference is believed when it comes again: chance does not repeat itself, a leak does. So
/// the lesser of two, where the first is above the threshold.
fn t_twice(clock: &Clock, subject: &Subject, op: Op, secret: Secret, options: &Options) -> f64 {
    let t = |seed| {
        crops::greatest_t(&times(
            clock,
            subject,
            op,
            secret,
            options.measurements,
            seed,
        ))
    };
    let first = t(options.seed);
    if first > THRESHOLD {
        first.min(t(options.seed.wrapping_add(1)))
    } else {
        first
    }
}

fn judge(control: &Line, lines: &[Line]) -> Verdict {
    let above = |line: &Line, only: fn(Secret) -> bool| {
        line.t
            .iter()
            .any(|&(secret, t)| only(secret) && t > THRESHOLD)
    };
    let seen = above(control, |_| true);
    let noisy = lines
        .iter()
        .any(|line| above(line, |secret| secret == Secret::None));
    let leak = lines
        .iter()
        .any(|line| above(line, |secret| secret != Secret::None));
    match (seen && !noisy, leak) {
        (false, _) => Verdict::CannotTell,
        (true, true) => Verdict::Leak,
        (true, false) => Verdict::NothingFound,
    }
}

fn report(
    options: &Options,
    control: &Line,
    lines: &[Line],
    absent: &[String],
    verdict: Verdict,
) -> String {
    let mut out = String::new();
    let mut put = |text: &str| out.push_str(&format!("{text}\n"));
    put(&format!(
        "Time against secrets: |t| of Welch's test, {} measurements each; above {THRESHOLD} the classes differ",
        options.measurements
    ));
    for absent in absent {
        put(&format!("not measured: {absent}"));
    }
    put("\nengine       op        none      key  payload      tag");
    for line in core::iter::once(control).chain(lines) {
        let mut text = format!("{:<12} {:<4}", line.subject, line.op.as_str());
        for column in Secret::ALL {
            let t = line.t.iter().find(|&&(secret, _)| secret == column);
            let cell = t.map_or("-".to_owned(), |&(_, t)| {
                format!("{t:.1}{}", if t > THRESHOLD { "!" } else { " " })
            });
            write!(text, " {cell:>8}").expect("a String takes everything");
        }
        put(&text);
    }
    put("\nnone: both classes alike, must stay below. control: stops at the first wrong octet of");
    put("the tag, must be above. key, payload: one fixed against random ones. tag: wrong in the");
    put("first octet against wrong in the last. ! above the threshold, and again when repeated.");
    put(match verdict {
        Verdict::NothingFound => "\nNothing found, and both controls are as they must be.",
        Verdict::Leak => {
            "\nFOUND: time depends on a secret. Repeat on a quiet machine, pinned (--core)."
        }
        Verdict::CannotTell => {
            "\nNO VERDICT: a control failed. This machine is too noisy, or the test too short (--measurements)."
        }
    });
    if is_virtual() {
        put("This is a virtual machine: neighbours add noise, and noise hides small differences.");
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
