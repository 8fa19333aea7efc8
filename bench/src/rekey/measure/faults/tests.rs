use super::*;

fn well(scenario: Scenario) -> Outcome {
    Outcome {
        scenario,
        interval: Duration::from_secs(1),
        lasted: Duration::from_secs(10),
        switches: 30,
        during: if scenario == Scenario::KmsMismatch {
            0
        } else {
            20
        },
        lost: if scenario == Scenario::PeerKill { 7 } else { 0 },
        blocked_ms: 0.0,
        clear: 0,
        noticed: true,
        recovered: Some(Duration::from_millis(3900)),
    }
}

#[test]
fn each_fault_has_an_outcome_that_passes() {
    for scenario in Scenario::ALL {
        assert_eq!(well(scenario).verdict(), Verdict::Pass, "{scenario:?}");
    }
}

#[test]
fn every_bound_can_fail() {
    use Scenario::*;
    let spoil = |scenario, spoil: fn(&mut Outcome)| {
        let mut outcome = well(scenario);
        spoil(&mut outcome);
        outcome.verdict().to_string()
    };
    for (why, word) in [
        (spoil(KmsDown, |outcome| outcome.lost = 1), "lost 1"),
        (spoil(PeerKill, |outcome| outcome.lost = 0), "did it crash"),
        (spoil(PeerKill, |outcome| outcome.clear = 1), "in clear"),
        (
            spoil(PeerKill, |outcome| outcome.recovered = None),
            "not recovered",
        ),
        (
            spoil(KmsSlow, |outcome| {
                outcome.recovered = Some(Duration::from_millis(4100));
            }),
            "only after 4.1 s",
        ),
        (
            spoil(KmsMismatch, |outcome| outcome.during = 1),
            "1 switches to keys not shared",
        ),
        (
            spoil(KmsMismatch, |outcome| outcome.noticed = false),
            "no encryptor reported it",
        ),
        (
            spoil(KeyIdLost, |outcome| outcome.during = 9),
            "9 switches of 20",
        ),
    ] {
        assert!(why.contains(word), "`{word}` in `{why}`");
    }
}
