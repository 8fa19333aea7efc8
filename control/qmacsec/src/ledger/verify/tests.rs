//! Findings of a verification, and cases in which it proves nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::capture::tests::{Classic, ETHERNET, MICROSECONDS, NANOSECONDS, Octets, Sent, classic};
use crate::ledger::tests::{lines, record};
use crate::ledger::{Cut, Gap, Heard, Record, Removed, Segment, What};

pub(super) struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, octets: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, octets).unwrap();
        path
    }

    pub(super) fn ledgers(
        &self,
        a: impl IntoIterator<Item = What>,
        b: impl IntoIterator<Item = What>,
    ) {
        self.write("a", lines(a).concat());
        self.write("b", lines(b.into_iter().map(at_the_other_end)).concat());
    }

    pub(super) fn verify(&self, capture: Option<&Path>) -> Verification {
        verify([&self.path("a"), &self.path("b")], capture).unwrap()
    }

    /// Ledgers of ten keys from A to B, and a capture.
    fn with_capture(&self, capture: impl AsRef<[u8]>) -> Verification {
        self.ledgers(keys("out", 10), keys("in", 10));
        let capture = self.write("line", capture);
        self.verify(Some(&capture))
    }
}

/// The same entry, written by the other encryptor.
fn at_the_other_end(mut what: What) -> What {
    if let What::Key(record) = &mut what {
        record.encryptor = "site-b".to_owned();
    }
    what
}

fn key(direction: &str, key: u32, frames: u64) -> What {
    What::Key(record(direction, key, frames))
}

fn keys(direction: &str, count: u32) -> impl Iterator<Item = What> {
    (0..count).map(move |number| key(direction, number, 100))
}

pub(super) fn has(verification: &Verification, grave: bool, text: &str) -> bool {
    let mut findings = verification.findings.iter();
    findings.any(|finding| finding.grave == grave && finding.text.contains(text))
}

pub(super) fn reason(verification: &Verification, text: &str) -> bool {
    verification
        .not_proven
        .iter()
        .any(|reason| reason.contains(text))
}

#[test]
fn two_ledgers_of_one_end_are_not_compared() {
    let world = World::new();
    world.ledgers(keys("out", 3), keys("in", 3));
    let a = world.path("a");
    let copy = world.write("copy", fs::read(&a).unwrap());
    for other in [&a, &copy] {
        let error = verify([&a, other], None).unwrap_err();
        assert!(matches!(&error, VerifyError::OneEnd(name) if name == "site-a"));
        assert!(
            error
                .to_string()
                .contains("both ledgers are of encryptor site-a")
        );
    }
}

#[test]
fn two_correct_ends_agree() {
    let world = World::new();
    world.ledgers(keys("out", 9), keys("in", 9));
    let verification = world.verify(None);
    assert_eq!(verification.verdict(), Verdict::Sound);
    assert_eq!((verification.keys, verification.findings.len()), (9, 0));
    assert_eq!(
        (verification.entries, verification.segments),
        ([9, 9], [1, 1])
    );
}

#[test]
fn forbidden_findings_are_grave_and_others_are_notes() {
    let honest = || key("out", 1, 100);
    let changed = |change: &dyn Fn(&mut Record)| {
        let mut record = record("in", 1, 100);
        change(&mut record);
        What::Key(record)
    };
    let cases = [
        (
            vec![honest(), honest()],
            vec![key("in", 1, 100)],
            true,
            "used twice",
        ),
        (
            vec![honest()],
            vec![key("in", 1, 101)],
            true,
            "only 100 protected",
        ),
        (
            vec![honest()],
            vec![changed(&|record| record.an = 3)],
            true,
            "AN is 1",
        ),
        (
            vec![honest()],
            vec![changed(&|record| record.origin = "distilled".into())],
            true,
            "origin",
        ),
        (
            vec![honest()],
            vec![changed(&|record| record.root = 9)],
            true,
            "root is 1",
        ),
        (
            vec![honest()],
            vec![key("in", 1, 100), key("out", 1, 5)],
            true,
            "both directions",
        ),
        (
            vec![honest()],
            vec![key("in", 1, 99)],
            false,
            "1 of 100 frames did not arrive",
        ),
        (vec![honest()], vec![], false, "no record"),
        (
            vec![],
            vec![key("in", 1, 100)],
            false,
            "was the sender killed?",
        ),
    ];
    for (a, b, grave, text) in cases {
        // Ten keys in common are enough proof, so that only the finding decides the verdict.
        let more = |direction| (20..30).map(move |number| key(direction, number, 100));
        let world = World::new();
        world.ledgers(more("out").chain(a), more("in").chain(b));
        let verification = world.verify(None);
        assert!(has(&verification, grave, text), "{text}: {verification:?}");
        let verdict = if grave {
            Verdict::NotSound
        } else {
            Verdict::Sound
        };
        assert_eq!(verification.verdict(), verdict, "{text}");
    }
}

