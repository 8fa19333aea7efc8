//! The memory of a running encryptor holds no key that is out of use, and no key at all after
//! `zeroise`.

use std::fs;
use std::time::Duration;

use port::packet::{Packet, PacketConfig};
use port::{Burst, Port};

use lab::site::Site;
use tests::daemon::{self, Daemon, DaemonPair};
use tests::memory::{Finds, Form, Needles, PLANTED};
use tests::namespace;
use tests::patience::{wait_until, waited};
use tests::program::run;
use tests::record::Record;
use tests::recorded::{Recorded, find_keys};
use tests::site::{Folder, SECRET, Settings, psk};

use super::PROGRAM;

/// Limit for key switches, on a busy machine.
const SOON: Duration = Duration::from_secs(60);
/// Number of keys in a run.
const KEYS: usize = 60;
/// A key that was delivered this many switches ago was used, replaced, and wiped after the grace
/// time.
const OLD: u64 = 6;

/// Searches for these keys and the planted secret. The planted secret must be found in every form.
fn found(pid: u32, keys: &[Vec<u8>]) -> Finds {
    let mut all = keys.to_vec();
    all.push(PLANTED.to_vec());
    let mut finds = Needles::of(&all).find_in(pid).unwrap();
    let planted = [
        Form::Raw,
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
    let switches = |site| {
        let status = pair.status(site);
        [status.tx.switches, status.rx.switches]
    };
    Site::BOTH.into_iter().flat_map(switches).collect()
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
        let (kmes, recorded) = Record::kmes(folder);
        record = Some(recorded);
        let addresses = Site::BOTH.map(|site| kmes.address(site));
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

    let status = pair.status(Site::A);
    let about = fs::read_to_string(format!("/proc/{}/status", pair.process(Site::A))).unwrap();
    let nothing = |line: &str| line.split_whitespace().eq(["VmLck:", "0", "kB"]);
    assert_eq!(status.memory_locked, Some(!about.lines().any(nothing)));

    let old = keys();
    wait_for_switches(&pair, OLD);
    for site in Site::BOTH {
        let finds = found(pair.process(site), &old);
        assert!(
            finds.is_empty(),
            "{site:?}, {} old keys: {finds:#?}",
            old.len()
        );
    }

    let socket = pair.folder.socket(Site::A);
    let ended = run(
        PROGRAM,
        ["zeroise", "--yes", "--socket", socket.to_str().unwrap()],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut all = keys();
    all.push(psk(SECRET).to_vec());
    let finds = found(pair.process(Site::A), &all);
    assert!(
        finds.is_empty(),
        "{} keys after zeroise: {finds:#?}",
        all.len()
    );
}

/// Returns the next frame that arrives at the black interface of site B.
fn recorded() -> Recorded {
    let config = PacketConfig {
        ifname: "black-b".to_owned(),
        shares_interface: true,
        ..PacketConfig::default()
    };
    let mut line = Packet::open(config).unwrap();
    let mut burst = Burst::new();
    let mut last = None;
    wait_until("a frame on the line", SOON, || {
        line.rx_burst(&mut burst);
        for frame in burst.drain(..) {
            if wire::ethertype(frame.bytes()) == Some(wire::ETHERTYPE_MACSEC) {
                last = Recorded::of(frame.bytes());
            }
        }
        last.is_some()
    });
    last.unwrap()
}

/// An adversary who has recorded the line and then reads the memory of both boxes can open only
/// frames under the key in use, and none after zeroise.
#[test]
fn the_keys_of_recorded_frames_are_gone() {
    let name = "memory::the_keys_of_recorded_frames_are_gone";
    if !nix::unistd::geteuid().is_root() {
        return println!("{name}: skipped, only root reads the memory of a hardened process");
    }
    if !namespace::inside(name) {
        return;
    }
    let settings = Settings {
        interval: Duration::from_secs(120),
        ..Settings::default()
    };
    let pair = DaemonPair::start(PROGRAM, &settings);
    pair.wait_for_keys();
    pair.hosts.speak();
    let order = |order: &str, more: &[&str]| {
        let socket = pair.folder.socket(Site::A);
        let words = [order, "--socket", socket.to_str().unwrap()];
        let ended = run(PROGRAM, words.iter().chain(more));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    };
    let mut frames = vec![recorded()];
    for _ in 0..2 {
        let before = pair.status(Site::A).tx.switches;
        order("rekey", &[]);
        wait_until("a fresh key", SOON, || {
            pair.status(Site::A).tx.switches > before
        });
        frames.push(recorded());
    }
    for site in Site::BOTH {
        let mut found = Vec::new();
        // The old key is wiped after the grace time.
        let gone = waited(SOON, || {
            found = find_keys(pair.process(site), &frames).unwrap();
            assert!(
                found[2].is_some(),
                "the key in use is not found: the search is blind"
            );
            found[0].is_none() && found[1].is_none()
        });
        assert!(gone.is_some(), "{site:?}: {found:?}");
    }
    order("zeroise", &["--yes"]);
    let found = find_keys(pair.process(Site::A), &frames).unwrap();
    assert!(
        found.iter().all(Option::is_none),
        "after zeroise: {found:?}"
    );
}

/// The KME wipes keys that both SAEs have fetched.
#[test]
fn a_kme_keeps_no_key_that_it_has_given_to_both() {
    let name = "memory::a_kme_keeps_no_key_that_it_has_given_to_both";
    if !nix::unistd::geteuid().is_root() {
        return println!("{name}: skipped, only root reads the memory of a hardened process");
    }
    if !namespace::inside(name) {
        return;
    }
    let folder = Folder::new(&Settings::default());
    let kmes = daemon::start_kmes(PROGRAM, &folder);
    // Its worker thread also ends the connections after the last reply.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let client = |site: Site| {
        let (letter, peer) = (site.letter(), site.other().letter());
        let pki = folder.path().join("pki");
        keyclient::Client::new(keyclient::ClientConfig {
            base_url: format!("https://{}", daemon::kme_address(site)),
            kme_id: None,
            peer_sae_id: format!("sae-{peer}"),
            ca: pki.join("ca.pem"),
            cert: pki.join(format!("sae-{letter}.pem")),
            key: pki.join(format!("sae-{letter}.key")),
            timeout: Duration::from_secs(20),
            form: keyclient::Form::Post,
        })
        .ok()
        .unwrap()
    };
    let (a, b) = (client(Site::A), client(Site::B));
    let mut given = Vec::new();
    for _ in 0..20 {
        let keys = runtime.block_on(a.enc_keys(2, 256)).ok().unwrap();
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        assert_eq!(runtime.block_on(b.dec_keys(&ids)).ok().unwrap().len(), 2);
        given.extend(keys.iter().map(|key| key.bytes.expose().to_vec()));
    }
    // The connections end shortly after the replies.
    let mut finds = Finds::new();
    let clean = waited(SOON, || {
        finds = found(kmes.id(), &given);
        finds.is_empty()
    });
    assert!(clean.is_some(), "{} keys: {finds:#?}", given.len());
}

#[test]
fn memory_that_is_not_locked_is_said_so() {
    if !namespace::inside("memory::memory_that_is_not_locked_is_said_so") {
        return;
    }
    namespace::veth("red0", "lan0", 1500);
    namespace::veth("black0", "line0", 1600);
    let folder = Folder::new(&Settings::default());
    let ports = "[red]\nport = \"packet\"\ninterface = \"red0\"\n[black]\nport = \"packet\"\ninterface = \"black0\"\n";
    let file = folder.encryptor(Site::A, ports, ([127, 0, 0, 1], 1).into());
    let limited = [
        "--memlock=65536",
        "setpriv",
        "--bounding-set=-ipc_lock",
        PROGRAM,
        "run",
        "--config",
        file.to_str().unwrap(),
    ];
    let daemon = Daemon::start("prlimit", &limited, &folder.path().join("log"));
    let socket = folder.socket(Site::A);
    let status = || qmacsec::status::query::<qmacsec::status::Report>(&socket);
    let up = waited(SOON, || status().is_ok());
    assert!(up.is_some(), "{}", daemon.log());
    assert_eq!(status().unwrap().memory_locked, Some(false));
    daemon.wait_for_log(&["memory is not locked (RLIMIT_MEMLOCK is 65536 octets)"]);
    let shown = run(PROGRAM, ["status", "--socket", socket.to_str().unwrap()]);
    assert!(shown.stdout.contains("NOT LOCKED"), "{}", shown.stdout);
}
