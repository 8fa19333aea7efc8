//! The first line of the status, its exit code and its metrics: they report ENCRYPTING only while
//! user frames pass.

use std::ffi::OsStr;
use std::time::Duration;

use lab::site::Site;
use tests::daemon::DaemonPair;
use tests::namespace::{inside, ip};
use tests::patience::wait_until;
use tests::program::{self, Ended};
use tests::site::Settings;

use super::PROGRAM;

/// Limit for each wait, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

fn status(pair: &DaemonPair, site: Site, more: &[&str]) -> Ended {
    let socket = pair.folder.socket(site);
    let arguments = [
        OsStr::new("status"),
        "--socket".as_ref(),
        socket.as_os_str(),
    ];
    let more = more.iter().map(OsStr::new);
    program::run(PROGRAM, arguments.into_iter().chain(more))
}

/// Waits until this end's headline contains these words. Then exit code, JSON and metrics must
/// agree with it.
fn says(pair: &DaemonPair, site: Site, words: &[&str], passes: bool) {
    let mut last = String::new();
    let first_line = |last: &mut String| {
        let ended = status(pair, site, &[]);
        *last = ended.stdout.lines().next().unwrap_or_default().to_owned();
        (ended.code, last.clone())
    };
    let what = format!("{site:?}: {words:?}");
    let mut code = None;
    wait_until(&what, LIMIT, || {
        let (ended, line) = first_line(&mut last);
        code = ended;
        words.iter().all(|words| line.contains(words))
    });
    assert_eq!(code, Some(if passes { 0 } else { 3 }), "{last}");
    assert_eq!(last.contains("no user frame passes"), !passes, "{last}");
    let metrics = status(pair, site, &["--prometheus"]).stdout;
    let encrypting = format!("\nqmacsec_encrypting {}\n", u8::from(passes));
    assert!(metrics.contains(&encrypting), "{last}\n{metrics}");
    let report = pair.status(site);
    assert_eq!(report.encrypting, passes, "{report:?}");
    let state = format!("qmacsec_state{{state=\"{}\"}} 1\n", report.state.name());
    assert!(metrics.contains(&state), "{state}\n{metrics}");
}

fn metric(pair: &DaemonPair, site: Site, line: &str) {
    let metrics = status(pair, site, &["--prometheus"]).stdout;
    assert!(
        metrics.contains(&format!("\n{line}\n")),
        "{line}:\n{metrics}"
    );
}

#[test]
fn a_line_or_a_lan_without_a_link_is_not_encrypting() {
    if !inside("headline::a_line_or_a_lan_without_a_link_is_not_encrypting") {
        return;
    }
    let pair = DaemonPair::start(PROGRAM, &Settings::default());
    pair.wait_for_keys();
    says(&pair, Site::A, &["site-a: ENCRYPTING"], true);
    metric(&pair, Site::A, "qmacsec_link_up{port=\"black\"} 1");
    metric(&pair, Site::A, "qmacsec_peer_up 1");

    // The cable is unplugged.
    ip("link set black-b down");
    for site in Site::BOTH {
        let interface = format!("black-{}", site.letter());
        says(&pair, site, &["LINE DOWN", "no link", &interface], false);
        metric(&pair, site, "qmacsec_link_up{port=\"black\"} 0");
        metric(&pair, site, "qmacsec_link_up{port=\"red\"} 1");
        let log = || pair.log(site);
        wait_until("the log tells of it", LIMIT, || {
            log().contains(&format!("the black link ({interface}) is down"))
        });
    }
    ip("link set black-b up");
    for site in Site::BOTH {
        says(&pair, site, &["ENCRYPTING"], true);
        wait_until("the log tells of the return", LIMIT, || {
            pair.log(site).contains("is up again, after")
        });
        metric(&pair, site, "qmacsec_link_losses_total{port=\"black\"} 1");
    }

    // The site's LAN is down at this end only.
    ip("link set lan-a down");
    says(&pair, Site::A, &["RED DOWN", "red-a"], false);
    metric(&pair, Site::A, "qmacsec_link_up{port=\"red\"} 0");
    says(&pair, Site::B, &["ENCRYPTING"], true);
    ip("link set lan-a up");
    says(&pair, Site::A, &["ENCRYPTING"], true);

    // The interface itself is deleted.
    ip("link del black-b");
    says(&pair, Site::B, &["LINE DOWN", "gone"], false);
}

#[test]
fn a_port_held_down_names_the_one_that_is_lost() {
    if !inside("headline::a_port_held_down_names_the_one_that_is_lost") {
        return;
    }
    let settings = Settings {
        link_loss_forwarding: true,
        ..Settings::default()
    };
    let pair = DaemonPair::start(PROGRAM, &settings);
    pair.wait_for_keys();
    ip("link set black-b down");
    let words = ["LINE DOWN", "black-a", "red is held down"];
    says(&pair, Site::A, &words, false);
    ip("link set black-b up");
    says(&pair, Site::A, &["ENCRYPTING"], true);
}

#[test]
fn a_peer_that_is_silent_or_stops_and_keys_that_run_short_are_told() {
    if !inside("headline::a_peer_that_is_silent_or_stops_and_keys_that_run_short_are_told") {
        return;
    }
    let mut pair = DaemonPair::start(PROGRAM, &Settings::default());
    pair.wait_for_keys();

    // Keys run short: frames pass, and the headline names the reason.
    pair.kmes.kill();
    says(&pair, Site::A, &["DEGRADED", "does not answer"], true);
    pair.start_kmes(PROGRAM);
    says(&pair, Site::A, &["ENCRYPTING"], true);

    // The peer dies without a BYE.
    pair.encryptors[Site::B.index()].kill();
    says(&pair, Site::A, &["PEER LOST", "site-b"], false);
    metric(&pair, Site::A, "qmacsec_peer_up 0");
    metric(&pair, Site::A, "qmacsec_link_up{port=\"black\"} 1");
}

#[test]
fn a_peer_that_says_good_bye_is_no_peer() {
    if !inside("headline::a_peer_that_says_good_bye_is_no_peer") {
        return;
    }
    let mut pair = DaemonPair::start(PROGRAM, &Settings::default());
    pair.wait_for_keys();
    let b = &mut pair.encryptors[Site::B.index()];
    b.terminate();
    assert_eq!(b.wait(LIMIT), Some(0));
    says(&pair, Site::A, &["NO PEER", "site-b"], false);
}
