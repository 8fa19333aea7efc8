//! Short keys: a packet number that comes again is under the next key with its AN, or it is a
//! second use.

use proptest::prelude::*;

use crate::capture::tests::Sent;
use crate::ledger::What;
use crate::ledger::tests::record;
use crate::ledger::verify::tests::{World, ethernet, has, pcap, reason};
use crate::ledger::verify::{Verdict, Verification};

const BEGIN_MS: u64 = 10_000;

/// A sender that switches to its keys at these times.
#[derive(Clone, Debug)]
struct Sender {
    switches_ms: Vec<u64>,
}

/// A frame on the line.
#[derive(Clone, Debug)]
struct OnLine {
    /// In microseconds, by the sender's clock.
    at_us: u64,
    key: usize,
    port: u8,
    pn: u32,
    content: u32,
}

impl Sender {
    /// Keys of the same length.
    fn every(interval_ms: u64, keys: u64) -> Self {
        Self {
            switches_ms: (0..=keys).map(|key| BEGIN_MS + key * interval_ms).collect(),
        }
    }

    fn keys(&self) -> usize {
        self.switches_ms.len() - 1
    }

    fn records(&self, direction: &'static str) -> impl Iterator<Item = What> {
        (0..self.keys()).map(move |key| {
            let (from, until) = (self.switches_ms[key], self.switches_ms[key + 1]);
            let mut record = record(direction, key as u32, 100_000);
            // The receiver holds a key earlier and longer.
            let spare = if direction == "out" { 0 } else { 40 };
            record.installed_ms = from + 8 - spare;
            record.first_frame_ms = Some(from + 10);
            record.last_frame_ms = Some(until + 4);
            record.wiped_ms = until + 12 + spare;
            What::Key(record)
        })
    }

    /// Frames of two channels, one each `step_us`.
    fn frames(&self, step_us: u64) -> Vec<OnLine> {
        let mut frames = Vec::new();
        let mut content = 0;
        for key in 0..self.keys() {
            let mut at_us = (self.switches_ms[key] * 1000).next_multiple_of(step_us);
            let mut pns = [0; 2];
            while at_us < self.switches_ms[key + 1] * 1000 {
                let port = (at_us / step_us % 2) as u8;
                pns[usize::from(port)] += 1;
                content += 1;
                frames.push(OnLine {
                    at_us,
                    key,
                    port: port + 1,
                    pn: pns[usize::from(port)],
                    content,
                });
                at_us += step_us;
            }
        }
        frames
    }

    /// Verifies a capture of these frames by a machine whose clock is ahead by this much.
    fn verify(&self, frames: &[OnLine], ahead_ms: i64) -> Verification {
        let sent: Vec<_> = frames.iter().map(|frame| frame.sent(ahead_ms)).collect();
        self.verify_sent(&sent)
    }

    fn verify_sent(&self, sent: &[Sent]) -> Verification {
        let world = World::new();
        world.ledgers(self.records("out"), self.records("in"));
        let capture = world.write("line", pcap(sent));
        world.verify(Some(&capture))
    }
}

impl OnLine {
    fn sent(&self, ahead_ms: i64) -> Sent {
        let mut octets = vec![0x88, 0xe5, 0x2c | (self.key % 4) as u8, 0];
        octets.extend(self.pn.to_be_bytes());
        octets.extend([2, 0, 0, 0, 0, 1, 0, self.port]);
        octets.extend(self.content.to_be_bytes().repeat(20));
        let octets = ethernet(&[], &octets);
        let len = octets.len();
        (
            self.at_us.saturating_add_signed(ahead_ms * 1000),
            octets,
            len,
        )
    }

    /// The same packet number again, with another content, after this time.
    fn again(&self, after_us: u64) -> Self {
        Self {
            at_us: self.at_us + after_us,
            content: self.content + (1 << 24),
            ..self.clone()
        }
    }
}

fn in_order(mut frames: Vec<OnLine>) -> Vec<OnLine> {
    frames.sort_by_key(|frame| frame.at_us);
    frames
}

#[test]
fn with_short_keys_a_second_use_is_grave_but_the_next_key_is_not() {
    for (interval_ms, ahead_ms) in [
        (1000, 0),
        (1000, 1700),
        (300, 0),
        (300, -1900),
        (300, 600),
        (100, 0),
        (100, -250),
    ] {
        let sender = Sender::every(interval_ms, 16);
        let frames = sender.frames(4000);
        let name = format!("keys of {interval_ms} ms, clock {ahead_ms} ms ahead");
        let verify = |frames: Vec<OnLine>| sender.verify(&in_order(frames), ahead_ms);
        let sound = verify(frames.clone());
        assert_eq!(sound.verdict(), Verdict::Sound, "{name}: {sound:?}");
        assert_eq!(sound.frames, frames.len() as u64);
        let grave = |more: Vec<OnLine>, what: &str| {
            let found = verify([frames.clone(), more].concat());
            assert!(
                has(&found, true, "twice on the line"),
                "{name}, {what}: {found:?}"
            );
        };
        // Under key 7: the first frame after its switch, and one in its middle.
        let of_key: Vec<_> = frames.iter().filter(|frame| frame.key == 7).collect();
        let first = of_key[0];
        let middle = of_key[of_key.len() / 2];
        let half_us = interval_ms * 1000 / 2;
        grave(vec![first.again(100)], "at once");
        grave(vec![first.again(half_us - 5000)], "half a key later");
        grave(vec![first.again(2 * half_us - 8000)], "a whole key later");
        grave(vec![middle.again(half_us - 8000)], "from its middle");
        // The packet numbers begin again under the same key.
        let again = of_key[..of_key.len() / 2]
            .iter()
            .map(|frame| frame.again(half_us + 1000));
        let before = frames
            .iter()
            .filter(|frame| frame.key != 7 || frame.at_us <= middle.at_us)
            .cloned();
        let found = verify(before.chain(again).collect());
        assert_eq!(found.verdict(), Verdict::NotSound, "{name}: {found:?}");
    }
}

