use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::harness::rounds::{self, Until};
use crate::tests::parse;

fn few_rounds() -> (CryptoRig, Vec<Round<Series>>) {
    let options = parse("--sizes 64,imix --bursts 4").unwrap();
    let contenders = [Name::Ring, Name::AesGcm].map(|name| Contender::find(name).unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut rig = CryptoRig::new(&options, contenders.into(), Clock::measure(), &mut rng).unwrap();
    let rounds = rounds::run(&mut rig, Until::Rounds(4), &mut rng).unwrap();
    (rig, rounds)
}

fn rows(rig: &CryptoRig, quiet: &Quiet<'_, Series>) -> Vec<Row> {
    let limits = Limits::measure(&rig.clock);
    rig.rows(quiet, &[Op::Seal, Op::Open], &limits)
}

#[test]
fn disturbed_rounds_are_thrown_away_and_counted() {
    let (rig, mut rounds) = few_rounds();
    assert_eq!(rounds.len(), 8, "two sizes, four rounds");
    for (n, round) in rounds.iter_mut().enumerate() {
        (round.signs[0].calibrator_ns, round.signs[0].preempted) = (1000.0, false);
        let slow = n % 4 == 3;
        round.signs[0].cycle_ns = [0.2, 0.2, 0.3, 1.0, 0.2, 0.3, 0.3, 1.0][n];
        round
            .samples
            .iter_mut()
            .for_each(|sample| sample.1 = if slow { 900.0 } else { 10.0 });
        match n {
            3 => round.signs[0].calibrator_ns = 1200.0,
            7 => round.signs[0].preempted = true,
            _ => {}
        }
    }
    let quiet = Quiet::of(&rounds, 2);
    let (rows, disturbance, core_ghz) = (rows(&rig, &quiet), quiet.disturbance, quiet.core_ghz);
    assert_eq!(
        (
            disturbance.rounds,
            disturbance.disturbed,
            disturbance.preempted
        ),
        (8, 2, 1)
    );
    assert_eq!(disturbance.cells_without_quiet, 0);
    assert_eq!(rows.len(), 2 * 2 * 2, "sizes, contenders, ops");
    assert!(
        rows.iter().all(|row| row.ns.max < 11.0),
        "a slow round was counted"
    );
    assert!(
        (core_ghz - 4.0).abs() < 1e-9,
        "{core_ghz}: the clock of the rounds that count"
    );
}

#[test]
fn a_size_without_a_quiet_round_keeps_its_rows_and_is_counted() {
    let (rig, mut rounds) = few_rounds();
    for round in &mut rounds {
        (round.signs[0].calibrator_ns, round.signs[0].preempted) = (1000.0, round.cell == 1);
    }
    let quiet = Quiet::of(&rounds, 2);
    let (rows, disturbance) = (rows(&rig, &quiet), quiet.disturbance);
    assert_eq!(
        (disturbance.cells_without_quiet, disturbance.disturbed),
        (1, 4)
    );
    assert_eq!(
        rows.iter()
            .filter(|row| row.size == PayloadSize::Imix)
            .count(),
        4
    );
    assert!(disturbance.is_much());
}
