//! Every state, its place in the order, and the text of the sentence.

use std::time::Duration;

use port::LinkState::{Down, Gone, Up};
use rekey::{
    Cause, DirectionStatus, KeyFailure, KeyStatus, Origin, SessionState, SessionStatus,
    ShortageStage, Shortfall,
};
use wire::{An, KeyId};
use worker::Side;

use super::{Facts, Headline, PortFacts, State, TABLE, headline};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn with_key(age: Duration) -> DirectionStatus {
    DirectionStatus {
        stage: "waiting",
        supply: ShortageStage::Normal,
        supply_for: Some(secs(60)),
        supply_changes: Some(1),
        interval: Some(secs(3)),
        shortfall: None,
        key: Some(KeyStatus {
            an: An::new(1).unwrap(),
            epoch: 5,
            key_id: KeyId::from_bytes(b"key-1").unwrap(),
            origin: Origin::Modelled,
            root: 1,
            age,
        }),
        switches: 5,
        recent: Vec::new(),
        failures: 0,
        trouble: None,
    }
}

fn without_key(status: &DirectionStatus) -> DirectionStatus {
    DirectionStatus {
        key: None,
        ..status.clone()
    }
}

/// A box without a problem; tests add problems.
struct Well {
    session: SessionStatus,
    tx: DirectionStatus,
    rx: DirectionStatus,
}

impl Well {
    fn new() -> Self {
        Self {
            session: SessionStatus {
                state: SessionState::Agreed,
                peer: None,
                peer_scis: 1,
                silence: Some(secs(1)),
            },
            tx: with_key(secs(2)),
            rx: with_key(secs(1)),
        }
    }

    fn facts(&self) -> Facts<'_> {
        let port = |interface| PortFacts {
            interface,
            link: Up,
            since: secs(100),
            deaf: None,
        };
        Facts {
            uptime: secs(100),
            fault: None,
            ports: [port("eth1"), port("eth2")],
            held: None,
            disagreement: None,
            mismatch: None,
            peer: "site-b",
            session: &self.session,
            only_forged: false,
            rekey_on_red: false,
            tx: &self.tx,
            rx: &self.rx,
            interval: secs(3),
            unrecorded: None,
            ledger_lost: None,
        }
    }
}

/// Checks the state, and that the sentence contains these words.
fn assert_headline(headline: &Headline, state: State, words: &[&str]) {
    assert_eq!(headline.state, state, "{headline:?}");
    let reason = headline.reason.clone().unwrap_or_default();
    for words in words {
        assert!(reason.contains(words), "{words:?} in {reason:?}");
    }
}

#[test]
fn the_table_has_a_row_for_each_state_in_their_order() {
    for (state, row) in State::ALL.into_iter().zip(&TABLE) {
        assert_eq!(state.name(), row.name);
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(json, format!("\"{}\"", state.name()));
        assert_eq!(
            state.words().to_lowercase().contains("degraded") || state == State::Encrypting,
            state.passes()
        );
    }
}

#[test]
fn a_healthy_encryptor_has_no_reason() {
    let headline = headline(&Well::new().facts());
    assert_eq!(headline.state, State::Encrypting);
    assert_eq!((headline.reason, headline.stops_in), (None, None));
}

#[test]
fn a_link_that_is_down_is_reported_before_its_consequences() {
    let mut well = Well::new();
    well.session.state = SessionState::Lost;
    well.tx = without_key(&well.tx);
    let mut facts = well.facts();
    facts.ports[1].link = Down;
    facts.ports[1].since = secs(300);
    assert_headline(
        &headline(&facts),
        State::LineDown,
        &["black (eth2)", "no link", "5m"],
    );
    facts.ports[1].link = Gone;
    assert_headline(&headline(&facts), State::LineDown, &["eth2", "gone"]);
    facts.ports[1].link = Up;
    facts.ports[0].link = Down;
    assert_headline(
        &headline(&facts),
        State::RedDown,
        &["red (eth1)", "no link"],
    );
    facts.ports[0].interface = "";
    assert_headline(&headline(&facts), State::RedDown, &["red has had no link"]);
}

#[test]
fn a_port_that_we_hold_down_is_not_the_reason() {
    let well = Well::new();
    let mut facts = well.facts();
    facts.ports = facts.ports.map(|port| PortFacts { link: Down, ..port });
    facts.held = Some(Side::Red);
    assert_headline(
        &headline(&facts),
        State::LineDown,
        &["black (eth2)", "red is held down"],
    );
    facts.held = Some(Side::Black);
    assert_headline(
        &headline(&facts),
        State::RedDown,
        &["red (eth1)", "black is held down"],
    );
    // The line is up again, but red is still down: no frame passes yet.
    facts.held = Some(Side::Red);
    facts.ports[1].link = Up;
    assert_headline(
        &headline(&facts),
        State::LineDown,
        &["black (eth2) has been up", "red is held down"],
    );
}

#[test]
fn reasons_that_stop_frames_have_an_order() {
    let well = Well::new();
    let mut facts = well.facts();
    facts.disagreement = Some("the ends disagree on the MTU");
    assert_headline(&headline(&facts), State::Disagree, &["MTU"]);
    facts.ports[0].deaf = Some("2 queues of 4 are heard");
    assert_headline(&headline(&facts), State::CannotHear, &["red: 2 queues"]);
    facts.ports[1].link = Down;
    assert_headline(&headline(&facts), State::LineDown, &[]);
    facts.fault = Some("a frame worker has died");
    assert_headline(&headline(&facts), State::Faulty, &["worker has died"]);
}