#[test]
fn ledgers_with_too_little_content_prove_nothing() {
    // Empty; cut after the first entry; of another pair; half of it missing.
    let other = |direction| (100..110).map(move |number| key(direction, number, 100));
    let cases: [(Vec<What>, Vec<What>, &str); 6] = [
        (vec![], vec![], "no key in common"),
        (vec![], keys("in", 9).collect(), "no key in common"),
        (keys("out", 1).collect(), keys("in", 9).collect(), "8 keys"),
        (
            keys("out", 4).collect(),
            keys("in", 9).collect(),
            "5 keys in a row",
        ),
        (
            keys("out", 9).collect(),
            other("in").collect(),
            "no key in common",
        ),
        (
            keys("out", 100).collect(),
            keys("in", 100)
                .filter(
                    |what| !matches!(what, What::Key(record) if (40..45).contains(&record.epoch)),
                )
                .collect(),
            "5 keys in a row",
        ),
    ];
    for (a, b, text) in cases {
        let world = World::new();
        world.ledgers(a, b);
        let verification = world.verify(None);
        assert_eq!(
            verification.verdict(),
            Verdict::NotProven,
            "{verification:?}"
        );
        assert!(reason(&verification, text), "{text}: {verification:?}");
    }
    // A crash loses a few records at its time; keys without frames do not count.
    let world = World::new();
    let a = keys("out", 60).filter(|what| {
        !matches!(what, What::Key(record) if (20..24).contains(&record.epoch) || record.epoch > 55)
    });
    let idle = (60..80).map(|number| key("in", number, 0));
    world.ledgers(a, keys("in", 60).chain(idle));
    let verification = world.verify(None);
    assert_eq!(verification.verdict(), Verdict::Sound, "{verification:?}");
    assert_eq!(verification.one_sided, 8);
}

/// The note of the other end about this line of a ledger.
fn heard(lines: &[String], number: usize) -> What {
    let line: serde_json::Value = serde_json::from_str(&lines[number - 1]).unwrap();
    What::Heard(Heard {
        number: number as u64,
        hash: line["hash"].as_str().unwrap().to_owned(),
        at_ms: 1_790_000_000_000,
    })
}

#[test]
fn a_rolled_back_ledger_does_not_reach_the_head_that_the_other_end_has() {
    let whole = lines(keys("out", 20));
    let notes = [heard(&whole, 5), heard(&whole, 18)];
    let b: Vec<_> = keys("in", 20).chain(notes).collect();
    let with = |a: String, b: Vec<What>| {
        let world = World::new();
        world.ledgers([], b);
        world.write("a", a);
        world.verify(None)
    };
    let honest = with(whole.concat(), b.clone());
    assert_eq!(
        (honest.verdict(), honest.heads),
        (Verdict::Sound, 2),
        "{honest:?}"
    );
    let cut = with(whole[..17].concat(), b.clone());
    assert!(has(&cut, true, "does not reach entry 18"), "{cut:?}");
    assert_eq!(cut.verdict(), Verdict::NotSound);
    let renewed: Vec<_> = keys("out", 10)
        .chain((10..20).map(|number| key("out", number, 101)))
        .collect();
    let rewritten = with(lines(renewed).concat(), b.clone());
    assert!(
        has(&rewritten, true, "entry 18 differs from the one"),
        "{rewritten:?}"
    );
    // The same for ledger B, and the findings from one ledger alone.
    let world = World::new();
    let of_b = lines(keys("out", 20).map(at_the_other_end));
    world.ledgers(keys("in", 20).chain([heard(&of_b, 18)]), []);
    world.write("b", of_b[..17].concat());
    assert!(has(
        &world.verify(None),
        true,
        "B: the ledger does not reach entry 18"
    ));
    let back: Vec<_> = keys("in", 20)
        .chain([heard(&whole, 18), heard(&whole, 5)])
        .collect();
    assert!(has(
        &with(whole.concat(), back),
        true,
        "went back from entry 18 to entry 5"
    ));
}

