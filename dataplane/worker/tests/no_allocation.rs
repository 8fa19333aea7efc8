//! Style rule 9: nothing on the frame path allocates.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test")]

mod line;

use line::crew::{Crew, rotate};
use line::{Sites, red_frame, rekey_frame};
use port::Port;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use worker::{Action, Policy, Rule};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: all memory comes from the system allocator; the counter does not touch it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on unchanged.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

#[test]
fn the_frame_path_does_not_allocate() {
    assert!(
        allocations(|| drop(std::hint::black_box(Box::new(5)))) > 0,
        "the count counts"
    );
    let mut sites = Sites::new();
    sites.rotate(1);
    let (frame, hello) = (red_frame(1, 200), rekey_frame(1, 128));
    for round in 0..20 {
        for _ in 0..200 {
            sites.a.host_sends(&frame);
            sites.at_b.copy_tx(&frame); // dropped: no SecTAG
        }
        sites.a.control.send(&hello).unwrap();
        let sealing = allocations(|| sites.a.breathe());
        for on_line in line::receive(&mut sites.at_a) {
            sites.at_b.copy_tx(&on_line);
            sites.at_b.copy_tx(&on_line); // a duplicate
        }
        let opening = allocations(|| sites.b.breathe());
        let idle = allocations(|| {
            for _ in 0..200 {
                sites.b.worker.poll(); // publishes three times
            }
        });
        assert_eq!(sites.b.host_receives().len(), 200);
        assert!(sites.b.control.recv().is_some());
        while sites.b.control.recv().is_some() {}
        assert_eq!((sealing, opening, idle), (0, 0, 0), "round {round}");
    }
}

#[test]
fn what_bypasses_or_is_handed_over_does_not_allocate_either() {
    let rule = Rule {
        ethertype: Some(0x88CC),
        action: Action::Bypass,
        ..Rule::default()
    };
    let policy = Policy::new(&[rule], Action::Protect).unwrap();
    let [mut a, mut b] = [0xA, 0xB].map(|name| Crew::with(name, 2, &policy, 1));
    rotate(&mut a, &mut b, 1);
    let mut bypassed = red_frame(2, 100);
    bypassed[12..14].copy_from_slice(&[0x88, 0xCC]);
    for round in 0..20 {
        for member in &mut a.members {
            for _ in 0..100 {
                member.host.copy_tx(&red_frame(1, 200));
                member.host.copy_tx(&bypassed);
            }
        }
        let sealing = allocations(|| a.breathe());
        // Every frame goes to the wrong worker.
        for at in 0..2 {
            for frame in line::receive(&mut a.members[at].line) {
                b.members[1 - at].line.copy_tx(&frame);
            }
        }
        let opening = allocations(|| b.breathe());
        assert_eq!(b.arrived().concat().len(), 400);
        assert_eq!((sealing, opening), (0, 0), "round {round}");
    }
    assert!(b.total(|n| n.worker.handed_over) > 0);
}
