use super::*;

fn at(schedule: &Schedule, s: u64) -> String {
    let attack = schedule.at(Duration::from_secs(s));
    attack.map_or("none".into(), |attack| attack.to_string())
}

#[test]
fn attacks_begin_and_end_at_their_times() {
    let text = "intercept-resend=0.05@20s+10s,raman=3dBm@1m,loss-tap@25s+1s";
    let schedule: Schedule = text.parse().expect("a schedule");
    for (s, expected) in [
        (19, "none"),
        (20, "intercept-resend=0.05"),
        (25, "loss-tap=0.2"),
        (26, "intercept-resend=0.05"),
        (30, "none"),
        (60, "raman=3"),
        (1_000_000, "raman=3"),
    ] {
        assert_eq!(at(&schedule, s), expected, "{s} s");
    }
    assert_eq!(at(&Schedule::default(), 0), "none");
}

#[test]
fn errors_say_the_fix() {
    let many = vec!["raman@1s"; 65].join(",");
    for (text, fix) in [
        ("raman=3", "write NAME=VALUE@TIME[+TIME]"),
        (
            "raman=3@20",
            "`20` is no time: write a number with its unit",
        ),
        ("raman=3@20s+", "`` is no time"),
        (
            "rain=3@20s",
            "`rain=3@20s`: unknown attack `rain`: use one of",
        ),
        (&many, "65 attacks are too many: give at most 64"),
    ] {
        let error = text.parse::<Schedule>().expect_err(text).to_string();
        assert!(error.contains(fix), "{error}");
    }
}
