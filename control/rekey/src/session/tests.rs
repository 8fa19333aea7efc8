//! Sessions frame by frame: who is adopted, and what a recorded frame can do.

use std::time::Duration;

use secy::Suite;
use wire::{MacAddr, Sci};

use super::{Change, Hello, Session, Untimely};
use crate::key_policy::KeyPolicy;
use crate::limits;
use crate::message::{Header, Nonce};
use crate::session_id::SessionId;
use crate::status::SessionState;

const NOW: Duration = Duration::from_secs(1);

fn session(seed: u8) -> Session {
    let mut n = seed;
    let entropy = Box::new(move |out: &mut [u8]| {
        for octet in out {
            n = n.wrapping_add(1);
            *octet = n;
        }
    });
    Session::new(limits::HELLO, limits::DEAD, entropy)
}

fn header(src: u8, dst: SessionId, ctr: u64) -> Header {
    Header {
        policy: KeyPolicy::Qkd,
        root_epoch: 0,
        sci: Sci::new(MacAddr([2, 0, 0, 0, 0, 9]), 1),
        tx_scs: 1,
        suite: Suite::GcmAesXpn256,
        src: SessionId([src; 8]),
        dst,
        ctr,
        tx_epoch: 0,
        rx_epoch: 0,
        rx_held: 0,
        interval: Duration::from_secs(3),
    }
}

const ADOPTED: Hello = Hello::Adopted { returned: false };
const THEIRS: Nonce = Nonce([0xCC; 16]);

/// A session that has adopted peer session 5 at counter 10, and is agreed.
fn agreed() -> Session {
    let mut us = session(0);
    let (nonce, _) = us.nonces();
    let adopted = us.on_hello(NOW, &header(5, us.id(), 10), THEIRS, nonce);
    assert_eq!(adopted, Ok((ADOPTED, Some(Change::Agreed))));
    us
}

#[test]
fn rekey_6_only_the_answer_to_our_nonce_is_adopted_and_once() {
    let mut us = session(0);
    let (nonce, _) = us.nonces();
    for wrong in [Nonce::NONE, Nonce([1; 16]), THEIRS] {
        let heard = us.on_hello(NOW, &header(5, us.id(), 1), THEIRS, wrong);
        assert_eq!(heard, Ok((Hello::Challenged, None)));
        assert_eq!(us.status(NOW).state, SessionState::Searching);
    }
    assert_eq!(
        us.nonces(),
        (nonce, THEIRS),
        "the same challenge is still out, theirs is answered"
    );
    let heard = us.on_hello(NOW, &header(5, SessionId::NONE, 2), THEIRS, nonce);
    assert_eq!(heard, Ok((ADOPTED, None)));
    assert_eq!(
        us.status(NOW).state,
        SessionState::Adopted,
        "it has not adopted us yet"
    );
    assert_ne!(us.nonces().0, nonce);
    let again = us.on_hello(NOW, &header(6, us.id(), 1), THEIRS, nonce);
    assert_eq!(again, Ok((Hello::Challenged, None)), "the nonce is spent");
    let known = us.on_hello(NOW, &header(5, us.id(), 3), THEIRS, Nonce::NONE);
    assert_eq!(known, Ok((Hello::Known, Some(Change::Agreed))));
}

#[test]
fn rekey_6_a_newer_session_replaces_an_older_and_never_the_other_way() {
    let mut us = agreed();
    let (nonce, _) = us.nonces();
    let newer = us.on_hello(NOW, &header(6, us.id(), 1), THEIRS, nonce);
    assert_eq!(newer, Ok((ADOPTED, Some(Change::Agreed))));
    let older = us.on_hello(NOW, &header(5, us.id(), 99), THEIRS, nonce);
    assert_eq!(older, Ok((Hello::Challenged, None)));
    assert_eq!(
        us.on_other(NOW, &header(5, us.id(), 100)),
        Err(Untimely::Stale)
    );
}

#[test]
fn rekey_8_and_9_other_frames_are_of_both_sessions_and_newer() {
    let mut us = agreed();
    assert_eq!(us.on_other(NOW, &header(5, us.id(), 11)), Ok(None));
    for (frame, error) in [
        (header(5, us.id(), 11), Untimely::Replayed),
        (header(5, us.id(), 10), Untimely::Replayed),
        (header(5, SessionId([9; 8]), 12), Untimely::Stale),
        (header(5, SessionId::NONE, 12), Untimely::Stale),
        (header(7, us.id(), 12), Untimely::Stale),
    ] {
        assert_eq!(us.on_other(NOW, &frame), Err(error));
    }
    assert_eq!(
        session(0).on_other(NOW, &header(5, us.id(), 1)),
        Err(Untimely::Stale)
    );
    let replayed = us.on_hello(NOW, &header(5, us.id(), 11), Nonce([1; 16]), Nonce::NONE);
    assert_eq!(replayed, Err(Untimely::Replayed));
    assert_eq!(
        us.nonces().1,
        THEIRS,
        "a replayed challenge is not answered"
    );
}

