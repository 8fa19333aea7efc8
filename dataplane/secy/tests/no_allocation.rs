//! Checks with a counting allocator that the frame path does not allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gcm::Engine;
use secy::{
    Protection, RxConfig, RxSa, RxScs, SaId, Sak, Salt, Slot, Suite, TxSa, TxSc, TxScConfig,
    ValidateFrames,
};
use wire::{An, MacAddr, Sci, Ssci};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: the system allocator does all the work. The counter is a plain thread-local cell, which
// neither allocates nor has a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `work` runs.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn makings(suite: Suite) -> (SaId, Sak, Salt) {
    let id = SaId {
        an: An::ZERO,
        epoch: 1,
    };
    let octets = vec![7; suite.key_len()];
    (
        id,
        Sak::from_slice(suite, &octets).expect("the suite's length"),
        Salt([7; 12]),
    )
}

fn ends(engine: Engine, suite: Suite, clear_vlan_tags: u8, port: u16) -> (TxSc, RxScs) {
    let sci = Sci::new(MacAddr([2, 0, 0, 0, 0, 0x0a]), port);
    let mut tx = TxSc::new(TxScConfig {
        sci,
        explicit_sci: true,
        protection: Protection::Confidentiality,
        clear_vlan_tags,
        frame_len_max: 1546,
    });
    let (id, sak, salt) = makings(suite);
    tx.install(TxSa::new(id, suite, &sak, salt, Ssci(1), engine));
    let validate = ValidateFrames::Strict;
    let mut rx = RxScs::new(RxConfig {
        replay_window: 64,
        validate,
        clear_vlan_tags,
    });
    let (id, sak, salt) = makings(suite);
    rx.install(sci, RxSa::new(id, suite, &sak, salt, Ssci(1), engine))
        .expect("the first SA");
    (tx, rx)
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(Vec::<u8>::with_capacity(9))), 1);
}

#[test]
fn protect_and_validate_allocate_nothing() {
    for engine in Engine::available() {
        for suite in Suite::ALL {
            for clear_vlan_tags in [0, 2] {
                let (mut tx, mut rx) = ends(engine, suite, clear_vlan_tags, 1);
                let mut rooms = vec![vec![0_u8; 2048]; 80];
                for round in 0..4 {
                    let mut slots: Vec<Slot<'_>> = rooms
                        .iter_mut()
                        .enumerate()
                        .map(|(n, room)| {
                            room[76..84].copy_from_slice(&[0x81, 0, 0, 5, 0x88, 0xa8, 0, 6]);
                            // Some frames are too short, some too long.
                            Slot::new(room, 64, 64 + n * 22)
                        })
                        .collect();
                    assert_eq!(
                        allocations(|| {
                            tx.protect(&mut slots);
                        }),
                        0,
                        "protect by {engine}"
                    );
                    if round == 1 {
                        tx.retire();
                    }
                    assert_eq!(
                        allocations(|| {
                            rx.validate(&mut slots);
                        }),
                        0,
                        "validate by {engine}"
                    );
                    for slot in &mut slots {
                        slot.discard = None;
                    }
                    // Frames that are no longer valid: wrong tags and replays.
                    assert_eq!(
                        allocations(|| {
                            rx.validate(&mut slots);
                        }),
                        0,
                        "validate by {engine}"
                    );
                }
                assert!(tx.counters().passed() > 100 && tx.counters().discarded() > 5);
                assert!(rx.counters().passed() > 100 && rx.counters().discarded() > 100);
            }
        }
    }
}
