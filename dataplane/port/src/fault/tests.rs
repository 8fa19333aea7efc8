use super::{Faults, Faulty, Switch};
use crate::{Burst, Port, mem, mem::MemPort};

const NONE: Faults = Faults {
    loss: 0.0,
    corruption: 0.0,
    duplication: 0.0,
    reorder: 0.0,
    delay: 0.0,
    delay_frames: 0,
};

/// A sender, and a receiver behind a line with these faults.
fn line(seed: u64, rx: Faults) -> (MemPort, Faulty<MemPort>) {
    let (a, b) = mem::pair(1024);
    (
        a.open().unwrap(),
        Faulty::new(b.open().unwrap(), seed, rx, NONE).unwrap(),
    )
}

/// Sends numbered frames. Returns the numbers that arrived, in their order.
fn run(seed: u64, faults: Faults, frames: u16) -> (Vec<u16>, Switch) {
    let (mut a, mut b) = line(seed, faults);
    let mut came = Vec::new();
    for number in 0..frames {
        a.copy_tx(&number.to_be_bytes());
        collect(&mut b, &mut came);
    }
    (0..20).for_each(|_| collect(&mut b, &mut came));
    (came, b.switch())
}

fn collect(port: &mut dyn Port, into: &mut Vec<u16>) {
    let mut burst = Burst::new();
    port.rx_burst(&mut burst);
    into.extend(
        burst
            .iter()
            .map(|f| u16::from_be_bytes([f.bytes()[0], f.bytes()[1]])),
    );
}

#[test]
fn a_good_line_does_nothing() {
    let (came, switch) = run(1, NONE, 500);
    assert_eq!(came, (0..500).collect::<Vec<_>>());
    assert_eq!(switch.counts(), super::FaultCounts::default());
}

#[test]
fn one_seed_is_one_run() {
    let all = Faults {
        loss: 0.1,
        corruption: 0.1,
        duplication: 0.1,
        reorder: 0.1,
        delay: 0.1,
        delay_frames: 5,
    };
    assert_eq!(run(7, all, 500).0, run(7, all, 500).0);
    assert_ne!(run(7, all, 500).0, run(8, all, 500).0);
}

#[test]
fn a_third_is_lost() {
    let (came, switch) = run(2, Faults { loss: 0.33, ..NONE }, 1000);
    let lost = switch.counts().lost;
    assert!((250..420).contains(&lost), "{lost}");
    assert_eq!(came.len() as u64 + lost, 1000);
    assert!(came.is_sorted());
}

#[test]
fn doubles_come_twice() {
    let (mut came, switch) = run(
        3,
        Faults {
            duplication: 0.2,
            ..NONE
        },
        1000,
    );
    let doubled = switch.counts().duplicated;
    assert!((130..280).contains(&doubled), "{doubled}");
    assert_eq!(came.len() as u64, 1000 + doubled);
    came.dedup();
    assert_eq!(came, (0..1000).collect::<Vec<_>>());
}

#[test]
fn neighbours_change_places() {
    let (came, _) = run(
        4,
        Faults {
            reorder: 1.0,
            ..NONE
        },
        2,
    );
    assert_eq!(came, [0, 1], "both swapped is as before");
    let (mut came, switch) = run(
        4,
        Faults {
            reorder: 0.2,
            ..NONE
        },
        1000,
    );
    assert!(!came.is_sorted());
    assert!(switch.counts().reordered > 100);
    let far = came
        .iter()
        .enumerate()
        .map(|(place, &n)| place.abs_diff(n.into()))
        .max();
    assert!(far.unwrap() <= 2, "{far:?}");
    came.sort_unstable();
    assert_eq!(came, (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_delayed_frame_is_overtaken_by_so_many() {
    let (mut a, mut b) = line(
        5,
        Faults {
            delay: 1.0,
            delay_frames: 3,
            ..NONE
        },
    );
    let mut came = Vec::new();
    a.copy_tx(&[0, 0]);
    collect(&mut b, &mut came);
    b.set_faults(NONE, NONE);
    for number in 1..=5u16 {
        a.copy_tx(&number.to_be_bytes());
        collect(&mut b, &mut came);
    }
    assert_eq!(came, [1, 2, 3, 0, 4, 5]);
}

#[test]
fn one_bit_flips() {
    let (mut a, mut b) = line(
        6,
        Faults {
            corruption: 1.0,
            ..NONE
        },
    );
    for _ in 0..100 {
        a.copy_tx(&[0; 90]);
        let mut burst = Burst::new();
        b.rx_burst(&mut burst);
        let bits: u32 = burst[0]
            .bytes()
            .iter()
            .map(|octet| octet.count_ones())
            .sum();
        assert_eq!(bits, 1);
    }
}

#[test]
fn sending_meets_faults_too_and_a_cut_line_carries_nothing() {
    let (a, b) = mem::pair(1024);
    let mut a = a.open().unwrap();
    let lossy = Faults { loss: 0.5, ..NONE };
    let mut b = Faulty::new(b.open().unwrap(), 9, NONE, lossy).unwrap();
    (0..100).for_each(|_| b.copy_tx(&[1; 60]));
    let lost = b.switch().counts().lost;
    assert!((30..70).contains(&lost), "{lost}");
    let mut came = Vec::new();
    (0..3).for_each(|_| collect(&mut a, &mut came));
    assert_eq!(came.len() as u64, 100 - lost);

    let switch = b.switch();
    switch.cut();
    b.set_faults(NONE, NONE);
    b.copy_tx(&[2; 60]);
    a.copy_tx(&[3; 60]);
    came.clear();
    collect(&mut a, &mut came);
    collect(&mut b, &mut came);
    assert_eq!((came.len(), switch.counts().cut), (0, 2));
    switch.fix();
    b.copy_tx(&[4; 60]);
    collect(&mut a, &mut came);
    assert_eq!(came, [0x0404]);
}

#[test]
fn no_buffer_is_kept() {
    let (mut a, mut b) = line(
        10,
        Faults {
            delay: 0.5,
            delay_frames: 9,
            ..NONE
        },
    );
    let mut came = Vec::new();
    for _ in 0..300 {
        a.copy_tx(&[1; 60]);
        collect(&mut b, &mut came);
    }
    (0..20).for_each(|_| collect(&mut b, &mut came));
    assert_eq!(came.len(), 300);
    let pool = b.inner().pool();
    assert_eq!(pool.free(), pool.count());
}