#[test]
fn rekey_14_silence_is_reported_once_and_ends_with_a_fresh_frame_only() {
    let mut us = agreed();
    let late = NOW + limits::DEAD;
    assert_eq!(us.on_time(late - Duration::from_millis(1)), None);
    assert_eq!(us.on_time(late), Some(Change::Lost { heard: NOW }));
    assert_eq!(us.on_time(late), None);
    assert!(us.far().is_some() && !us.agreed(), "the session is kept");
    assert_eq!(
        us.on_other(late, &header(5, us.id(), 10)),
        Err(Untimely::Replayed)
    );
    assert!(!us.agreed());
    assert_eq!(
        us.on_other(late, &header(5, us.id(), 11)),
        Ok(Some(Change::Resumed))
    );
    assert!(us.agreed());
}

#[test]
fn rekey_13_answers_to_strangers_are_rationed() {
    let mut us = agreed();
    assert!(us.hello_due(NOW), "adoption makes a HELLO due");
    let mut answers = 0;
    for n in 0..1000_u64 {
        let now = NOW + Duration::from_millis(n / 10);
        let _ = us.on_hello(now, &header(8, us.id(), n), THEIRS, Nonce::NONE);
        answers += u32::from(us.hello_due(now));
    }
    assert!(
        (30..=60).contains(&answers),
        "{answers} answers to 1000 frames in 100 ms"
    );
}

#[test]
fn rekey_t1_hellos_come_every_period_with_a_tenth_of_jitter() {
    let mut us = session(0);
    us.hello_now(NOW);
    let mut now = NOW;
    assert!(us.hello_due(now));
    for _ in 0..50 {
        let next = us.next_wake().expect("another HELLO");
        let period = (next - now).as_millis();
        assert!((225..=275).contains(&period), "{period} ms");
        assert!(!us.hello_due(next - Duration::from_millis(1)));
        assert!(us.hello_due(next));
        now = next;
    }
}

#[test]
fn rekey_15_after_bye_the_peer_must_prove_itself_again() {
    let mut us = agreed();
    let (nonce, _) = us.nonces();
    us.on_bye();
    assert_ne!(us.nonces().0, nonce);
    let heard = us.on_hello(NOW, &header(5, us.id(), 20), THEIRS, nonce);
    assert_eq!(heard, Ok((Hello::Challenged, None)));
}

/// Another session of the peer proves itself, and names our current session id.
fn adopt(us: &mut Session, now: Duration, src: u8, ctr: u64) -> Hello {
    let (nonce, _) = us.nonces();
    let heard = us.on_hello(now, &header(src, us.id(), ctr), THEIRS, nonce);
    heard.expect("a fresh frame").0
}

#[test]
fn rekey_54_a_pair_is_entered_only_once() {
    let mut us = agreed();
    let first = us.id();
    assert_eq!(adopt(&mut us, NOW, 6, 1), ADOPTED);
    assert_eq!(us.id(), first, "the pair with 6 is new");
    let (nonce, _) = us.nonces();
    let back = us.on_hello(NOW, &header(5, first, 11), THEIRS, nonce);
    assert_eq!(
        back,
        Ok((Hello::Adopted { returned: true }, None)),
        "5 has not adopted the new session yet"
    );
    assert_ne!(us.id(), first);
    assert_eq!(us.status(NOW).state, SessionState::Adopted);
    let known = us.on_hello(NOW, &header(5, us.id(), 12), THEIRS, Nonce::NONE);
    assert_eq!(known, Ok((Hello::Known, Some(Change::Agreed))));
}

#[test]
fn rekey_54_what_cannot_be_remembered_ends_our_session_too() {
    let mut us = agreed();
    let first = us.id();
    let mut now = NOW;
    let most = u8::try_from(limits::SESSIONS_LEFT_MAX).expect("small");
    for n in 1..most {
        now += limits::CHANGE_EVERY;
        assert_eq!(adopt(&mut us, now, 5 + n, 1), ADOPTED);
    }
    assert_eq!(us.id(), first);
    now += limits::CHANGE_EVERY;
    assert_eq!(adopt(&mut us, now, 5 + most, 1), ADOPTED);
    assert_ne!(us.id(), first);
}

#[test]
fn rekey_55_a_peer_that_names_another_session_has_forgotten_ours() {
    let mut us = agreed();
    let (first, (nonce, _)) = (us.id(), us.nonces());
    let other = SessionId([9; 8]);
    assert_eq!(
        us.on_hello(NOW, &header(5, other, 10), THEIRS, Nonce::NONE),
        Err(Untimely::Replayed),
        "recorded before the session was agreed"
    );
    for dst in [other, SessionId::NONE] {
        let heard = agreed().on_hello(NOW, &header(5, dst, 11), THEIRS, Nonce::NONE);
        assert_eq!(heard, Ok((Hello::Forgotten, None)));
    }
    us.renew(NOW);
    assert_eq!(us.status(NOW).state, SessionState::Searching);
    assert!(us.id() != first && us.nonces().0 != nonce && us.hello_due(NOW));
}

#[test]
fn rekey_57_sessions_take_turns_no_faster_than_hellos() {
    let mut us = agreed();
    let mut adopted = 0;
    for n in 0..1000_u64 {
        let now = NOW + Duration::from_millis(n);
        let src = if n % 2 == 0 { 6 } else { 7 };
        let (nonce, _) = us.nonces();
        // Neither peer session has adopted us.
        let hello = us.on_hello(now, &header(src, SessionId::NONE, n + 1), THEIRS, nonce);
        let hello = hello.expect("a fresh frame").0;
        adopted += u32::from(matches!(hello, Hello::Adopted { .. }));
    }
    assert!((7..=9).contains(&adopted), "{adopted} in a second");
}