#[test]
fn removed_segments_are_noted_or_missing() {
    let mut contents: Vec<_> = keys("out", 10).collect();
    contents.push(What::Segment(Segment {
        segment: 2,
        at_ms: 10_000,
        lost: None,
    }));
    contents.extend((10..20).map(|number| key("out", number, 100)));
    let first: serde_json::Value = serde_json::from_str(&lines(contents.clone())[10]).unwrap();
    let removed = What::Removed(Removed {
        number: 10,
        hash: first["previous"].as_str().unwrap().to_owned(),
        at_ms: 30_000,
    });
    let kept = |contents: Vec<What>| {
        let world = World::new();
        world.ledgers([], keys("in", 20));
        world.write("a", lines(contents)[10..].concat());
        world.verify(None)
    };
    let missing = kept(contents.clone());
    assert_eq!(missing.verdict(), Verdict::NotProven);
    assert!(
        reason(&missing, "entries 1 to 10 are missing"),
        "{missing:?}"
    );
    contents.push(removed);
    let verification = kept(contents);
    assert_eq!(verification.verdict(), Verdict::Sound, "{verification:?}");
    assert!(has(&verification, false, "entries 1 to 10 were removed"));
    assert_eq!((verification.keys, verification.one_sided), (10, 0));
}

/// A file that was lost under a running box: the new one tells of it, and its entries are missing
/// until it is put back.
#[test]
fn entries_of_a_lost_file_are_missing_until_it_is_put_back() {
    let segment = |segment, lost: Option<&str>| {
        What::Segment(Segment {
            segment,
            at_ms: 10_000,
            lost: lost.map(str::to_owned),
        })
    };
    let mut contents: Vec<_> = keys("out", 10).collect();
    contents.push(segment(2, None));
    contents.extend((10..15).map(|number| key("out", number, 100)));
    contents.push(segment(3, Some("it was truncated")));
    contents.extend((15..20).map(|number| key("out", number, 100)));
    let whole = lines(contents);
    let world = World::new();
    world.ledgers([], keys("in", 20));
    world.write("a.00000001.2026-11-30", whole[..10].concat());
    world.write("a", whole[16..].concat());
    let missing = world.verify(None);
    assert_eq!(missing.verdict(), Verdict::NotProven, "{missing:?}");
    assert!(reason(&missing, "entries 11 to 16 are missing"));
    assert!(has(&missing, false, "it was truncated"));
    world.write("a.00000002.2026-11-30", whole[10..16].concat());
    let back = world.verify(None);
    assert_eq!(back.verdict(), Verdict::Sound, "{back:?}");
    assert_eq!((back.keys, back.entries[0]), (20, 22));
    // Without the note it is a break.
    world.write("a", whole[17..].concat());
    verify([&world.path("a"), &world.path("b")], None).unwrap_err();
    fs::remove_file(world.path("a.00000001.2026-11-30")).unwrap();
    fs::remove_file(world.path("a.00000002.2026-11-30")).unwrap();
    world.write("a", whole[16..].concat());
    let first = world.verify(None);
    assert!(reason(&first, "entries 1 to 16 are missing"), "{first:?}");
}

#[test]
fn gaps_and_cuts_are_reported() {
    let world = World::new();
    let notes = [
        What::Gap(Gap {
            lost: 2,
            since_ms: 5000,
            until_ms: 7000,
        }),
        What::Cut(Cut {
            octets: 4096,
            at_ms: 9000,
        }),
    ];
    world.ledgers(keys("out", 9).chain(notes), keys("in", 9));
    let verification = world.verify(None);
    assert!(has(&verification, false, "A: 2 keys went unrecorded"));
    assert!(has(&verification, false, "A: 4096 octets"));
    assert_eq!(verification.verdict(), Verdict::Sound);
}

#[test]
fn a_thousand_findings_are_kept_and_the_rest_is_counted() {
    let world = World::new();
    let fewer = (0..1500).map(|number| key("in", number, 99));
    world.ledgers(keys("out", 1500), fewer);
    let verification = world.verify(None);
    assert_eq!(
        (verification.findings.len(), verification.more_notes),
        (1000, 500)
    );
}

// --- captures

const SCI: [u8; 8] = [2, 0, 0, 0, 0, 1, 0, 1];

/// From the EtherType on: SecTAG, 80 octets that differ by `fill`, no ICV of its own.
fn protected(key: u32, pn: u32, fill: u8) -> Vec<u8> {
    let mut octets = vec![0x88, 0xe5, 0x2c | (key % 4) as u8, 0];
    octets.extend(pn.to_be_bytes());
    octets.extend(SCI);
    octets.extend([fill; 80]);
    octets
}

