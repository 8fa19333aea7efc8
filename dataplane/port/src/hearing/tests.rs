use std::sync::Arc;

use super::{Deaf, Hearing, Needs, Watch};
use crate::{figures::Figures, iface::Interface};

/// A watch over a port that has bound interface 3 and these queues.
fn watch(needs: Needs, queues: u64) -> Watch {
    let hearing = Arc::new(Hearing::default());
    hearing.bound(3, queues);
    Watch::new(&Interface::named("any0").unwrap(), hearing, needs).unwrap()
}

const WELL: Figures = Figures {
    index: 3,
    is_up: true,
    has_carrier: true,
    is_running: true,
    operstate: crate::figures::OperState::Up,
    mtu: 1500,
    promiscuity: 1,
    rx_queues: Some(2),
    rx_frames: 0,
    rx_errors: 0,
    rx_dropped: 0,
    rx_missed: 0,
    rx_nohandler: 0,
};

#[test]
fn a_port_is_deaf_for_the_first_reason_that_there_is() {
    use Needs::{Addresses, AddressesAndQueues, Nothing};
    let unread = |queues, heard| Some(Deaf::QueuesBeyondOurs { queues, heard });
    let filtered = Figures {
        promiscuity: 0,
        ..WELL
    };
    let down = Figures {
        is_running: false,
        ..filtered
    };
    let replaced = Figures { index: 4, ..down };
    let queues = |rx_queues| Figures { rx_queues, ..WELL };
    let cases = [
        (AddressesAndQueues, 0b11, WELL, None),
        (AddressesAndQueues, 0b111, WELL, None),
        (AddressesAndQueues, 0b01, WELL, unread(2, 1)),
        (AddressesAndQueues, 0b10, WELL, unread(2, 1)),
        (AddressesAndQueues, 0b11, queues(Some(4)), unread(4, 2)),
        (AddressesAndQueues, 0b11, queues(None), None),
        (AddressesAndQueues, u64::MAX, queues(Some(64)), None),
        (
            AddressesAndQueues,
            u64::MAX,
            queues(Some(65)),
            unread(65, 64),
        ),
        (AddressesAndQueues, 0, filtered, Some(Deaf::NotPromiscuous)),
        (AddressesAndQueues, 0, down, Some(Deaf::LinkDown)),
        (AddressesAndQueues, 0b11, replaced, Some(Deaf::Replaced)),
        (Addresses, 0, WELL, None),
        (Addresses, 0, filtered, Some(Deaf::NotPromiscuous)),
        (Addresses, 0, down, Some(Deaf::LinkDown)),
        (Nothing, 0, filtered, None),
        (Nothing, 0, replaced, Some(Deaf::LinkDown)),
    ];
    for (number, (needs, heard, figures, deaf)) in cases.into_iter().enumerate() {
        assert_eq!(watch(needs, heard).judge(&figures), deaf, "case {number}");
    }
}

#[test]
fn workers_hear_together() {
    let hearing = Hearing::default();
    hearing.bound(3, 0b101);
    hearing.bound(3, 0b010);
    assert_eq!(hearing.queues(), 0b111);
    hearing.unbound(0b101);
    assert_eq!(hearing.queues(), 0b010);
    let before = hearing.asked();
    hearing.ask_for_queues();
    assert_ne!(hearing.asked(), before);
}

#[test]
fn every_reason_has_a_name_and_a_way_out() {
    let reasons = [
        (Deaf::Gone, "gone"),
        (Deaf::Replaced, "replaced"),
        (Deaf::LinkDown, "link_down"),
        (Deaf::NotPromiscuous, "not_promiscuous"),
        (
            Deaf::QueuesBeyondOurs {
                queues: 4,
                heard: 2,
            },
            "queues_unread",
        ),
    ];
    for (reason, name) in reasons {
        assert_eq!(reason.name(), name);
        assert!(reason.to_string().starts_with("the interface"));
    }
    assert!(reasons[4].0.to_string().contains("4 receive queues"));
}

#[test]
fn an_interface_that_is_not_there_is_gone() {
    let look = watch(Needs::Addresses, 0).look();
    assert_eq!((look.figures, look.deaf), (None, Some(Deaf::Gone)));
    // The TAP may have moved to another network namespace.
    assert_eq!(watch(Needs::Nothing, 0).look().deaf, None);
}
