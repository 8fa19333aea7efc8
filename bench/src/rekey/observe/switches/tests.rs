use super::*;

fn report(tx: &[Switch], rx: &[Switch], started_us: u64) -> Report {
    let mut report = Report {
        started_us,
        ..Report::default()
    };
    report.tx.recent = tx.to_vec();
    report.tx.switches = tx.last().map_or(0, |last| u64::from(last.epoch));
    report.rx.recent = rx.to_vec();
    report
}

fn switch(epoch: u32, times: [u64; 4], retired_us: Option<u64>) -> Switch {
    let [key_us, offered_us, ordered_us, installed_us] = times;
    Switch {
        an: (epoch % 4) as u8,
        epoch,
        key_us,
        offered_us,
        ordered_us,
        installed_us,
        retired_us,
    }
}

#[test]
fn the_two_ends_of_a_switch_are_joined_by_its_epoch_on_one_clock() {
    let mut log = SwitchLog::default();
    let first = switch(3, [0, 0, 0, 1], None);
    let out = switch(4, [100, 200, 900, 950], Some(950));
    // The receiver was started 1000 us before the sender.
    let into = |retired| switch(4, [1450, 1300, 1460, 1500], retired);
    for retired in [None, Some(2950)] {
        log.add(0, &report(&[first.clone(), out.clone()], &[], 11_000));
        log.add(1, &report(&[], &[into(retired)], 10_000));
    }
    let steps = log.steps();
    assert_eq!((steps.reported, steps.missed, steps.an_wraps), (1, 2, 1));
    let medians: Vec<f64> = steps.quantiles_us().map(|(_, [p50, ..])| p50).collect();
    assert_eq!(medians, [350.0, 250.0, 50.0, 450.0, 50.0, 1000.0]);
}