#[test]
fn different_settings_degrade_a_box_that_encrypts() {
    let well = Well::new();
    let mut facts = well.facts();
    facts.mismatch = Some("red.mtu is 9000 at the peer");
    assert_headline(&headline(&facts), State::Degraded, &["red.mtu"]);
    facts.disagreement = Some("another suite");
    assert_headline(&headline(&facts), State::Disagree, &["suite"]);
}

#[test]
fn a_session_begins_and_may_be_lost() {
    let mut well = Well::new();
    well.session.state = SessionState::Searching;
    let mut facts = well.facts();
    facts.uptime = secs(3);
    assert_headline(&headline(&facts), State::Starting, &["site-b"]);
    facts.uptime = secs(30);
    assert_headline(&headline(&facts), State::NoPeer, &["site-b has not proved"]);
    facts.only_forged = true;
    assert_headline(&headline(&facts), State::NoPeer, &["pair.psk"]);
    facts.rekey_on_red = true;
    assert_headline(&headline(&facts), State::NoPeer, &["red and black swapped"]);
    well.session.state = SessionState::Lost;
    well.session.silence = Some(secs(31));
    assert_headline(
        &headline(&well.facts()),
        State::PeerLost,
        &["site-b", "31s"],
    );
}

#[test]
fn a_direction_without_a_key_is_named_with_the_reason() {
    let mut well = Well::new();
    well.rx = without_key(&well.rx);
    well.rx.trouble = Some((Cause::Key(KeyFailure::NotFound), secs(50)));
    assert_headline(
        &headline(&well.facts()),
        State::NoKey,
        &["receive", "does not know"],
    );
    well.tx = without_key(&well.tx);
    well.tx.supply = ShortageStage::Blocked;
    well.tx.trouble = Some((Cause::Key(KeyFailure::Unreachable), secs(50)));
    assert_headline(
        &headline(&well.facts()),
        State::NoKey,
        &["send", "does not answer"],
    );
    well.tx.switches = 0;
    let mut facts = well.facts();
    facts.uptime = secs(2);
    assert_headline(&headline(&facts), State::Starting, &["send"]);
}

#[test]
fn a_shortage_has_a_reason_and_an_end() {
    let mut well = Well::new();
    let cause = Some(Cause::Key(KeyFailure::NoKeys));
    let shortfall = Shortfall {
        cause,
        in_time: 0,
        needed: 2,
        better_in: secs(30),
        stops_in: Some(secs(270)),
    };
    well.tx.supply = ShortageStage::Sparse;
    well.tx.shortfall = Some(shortfall);
    well.tx.interval = Some(secs(60));
    let sparse = headline(&well.facts());
    let words = [
        "has no keys",
        "1m instead of 3.0 s",
        "2 more keys",
        "in 30s at",
    ];
    assert_headline(&sparse, State::Degraded, &words);
    assert_eq!(sparse.stops_in, Some(secs(270)));

    well.tx.shortfall = Some(Shortfall {
        in_time: 1,
        ..shortfall
    });
    assert_headline(
        &headline(&well.facts()),
        State::Degraded,
        &["1 more key has"],
    );

    well.tx = DirectionStatus {
        supply: ShortageStage::Held,
        ..well.tx.clone()
    };
    assert_headline(
        &headline(&well.facts()),
        State::Degraded,
        &["traffic stops in 4m 30s"],
    );
    well.tx = DirectionStatus {
        supply: ShortageStage::Pqc,
        ..well.tx.clone()
    };
    assert_headline(
        &headline(&well.facts()),
        State::Degraded,
        &["ML-KEM", "alone"],
    );
}

#[test]
fn a_late_key_is_reported_for_any_reason() {
    let mut well = Well::new();
    well.tx = with_key(secs(5));
    well.tx.trouble = Some((Cause::NoReady, secs(96)));
    assert_eq!(
        headline(&well.facts()).state,
        State::Encrypting,
        "a short delay"
    );
    well.tx = DirectionStatus {
        key: with_key(secs(20)).key,
        ..well.tx
    };
    assert_headline(
        &headline(&well.facts()),
        State::Degraded,
        &["20s old", "does not answer offers"],
    );

    let mut well = Well::new();
    well.rx.trouble = Some((Cause::Key(KeyFailure::NotFound), secs(97)));
    assert_eq!(
        headline(&well.facts()).state,
        State::Encrypting,
        "a short delay"
    );
    well.rx.trouble = Some((Cause::Key(KeyFailure::NotFound), secs(70)));
    assert_headline(
        &headline(&well.facts()),
        State::Degraded,
        &["in for 30s", "does not know"],
    );
}

#[test]
fn a_lost_file_of_the_ledger_is_reported_for_an_hour() {
    let well = Well::new();
    let after = |since| {
        headline(&Facts {
            ledger_lost: Some((since, "it was truncated")),
            ..well.facts()
        })
    };
    assert_headline(&after(secs(7)), State::Degraded, &["it was truncated"]);
    assert_headline(&after(secs(3600)), State::Encrypting, &[]);
}

#[test]
fn unrecorded_keys_are_reported_while_frames_pass() {
    let well = Well::new();
    let facts = Facts {
        unrecorded: Some((secs(12), "No space left on device")),
        ..well.facts()
    };
    let words = ["unrecorded for 12s", "No space left", "fix: make room"];
    assert_headline(&headline(&facts), State::Degraded, &words);
}
