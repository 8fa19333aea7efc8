use std::time::Duration;

use port::LinkState::{Down, Gone, Up};
use worker::Side::{Black, Red};

use super::{LinkLoss, Order, State};
use crate::limits::{LINK_BACK_AFTER, LINK_LOST_AFTER, LINK_SETTLE};

const STEP: Duration = Duration::from_millis(10);

struct Story {
    links: LinkLoss,
    now: Duration,
}

impl Story {
    fn new() -> Self {
        let now = Duration::from_secs(5);
        let links = LinkLoss::new(now);
        Self { links, now }
    }

    /// Both links have been up for a while.
    fn well() -> Self {
        let mut story = Self::new();
        assert_eq!(story.for_time([Up, Up], LINK_SETTLE), []);
        assert_eq!(story.links.state, State::Well);
        story
    }

    /// Keeps the links in this state for a time, and returns the orders.
    fn for_time(&mut self, links: [port::LinkState; 2], time: Duration) -> Vec<Order> {
        let end = self.now + time;
        let mut orders = Vec::new();
        while self.now < end {
            self.now += STEP;
            orders.extend(self.links.on_look(self.now, links));
        }
        orders
    }
}

fn down(side: worker::Side) -> Order {
    Order { side, up: false }
}

fn up(side: worker::Side) -> Order {
    Order { side, up: true }
}

#[test]
fn a_lasting_loss_takes_the_other_port_down_and_a_lasting_return_releases_it() {
    for (links, ours) in [([Up, Down], Red), ([Up, Gone], Red), ([Down, Up], Black)] {
        let mut story = Story::well();
        let lost = story.for_time(links, LINK_LOST_AFTER + 2 * STEP);
        assert_eq!(lost, [down(ours)], "{links:?}");
        assert_eq!(story.links.held(), Some(ours));
        // The port that we hold down is down. That never leads to an order.
        assert_eq!(story.for_time([Down, Down], LINK_SETTLE * 3), []);
        let back = if ours == Red { [Down, Up] } else { [Up, Down] };
        assert_eq!(story.for_time(back, LINK_BACK_AFTER / 2), []);
        assert_eq!(story.for_time(back, LINK_BACK_AFTER), [up(ours)]);
        // The released port takes its time to come up.
        assert_eq!(story.for_time(back, LINK_SETTLE / 2), []);
        assert_eq!(story.for_time([Up, Up], LINK_SETTLE * 2), []);
        assert_eq!(story.links.state, State::Well);
    }
}

#[test]
fn a_short_loss_is_not_forwarded() {
    let mut story = Story::well();
    for _ in 0..50 {
        assert_eq!(story.for_time([Up, Down], LINK_LOST_AFTER / 2), []);
        assert_eq!(story.for_time([Up, Up], STEP), []);
    }
    assert_eq!(story.for_time([Up, Down], LINK_LOST_AFTER * 2), [down(Red)]);
    for _ in 0..50 {
        assert_eq!(story.for_time([Down, Up], LINK_BACK_AFTER / 2), []);
        assert_eq!(story.for_time([Down, Down], STEP), []);
    }
    assert_eq!(story.links.held(), Some(Red));
}

#[test]
fn the_loss_of_both_links_is_forwarded_only_after_one_is_back() {
    let mut story = Story::well();
    assert_eq!(story.for_time([Down, Down], LINK_SETTLE * 2), []);
    assert_eq!(story.for_time([Down, Up], STEP * 2), [down(Black)]);
}

#[test]
fn a_released_port_that_does_not_come_up_is_lost_itself() {
    let mut story = Story::well();
    story.for_time([Up, Down], LINK_LOST_AFTER * 2);
    let orders = story.for_time([Down, Up], LINK_BACK_AFTER + LINK_SETTLE * 2);
    assert_eq!(orders, [up(Red), down(Black)]);
    assert_eq!(story.for_time([Up, Down], LINK_BACK_AFTER * 2), [up(Black)]);
}

#[test]
fn links_have_time_to_come_up_at_the_start() {
    let mut story = Story::new();
    assert_eq!(story.for_time([Up, Down], LINK_SETTLE / 2), []);
    assert_eq!(story.for_time([Up, Up], STEP), []);
    assert_eq!(story.links.state, State::Well);
    let mut story = Story::new();
    assert_eq!(story.for_time([Up, Down], LINK_SETTLE * 2), [down(Red)]);
}
