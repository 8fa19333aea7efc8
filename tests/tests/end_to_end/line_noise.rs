//! Garbage, truncated, replayed and forged frames on the line: each is counted by its name, none
//! reaches red, nothing crashes, and keys keep changing (invariants I3, I8).

use std::collections::BTreeMap;
use std::time::Duration;

use lab::site::Site;
use tests::pair::Pair;
use tests::patience::{wait_until, waited};
use tests::site::Settings;
use wire::{ETHERTYPE_REKEY, MACS_LEN};

/// Octets of the SecTAG, from the start of the frame.
const TCI: usize = MACS_LEN + 2;
const PN: usize = MACS_LEN + 4;
const SCI: usize = MACS_LEN + 8;
const REPLAY_WINDOW: u32 = 32;
/// Number of injections of each kind of frame.
const TIMES: u64 = 20;

/// Returns the counters of frames that B received from the line: those of the SecY, and the fate of
/// rekey frames.
fn counters(pair: &Pair) -> BTreeMap<String, u64> {
    let report = pair.status(Site::B);
    let mut counters = report.rekey_frames.clone();
    for worker in &report.workers {
        counters.extend(worker.rx.clone());
    }
    counters
}

/// Injects a frame several times; B counts each under this name.
fn counted(pair: &Pair, name: &str, make: impl Fn(&Pair) -> Vec<u8>) {
    let count = || {
        *counters(pair)
            .get(name)
            .unwrap_or_else(|| panic!("no counter {name}"))
    };
    let before = count();
    for _ in 0..TIMES {
        pair.line.inject(Site::B, make(pair));
    }
    let counted = waited(Duration::from_secs(20), || count() - before >= TIMES);
    assert!(
        counted.is_some(),
        "{} of {TIMES} counted as {name}: {:?}",
        count() - before,
        counters(pair)
    );
    assert_eq!(count() - before, TIMES, "{name}");
}

/// The same with forgeries of a frame that B has not received yet and gets directly after them.
fn counted_before_next(pair: &Pair, name: &str, forge: fn(&mut Vec<u8>)) {
    let count = || {
        *counters(pair)
            .get(name)
            .unwrap_or_else(|| panic!("no counter {name}"))
    };
    let before = count();
    pair.line.before_next(Site::B, move |frame| {
        let mut forged = frame.to_vec();
        forge(&mut forged);
        vec![forged; usize::try_from(TIMES).unwrap()]
    });
    let counted = waited(Duration::from_secs(20), || count() - before >= TIMES);
    assert!(
        counted.is_some(),
        "{} of {TIMES} counted as {name}: {:?}",
        count() - before,
        counters(pair)
    );
    assert_eq!(count() - before, TIMES, "{name}");
}

/// Returns the last protected frame that went to B.
fn protected(pair: &Pair) -> Vec<u8> {
    pair.line
        .seen(Site::B)
        .protected_frames
        .back()
        .unwrap()
        .clone()
}

fn changed(pair: &Pair, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = protected(pair);
    change(&mut frame);
    frame
}

fn pn(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[PN..PN + 4].try_into().unwrap())
}

/// Returns a frame under the key in use that was received long ago.
fn late(pair: &Pair) -> Vec<u8> {
    let mut found = None;
    wait_until(
        "a frame beyond the replay window",
        Duration::from_secs(10),
        || {
            let seen = pair.line.seen(Site::B);
            let last = seen.protected_frames.back().unwrap();
            let old = |frame: &&Vec<u8>| {
                frame[TCI] == last[TCI] && pn(frame) + 3 * REPLAY_WINDOW < pn(last)
            };
            found = seen.protected_frames.iter().rev().find(old).cloned();
            found.is_some()
        },
    );
    found.unwrap()
}

fn rekey(pair: &Pair, towards: Site) -> Vec<u8> {
    pair.line.seen(towards).rekey_frames.back().unwrap().clone()
}

fn start() -> Pair {
    let settings = Settings {
        interval: Duration::from_secs(2),
        replay_window: REPLAY_WINDOW,
        ..Settings::default()
    };
    let pair = Pair::start(&settings);
    wait_until("frames and rekey frames", Duration::from_secs(20), || {
        let seen = pair.line.seen(Site::B);
        seen.line.protected > 100 && seen.line.rekey > 10
    });
    pair
}

/// After all that, both directions change keys as before, and the hosts saw no disturbance.
fn goes_on(pair: &Pair) {
    let switches = Site::BOTH.map(|site| pair.status(site).tx.switches);
    wait_until(
        "two changes of key in each direction",
        Duration::from_secs(10),
        || {
            Site::BOTH
                .iter()
                .all(|&site| pair.status(site).tx.switches >= switches[site.index()] + 2)
        },
    );
    for site in Site::BOTH {
        let report = pair.status(site);
        assert!(
            report.encrypting && report.workers.iter().all(|worker| worker.alive),
            "{report:?}"
        );
        assert_eq!(pair.line.seen(site).line.cleartext, 0);
    }
    pair.hosts.all_went_well();
}