pub(super) fn ethernet(tags: &[u8], rest: &[u8]) -> Vec<u8> {
    let macs = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    [&macs, tags, rest].concat()
}

/// A frame in the middle of its key's use.
fn sent(key: u32, octets: Vec<u8>) -> Sent {
    let len = octets.len();
    (u64::from(key) * 1_000_000 + 100_000, octets, len)
}

fn frame(key: u32, pn: u32, fill: u8) -> Sent {
    sent(key, ethernet(&[], &protected(key, pn, fill)))
}

pub(super) fn pcap(frames: &[Sent]) -> Vec<u8> {
    with_link(ETHERNET, frames)
}

fn with_link(network: u32, frames: &[Sent]) -> Vec<u8> {
    let form = Classic {
        big: false,
        magic: MICROSECONDS,
        network,
    };
    classic(form, frames)
}

fn cut_to(mut frame: Sent, len: usize) -> Sent {
    frame.1.truncate(len);
    frame
}

#[test]
fn a_repeated_packet_number_is_grave_but_a_copy_is_not() {
    // The same PNs under another key with the same AN are allowed.
    let world = World::new();
    let honest = [
        frame(0, 1, 1),
        frame(0, 2, 1),
        frame(4, 1, 1),
        frame(8, 1, 1),
    ];
    let verification = world.with_capture(pcap(&honest));
    assert_eq!(verification.verdict(), Verdict::Sound, "{verification:?}");
    assert_eq!(verification.frames, 4);
    let twice = [
        frame(0, 1, 1),
        frame(0, 2, 1),
        frame(0, 1, 2),
        frame(0, 1, 3),
    ];
    let verification = world.with_capture(pcap(&twice));
    assert_eq!(verification.verdict(), Verdict::NotSound);
    let grave = verification.findings.iter().filter(|finding| finding.grave);
    assert_eq!(grave.count(), 1, "{verification:?}");
    assert!(has(
        &verification,
        true,
        "key_ID key-0: packet number 1 occurs twice"
    ));
    // A copy with other frames between, and one with another tag before the SecTAG.
    let copies = [
        frame(0, 1, 1),
        frame(0, 2, 1),
        frame(0, 1, 1),
        sent(0, ethernet(&[0x81, 0, 0, 5], &protected(0, 1, 1))),
    ];
    let verification = world.with_capture(pcap(&copies));
    assert_eq!(verification.verdict(), Verdict::Sound, "{verification:?}");
    assert_eq!(verification.line.unwrap().copies, 2);
    // One octet differs: the last one before the ICV is another content. The same content always
    // has the same ICV, so a tap or damage has changed an octet behind it.
    for (from_end, verdict) in [
        (17, Verdict::NotSound),
        (16, Verdict::Sound),
        (1, Verdict::Sound),
    ] {
        let mut other = frame(0, 1, 1);
        let place = other.1.len() - from_end;
        other.1[place] ^= 1;
        let verification = world.with_capture(pcap(&[frame(0, 1, 1), other]));
        assert_eq!(verification.verdict(), verdict, "{from_end}");
    }
}

#[test]
fn each_secure_channel_counts_for_itself() {
    let mut second = frame(0, 1, 2);
    second.1[12 + 15] = 2; // the port of the SCI
    let verification = World::new().with_capture(pcap(&[frame(0, 1, 1), second]));
    assert_eq!(verification.verdict(), Verdict::Sound, "{verification:?}");
    assert_eq!(verification.frames, 2);
}

#[test]
fn an_xpn_suite_may_repeat_the_low_half_after_2_to_the_32() {
    let steps = [1, 1 << 30, 3 << 29, u32::MAX, 1, 2, 1 << 30];
    let frames: Vec<_> = (1..)
        .zip(steps)
        .map(|(fill, pn)| frame(0, pn, fill))
        .collect();
    let verification = World::new().with_capture(pcap(&frames));
    assert_eq!(verification.verdict(), Verdict::Sound, "{verification:?}");
    assert_eq!(verification.frames, 7);
}

