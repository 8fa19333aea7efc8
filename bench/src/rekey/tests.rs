use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use port::{Burst, Port, PortCounters, PortError};
use serde_json::Value;

use super::analyse::row::Cell;
use super::analyse::row::Row;
use super::analyse::verdict::Verdict;
use super::load::hosts::Offer;
use super::measure::faults::{self, Scenario};
use super::measure::trial;
use super::rig::cabling::{self, Cables};
use super::*;
use crate::tests::{keys, parse};

/// Slow enough for a debug build on a busy machine.
const GENTLE: &str =
    "--ports mem --sizes 512 --rate 40000 --loads 50 --pairs 1 --time 3 --intervals 0.3";

/// A stall of the machine can spoil a run; a fault of ours is in each. So one of this many runs
/// must be good.
const TRIES: usize = 5;

/// The first good result of a measurement, or else its last one.
fn tried<T>(mut measure: impl FnMut() -> T, good: impl Fn(&T) -> bool) -> T {
    let mut result = measure();
    for _ in 1..TRIES {
        if good(&result) {
            break;
        }
        result = measure();
    }
    result
}

/// Pairs take turns: side by side they would stall each other.
fn my_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn measured(more: &str) -> Vec<Row> {
    let mut plan = Plan::new(&parse(&format!("{GENTLE} {more}")).unwrap());
    plan.devices.clear();
    rounds::run(&plan, Cores::default()).unwrap().rows
}

#[test]
fn rekeying_loses_nothing_and_the_report_has_every_form() {
    let _turn = my_turn();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let zeros = [
        "lost",
        "duplicated",
        "reordered",
        "unexplained",
        "sak_on_disk",
    ];
    let measured = || {
        let options = Options {
            out: Some(out.clone()),
            json: true,
            time: Some(Duration::from_secs(5)),
            devices: vec![Device::NoOp],
            ..parse(GENTLE).unwrap()
        };
        let (json, _) = run(&options).unwrap();
        let document: Value = serde_json::from_str(&json).unwrap();
        (json, document)
    };
    let (json, document) = tried(measured, |(_, document)| {
        let row = &document["rows"][0];
        row["switches"].as_u64() >= Some(10) && zeros.iter().all(|zero| row[zero] == 0)
    });
    let [row] = document["rows"].as_array().unwrap().as_slice() else {
        panic!("one row: {json}");
    };
    let promised = [
        "port",
        "interval_s",
        "size",
        "load_percent",
        "switches",
        "frames",
        "lost",
        "duplicated",
        "reordered",
        "unexplained",
        "loss_upper_95",
        "blocked_us_per_rekey",
        "p9999_in_us",
        "p9999_out_us",
        "max_in_us",
        "verdict",
    ];
    // In this order; additions come behind.
    let places = promised.map(|name| json.find(&format!("\"{name}\":")).expect(name));
    assert!(places.is_sorted(), "{json}");
    let added = [
        "switch_us",
        "late_old_key_frames",
        "an_wraps",
        "worst_bin_percent",
        "worst_bin_sham_percent",
        "worst_bin_chance",
        "p9999_in_sham_us",
        "p9999_out_sham_us",
        "p9999_in_undisturbed_us",
        "p9999_out_undisturbed_us",
        "p9999_chance",
        "machine_watched_s",
        "machine_standstills",
        "machine_stood_ms",
        "machine_slow_ms",
        "frames_disturbed",
        "windows_disturbed",
        "standstills_in",
        "standstills_in_by_chance",
        "nonces_checked",
        "nonce_repeats",
        "cleartext_frames_on_line",
        "sak_on_disk",
        "lost_in_windows",
        "gap_max_in_us",
        "gap_max_out_us",
        "max_out_us",
        "max_in_sham_us",
        "max_out_sham_us",
        "median_stall_at_switch_us",
        "median_stall_elsewhere_us",
        "windows",
        "windows_sham",
        "within_2_percent",
        "dip_at_switches",
        "machine_longest_ms",
        "frames_disturbed_percent",
        "why",
    ];
    assert_eq!(keys(row).len(), promised.len() + added.len());
    for name in added {
        assert!(
            json.find(&format!("\"{name}\":")) > places.last().copied(),
            "{name}"
        );
    }
    // Both directions, 5 s: more than 30, less what a busy machine delays.
    assert!(row["switches"].as_u64().unwrap() >= 4, "{row}");
    for zero in zeros {
        assert_eq!(row[zero], 0, "{zero}: {row}");
    }
    let peers = document["peers"].as_array().unwrap();
    let names: Vec<_> = peers.iter().map(|peer| &peer["device"]).collect();
    assert_eq!(names, ["no-op", "xpn-256"]);
    for peer in peers {
        for same in ["port", "size", "load_percent"] {
            assert_eq!(peer[same], row[same], "{same}: {peer}");
        }
        // A sender that a busy machine keeps from its core sends less.
        assert!(peer["frames"].as_u64() > Some(0), "{peer}");
    }
    let [used] = document["keys"].as_array().unwrap().as_slice() else {
        panic!("of one row: {json}");
    };
    let count = |name: &str| used[name].as_u64().unwrap();
    let switches = row["switches"].as_u64().unwrap();
    assert!(count("keys_used") >= switches, "{used}");
    assert!(count("keys_in") >= count("keys_used"), "{used}");
    assert!(
        count("depth_min") > 0 && used["skr_bit_s"] == 100_000.0,
        "{used}"
    );
    let text = std::fs::read_to_string(out.join("report.txt")).unwrap();
    for part in [
        "T1 NO-DROP",
        "T2 LATENCY",
        "T3 REKEY",
        "T3 BINS",
        "T3 STANDSTILLS",
        "T3 PEERS",
        "T4 SWITCH",
        "dec->rx_installed",
        "missed 0",
        "T5 DROPS",
        "T7 KEYS",
        "nonce_repeats 0",
        "cleartext_frames_on_line 0",
        "sak_on_disk 0",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("T3 REKEY") && !page.contains("src="));
    let svg = std::fs::read_to_string(out.join("mem-size-512-load-50.svg")).unwrap();
    roxmltree::Document::parse(&svg).unwrap();
    let log = std::fs::read_to_string(out.join("mem-size-512-load-50-T-0.3.hlog")).unwrap();
    assert!(
        log.contains("Tag=inside,") && log.contains("Tag=outside-undisturbed,"),
        "{log}"
    );
}

