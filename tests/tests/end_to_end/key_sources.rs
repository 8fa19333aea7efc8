//! Key sources through the whole daemon: a second KME takes over when the first dies, and SKIP
//! works as well as ETSI GS QKD 014.

use std::time::Duration;

use lab::site::Site;
use tests::pair::Pair;
use tests::patience::wait_until;
use tests::site::Settings;

const INTERVAL: Duration = Duration::from_secs(1);
/// Time limit for the expected number of key switches, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

fn switches(pair: &Pair) -> [u64; 2] {
    Site::BOTH.map(|site| pair.status(site).tx.switches)
}

fn wait_for_switches(pair: &Pair, what: &str, more: u64) {
    let before = switches(pair);
    wait_until(what, SOON, || {
        let now = switches(pair);
        now.iter()
            .zip(&before)
            .all(|(now, before)| now - before >= more)
    });
}

/// Checks that all sent frames have arrived in order.
fn assert_nothing_lost(pair: &Pair) {
    pair.hosts.all_went_well();
    assert!(Site::BOTH.iter().all(|&site| pair.encrypting(site)));
}

#[test]
fn the_second_kme_takes_over_when_the_first_is_killed() {
    let mut pair = Pair::start(&Settings {
        interval: INTERVAL,
        second_kme: true,
        ..Settings::default()
    });
    pair.hosts.set_pause(Duration::from_millis(5));
    wait_for_switches(&pair, "keys of the first KME", 2);
    wait_until("both at the first KME", SOON, || {
        Site::BOTH
            .iter()
            .all(|&site| !pair.status(site).kme.fallback)
    });
    pair.kmes.take_down();
    wait_for_switches(&pair, "keys of the second KME", 5);
    for site in Site::BOTH {
        let report = pair.status(site);
        assert!(report.kme.fallback, "{:?}", report.kme);
    }
    assert_nothing_lost(&pair);
}

#[test]
fn keys_come_over_skip() {
    let pair = Pair::start(&Settings {
        interval: INTERVAL,
        skip: true,
        ..Settings::default()
    });
    pair.hosts.set_pause(Duration::from_millis(5));
    wait_for_switches(&pair, "keys over SKIP", 4);
    for site in Site::BOTH {
        let report = pair.status(site);
        assert_eq!((report.kme.state.as_str(), report.kme.failures), ("ok", 0));
    }
    assert_nothing_lost(&pair);
}
