//! A KME that is down, slow, refuses, or delivers unusable keys. The SAK in use stays and frames go
//! on. Status names the fault and its start. When the fault ends, both directions have a fresh key
//! within two intervals (invariants I9, I10).

use std::thread;
use std::time::{Duration, Instant};

use kme::faults::{Calls, Fault, Times, Wrong};
use lab::site::Site;
use qmacsec::status::Report;
use tests::pair::Pair;
use tests::patience::{hold_for, wait_until};
use tests::program;
use tests::site::Settings;

use super::PROGRAM;

const INTERVAL: Duration = Duration::from_secs(1);
/// Additional time on a busy machine, where cases run in parallel with other tests. The simulation
/// checks the exact bound.
const BUSY: Duration = Duration::from_secs(5);

/// The fault of a case.
enum Wrongdoing {
    /// A fault of A's KME.
    AtA(Fault, Calls),
    /// A fault of B's KME.
    AtB(Fault, Calls),
    /// Both KMEs are stopped.
    Down,
}

/// One fault, and the report that it must cause.
struct Case {
    what: Wrongdoing,
    /// The side whose status reports it.
    reported_by: Site,
    /// Words in the KME's last error.
    kme_says: Option<&'static str>,
    /// Words in the trouble of A's transmit direction, which waits for a key.
    trouble: &'static [&'static str],
}

/// Runs the cases in parallel, each with separate KMEs and encryptors.
fn all(cases: Vec<Case>) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || case.run());
        }
    });
}

impl Case {
    fn run(self) {
        let mut pair = Pair::start(&Settings {
            interval: INTERVAL,
            ..Settings::default()
        });
        pair.hosts.set_pause(Duration::from_millis(10));
        self.strike(&mut pair);
        // Prefetched keys are used up first.
        wait_until(&self.name("A in want of a key"), INTERVAL * 15, || {
            let report = pair.status(Site::A);
            report.tx.key_age_ms >= Some(1500) && self.is_reported(&pair)
        });
        let key = pair.status(Site::A).tx.key_id;
        assert!(key.is_some());
        let received = pair.hosts.flow(Site::A).received;
        hold_for(
            &self.name("encrypting under the key in use"),
            INTERVAL * 2,
            || {
                Site::BOTH.iter().all(|&site| pair.encrypting(site))
                    && pair.status(Site::A).tx.key_id == key
            },
        );
        assert!(
            pair.hosts.flow(Site::A).received > received + 50,
            "{}",
            self.name("frames stand still")
        );
        self.says_since_when(&pair);

        let before = Site::BOTH.map(|site| pair.status(site).tx.key_id);
        self.clear(&mut pair);
        let cleared = Instant::now();
        wait_until(&self.name("fresh keys"), INTERVAL * 15, || {
            Site::BOTH
                .iter()
                .all(|&site| pair.status(site).tx.key_id != before[site.index()])
        });
        let took = cleared.elapsed();
        assert!(
            took <= INTERVAL * 2 + BUSY,
            "{}",
            self.name(&format!("fresh keys took {took:?}"))
        );
        wait_until(&self.name("the end of the trouble"), INTERVAL * 10, || {
            Site::BOTH.iter().all(|&site| {
                let report = pair.status(site);
                report.kme.state == "ok" && report.tx.trouble.is_none()
            })
        });
        pair.hosts.all_went_well();
    }

    fn name(&self, what: &str) -> String {
        let who = match self.what {
            Wrongdoing::AtA(fault, calls) => format!("KME A, {calls:?}: {fault:?}"),
            Wrongdoing::AtB(fault, calls) => format!("KME B, {calls:?}: {fault:?}"),
            Wrongdoing::Down => "both KMEs down".to_owned(),
        };
        format!("[{who}] {what}")
    }

    fn strike(&self, pair: &mut Pair) {
        match self.what {
            Wrongdoing::AtA(fault, calls) => {
                pair.kmes.faults(Site::A).order(fault, calls, Times::Always);
            }
            Wrongdoing::AtB(fault, calls) => {
                pair.kmes.faults(Site::B).order(fault, calls, Times::Always);
            }
            Wrongdoing::Down => pair.kmes.take_down(),
        }
    }

    fn clear(&self, pair: &mut Pair) {
        match self.what {
            Wrongdoing::AtA(..) => pair.kmes.faults(Site::A).clear(),
            Wrongdoing::AtB(..) => pair.kmes.faults(Site::B).clear(),
            Wrongdoing::Down => pair.kmes.bring_up(&pair.folder).unwrap(),
        }
    }

    fn is_reported(&self, pair: &Pair) -> bool {
        let kme = pair.status(self.reported_by).kme;
        let kme_said = self.kme_says.is_none_or(|words| {
            kme.state == "failing" && kme.last_error.is_some_and(|error| error.contains(words))
        });
        kme_said && self.troubled(&pair.status(Site::A))
    }

    fn troubled(&self, a: &Report) -> bool {
        a.tx.trouble
            .as_ref()
            .is_some_and(|trouble| self.trouble.iter().any(|words| trouble.contains(words)))
    }

    /// Waits until status says that the fault has lasted two intervals, and the headline for an
    /// operator says the same. On a busy machine a call may fail for another reason in between.
    fn says_since_when(&self, pair: &Pair) {
        let least = u64::try_from((INTERVAL * 2).as_millis()).unwrap();
        let what = self.name("status with the fault and its start");
        wait_until(&what, INTERVAL * 20, || {
            let (reporter, a) = (pair.status(self.reported_by), pair.status(Site::A));
            let kme_says = self.kme_says.is_none_or(|words| {
                let error = reporter.kme.last_error.unwrap_or_default();
                error.contains(words) && reporter.kme.since_ms >= least
            });
            let troubled = self.troubled(&a) && a.tx.trouble_ms >= Some(least);
            kme_says && troubled && self.headline_says(pair)
        });
    }

