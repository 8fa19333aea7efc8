use wire::An;

use super::*;

fn id(epoch: u32) -> SaId {
    SaId {
        an: An::ZERO,
        epoch,
    }
}

#[test]
fn the_last_switches_are_told_and_each_gets_its_retirement_once() {
    let mut recent = RecentSwitches::default();
    let at = |epoch: u32| Duration::from_secs(epoch.into());
    for epoch in 1..=2 * SWITCHES_TOLD as u32 {
        let now = at(epoch);
        recent.switched(SwitchTimes {
            id: id(epoch),
            previous: (epoch > 1).then(|| id(epoch - 1)),
            key: now,
            offered: now,
            ordered: now,
            installed: now,
            retired: None,
        });
    }
    let last = 2 * SWITCHES_TOLD as u32;
    recent.retired(at(100), id(last - 1));
    recent.retired(at(101), id(last - 1));
    recent.retired(at(102), id(1)); // forgotten
    let times = recent.times();
    assert_eq!(times.len(), SWITCHES_TOLD);
    assert_eq!(times[0].id, id(last - SWITCHES_TOLD as u32 + 1));
    let [before @ .., newest] = times.as_slice() else {
        panic!("some");
    };
    assert_eq!(newest.retired, Some(at(100)));
    assert!(before.iter().all(|times| times.retired.is_none()));
}
