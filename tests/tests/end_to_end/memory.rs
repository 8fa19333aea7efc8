//! What somebody finds who reads the memory of a running encryptor: no key that is out of use, and
//! after `zeroise` none at all.

use std::time::Duration;

use tests::daemon::DaemonPair;
use tests::kmes::TwoKmes;
use tests::memory::{Finds, Form, Needles, PLANTED};
use tests::namespace;
use tests::patience::wait_until;
use tests::program::run;
use tests::site::{Settings, Side};

use super::PROGRAM;

/// For switches, on a busy machine.
const SOON: Duration = Duration::from_secs(60);
/// Keys of a run.
const KEYS: usize = 60;
/// A key handed out so many switches ago was used, replaced, and wiped after the grace time.
const OLD: u64 = 6;

/// Looks for these keys; the planted secret is found besides, in every form it was planted in.
fn found(pid: u32, keys: &[Vec<u8>]) -> Finds {
    let mut all = keys.to_vec();
    all.push(PLANTED.to_vec());
    let mut finds = Needles::of(&all).find_in(pid).unwrap();
    let planted = [
        Form::Hex,
        Form::HexCapitals,
        Form::Base64(0),
        Form::Base64(1),
        Form::Base64(2),
    ];
    for form in planted {
        let seen = finds.remove(&(keys.len(), form));
        assert!(
            seen.is_some(),
            "the scan is blind: {form:?} of the planted secret is not found"
        );
    }
    finds
}

fn switches<K>(pair: &DaemonPair<K>) -> Vec<u64> {
    let switches = |side| {
        let status = pair.status(side);
        [status.tx.switches, status.rx.switches]
    };
    Side::BOTH.into_iter().flat_map(switches).collect()
}

fn wait_for_switches<K>(pair: &DaemonPair<K>, more: u64) {
    let before = switches(pair);
    wait_until("fresh keys", SOON, || {
        let now = switches(pair);
        now.iter()
            .zip(&before)
            .all(|(now, before)| *now >= before + more)
    });
}

#[test]
fn no_key_outlives_its_use_and_zeroise_leaves_none() {
    let name = "memory::no_key_outlives_its_use_and_zeroise_leaves_none";
    if !nix::unistd::geteuid().is_root() {
        return println!("{name}: skipped, only root reads the memory of a hardened process");
    }
    if !namespace::inside(name) {
        return;
    }
    let settings = Settings {
        interval: Duration::from_millis(300),
        ..Settings::default()
    };
    let mut record = None;
    let pair = DaemonPair::start_with(PROGRAM, &settings, |folder| {
        let (kmes, recorded) = TwoKmes::start_recorded(folder);
        record = Some(recorded);
        let addresses = Side::BOTH.map(|side| kmes.address(side));
        (kmes, addresses)
    });
    let record = record.unwrap();
    pair.wait_for_keys();
    pair.hosts.set_pause(Duration::from_millis(1));
    pair.hosts.speak();
    let keys = || {
        record
            .keys()
            .iter()
            .map(|key| key.to_vec())
            .collect::<Vec<_>>()
    };
    wait_until("the keys of a run", SOON, || keys().len() >= KEYS);

    let old = keys();
    wait_for_switches(&pair, OLD);
    for side in Side::BOTH {
        let finds = found(pair.process(side), &old);
        assert!(
            finds.is_empty(),
            "{side:?}, {} old keys: {finds:#?}",
            old.len()
        );
    }

    let socket = pair.folder.socket(Side::A);
    let ended = run(
        PROGRAM,
        ["zeroise", "--yes", "--socket", socket.to_str().unwrap()],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let all = keys();
    let finds = found(pair.process(Side::A), &all);
    assert!(
        finds.is_empty(),
        "{} keys after zeroise: {finds:#?}",
        all.len()
    );
}