/// The stall is in every record. The verdict on it needs a machine that is quieter than the stall
/// at least in its best moments: measured again until it is. `analyse::row::tests` has the verdict
/// without a machine.
#[test]
fn a_worker_that_stalls_at_the_switch_fails() {
    let _turn = my_turn();
    for _ in 0..TRIES {
        let rows = measured("--fault stall");
        let [row] = rows.as_slice() else {
            panic!("one row");
        };
        let (at_switch, _) = row.on.stall_us(0.5).unwrap();
        assert!(at_switch >= 4_000.0, "5 ms of stall in {at_switch} us");
        let verdict = row.verdict();
        let named = |name| verdict.why().is_some_and(|why| why.contains(name));
        if ["stall", "p99.99"].into_iter().any(named) {
            return;
        }
        let (_, elsewhere) = row.on.stall_us(0.1).unwrap();
        let noisy = elsewhere > 2_000.0 || row.on.lost > 0;
        assert!(noisy, "{verdict} beside {elsewhere} us in the best tenth");
    }
    println!("this machine stalls by itself as long: no verdict");
}

#[cfg(feature = "guards")]
#[test]
fn a_sender_that_switches_before_the_receiver_is_ready_fails() {
    let _turn = my_turn();
    for row in measured("--fault early-switch") {
        let Verdict::Fail(why) = row.verdict() else {
            panic!("passed; dropped: {:?}", row.drops);
        };
        // Offers never come to rest here, so ports and workers are read some rekey frames apart,
        // and the verdict may name these first. The user frames lost have their name all the same.
        assert!(row.on.lost > 0, "{why}");
        assert!(
            row.drops.contains_key("InPktsNotUsingSA"),
            "{why}; dropped: {:?}",
            row.drops
        );
    }
}

/// Loses one user frame of a thousand without a word, and refuses one rekey frame of three with
/// one.
struct Leaky {
    port: Box<dyn Port>,
    users: u64,
    control: u64,
}