#[test]
fn each_second_use_is_one_finding() {
    let sender = Sender::every(300, 12);
    let mut frames = sender.frames(4000);
    let first = frames.iter().find(|frame| frame.key == 5).unwrap().clone();
    let mut more = first.again(10_000);
    frames.push(more.clone());
    more.content += 1;
    frames.extend([more.clone(), first.clone(), more]);
    let found = sender.verify(&in_order(frames), 0);
    assert_eq!(found.findings.len(), 1, "{found:?}");
    assert_eq!(found.line.unwrap().copies, 2);
}

#[test]
fn late_copies_lost_frames_and_reordering_are_not_a_second_use() {
    for interval_ms in [1000, 300, 100] {
        let sender = Sender::every(interval_ms, 20);
        let frames = sender.frames(2000);
        let sound = |frames: &[OnLine], what: &str| {
            let found = sender.verify(frames, 0);
            assert_eq!(
                found.verdict(),
                Verdict::Sound,
                "{what}, {interval_ms}: {found:?}"
            );
        };
        // Copies 3 ms, 800 ms and four keys later.
        for after_us in [3000, 800_000, 4 * interval_ms * 1000] {
            let copies = frames.iter().step_by(3).map(|frame| {
                let mut copy = frame.clone();
                copy.at_us += after_us;
                copy
            });
            let both = in_order(frames.iter().cloned().chain(copies).collect());
            let inside = |frame: &OnLine| frame.at_us < *sender.switches_ms.last().unwrap() * 1000;
            let both: Vec<_> = both.into_iter().filter(inside).collect();
            sound(&both, "copies");
        }
        // Every frame is early or late by up to 5 ms.
        let mut late = frames.clone();
        for (place, frame) in late.iter_mut().enumerate() {
            frame.at_us += place as u64 * 7919 % 5000;
        }
        sound(&in_order(late.clone()), "order");
        // The times of the capture stay in order, its frames do not.
        let times: Vec<_> = frames.iter().map(|frame| frame.at_us).collect();
        late.sort_by_key(|frame| frame.at_us);
        for (frame, at_us) in late.iter_mut().zip(times) {
            frame.at_us = at_us;
        }
        sound(&late, "order of frames");
        // Most frames are lost: all of some keys, the first of others.
        let lost = |place: usize, frame: &OnLine| {
            frame.key % 5 == 2
                || place * 7919 % 100 < 60
                || (frame.key.is_multiple_of(3) && frame.pn < 30)
        };
        let left: Vec<_> = (0..)
            .zip(&frames)
            .filter(|(place, frame)| !lost(*place, frame))
            .map(|(_, frame)| frame.clone())
            .collect();
        sound(&left, "lost");
        // Two halves of a capture in the wrong order.
        let (early, later) = frames.split_at(frames.len() / 2);
        sound(&[later, early].concat(), "halves");
    }
}

#[test]
fn a_slow_line_with_short_keys_has_the_same_packet_number_under_each_key() {
    for interval_ms in [1000, 300, 100] {
        let sender = Sender::every(interval_ms, 40);
        for step_ms in [90, 130, 310, 700, 1100] {
            let found = sender.verify(&sender.frames(step_ms * 1000), 900);
            assert_eq!(
                found.verdict(),
                Verdict::Sound,
                "{interval_ms}, {step_ms}: {found:?}"
            );
        }
    }
}

