use super::*;
use crate::harness::quiet::Sign;

fn sign(calibrator_ns: f64) -> Sign {
    Sign {
        calibrator_ns,
        cycle_ns: 0.25,
        preempted: false,
    }
}

/// Rounds that measured `mpps` of both devices, at one size.
fn round(cell: usize, calibrators: &[f64], mpps: f64, lost: u64) -> Round<Series> {
    let samples = OPS.map(|op| [((0, op), mpps), ((1, op), 2.0 * mpps)]);
    Round {
        cell,
        signs: calibrators.iter().copied().map(sign).collect(),
        samples: samples.concat(),
        lost: vec![lost, 0],
    }
}

const DEVICES: [Device; 2] = [Device::NoOp, Device::Xpn256];

fn cells() -> [Cell; 2] {
    [1, 2].map(|cores| Cell {
        size_index: 0,
        size: FrameSize::Octets(64),
        cores,
    })
}

#[test]
fn a_round_counts_when_all_its_lanes_were_quiet() {
    let rounds = [
        round(0, &[100.0], 10.0, 0),
        round(0, &[200.0], 1.0, 0),
        // Two cores at a time may be slower than one: their own fastest are the measure.
        round(1, &[130.0, 130.0], 19.0, 0),
        round(1, &[130.0, 200.0], 2.0, 0),
    ];
    let quiet = Quiet::of(&rounds, 2);
    let (disturbance, core_ghz) = (quiet.disturbance, quiet.core_ghz);
    let rows = rows(&DEVICES, &cells(), &rounds, &quiet);
    assert_eq!((disturbance.rounds, disturbance.disturbed), (4, 2));
    assert_eq!(rows.len(), 2 * 2 * 2, "cells, devices, ops");
    for row in rows {
        let times = if row.device == Device::NoOp { 1.0 } else { 2.0 };
        let expected = times * if row.cores == 1 { 10.0 } else { 19.0 };
        assert!((row.mpps.median - expected).abs() < 1e-9, "{row:?}");
        assert!((row.mpps.max - row.mpps.min).abs() < 1e-9, "{row:?}");
    }
    assert!((core_ghz - 4.0).abs() < 1e-9);
}

#[test]
fn losses_of_disturbed_rounds_are_losses_too() {
    let rounds = [round(0, &[100.0], 10.0, 0), round(0, &[200.0], 1.0, 3)];
    let rows = rows(&DEVICES, &cells()[..1], &rounds, &Quiet::of(&rounds, 1));
    let lost = |device| {
        let of_device = rows.iter().filter(|row| row.device == device);
        of_device.map(|row| row.lost).collect::<Vec<_>>()
    };
    assert_eq!(
        (lost(Device::NoOp), lost(Device::Xpn256)),
        (vec![3; 2], vec![0; 2])
    );
}