impl Port for Leaky {
    fn rx_burst(&mut self, into: &mut Burst) {
        self.port.rx_burst(into);
    }
    fn tx_burst(&mut self, from: &mut Burst) {
        from.retain(|_| {
            self.users += 1;
            !self.users.is_multiple_of(1000)
        });
        self.port.tx_burst(from);
    }
    fn copy_tx(&mut self, frame: &[u8]) {
        self.control += 1;
        if !self.control.is_multiple_of(3) {
            self.port.copy_tx(frame);
        }
    }
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.port.fd()
    }
    fn mtu(&self) -> usize {
        self.port.mtu()
    }
    fn mac(&self) -> [u8; 6] {
        self.port.mac()
    }
    fn counters(&self) -> PortCounters {
        let counters = self.port.counters();
        PortCounters {
            tx_refused: counters.tx_refused + self.control / 3,
            ..counters
        }
    }
    fn link_up(&self) -> bool {
        self.port.link_up()
    }
    fn kind(&self) -> &'static str {
        self.port.kind()
    }
}

/// Rekey frames that were refused do not stand for user frames that vanished.
#[test]
fn frames_that_vanish_are_unexplained_whatever_else_is_dropped() {
    let _turn = my_turn();
    let offer = Offer {
        size: FrameSize::Octets(512),
        rate: 10_000.0,
        time: Duration::from_secs(2),
    };
    let interval = Duration::from_millis(300);
    let cell = Cell {
        port: PortSetup::Mem,
        offer,
        load_percent: 50,
    };
    let over = |cables: Cables| {
        let mut row = Row::new(cell, interval);
        trial::run(cables, offer.time, None, &mut row, Vec::new()).unwrap();
        row
    };
    let whole = || over(cabling::in_memory(Cores::default()));
    let row = tried(whole, |row| row.unexplained.is_empty());
    assert!(row.unexplained.is_empty(), "{:?}", row.unexplained);

    let leaking = || {
        let mut cables = cabling::in_memory(Cores::default());
        cables.encryptors = cables.encryptors.map(|[red, black]| {
            let leaky = move || -> Result<Box<dyn Port>, PortError> {
                Ok(Box::new(Leaky {
                    port: black()?,
                    users: 0,
                    control: 0,
                }))
            };
            [red, Box::new(leaky)]
        });
        over(cables)
    };
    let row = tried(leaking, |row| row.on.lost == 40);
    let refused = row.drops["rekey frames: black tx_refused"];
    assert!(refused > 0 && row.on.lost == 40, "{:?}", row.drops);
    assert_eq!(row.unexplained, [("black tx".to_owned(), 40)].into());
    assert!(row.safety.keys > 0 && row.safety.grave.is_empty());
}

#[test]
fn faults_lose_nothing_but_what_a_dead_encryptor_must() {
    let _turn = my_turn();
    let offer = Offer {
        size: FrameSize::Octets(512),
        rate: 5_000.0,
        time: Duration::ZERO,
    };
    for scenario in [
        Scenario::KmsDown,
        Scenario::KmsMismatch,
        Scenario::Reorder,
        Scenario::PeerKill,
    ] {
        let (lasts, interval) = (Duration::from_secs(1), Duration::from_millis(300));
        let played = || faults::play(scenario, lasts, interval, offer, Cores::default()).unwrap();
        let outcome = tried(played, |outcome| {
            outcome.verdict() == Verdict::Pass && outcome.switches >= 6
        });
        assert_eq!(outcome.verdict(), Verdict::Pass, "{outcome:?}");
        assert!(
            outcome.switches >= 6,
            "keys change before and after: {outcome:?}"
        );
    }
}

#[test]
fn wrong_options_are_refused_in_words() {
    for (arguments, word) in [
        ("--intervals 0.05", "0.1 s to 150 s"),
        ("--intervals x", "not a number of seconds"),
        ("--time 101", "1 s to 100 s"),
        ("--sizes 9000", "at most 1518"),
        ("--loads 0", "1..=100"),
    ] {
        let error = parse::<Options>(arguments).unwrap_err();
        assert!(error.to_string().contains(word), "{arguments}: {error}");
    }
}