#[test]
fn each_bad_frame_has_its_name() {
    let pair = start();
    // Frames that do not belong to this line at all.
    counted(&pair, "InPktsTooShort", |_| vec![0x5a; MACS_LEN + 1]);
    counted(&pair, "InPktsNoTag", |_| {
        [&[2; MACS_LEN][..], &[0x08, 0x00], &[0; 100]].concat()
    });
    // Truncated after the SecTAG, and inside it.
    counted(&pair, "InPktsBadTag", |pair| {
        changed(pair, |frame| frame.truncate(SCI + 8 + 4))
    });
    counted(&pair, "InPktsBadTag", |pair| {
        changed(pair, |frame| frame.truncate(PN + 1))
    });
    // Forged tags.
    counted(&pair, "InPktsBadTag", |pair| {
        changed(pair, |frame| frame[TCI] |= 0x80)
    });
    counted(&pair, "InPktsForKay", |pair| {
        changed(pair, |frame| frame[TCI] &= !0x04)
    });
    counted(&pair, "InPktsNoSCI", |pair| {
        changed(pair, |frame| frame[SCI + 5] ^= 1)
    });
    counted(&pair, "InPktsNotUsingSA", |pair| {
        changed(pair, |frame| frame[TCI] ^= 2)
    });
    // A packet number from the future must not move the replay window.
    counted(&pair, "InPktsNotValid", |pair| {
        changed(pair, |frame| {
            let ahead = pn(frame) + 1_000_000;
            frame[PN..PN + 4].copy_from_slice(&ahead.to_be_bytes());
        })
    });
    // Forged frames directly before the real one with the same packet number.
    let forgeries: [fn(&mut Vec<u8>); 5] = [
        |frame| *frame.last_mut().unwrap() ^= 1,
        |frame| frame.truncate(frame.len() - 1),
        |frame| frame.push(0),
        |frame| frame[SCI + 8 + 20] ^= 0x10,
        |frame| frame[0] ^= 2,
    ];
    for forge in forgeries {
        counted_before_next(&pair, "InPktsNotValid", forge);
    }
    // Replayed at once, and later.
    counted(&pair, "InPktsDuplicate", protected);
    pair.hosts.set_pause(Duration::from_millis(1));
    counted(&pair, "InPktsLate", late);
    goes_on(&pair);
}

#[test]
fn each_bad_rekey_frame_has_its_name() {
    let pair = start();
    counted(&pair, "malformed", |_| {
        let mut frame = vec![2; 60];
        frame[MACS_LEN..MACS_LEN + 2].copy_from_slice(&ETHERTYPE_REKEY.to_be_bytes());
        frame
    });
    counted(&pair, "malformed", |pair| {
        let mut frame = rekey(pair, Site::B);
        frame.truncate(100);
        frame
    });
    counted(&pair, "forged", |pair| {
        let mut frame = rekey(pair, Site::B);
        frame[46] ^= 1;
        frame
    });
    counted(&pair, "unknown_version", |pair| {
        let mut frame = rekey(pair, Site::B);
        frame[MACS_LEN + 2] = 9;
        frame
    });
    counted(&pair, "unknown_type", |pair| {
        let mut frame = rekey(pair, Site::B);
        frame[MACS_LEN + 3] = 200;
        frame
    });
    counted(&pair, "replayed", |pair| rekey(pair, Site::B));
    // Its own frames come back: the line is a loop.
    counted(&pair, "reflected", |pair| rekey(pair, Site::A));
    goes_on(&pair);
}

/// Any octets of any length: every frame is counted exactly once, under some name.
#[test]
fn garbage_is_accounted_for_to_the_last_frame() {
    const FRAMES: u64 = 3000;
    let pair = start();
    // The possible fates of a frame from the line at B.
    let ended = || {
        let report = pair.status(Site::B);
        let sum = |name| report.sum(|worker| &worker.rx, name);
        let discarded: u64 = secy_discards(&report.workers[0].rx).values().sum();
        let control = report.sum(|worker| &worker.worker, "InControl")
            + report.sum(|worker| &worker.worker, "InControlTooLong")
            + report.sum(|worker| &worker.worker, "InControlOverrun");
        let came = report.sum(|worker| &worker.black.counters, "rx_frames");
        (came, sum("InPktsOK") + discarded + control, discarded)
    };
    let before = ended();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for number in 0..FRAMES {
        let len = usize::try_from(random() % 1600).unwrap();
        let mut frame: Vec<u8> = (0..len).map(|_| random().to_le_bytes()[3]).collect();
        // Every third frame begins like one of ours.
        if number % 3 == 0 {
            let ours = protected(&pair);
            let like = usize::try_from(random() % 28).unwrap().min(len);
            frame[..like].copy_from_slice(&ours[..like]);
        }
        pair.line.inject(Site::B, frame);
        if number % 100 == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    wait_until(
        "all garbage discarded by name",
        Duration::from_secs(10),
        || ended().2 - before.2 >= FRAMES,
    );
    assert_eq!(ended().2 - before.2, FRAMES);
    let (came, accounted, _) = ended();
    assert_eq!(
        came, accounted,
        "a frame from the line ended without a name"
    );
    goes_on(&pair);
}

/// The counters of discarded frames.
fn secy_discards(rx: &BTreeMap<String, u64>) -> BTreeMap<&str, u64> {
    const NAMES: [&str; 10] = [
        "InPktsNoTag",
        "InPktsBadTag",
        "InPktsTooShort",
        "InPktsTooLong",
        "InPktsForKay",
        "InPktsNoSCI",
        "InPktsNotUsingSA",
        "InPktsLate",
        "InPktsDuplicate",
        "InPktsNotValid",
    ];
    NAMES.iter().map(|&name| (name, rx[name])).collect()
}
