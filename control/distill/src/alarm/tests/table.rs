//! The table of the manual: one block of 10 million symbols under each attack.

use super::*;

const MANUAL: &str = include_str!("../../../../../docs/manual/distill.md");

const ATTACKS: [&str; 8] = [
    "intercept-resend=0.05",
    "intercept-resend=0.1",
    "entangling-cloner=0.8:1.5",
    "loss-tap=0.2",
    "lo-calibration=1.05",
    "saturation=0.91",
    "raman=0",
    "raman=10",
];

/// The row of the first block under an attack. The seed is that of all rows, so that they differ by
/// the attack alone.
fn row(attack: Option<&str>) -> String {
    let mut line = Line::new(10_000_000, 10);
    // The receiver has found its offset.
    if let Some(attack) = attack {
        line.attack(attack);
    }
    let (sums, monitor) = line.transmit();
    let estimate = Estimate::of(&sums, &line.source, &line.receiver).expect("a signal");
    let block = line.judge(&sums, &monitor, |_| {});
    let figures = BlockFigures::of(
        Some(&estimate),
        &monitor,
        &line.receiver,
        line.lost_frames(&estimate),
    );
    let lost = if figures.lost_frames.share() == 1.0 {
        "all"
    } else {
        "some"
    };
    let key = if line.watch.refuses_key() {
        "refused"
    } else if block.secret_bits == 0 {
        "none"
    } else {
        "yes"
    };
    let alarm = match block.alarms.first() {
        Some(alarm) => format!("{} ({})", alarm.cause, alarm.blame),
        None => "–".into(),
    };
    let excess = figures.excess_noise_snu.expect("a signal").value;
    let shot = figures.shot_noise.expect("blocked slots").value;
    format!(
        "| {} | {:.3} | {excess:.3} | {shot:.3} | {:.2} | {:.3} | {:.3} | {lost} | {:.0} | {key} | {alarm} |",
        attack.map_or("none".into(), |attack| format!("`{attack}`")),
        figures.transmittance.value,
        // No minus zero.
        figures.mean.value.abs(),
        figures.kurtosis.value,
        figures.at_rails.share(),
        figures.classical_mw.expect("a reading"),
    )
}

#[test]
fn the_manual_shows_what_the_simulation_gives() {
    let rows = std::iter::once(None).chain(ATTACKS.map(Some)).map(row);
    let missing: Vec<_> = rows.filter(|row| !MANUAL.contains(row.as_str())).collect();
    assert!(
        missing.is_empty(),
        "write into the manual:\n{}",
        missing.join("\n")
    );
}
