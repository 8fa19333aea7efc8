use std::time::Duration;

use port::LinkState::{self, Down, Gone, Up};
use worker::Side::{self, Black, Red};

use super::{Change, Links};
use crate::limits::{LINK_BACK_AFTER, LINK_LOST_AFTER};

const STEP: Duration = Duration::from_millis(10);

struct Story {
    links: Links,
    now: Duration,
}

impl Story {
    fn new() -> Self {
        Self {
            links: Links::new(Duration::ZERO),
            now: Duration::ZERO,
        }
    }

    /// Keeps the links in these states for a time, `held` or not; returns the logged changes.
    fn for_time(
        &mut self,
        links: [LinkState; 2],
        held: Option<Side>,
        time: Duration,
    ) -> Vec<(Side, LinkState)> {
        let end = self.now + time;
        let mut reported = Vec::new();
        while self.now < end {
            self.now += STEP;
            let changes = self.links.on_look(self.now, links, held);
            reported.extend(changes.map(|Change { side, state, .. }| (side, state)));
        }
        reported
    }
}

#[test]
fn a_loss_and_a_return_are_reported_once_each() {
    let mut story = Story::new();
    let long = LINK_BACK_AFTER * 5;
    assert_eq!(story.for_time([Up, Up], None, long), []);
    assert_eq!(story.for_time([Up, Down], None, LINK_LOST_AFTER / 2), []);
    assert_eq!(story.for_time([Up, Down], None, long), [(Black, Down)]);
    assert_eq!(story.for_time([Up, Gone], None, long), [(Black, Gone)]);
    assert_eq!(story.links.since(story.now, Black), long - STEP);
    assert_eq!(story.for_time([Up, Up], None, LINK_BACK_AFTER / 2), []);
    assert_eq!(story.for_time([Up, Up], None, long), [(Black, Up)]);
    assert_eq!([Red, Black].map(|side| story.links.losses(side)), [0, 1]);
}

#[test]
fn a_link_that_is_down_at_the_start_is_reported() {
    let mut story = Story::new();
    let reported = story.for_time([Down, Gone], None, LINK_LOST_AFTER * 2);
    assert_eq!(reported, [(Red, Down), (Black, Gone)]);
}

#[test]
fn a_short_loss_is_not_reported() {
    let mut story = Story::new();
    for _ in 0..50 {
        assert_eq!(story.for_time([Up, Down], None, LINK_LOST_AFTER / 2), []);
        assert_eq!(story.for_time([Up, Up], None, STEP), []);
    }
    assert_eq!(story.links.losses(Black), 0);
}

#[test]
fn a_port_that_we_hold_down_is_not_reported() {
    let mut story = Story::new();
    let long = LINK_BACK_AFTER * 5;
    assert_eq!(story.for_time([Up, Down], None, long), [(Black, Down)]);
    assert_eq!(story.for_time([Down, Down], Some(Red), long), []);
    assert_eq!(story.for_time([Down, Up], Some(Red), long), [(Black, Up)]);
    assert_eq!(story.for_time([Up, Up], None, long), []);
    assert_eq!([Red, Black].map(|side| story.links.losses(side)), [0, 1]);
}

#[test]
fn a_change_gives_the_time_in_the_previous_state() {
    let mut links = Links::new(Duration::ZERO);
    let mut last = None;
    for ms in 0..6000 {
        let state = if (1000..4000).contains(&ms) { Down } else { Up };
        let now = Duration::from_millis(ms);
        last = links.on_look(now, [Up, state], None).last().or(last);
    }
    let change = last.unwrap();
    assert_eq!((change.side, change.state), (Black, Up));
    assert_eq!(change.after, Duration::from_secs(3));
}
