//! Link-loss forwarding between real interfaces: the hosts of both ends see a link loss at either
//! end, and the link recovers by itself.

use std::time::Duration;

use lab::site::Site;
use port::LinkState;
use port::iface::Interface;
use tests::daemon::DaemonPair;
use tests::namespace::{inside, ip};
use tests::patience::wait_until;
use tests::site::Settings;

use super::PROGRAM;

/// Time limit for a loss to pass through both ends.
const LOSS: Duration = Duration::from_secs(15);
/// Time limit for a recovery: each end waits until the link is stable.
const RETURN: Duration = Duration::from_secs(40);

fn link(name: &str) -> LinkState {
    Interface::named(name).unwrap().link_state()
}

fn held(pair: &DaemonPair) -> [Option<String>; 2] {
    Site::BOTH.map(|site| pair.status(site).held_down)
}

fn all_back(pair: &DaemonPair) {
    wait_until("all links", RETURN, || {
        ["lan-a", "lan-b", "red-a", "red-b", "black-a", "black-b"]
            .map(link)
            .iter()
            .all(|link| *link == LinkState::Up)
    });
    wait_until("nothing held", RETURN, || held(pair) == [None, None]);
    let before = pair.status(Site::A).tx.switches;
    wait_until("a fresh key", RETURN, || {
        pair.status(Site::A).tx.switches > before
    });
}

#[test]
fn a_lost_link_is_seen_behind_both_ends_and_comes_back() {
    if !inside("link_loss::a_lost_link_is_seen_behind_both_ends_and_comes_back") {
        return;
    }
    let settings = Settings {
        link_loss_forwarding: true,
        ..Settings::default()
    };
    let pair = DaemonPair::start(PROGRAM, &settings);
    pair.wait_for_keys();
    let hosts_lose = |names: &[&str]| {
        wait_until("the loss at the hosts", LOSS, || {
            names.iter().all(|name| link(name) == LinkState::Down)
        });
    };

    // The line is cut.
    ip("link set black-b down");
    hosts_lose(&["lan-a", "lan-b"]);
    let red = || Some("red".to_owned());
    assert_eq!(held(&pair), [red(), red()]);
    ip("link set black-b up");
    all_back(&pair);

    // The host of A loses its link, and the host of B sees it.
    ip("link set lan-a down");
    hosts_lose(&["lan-b"]);
    assert_eq!(held(&pair), [Some("black".to_owned()), red()]);
    ip("link set lan-a up");
    all_back(&pair);

    pair.hosts.speak();
    std::thread::sleep(Duration::from_millis(500));
    pair.hosts.all_went_well();
    pair.wait_for_log(Site::A, &["black link is lost"]);
}

#[test]
fn without_the_option_a_lost_line_leaves_the_hosts_links_alone() {
    if !inside("link_loss::without_the_option_a_lost_line_leaves_the_hosts_links_alone") {
        return;
    }
    let pair = DaemonPair::start(PROGRAM, &Settings::default());
    pair.wait_for_keys();
    ip("link set black-b down");
    wait_until("the loss", LOSS, || {
        pair.status(Site::A).workers[0].black.link == "down"
    });
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(["lan-a", "lan-b"].map(link), [LinkState::Up; 2]);
    assert_eq!(held(&pair), [None, None]);
}
