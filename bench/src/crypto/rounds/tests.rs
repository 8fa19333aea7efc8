use super::*;

fn few_rounds() -> Rounds {
    let plan = Plan {
        sizes: vec![Size::Octets(64), Size::Imix],
        bursts: vec![4],
        ops: Op::ALL.to_vec(),
        names: vec![],
        until: Until::Rounds(4),
    };
    let contenders = [Name::Ring, Name::AesGcm].map(|name| Contender::find(name).unwrap());
    let mut rounds = Rounds::new(&plan, &contenders, Clock::measure(), 1).unwrap();
    rounds.run(plan.until);
    rounds
}

#[test]
fn disturbed_rounds_are_thrown_away_and_counted() {
    let mut rounds = few_rounds();
    assert_eq!(rounds.rounds.len(), 8, "two sizes, four rounds");
    for (n, round) in rounds.rounds.iter_mut().enumerate() {
        (round.sign.calibrator_ns, round.sign.preempted) = (1000.0, false);
        let slow = n % 4 == 3;
        round.sign.cycle_ns = [0.2, 0.2, 0.3, 1.0, 0.2, 0.3, 0.3, 1.0][n];
        round
            .samples
            .iter_mut()
            .for_each(|sample| sample.2 = if slow { 900.0 } else { 10.0 });
        match n {
            3 => round.sign.calibrator_ns = 1200.0,
            7 => round.sign.preempted = true,
            _ => {}
        }
    }
    let (rows, disturbance, core_ghz) = rounds.finish();
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
    let mut rounds = few_rounds();
    for round in &mut rounds.rounds {
        (round.sign.calibrator_ns, round.sign.preempted) = (1000.0, round.cell == 1);
    }
    let (rows, disturbance, _) = rounds.finish();
    assert_eq!(
        (disturbance.cells_without_quiet, disturbance.disturbed),
        (1, 4)
    );
    assert_eq!(rows.iter().filter(|row| row.size == Size::Imix).count(), 4);
    assert!(disturbance.is_much());
}