#[test]
fn nanoseconds_cooked_frames_tags_and_snap_lengths_are_read() {
    let world = World::new();
    let count = 9;
    let expect_all = |name: &str, capture: Vec<u8>| {
        let verification = world.with_capture(capture);
        assert_eq!(
            verification.verdict(),
            Verdict::Sound,
            "{name}: {verification:?}"
        );
        assert_eq!(verification.frames, count, "{name}");
        assert_eq!(verification.line.unwrap().protected, count, "{name}");
    };
    let each = |make: &dyn Fn(u32) -> Sent| (0..count as u32).map(make).collect::<Vec<_>>();
    let nano = Classic {
        big: true,
        magic: NANOSECONDS,
        network: ETHERNET,
    };
    expect_all(
        "nanoseconds",
        classic(
            nano,
            &each(&|key| {
                let mut frame = frame(key, 7, 1);
                frame.0 += 800_000 - 100_000;
                frame
            }),
        ),
    );
    let cooked: [u8; 14] = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    expect_all(
        "cooked",
        with_link(
            113,
            &each(&|key| sent(key, [&cooked[..], &protected(key, 7, 1)].concat())),
        ),
    );
    let cooked: [u8; 18] = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    expect_all(
        "cooked 2",
        with_link(
            276,
            &each(&|key| {
                let payload = protected(key, 7, 1);
                sent(key, [&payload[..2], &cooked[..], &payload[2..]].concat())
            }),
        ),
    );
    for tags in [
        &[0x81, 0, 0, 5][..],
        &[0x81, 0, 0xe0, 0],
        &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5],
    ] {
        expect_all(
            "tags",
            pcap(&each(&|key| {
                sent(key, ethernet(tags, &protected(key, 7, 1)))
            })),
        );
    }
    for len in [28, 40, 64] {
        expect_all(
            "snap length",
            pcap(&each(&|key| cut_to(frame(key, 7, 1), len))),
        );
    }
    // The last record is cut off: the frames before it count, and the cut is reported.
    let mut cut = pcap(&each(&|key| frame(key, 7, 1)));
    cut.extend_from_slice(&[0; 11]);
    expect_all("cut", cut.clone());
    assert!(has(
        &world.with_capture(cut),
        false,
        "ends inside the record"
    ));
}

#[test]
fn copies_that_were_cut_are_compared_as_far_as_they_reach() {
    let world = World::new();
    let two = |a: Sent, b: Sent| world.with_capture(pcap(&[a, b]));
    let copy = two(frame(0, 1, 1), cut_to(frame(0, 1, 1), 64));
    assert_eq!(copy.verdict(), Verdict::Sound, "{copy:?}");
    assert_eq!(copy.line.unwrap().copies, 1);
    let other = two(frame(0, 1, 1), cut_to(frame(0, 1, 2), 64));
    assert_eq!(other.verdict(), Verdict::NotSound);
    let mut longer = cut_to(frame(0, 1, 1), 64);
    longer.2 += 1;
    // The octet that is not there may be of the frame, or of a tap.
    assert_eq!(two(frame(0, 1, 1), longer).verdict(), Verdict::NotProven);
    let unknown = two(frame(0, 1, 1), cut_to(frame(0, 1, 2), 30));
    assert_eq!(unknown.verdict(), Verdict::NotProven);
    assert!(reason(&unknown, "too short to compare"), "{unknown:?}");
}

#[test]
fn the_padding_of_a_short_frame_is_not_a_difference() {
    let mut short = ethernet(&[], &protected(0, 1, 1)[..16 + 10 + 16]);
    short[15] = 10; // SL
    let mut padded = short.clone();
    padded.resize(60 + 12, 0);
    let verification = World::new().with_capture(pcap(&[sent(0, short), sent(0, padded)]));
    assert_eq!(verification.verdict(), Verdict::Sound, "{verification:?}");
    assert_eq!(verification.line.unwrap().copies, 1);
}

