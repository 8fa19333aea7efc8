use super::*;

fn well(trouble: Trouble) -> Outcome {
    Outcome {
        trouble,
        interval: Duration::from_secs(1),
        lasted: Duration::from_secs(10),
        switches: 30,
        during: if trouble == Trouble::KmsMismatch {
            0
        } else {
            20
        },
        lost: if trouble == Trouble::PeerKill { 7 } else { 0 },
        blocked_ms: 0.0,
        clear: 0,
        noticed: true,
        recovered: Some(Duration::from_millis(3900)),
    }
}

#[test]
fn each_fault_has_an_outcome_that_passes() {
    for trouble in Trouble::ALL {
        assert_eq!(well(trouble).verdict(), Verdict::Pass, "{trouble:?}");
    }
}

#[test]
fn every_bound_can_fail() {
    use Trouble::*;
    let spoil = |trouble, spoil: fn(&mut Outcome)| {
        let mut outcome = well(trouble);
        spoil(&mut outcome);
        outcome.verdict().to_string()
    };
    for (why, word) in [
        (spoil(KmsDown, |outcome| outcome.lost = 1), "lost 1"),
        (spoil(PeerKill, |outcome| outcome.lost = 0), "was it dead"),
        (spoil(PeerKill, |outcome| outcome.clear = 1), "in clear"),
        (
            spoil(PeerKill, |outcome| outcome.recovered = None),
            "not well again",
        ),
        (
            spoil(KmsSlow, |outcome| {
                outcome.recovered = Some(Duration::from_millis(4100));
            }),
            "only after 4.1 s",
        ),
        (
            spoil(KmsMismatch, |outcome| outcome.during = 1),
            "1 changes to keys not shared",
        ),
        (
            spoil(KmsMismatch, |outcome| outcome.noticed = false),
            "nobody noticed",
        ),
        (
            spoil(KeyIdLost, |outcome| outcome.during = 9),
            "9 changes of 20",
        ),
    ] {
        assert!(why.contains(word), "`{word}` in `{why}`");
    }
}
