//! Two ends with different settings, and cables in the wrong ports: the first line of the status
//! reports it.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use lab::site::Site;
use qmacsec::status::State;
use tests::daemon::DaemonPair;
use tests::namespace::{inside, ip};
use tests::pair::Pair;
use tests::patience::wait_until;
use tests::site::Settings;

use super::PROGRAM;

/// Limit for each wait, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

fn says(pair: &Pair, site: Site, words: &[&str]) -> State {
    let mut state = State::Starting;
    let mut reason = String::new();
    wait_until(&format!("{site:?} says {words:?}"), LIMIT, || {
        let report = qmacsec::status::query::<qmacsec::status::Report>(&pair.folder.socket(site));
        let Ok(report) = report else { return false };
        state = report.state;
        reason = report.reason.unwrap_or_default();
        words.iter().all(|words| reason.contains(words))
    });
    state
}

#[test]
fn another_mtu_is_named_at_both_ends() {
    let pair = Pair::start_quiet(&Settings {
        mtu: [1500, 1400],
        ..Settings::default()
    });
    for (site, words) in [
        (Site::A, "red.mtu is 1400 at the peer and 1500 here"),
        (Site::B, "red.mtu is 1500 at the peer and 1400 here"),
    ] {
        assert_eq!(says(&pair, site, &[words]), State::Degraded);
    }
}

#[test]
fn swapped_cables_are_named() {
    let pair = Pair::start_quiet(&Settings {
        swapped_cables: true,
        ..Settings::default()
    });
    let state = says(&pair, Site::A, &["cables of red and black swapped"]);
    assert!(matches!(state, State::Starting | State::NoPeer));
}

#[test]
fn a_lan_with_a_larger_mtu_is_named() {
    if !inside("disagreement::a_lan_with_a_larger_mtu_is_named") {
        return;
    }
    let pair = DaemonPair::start(PROGRAM, &Settings::default());
    pair.wait_for_keys();
    ip("link set lan-a mtu 4000");
    ip("link set red-a mtu 4000");
    ip("addr add 10.9.0.1/24 dev lan-a");
    ip("neigh add 10.9.0.2 lladdr 02:00:00:00:10:01 dev lan-a");
    let host = UdpSocket::bind("10.9.0.1:0").unwrap();
    wait_until("the status names the MTU", LIMIT, || {
        host.send_to(&[0; 2900], "10.9.0.2:9").unwrap();
        let report = pair.status(Site::A);
        let reason = report.reason.unwrap_or_default();
        report.state == State::Degraded && reason.contains("red.mtu = 1500")
    });
}

#[test]
fn each_ledger_notes_the_head_of_the_other() {
    if !inside("disagreement::each_ledger_notes_the_head_of_the_other") {
        return;
    }
    let pair = DaemonPair::start(PROGRAM, &Settings::default());
    for site in Site::BOTH {
        let name = format!("site-{}.ledger", site.letter());
        let ledger = pair.folder.path().join(name);
        wait_until("the head of the peer's ledger is noted", LIMIT, || {
            fs::read_to_string(&ledger).is_ok_and(|text| text.contains("\"heard\""))
        });
    }
}
