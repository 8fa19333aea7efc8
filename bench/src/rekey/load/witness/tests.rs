use std::hint::black_box;

use super::*;
use crate::rekey::rig::cores::Cores;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Runs this work beside a witness of its core. Returns its result, or `None` where real-time
/// priority is not permitted, so that there is nothing to test.
fn beside_a_witness<T: Send + 'static>(
    work: impl FnOnce(&Witnesses) -> T + Send + 'static,
) -> Option<T> {
    let on_its_core = move || {
        let cores = Cores::part(false)
            .expect("cores")
            .of_frames()
            .expect("cores");
        let witnesses = Witnesses::start(cores.get(..1)?)?;
        pin(cores[0]).expect("a core of this machine");
        Some(work(&witnesses))
    };
    let seen = thread::spawn(on_its_core).join().expect("no panic");
    if seen.is_none() {
        eprintln!("skipped: real-time priority needs CAP_SYS_NICE");
    }
    seen
}

#[test]
fn a_busy_thread_on_the_core_is_no_standstill_of_the_machine() {
    let quiet = |witnesses: &Witnesses| {
        // The machine may stand still by itself meanwhile: it does not each time. Work in memory
        // would slow down what needs memory.
        let mut memory = vec![0_u8; 64 << 20];
        (0..100).any(|_| {
            witnesses.record();
            let begun = Instant::now();
            let mut at = 0_usize;
            while begun.elapsed() < ms(30) {
                at = (at + 4_099 * 64) % memory.len();
                memory[at] = memory[at].wrapping_add(1);
                black_box(&memory);
            }
            witnesses.take().is_empty()
        })
    };
    if let Some(quiet) = beside_a_witness(quiet) {
        assert!(
            quiet,
            "30 ms of work count as a standstill in each of 100 runs"
        );
    }
}

#[test]
fn wakes_are_written_down_while_a_run_is_on() {
    let wakes = |witnesses: &Witnesses| {
        let written = || witnesses.witnesses[0].wakes.try_iter().count();
        thread::sleep(ms(20));
        let before = written();
        witnesses.record();
        thread::sleep(ms(200));
        let meanwhile = written();
        witnesses.take();
        thread::sleep(ms(20));
        witnesses.record();
        (before, meanwhile, written())
    };
    if let Some((before, meanwhile, after)) = beside_a_witness(wakes) {
        assert_eq!(before, 0);
        assert!((10..=800).contains(&meanwhile), "{meanwhile} in 200 ms");
        assert!(after <= 1, "{after} of before the run");
    }
}