#[test]
fn a_packet_number_that_no_keys_of_the_ledgers_explain_is_not_proven() {
    // Only one key has this AN, and the frames are further apart than its use.
    let sender = Sender::every(300, 3);
    let frames = [sender.frames(4000)[0].clone()];
    let twice = [frames[0].clone(), frames[0].again(1_500_000)];
    let found = sender.verify(&twice, 0);
    assert_eq!(found.verdict(), Verdict::NotProven, "{found:?}");
    assert!(reason(&found, "occur twice"), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The oracle knows each frame's key: two contents of one number under it are a second use.
    #[test]
    fn the_verdict_is_that_of_an_oracle_that_knows_each_key(
        interval_ms in 100..1200_u64,
        irregular in proptest::collection::vec(0..40_u64, 24),
        ahead_ms in -1900..1900_i64,
        step_us in 1500..30_000_u64,
        kept in proptest::collection::vec(any::<u8>(), 64),
        lost in 0..200_u8,
        late_us in 0..5000_u64,
        planted in proptest::option::of((any::<prop::sample::Index>(), 0..100_u64)),
    ) {
        let mut sender = Sender::every(interval_ms, 24);
        for (switch, more) in sender.switches_ms.iter_mut().skip(1).zip(&irregular) {
            *switch += more * interval_ms / 100;
        }
        let mut frames = sender.frames(step_us);
        frames = (0..).zip(frames)
            .filter(|(place, _): &(usize, _)| kept[place * 31 % 64] >= lost)
            .map(|(_, frame)| frame)
            .collect();
        if let Some((which, part)) = planted
            && !frames.is_empty()
        {
            let frame = which.get(&frames);
            let left_us = sender.switches_ms[frame.key + 1] * 1000 - frame.at_us;
            let again = frame.again(left_us * part / 100);
            frames.push(again);
        }
        for (place, frame) in frames.iter_mut().enumerate() {
            frame.at_us += place as u64 * 7919 % (late_us + 1);
        }
        let frames = in_order(frames);
        let found = sender.verify(&frames, ahead_ms);
        let right = match (frames.is_empty(), planted) {
            (true, _) => Verdict::NotProven,
            (false, Some(_)) => Verdict::NotSound,
            (false, None) => Verdict::Sound,
        };
        prop_assert_eq!(found.verdict(), right, "{:?}", found);
    }
}

/// Octets that look random, different for each seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let next = |octet: u64| (seed + octet).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..len as u64)
        .map(|octet| (next(octet) >> 40) as u8)
        .collect()
}

/// The frame as a tap captures it, which appends these octets.
fn tapped((at_us, octets, _): &Sent, later_us: u64, trailer: &[u8]) -> Sent {
    let octets = [octets, trailer].concat();
    let len = octets.len();
    (at_us + later_us, octets, len)
}

#[test]
fn octets_appended_by_a_tap_are_not_other_content() {
    let sender = Sender::every(3000, 4);
    let mut frames = sender.frames(200_000);
    frames.truncate(3);
    for fill in [0, 1, 15, 16, 17, 31, 32, 33, 400] {
        let plain = frames.iter().map(|frame| {
            let (at_us, mut octets, _) = frame.sent(0);
            octets.extend(noise(frame.at_us, fill + 16));
            let len = octets.len();
            (at_us, octets, len)
        });
        let plain: Vec<_> = plain.collect();
        for (one, other) in [
            (0, 4),
            (4, 4),
            (0, 12),
            (12, 12),
            (4, 12),
            (12, 16),
            (0, 32),
        ] {
            let taps = plain.iter().enumerate().flat_map(|(number, frame)| {
                let seed = number as u64 * 1000 + 7;
                [
                    tapped(frame, 0, &noise(seed, one)),
                    tapped(frame, 900, &noise(seed + 500, other)),
                ]
            });
            let found = sender.verify_sent(&taps.collect::<Vec<_>>());
            assert_eq!(
                found.verdict(),
                Verdict::Sound,
                "{fill} {one} {other}: {found:?}"
            );
            let line = found.line.clone().unwrap();
            assert_eq!((line.copies, line.trailers), (3, 3), "{fill} {one} {other}");
            assert!(has(&found, false, "a tap appends octets"));
        }
    }
}

#[test]
fn other_content_after_the_same_beginning_is_grave() {
    let sender = Sender::every(3000, 4);
    let (at_us, mut begin, _) = sender.frames(200_000)[0].sent(0);
    begin.extend(noise(1, 40));
    let with = |content: &[u8], icv| {
        let octets = [&begin, content, &noise(icv, 16)].concat();
        let len = octets.len();
        (at_us + icv, octets, len)
    };
    let first = with(&[], 100);
    for other in [
        with(&[1], 200),
        with(&[1, 2, 3, 4], 200),
        with(&noise(3, 12), 200),
        with(&noise(3, 32), 200),
        with(&noise(3, 300), 200),
    ] {
        let found = sender.verify_sent(&[first.clone(), other]);
        assert!(has(&found, true, "twice on the line"), "{found:?}");
    }
    let found = sender.verify_sent(&[with(&[1, 2], 100), with(&[1, 3], 200)]);
    assert!(has(&found, true, "twice on the line"), "{found:?}");
}

/// The clock of the second tap is as far off as an AN takes to come again.
#[test]
fn a_copy_under_another_key_is_a_copy() {
    let sender = Sender::every(3000, 12);
    let one: Vec<_> = sender
        .frames(100_000)
        .iter()
        .map(|frame| frame.sent(0))
        .collect();
    let other = one.iter().map(|frame| tapped(frame, 12_000_000, &[]));
    let both: Vec<_> = one.iter().cloned().chain(other).collect();
    let found = sender.verify_sent(&both);
    assert!(
        !found.findings.iter().any(|finding| finding.grave),
        "{found:?}"
    );
}
