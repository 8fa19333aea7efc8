use std::time::Duration;

use rekey::{Direction, Ended, Event, Origin};
use secy::{SaId, Suite};
use tracing::Level;
use wire::{An, KeyId, MacAddr};

use super::{Journal, LINES_MAX, Line, SUM_UP_EVERY, event_text};

fn switched(direction: Direction, epoch: u32) -> Event {
    let id = |epoch: u32| SaId {
        an: An::new((epoch % 4) as u8).unwrap(),
        epoch,
    };
    Event::Switched {
        direction,
        id: id(epoch),
        key_id: KeyId::from_bytes(b"key-1").unwrap(),
        origin: Origin::Modelled,
        root: 1,
        previous: (epoch > 1).then(|| id(epoch - 1)),
        previous_age: None,
    }
}

#[test]
fn a_healthy_minute_is_one_log_line() {
    let mut journal = Journal::new();
    for epoch in 1..=21 {
        for direction in [Direction::Tx, Direction::Rx] {
            let event = switched(direction, epoch);
            let expected = if epoch == 1 {
                Level::INFO
            } else {
                Level::DEBUG
            };
            assert_eq!(event_text(&event).0, expected);
            journal.enter(Duration::from_secs(3) * epoch, &event);
        }
    }
    let took = Duration::from_millis(3);
    assert_eq!(
        event_text(&Event::Ratcheted { root: 1, took }).0,
        Level::INFO
    );
    assert_eq!(
        event_text(&Event::Ratcheted { root: 2, took }).0,
        Level::DEBUG
    );
    journal.enter(SUM_UP_EVERY, &Event::Ratcheted { root: 2, took });
    let text = journal.sum_up(SUM_UP_EVERY).unwrap();
    assert_eq!(text, "in the last 60 s: keys: 20 out, 20 in; root 2");
    assert_eq!(journal.sum_up(SUM_UP_EVERY), None, "each is reported once");
    // Status keeps only the first keys of all these events.
    assert_eq!(journal.last().len(), 2);
}

#[test]
fn repeated_lines_are_counted() {
    let mut journal = Journal::new();
    let line = || Line {
        level: Level::WARN,
        kind: "failed offers",
        text: "out: offer abandoned".to_owned(),
    };
    for _ in 0..LINES_MAX {
        journal.log(Duration::ZERO, line());
    }
    assert_eq!(journal.sum_up(SUM_UP_EVERY), None);
    for _ in 0..LINES_MAX + 5 {
        journal.log(Duration::ZERO, line());
    }
    assert_eq!(
        journal.sum_up(SUM_UP_EVERY).as_deref(),
        Some("in the last 60 s: 5 more lines on failed offers")
    );
}

#[test]
fn many_failures_do_not_hide_their_end() {
    let mut journal = Journal::new();
    let kind = "answers of the KME";
    let line = |level, text: &str| Line {
        level,
        kind,
        text: text.to_owned(),
    };
    for _ in 0..LINES_MAX + 2 {
        journal.log(Duration::ZERO, line(Level::WARN, "no answer"));
    }
    assert_eq!(journal.lines[&(kind, Level::WARN)], LINES_MAX + 2);
    journal.log(Duration::ZERO, line(Level::INFO, "it answers again"));
    assert_eq!(journal.lines[&(kind, Level::INFO)], 1, "it is logged");
    let text = journal.sum_up(SUM_UP_EVERY).unwrap();
    assert!(
        text.ends_with("2 more lines on answers of the KME"),
        "{text}"
    );
}

#[test]
fn a_disagreement_lasts_as_long_as_the_session() {
    let mut journal = Journal::new();
    let [ours, theirs] = [Suite::ALL[0], Suite::ALL[1]];
    journal.enter(Duration::ZERO, &Event::SuiteMismatch { ours, theirs });
    let text = journal.disagreement().unwrap();
    assert!(
        text.contains(ours.name()) && text.contains(theirs.name()),
        "{text}"
    );
    let peer = MacAddr([2, 0, 0, 0, 0, 1]);
    journal.enter(
        Duration::ZERO,
        &Event::SessionEnded {
            peer,
            why: Ended::Renewed,
        },
    );
    assert_eq!(journal.disagreement(), None);
}

#[test]
fn a_mismatch_names_both_values_and_lasts_as_long_as_the_session() {
    let mut journal = Journal::new();
    let [ours, theirs] = [1500, 9000].map(|mtu| rekey::LineSettings {
        mtu,
        clear_vlan_tags: 0,
    });
    let mismatch = Event::SettingsMismatch { ours, theirs };
    journal.enter(Duration::ZERO, &mismatch);
    let text = journal.mismatch().unwrap();
    assert!(
        text.contains("red.mtu is 9000 at the peer and 1500 here"),
        "{text}"
    );
    assert_eq!(journal.disagreement(), None, "keys are agreed");
    let (peer, why) = (MacAddr([2, 0, 0, 0, 0, 1]), Ended::Bye);
    journal.enter(Duration::ZERO, &Event::SessionEnded { peer, why });
    assert_eq!(journal.mismatch(), None);
}
