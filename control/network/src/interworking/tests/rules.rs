//! Single rules of the standard, one machine at a time.

use core::time::Duration;

use kme_api::etsi020::{
    AckContainer, AckStatus, AckedKey, CallbackUrl, ExtKey, ExtKeys, Extension, KeyUuid, Parties,
    Problem, Reason, SaeId, Void, VoidKeys,
};

use super::super::{
    Action, Answer, CallId, Interworking, Message, NotTaken, Offer, Outcome, Relay, Reply, Route,
    Settings, Side, State, Withdrawal,
};
use super::world::{key_id, parties, sae, settings, value};

/// A machine, its clock, and its orders by kind.
struct One {
    machine: Interworking,
    now: Duration,
    sent: Vec<(CallId, Message)>,
    relays: Vec<Relay>,
    answers: Vec<Answer>,
    released: Vec<KeyUuid>,
    passports: Vec<Option<Extension>>,
    withdrawals: Vec<(Side, KeyUuid)>,
}

impl One {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(0);
        change(&mut settings);
        Self {
            machine: Interworking::new(settings),
            now: Duration::ZERO,
            sent: Vec::new(),
            relays: Vec::new(),
            answers: Vec::new(),
            released: Vec::new(),
            passports: Vec::new(),
            withdrawals: Vec::new(),
        }
    }

    fn usual() -> Self {
        Self::new(|_| {})
    }

    fn drain(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Record(_) => {}
                Action::Send(call, message) => self.sent.push((call, message)),
                Action::Answer(_, answer) => self.answers.push(answer),
                Action::Relay(relay) => self.relays.push(relay),
                Action::Release(key, passport) => {
                    self.released.push(key);
                    self.passports.push(passport);
                }
                Action::Withdraw(side, key) => self.withdrawals.push((side, key)),
            }
        }
    }

    fn after(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.machine.next_time().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.machine.on_time(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn offer(&mut self, number: u64) -> Result<(), NotTaken> {
        let offer = Offer {
            key_id: key_id(number),
            value: value(number),
            parties: parties(0),
            extension: None,
            mandatory: None,
            optional: None,
        };
        self.machine.offer(self.now, offer)
    }

    fn linger(&mut self) {
        self.after(Duration::from_millis(10));
    }

    /// The next request that was sent.
    fn next_sent(&mut self) -> Option<(CallId, Message)> {
        (!self.sent.is_empty()).then(|| self.sent.remove(0))
    }

    fn answer(&mut self, call: CallId, outcome: &Outcome) {
        self.machine.on_answer(self.now, call, outcome);
        self.drain();
    }

    fn receive(&mut self, request: ExtKeys, route: Route) -> Reply {
        let far = move |id: &SaeId| if *id == sae(0) { route } else { Route::Back };
        let reply = self.machine.on_ext_keys(self.now, request, far);
        self.drain();
        reply
    }

    fn ack(&mut self, numbers: &[u64], status: AckStatus) -> Reply {
        let keys = numbers.iter().map(|number| AckedKey {
            key_id: key_id(*number),
            extension: None,
        });
        let container = AckContainer {
            keys: keys.collect(),
            status,
            parties: parties(0),
            message: None,
            extension: None,
        };
        let reply = self.machine.on_ack(self.now, &[container]);
        self.drain();
        reply
    }

    fn void(&mut self, keys: VoidKeys, from: usize, callback: Option<CallbackUrl>) -> Reply {
        let void = Void {
            keys,
            parties: parties(from),
            callback,
            extension: None,
        };
        let reply = self.machine.on_void(self.now, &void);
        self.drain();
        reply
    }

    fn state(&self, number: u64) -> State {
        self.machine.state(key_id(number)).unwrap().1
    }

    /// The acknowledgements in the next request, as (status, numbers of keys).
    fn next_acks(&mut self) -> (CallId, Vec<(AckStatus, usize)>) {
        match self.next_sent() {
            Some((call, Message::Acks(_, acks))) => {
                let acks = acks.iter().map(|ack| (ack.status, ack.keys.len()));
                (call, acks.collect())
            }
            _ => panic!("no acknowledgement"),
        }
    }

    fn next_keys(&mut self) -> (CallId, ExtKeys) {
        match self.next_sent() {
            Some((call, Message::Keys(keys))) => (call, keys),
            _ => panic!("no keys"),
        }
    }

    fn next_void(&mut self) -> CallId {
        match self.next_sent() {
            Some((call, Message::Void(_))) => call,
            _ => panic!("no void"),
        }
    }
}

fn their_url() -> Option<CallbackUrl> {
    CallbackUrl::parse("https://kme-1/ack").ok()
}

fn request(numbers: &[u64]) -> ExtKeys {
    let key = |number: &u64| ExtKey {
        key_id: key_id(*number),
        value: value(*number),
        extension: None,
    };
    ExtKeys {
        keys: numbers.iter().map(key).collect(),
        parties: parties(1),
        callback: their_url(),
        mandatory: None,
        optional: None,
    }
}

fn refusal(reason: Reason) -> Outcome {
    Outcome::Refused(Problem::new(reason, ""))
}

#[track_caller]
fn assert_refused(reply: &Reply, status: u16, reason: Reason) {
    match reply {
        Reply::Refused(problem) => {
            assert_eq!(problem.status, Some(status), "{problem:?}");
            assert!(problem.names(reason), "{problem:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_released_only_after_relayed() {
    let mut one = One::usual();
    one.offer(1).unwrap();
    one.linger();
    let (call, keys) = one.next_keys();
    assert!(keys.callback.is_some());
    one.answer(call, &Outcome::Accepted);
    assert!(one.released.is_empty());
    assert_eq!(one.ack(&[1], AckStatus::Relayed), Reply::Acknowledged);
    assert_eq!(one.released, [key_id(1)]);
    assert_eq!(one.ack(&[1], AckStatus::Relayed), Reply::Acknowledged);
    assert_eq!(one.released.len(), 1, "a copy changes nothing");
}

#[test]
fn only_400_and_401_end_a_key_at_once_and_not_after_an_uncertain_attempt() {
    for reason in [Reason::TargetNotRecognized, Reason::Unauthorized] {
        let mut one = One::usual();
        one.offer(1).unwrap();
        one.linger();
        let (call, _) = one.next_keys();
        one.answer(call, &refusal(reason));
        assert_eq!(one.withdrawals, [(Side::Sent, key_id(1))]);
        one.machine
            .on_withdrawn(one.now, key_id(1), Withdrawal::Done);
        assert_eq!(one.state(1), State::Failed);
    }
    let mut one = One::usual();
    one.offer(1).unwrap();
    for attempt in 1..=5 {
        one.after(Duration::from_secs(5));
        let (call, _) = one.next_keys();
        let outcome = match attempt {
            3 => refusal(Reason::TargetNotRecognized),
            _ => Outcome::Unknown,
        };
        one.answer(call, &outcome);
        assert_eq!(one.state(1), State::Offering, "attempt {attempt}");
    }
    one.after(Duration::from_secs(5));
    // The word of the neighbour is asked for until it comes.
    for outcome in [
        refusal(Reason::VoidNotUnderstood),
        Outcome::Unknown,
        Outcome::Accepted,
    ] {
        let call = one.next_void();
        one.answer(call, &outcome);
        one.after(Duration::from_secs(5));
        assert_eq!(one.state(1), State::Voiding);
    }
    assert!(one.withdrawals.is_empty());
    one.ack(&[1], AckStatus::KeyNotPresent);
    assert_eq!(one.withdrawals, [(Side::Sent, key_id(1))]);
}

#[test]
fn failed_to_void_alone_ends_nothing_and_with_relayed_it_releases() {
    use AckStatus::{FailedToVoid, Relayed};
    for order in [[FailedToVoid, Relayed], [Relayed, FailedToVoid]] {
        let mut one = One::usual();
        one.offer(1).unwrap();
        one.machine.void(one.now, key_id(1));
        one.ack(&[1], order[0]);
        assert_eq!(one.state(1), State::Voiding);
        one.ack(&[1], order[1]);
        assert_eq!(one.state(1), State::Released);
    }
}

/// Seeds 11 and 80 of the simulation of two domains, before the rule.
#[test]
fn a_released_key_is_with_its_initiator_if_nobody_knows_unless_its_origin_has_given_it_up() {
    let released = || {
        let mut one = One::usual();
        one.offer(1).unwrap();
        one.ack(&[1], AckStatus::Relayed);
        assert_eq!(one.state(1), State::Released);
        one
    };
    let mut one = released();
    one.void(VoidKeys::These(vec![key_id(1)]), 0, their_url());
    one.machine
        .on_withdrawn(one.now, key_id(1), Withdrawal::Unknown);
    assert_eq!(one.state(1), State::Released);
    let mut one = released();
    one.machine.void(one.now, key_id(1));
    one.ack(&[1], AckStatus::Voided);
    one.machine
        .on_withdrawn(one.now, key_id(1), Withdrawal::Unknown);
    assert_eq!(one.state(1), State::Voided);
}

#[test]
fn a_void_without_any_word_ends_with_the_life_of_the_key() {
    let mut one = One::usual();
    one.offer(1).unwrap();
    one.machine.void(one.now, key_id(1));
    one.after(Duration::from_secs(1));
    while let Some((call, _)) = one.next_sent() {
        one.answer(call, &Outcome::Unknown);
        one.after(Duration::from_secs(5));
        assert!(one.now < Duration::from_secs(100), "for ever");
    }
    assert_eq!(one.withdrawals.first(), Some(&(Side::Sent, key_id(1))));
}

#[test]
fn requests_that_our_network_cannot_serve_are_refused_as_published() {
    for (route, status, reason) in [
        (Route::Back, 400, Reason::InvalidRouting),
        (Route::Unknown, 400, Reason::TargetNotRecognized),
        (Route::Down, 503, Reason::NoKnownRoute),
        (Route::Short, 503, Reason::InsufficientKeyMaterial),
    ] {
        let mut one = One::usual();
        assert_refused(&one.receive(request(&[1]), route), status, reason);
        assert!(one.machine.state(key_id(1)).is_none() && one.relays.is_empty());
        // Once a key is kept, no answer says that nothing is.
        assert_eq!(one.receive(request(&[1]), Route::Ours), Reply::Accepted);
        assert_eq!(one.receive(request(&[1]), route), Reply::Accepted);
        let reason = if status == 400 {
            Reason::NoKnownRoute
        } else {
            reason
        };
        assert_refused(&one.receive(request(&[1, 2]), route), 503, reason);
    }
    let mut one = One::usual();
    let several = Parties::new(sae(1), vec![sae(0), SaeId::parse("d").unwrap()]).unwrap();
    let to_several = ExtKeys {
        parties: several,
        ..request(&[1])
    };
    assert_refused(
        &one.receive(to_several, Route::Ours),
        503,
        Reason::NoRouteToSeveral,
    );
    let ours = ExtKeys {
        parties: parties(0),
        ..request(&[1])
    };
    assert_refused(&one.receive(ours, Route::Ours), 400, Reason::InvalidRouting);
}

#[test]
fn an_unknown_mandatory_extension_is_refused_and_an_optional_one_passed_on() {
    let extension = || Extension::new("E32473_x", &2.5).ok();
    let mut one = One::usual();
    let mandatory = ExtKeys {
        mandatory: extension(),
        ..request(&[1])
    };
    assert_refused(
        &one.receive(mandatory, Route::Ours),
        503,
        Reason::UnsupportedExtension,
    );
    let mut optional = ExtKeys {
        optional: extension(),
        ..request(&[1])
    };
    optional.keys[0].extension = extension();
    one.receive(optional, Route::Ours);
    assert_eq!(one.relays[0].optional, extension());
    assert_eq!(one.relays[0].extension, extension());
}

#[test]
fn what_the_far_network_adds_to_a_key_comes_back_with_its_release() {
    let passport = Extension::new("E32473_path", &["x", "y"]).ok();
    let mut far = One::usual();
    far.receive(request(&[1]), Route::Ours);
    far.machine.on_relayed(far.now, key_id(1), passport.clone());
    far.linger();
    let Some((_, Message::Acks(_, mut acks))) = far.next_sent() else {
        panic!("no ack")
    };
    assert_eq!(acks[0].keys[0].extension, passport);

    let mut one = One::usual();
    one.offer(1).unwrap();
    acks[0].parties = parties(0);
    one.machine.on_ack(one.now, &acks);
    one.drain();
    assert_eq!(one.passports, [passport]);
}

#[test]
fn a_name_stands_for_one_key() {
    let mut one = One::usual();
    one.receive(request(&[1]), Route::Ours);
    one.offer(2).unwrap();
    assert_eq!(one.offer(1), Err(NotTaken::Known));
    let mut other = request(&[1]);
    other.keys[0].value = value(9);
    for conflict in [other, request(&[2])] {
        assert_refused(
            &one.receive(conflict, Route::Ours),
            503,
            Reason::ServerSideError,
        );
    }
    one.receive(request(&[1]), Route::Ours);
    assert_eq!(
        one.relays.len(),
        1,
        "a repeated request is not carried again"
    );
}

#[test]
fn acknowledgements_of_many_requests_share_one() {
    let mut one = One::usual();
    for first in [0, 256, 512, 768] {
        let numbers: Vec<_> = (first..first + 256).collect();
        one.receive(request(&numbers), Route::Ours);
    }
    for number in 0..1024 {
        match number % 4 {
            0 => one
                .machine
                .on_relay_failed(one.now, key_id(number), "no key bits"),
            _ => one.machine.on_relayed(one.now, key_id(number), None),
        }
    }
    one.linger();
    let (call, acks) = one.next_acks();
    assert_eq!(acks, [(AckStatus::Relayed, 768), (AckStatus::Failed, 256)]);
    one.answer(call, &Outcome::Done(Vec::new()));
    let books = one.machine.books().received;
    assert_eq!((books.released, books.failed, books.held), (768, 256, 0));
}

#[test]
fn an_ack_that_does_not_arrive_is_repeated_and_then_voided_in_the_opposite_direction() {
    let mut one = One::usual();
    one.receive(request(&[1]), Route::Ours);
    one.machine.on_relayed(one.now, key_id(1), None);
    for _ in 0..5 {
        one.after(Duration::from_secs(5));
        let (call, acks) = one.next_acks();
        assert_eq!(acks, [(AckStatus::Relayed, 1)]);
        one.answer(call, &Outcome::Unknown);
    }
    one.after(Duration::from_secs(1));
    one.next_void();
    assert!(
        one.withdrawals.is_empty(),
        "the neighbour may have released it"
    );
    one.machine.on_ack(
        one.now,
        &[AckContainer {
            keys: vec![AckedKey {
                key_id: key_id(1),
                extension: None,
            }],
            status: AckStatus::FailedToVoid,
            parties: parties(1),
            message: None,
            extension: None,
        }],
    );
    assert_eq!(one.state(1), State::Released);
}

#[test]
fn a_key_that_the_neighbour_does_not_know_is_told_apart_from_its_group() {
    let mut one = One::usual();
    one.receive(request(&[1, 2]), Route::Ours);
    one.machine.on_relayed(one.now, key_id(1), None);
    one.machine.on_relayed(one.now, key_id(2), None);
    one.linger();
    let (call, _) = one.next_acks();
    one.answer(call, &refusal(Reason::KeyNotPresent));
    let ((first, _), (second, _)) = (one.next_acks(), one.next_acks());
    one.answer(first, &Outcome::Done(Vec::new()));
    one.answer(second, &refusal(Reason::KeyNotPresent));
    assert_eq!(
        [one.state(1), one.state(2)],
        [State::Released, State::Voiding]
    );
}

#[test]
fn an_ack_of_a_key_that_is_not_known_is_refused_as_a_whole() {
    let mut one = One::usual();
    one.offer(1).unwrap();
    assert_refused(
        &one.ack(&[1, 2], AckStatus::Relayed),
        400,
        Reason::KeyNotPresent,
    );
    assert!(one.released.is_empty());
}

#[test]
fn a_void_ends_a_key_only_with_the_word_of_our_network() {
    for (withdrawal, state, status) in [
        (Withdrawal::Done, State::Voided, AckStatus::Voided),
        (Withdrawal::Taken, State::Released, AckStatus::FailedToVoid),
        (
            Withdrawal::Unknown,
            State::Released,
            AckStatus::FailedToVoid,
        ),
    ] {
        let mut one = One::usual();
        one.offer(1).unwrap();
        one.ack(&[1], AckStatus::Relayed);
        let these = VoidKeys::These(vec![key_id(1), key_id(7)]);
        assert_eq!(one.void(these, 0, their_url()), Reply::Accepted);
        one.machine.on_withdrawn(one.now, key_id(1), withdrawal);
        one.linger();
        assert_eq!(one.state(1), state);
        let (_, acks) = one.next_acks();
        assert_eq!(acks, [(status, 1), (AckStatus::KeyNotPresent, 1)]);
    }
}

#[test]
fn a_void_that_overtakes_its_key_still_voids_it() {
    let mut one = One::usual();
    one.void(VoidKeys::These(vec![key_id(1)]), 1, their_url());
    assert_eq!(one.receive(request(&[1]), Route::Ours), Reply::Accepted);
    one.linger();
    let (_, acks) = one.next_acks();
    assert_eq!(
        acks,
        [(AckStatus::Voided, 1), (AckStatus::KeyNotPresent, 1)]
    );
    assert!(one.relays.is_empty());
    assert_eq!(one.machine.books().received.taken, 0);
}

#[test]
fn a_void_of_everything_takes_the_keys_of_these_saes() {
    let mut one = One::usual();
    one.offer(1).unwrap();
    one.receive(request(&[2, 3]), Route::Ours);
    assert_eq!(one.void(VoidKeys::All, 1, their_url()), Reply::Accepted);
    let mut voided = one.withdrawals.clone();
    voided.sort_unstable();
    assert_eq!(
        voided,
        [(Side::Received, key_id(2)), (Side::Received, key_id(3))]
    );
    for number in [2, 3] {
        one.machine
            .on_withdrawn(one.now, key_id(number), Withdrawal::Done);
    }
    one.void(VoidKeys::All, 1, their_url());
    let mut acks = Vec::new();
    one.linger();
    while let Some((_, Message::Acks(_, more))) = one.next_sent() {
        acks.extend(more.iter().map(|ack| (ack.status, ack.keys.len())));
    }
    acks.sort_unstable();
    assert_eq!(
        acks,
        [(AckStatus::Voided, 2)],
        "the empty one joins the container"
    );
}

#[test]
fn a_synchronous_request_is_answered_once_and_never_acknowledged() {
    let mut one = One::usual();
    let keys = ExtKeys {
        callback: None,
        ..request(&[1, 2])
    };
    assert!(matches!(one.receive(keys, Route::Ours), Reply::Later(_)));
    one.machine.on_relayed(one.now, key_id(1), None);
    one.drain();
    assert!(one.answers.is_empty(), "one key has not ended");
    one.machine.on_relay_failed(one.now, key_id(2), "no route");
    one.drain();
    let [Answer::Done(acks)] = &one.answers[..] else {
        panic!("{:?}", one.answers)
    };
    let statuses: Vec<_> = acks
        .iter()
        .map(|ack| (ack.status, ack.keys.len()))
        .collect();
    assert_eq!(statuses, [(AckStatus::Relayed, 1), (AckStatus::Failed, 1)]);
    assert_eq!(one.state(1), State::Released);

    one.answers.clear();
    one.void(VoidKeys::These(vec![key_id(1)]), 1, None);
    one.machine
        .on_withdrawn(one.now, key_id(1), Withdrawal::Taken);
    one.drain();
    let [Answer::Done(acks)] = &one.answers[..] else {
        panic!("{:?}", one.answers)
    };
    assert_eq!(acks[0].status, AckStatus::FailedToVoid);

    one.answers.clear();
    let slow = ExtKeys {
        callback: None,
        ..request(&[3])
    };
    one.receive(slow, Route::Ours);
    one.after(Duration::from_secs(5));
    let [Answer::Refused(late)] = &one.answers[..] else {
        panic!("{:?}", one.answers)
    };
    assert_eq!(late.status, Some(408));
    one.after(Duration::from_secs(40));
    assert!(
        one.sent.is_empty(),
        "an acknowledgement of a synchronous request"
    );
}

#[test]
fn a_key_that_our_network_does_not_carry_in_time_is_withdrawn_and_failed() {
    let mut one = One::usual();
    one.receive(request(&[1]), Route::Ours);
    one.after(Duration::from_secs(5));
    assert_eq!(one.withdrawals, [(Side::Received, key_id(1))]);
    one.machine.on_relayed(one.now, key_id(1), None); // too late
    one.machine
        .on_withdrawn(one.now, key_id(1), Withdrawal::Done);
    one.linger();
    assert_eq!(one.next_acks().1, [(AckStatus::Failed, 1)]);
}

#[test]
fn every_queue_has_its_limit() {
    let mut one = One::new(|settings| {
        settings.held_max = 4;
        settings.calls_max = 1;
        settings.waits_max = 0;
        settings.keys_per_call = 2;
    });
    for number in 0..3 {
        one.offer(number).unwrap();
    }
    let reply = one.receive(request(&[10, 11]), Route::Ours);
    assert_refused(&reply, 503, Reason::ServerSideError);
    one.offer(3).unwrap();
    assert_eq!(one.offer(4), Err(NotTaken::Full));
    one.linger();
    let (call, keys) = one.next_keys();
    assert_eq!(
        (keys.keys.len(), one.sent.len()),
        (2, 0),
        "one request of two keys at a time"
    );
    one.answer(call, &refusal(Reason::TargetNotRecognized));
    assert_eq!(one.next_keys().1.keys.len(), 2);
    for number in 0..2 {
        one.machine
            .on_withdrawn(one.now, key_id(number), Withdrawal::Done);
    }
    let waiting = ExtKeys {
        callback: None,
        ..request(&[10])
    };
    assert_refused(
        &one.receive(waiting, Route::Ours),
        503,
        Reason::ServerSideError,
    );
}

#[test]
fn an_ended_key_is_forgotten_in_time() {
    let mut one = One::usual();
    one.offer(1).unwrap();
    one.ack(&[1], AckStatus::Relayed);
    one.linger();
    one.after(Duration::from_secs(290));
    assert!(one.machine.state(key_id(1)).is_some());
    one.after(Duration::from_secs(70));
    assert!(one.machine.state(key_id(1)).is_none());
    assert!(one.machine.books().sent.is_closed());
    assert_eq!(one.machine.next_time(), None);
}
