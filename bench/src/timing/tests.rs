use super::measure::{Times, greatest_t};
use super::*;
use crate::tests::parse;

/// Uniform noise 0..10 ns on 100 ns, a rare interrupt of 5 µs, and `leak` ns more for one class.
fn noisy(leak: f64) -> Times {
    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let times = (0..20_000).map(|_| {
        let class = random() < 0.5;
        let interrupt = if random() < 0.01 { 5_000.0 } else { 0.0 };
        (
            class,
            100.0 + 10.0 * random() + interrupt + if class { leak } else { 0.0 },
        )
    });
    Times(times.collect())
}

#[test]
fn equal_classes_stay_below_and_half_a_nanosecond_is_seen_through_interrupts() {
    let t = greatest_t(&noisy(0.0));
    assert!(t < THRESHOLD, "{t}");
    let t = greatest_t(&noisy(0.5));
    assert!(t > THRESHOLD, "{t}");
}

#[test]
fn few_samples_say_nothing() {
    let few = Times(noisy(50.0).0.into_iter().take(300).collect());
    assert_eq!(greatest_t(&few), 0.0);
    assert_eq!(greatest_t(&Times(Vec::new())), 0.0);
}

fn line(subject: &str, t: &[(Secret, f64)]) -> Row {
    Row {
        subject: subject.to_owned(),
        op: Op::Open,
        t: t.to_vec(),
    }
}

#[test]
fn the_controls_decide_whether_there_is_a_verdict() {
    let control = |t| line("control", &[(Secret::Tag, t)]);
    let engine = |none, tag| [line("ring", &[(Secret::None, none), (Secret::Tag, tag)])];
    for (control_t, none, tag, verdict) in [
        (50.0, 1.0, 1.0, Verdict::NothingFound),
        (50.0, 1.0, 9.0, Verdict::Leak),
        (50.0, 5.0, 9.0, Verdict::CannotTell),
        (1.0, 1.0, 1.0, Verdict::CannotTell),
        (1.0, 1.0, 9.0, Verdict::CannotTell),
    ] {
        assert_eq!(judge(&control(control_t), &engine(none, tag)), verdict);
    }
}

/// The whole way with a real engine; the verdict depends on the machine, the table does not.
#[test]
fn a_short_run_prints_every_test_and_the_threshold() {
    let options = parse("--measurements 2000 --engines aws-lc,ring").unwrap();
    let (text, verdict) = run(&options).unwrap();
    // Columns are as wide as they must be.
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let rows = ["control open", "aws-lc seal", "aws-lc open", "ring seal"];
    for part in rows.iter().chain(&["above 4.5", "none", "payload"]) {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert_eq!(
        verdict == Verdict::CannotTell,
        text.contains("NO VERDICT"),
        "{text}"
    );
}

/// A comparison that stops early is found, even on a busy machine.
#[test]
fn the_leak_made_on_purpose_is_found() {
    let control = Subject {
        contender: Contender::find(Name::AwsLc).unwrap(),
        stops_early: true,
    };
    let t = greatest_t(&times(
        &Clock::measure(),
        &control,
        Op::Open,
        Secret::Tag,
        20_000,
        1,
    ));
    assert!(t > THRESHOLD, "{t}");
}