    fn headline_says(&self, pair: &Pair) -> bool {
        let socket = pair.folder.socket(Site::A);
        let arguments = ["status".as_ref(), "--socket".as_ref(), socket.as_os_str()];
        let status = program::run(PROGRAM, arguments);
        assert_eq!(status.code, Some(0), "{}", self.name(&status.stdout));
        self.trouble
            .iter()
            .any(|words| status.stdout.contains(words))
    }
}

/// A case with a fault of A's KME when A requests a fresh key.
fn at_a(fault: Fault, kme_says: &'static str, trouble: &'static str) -> Case {
    let trouble = match trouble {
        "answer" => &["the KME does not answer", "the KME has not answered yet"][..],
        "refuses" => &["the KME refuses us"],
        "none" => &["the KME has no keys"],
        "unavailable" => &["the KME cannot serve now"],
        "nonsense" => &["the KME's answer makes no sense"],
        "unusable" => &["the KME gave an unusable key"],
        other => panic!("{other}"),
    };
    Case {
        what: Wrongdoing::AtA(fault, Calls::EncKeys),
        reported_by: Site::A,
        kme_says: Some(kme_says),
        trouble,
    }
}

/// A case with a fault of B's KME when B requests the key that A offers.
fn at_b(fault: Fault, kme_says: Option<&'static str>, trouble: &'static [&'static str]) -> Case {
    Case {
        what: Wrongdoing::AtB(fault, Calls::DecKeys),
        reported_by: Site::B,
        kme_says,
        trouble,
    }
}

#[test]
fn an_answer_that_is_no_key_stops_nothing() {
    all(vec![
        // The KME has served the same request before, so the cause is a lack of keys.
        at_a(Fault::Answer(Wrong::BadRequest), "400", "none"),
        at_a(Fault::Answer(Wrong::Unauthorized), "401", "refuses"),
        at_a(Fault::Answer(Wrong::NotFound), "404", "refuses"),
        at_a(Fault::Answer(Wrong::Unavailable), "503", "none"),
        at_a(Fault::Answer(Wrong::GatewayTimeout), "504", "unavailable"),
        at_a(Fault::Answer(Wrong::Html), "HTML", "nonsense"),
    ]);
}

#[test]
fn no_answer_stops_nothing() {
    let slow = Fault::Latency(Duration::from_secs(2));
    all(vec![
        Case {
            what: Wrongdoing::Down,
            reported_by: Site::A,
            kme_says: Some("no connection"),
            // The far KME is down too, and a key kept from before is offered again.
            trouble: &["the KME does not answer", "the peer refuses: its KME"],
        },
        at_a(slow, "no full answer within", "answer"),
        at_a(Fault::Wedge, "no full answer within", "answer"),
        at_a(Fault::LoseReply, "the connection broke", "answer"),
    ]);
}

#[test]
fn a_key_that_cannot_be_used_stops_nothing() {
    let unknown_there = &["the peer refuses: its KME does not know the key_ID"];
    all(vec![
        at_a(Fault::WrongSize, "bits instead of 256", "unusable"),
        // A's KME names the key differently from B's KME: only B can detect this.
        Case {
            what: Wrongdoing::AtA(Fault::WrongKeyId, Calls::EncKeys),
            reported_by: Site::A,
            kme_says: None,
            trouble: unknown_there,
        },
        // The same key repeatedly: A detects that it was used.
        Case {
            what: Wrongdoing::AtA(Fault::RepeatKeys, Calls::EncKeys),
            reported_by: Site::A,
            kme_says: None,
            trouble: &["the KME gave an unusable key"],
        },
    ]);
}

#[test]
fn a_fault_at_the_far_kme_stops_nothing() {
    all(vec![
        at_b(
            Fault::Answer(Wrong::Unavailable),
            Some("503"),
            &["the peer refuses: its KME"],
        ),
        at_b(
            Fault::WrongSize,
            Some("bits instead of 256"),
            &["the peer refuses: its KME"],
        ),
        at_b(
            Fault::WrongKeyId,
            Some("was not asked for"),
            &["the peer refuses: its KME"],
        ),
        at_b(
            Fault::Wedge,
            Some("no full answer within"),
            &[
                "the peer refuses: its KME",
                "the peer does not answer offers",
            ],
        ),
    ]);
}

/// If a key occurs twice in one answer, it is taken once. No key_ID is used twice.
#[test]
fn a_fresh_key_given_twice_is_used_once() {
    let pair = Pair::start(&Settings {
        interval: INTERVAL,
        ..Settings::default()
    });
    let faults = pair.kmes.faults(Site::A);
    faults.order(Fault::DuplicateKeys, Calls::EncKeys, Times::Always);
    let mut used = Vec::new();
    wait_until("six more keys", INTERVAL * 15, || {
        let key = pair.status(Site::A).tx.key_id;
        if used.last() != Some(&key) {
            assert!(!used.contains(&key), "{key:?} again, after {used:?}");
            used.push(key);
        }
        used.len() > 6
    });
    assert_eq!(pair.status(Site::A).kme.state, "ok");
    pair.hosts.all_went_well();
}