#[test]
fn a_capture_without_checked_frames_proves_nothing() {
    let world = World::new();
    let at = |ms: u64| {
        let mut frame = frame(0, 1, 1);
        frame.0 = ms * 1000;
        frame
    };
    let mut stranger = frame(0, 1, 1);
    stranger.1[12 + 8 + 5] = 9; // the SCI
    let cooked = with_link(101, &[frame(0, 1, 1)]);
    let cases: [(Vec<u8>, &str); 6] = [
        (pcap(&[]), "no frame of the capture was checked"),
        (pcap(&[at(3_600_000), at(3_600_001)]), "belong to no key"),
        (pcap(&[stranger]), "belong to no key"),
        (cooked, "link type 101 (RAW), which cannot be read"),
        (pcap(&[cut_to(frame(0, 1, 1), 27)]), "too short to show"),
        (
            pcap(&[sent(0, ethernet(&[], &[8, 0, 1, 2, 3]))]),
            "no frame of the capture",
        ),
    ];
    for (capture, text) in cases {
        let verification = world.with_capture(capture);
        assert_eq!(
            verification.verdict(),
            Verdict::NotProven,
            "{text}: {verification:?}"
        );
        assert!(reason(&verification, text), "{text}: {verification:?}");
    }
    // More frames are outside the ledgers' time than inside.
    let verification = world.with_capture(pcap(&[frame(0, 1, 1), at(3_600_000), at(3_600_001)]));
    assert_eq!(verification.verdict(), Verdict::NotProven);
    // Some frames before and after are normal.
    let verification = world.with_capture(pcap(&[frame(0, 1, 1), frame(0, 2, 1), at(3_600_000)]));
    assert_eq!(verification.verdict(), Verdict::Sound, "{verification:?}");
    assert_eq!(verification.line.unwrap().outside, 1);
    // Frames within the ledgers' time under an AN without a key are not normal.
    let mut hidden = frame(5, 1, 1);
    hidden.1[14] = 0x2c | 3;
    hidden.0 += 0;
    let many = [
        (0..9).map(|pn| frame(5, pn + 2, 1)).collect::<Vec<_>>(),
        vec![hidden],
    ]
    .concat();
    world.ledgers(
        keys("out", 10).filter(|what| !matches!(what, What::Key(record) if record.an == 3)),
        keys("in", 10).filter(|what| !matches!(what, What::Key(record) if record.an == 3)),
    );
    let capture = world.write("line", pcap(&many));
    let verification = world.verify(Some(&capture));
    assert_eq!(verification.verdict(), Verdict::NotProven);
    assert!(
        reason(&verification, "keys that the ledgers do not contain"),
        "{verification:?}"
    );
}

#[test]
fn sections_with_other_clocks_and_link_types_are_one_capture() {
    let mut file = Octets::new(false);
    file.section();
    file.interface(1, &[]);
    file.interface(101, &[]);
    let at = |key: u64| key * 1_000_000 + 100_000;
    (0..4).for_each(|key| file.enhanced(0, at(key), &frame(key as u32, 3, 1).1, 108));
    let mut next = Octets::new(true);
    next.section();
    next.interface(1, &[(9, vec![9])]);
    (4..9).for_each(|key| next.enhanced(0, at(key) * 1000, &frame(key as u32, 3, 1).1, 108));
    let world = World::new();
    let both = [file.octets.clone(), next.octets.clone()].concat();
    let verification = world.with_capture(&both);
    assert_eq!(verification.verdict(), Verdict::Sound, "{verification:?}");
    assert_eq!(verification.frames, 9);
    // Frames of an interface with an unsupported link type are reported.
    file.enhanced(1, at(4), &[0x45; 40], 40);
    let verification = world.with_capture([file.octets, next.octets].concat());
    assert_eq!(verification.frames, 9);
    assert!(
        reason(&verification, "1 frames have link type 101"),
        "{verification:?}"
    );
}

#[test]
fn an_unreadable_capture_is_an_error_and_a_broken_one_is_read_up_to_the_fault() {
    let world = World::new();
    world.ledgers(keys("out", 9), keys("in", 9));
    let capture = world.write("line", "no capture");
    let ledgers = [world.path("a"), world.path("b")];
    let error = verify([&ledgers[0], &ledgers[1]], Some(&capture)).unwrap_err();
    assert!(error.to_string().contains("line"), "{error}");
    let mut broken = pcap(&[frame(0, 1, 1)]);
    broken.extend([0xff; 16]);
    let verification = world.with_capture(broken);
    assert_eq!(
        (verification.verdict(), verification.frames),
        (Verdict::NotProven, 1)
    );
    assert!(
        reason(&verification, "is broken at octet"),
        "{verification:?}"
    );
}

#[test]
fn the_receiver_records_the_key_of_a_killed_sender() {
    let world = World::new();
    let a = keys("out", 9).filter(|what| !matches!(what, What::Key(record) if record.epoch == 4));
    world.ledgers(a, keys("in", 9));
    let capture = world.write("line", pcap(&[frame(4, 1, 1), frame(5, 1, 1)]));
    let verification = world.verify(Some(&capture));
    assert_eq!(
        (verification.verdict(), verification.frames),
        (Verdict::Sound, 2)
    );
}
