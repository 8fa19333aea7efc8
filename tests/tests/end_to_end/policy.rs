//! The policy of a running encryptor changes without a lost frame. No other setting changes with
//! it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lab::site::Site;
use port::packet::{Packet, PacketConfig};
use port::{Burst, Port};
use qmacsec::status::{Done, Report, Request, request};
use tests::daemon::DaemonPair;
use tests::namespace;
use tests::pair::Pair;
use tests::patience::{wait_until, waited};
use tests::program::run;
use tests::site::Settings;

use super::PROGRAM;

const LLDP_BYPASSES: &str = "\n[[policy.rule]]\nprotocol = \"lldp\"\naction = \"bypass\"\n";
const ARP_IS_DROPPED: &str = "\n[[policy.rule]]\nethertype = 0x0806\naction = \"discard\"\n";

/// Returns the rules of a running encryptor, for example `bypass lldp`.
fn rules(report: &Report) -> Vec<String> {
    let lines = report.policy.iter().skip(1); // the fixed rule
    lines
        .take_while(|line| line.frames != "eapol")
        .map(|line| format!("{} {}", line.action, line.frames))
        .collect()
}

fn reload(socket: &Path) -> Done {
    request(socket, Request::Reload).unwrap()
}

#[test]
fn the_policy_changes_under_traffic_and_no_frame_is_lost() {
    let pair = Pair::start(&Settings::default());
    pair.hosts.set_pause(Duration::from_millis(1));
    let (file, socket) = (pair.folder.config(Site::A), pair.folder.socket(Site::A));
    let original = fs::read_to_string(&file).unwrap();
    assert!(rules(&pair.status(Site::A)).is_empty());
    for round in 0..20 {
        let (more, expected) = if round % 2 == 0 {
            (LLDP_BYPASSES, ["bypass 0x88cc"])
        } else {
            (ARP_IS_DROPPED, ["discard 0x0806"])
        };
        fs::write(&file, format!("{original}{more}")).unwrap();
        let done = reload(&socket);
        assert!(done.done && done.workers == 1, "{done:?}");
        assert_eq!(rules(&pair.status(Site::A)), expected);
        std::thread::sleep(Duration::from_millis(50));
    }
    pair.hosts.all_went_well();
    // The hits belong to the last table, and every frame hit the last line of it.
    let report = pair.status(Site::A);
    let hits: Vec<_> = report.policy.iter().map(|line| line.red).collect();
    let (last, others) = hits.split_last().unwrap();
    assert!(
        *last > 0 && others.iter().all(|hits| *hits == 0),
        "{hits:?}"
    );
    assert!(*last < report.sum(|worker| &worker.tx, "OutPktsEncrypted"));
}

#[test]
fn what_cannot_be_taken_over_is_named_and_nothing_is() {
    let pair = Pair::start(&Settings::default());
    let (file, socket) = (pair.folder.config(Site::B), pair.folder.socket(Site::B));
    let original = fs::read_to_string(&file).unwrap();
    let refused = |text: &str, names: &[&str]| {
        fs::write(&file, text).unwrap();
        let done = reload(&socket);
        assert!(!done.done, "{done:?}");
        for name in names {
            assert!(done.text.contains(name), "{name}: {}", done.text);
        }
        assert!(rules(&pair.status(Site::B)).is_empty());
    };
    let with_rule = format!("{original}{LLDP_BYPASSES}");
    let slower = with_rule.replace("interval = \"1s\"", "interval = \"2s\"");
    assert_ne!(slower, with_rule);
    refused(&slower, &["rekey.interval", "restart", "fix:"]);
    refused(
        &with_rule.replace("lldp", "lacp"),
        &["policy.rule[0].protocol", "fix:"],
    );
    refused("[encryptor", &["TOML"]);
    fs::remove_file(&file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    let done = reload(&socket);
    assert!(!done.done && done.text.contains("is a FIFO"), "{done:?}");
    fs::remove_file(&file).unwrap();
    let done = reload(&socket);
    assert!(
        !done.done && done.text.contains("cannot be read"),
        "{done:?}"
    );
    // After all that, a valid file still takes effect.
    fs::write(&file, with_rule).unwrap();
    assert!(reload(&socket).done);
    assert_eq!(rules(&pair.status(Site::B)), ["bypass 0x88cc"]);
    pair.hosts.all_went_well();
}

#[test]
fn a_daemon_reloads_on_sighup_and_on_the_operators_word() {
    if !namespace::inside("policy::a_daemon_reloads_on_sighup_and_on_the_operators_word") {
        return;
    }
    let pair = DaemonPair::start(PROGRAM, &Settings::default());
    pair.wait_for_keys();
    pair.hosts.set_pause(Duration::from_millis(1));
    pair.hosts.speak();
    let (file, socket) = (pair.folder.config(Site::A), pair.folder.socket(Site::A));
    let original = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{original}{LLDP_BYPASSES}")).unwrap();
    pair.hang_up(Site::A);
    wait_until("the rule of the config", Duration::from_secs(20), || {
        rules(&pair.status(Site::A)) == ["bypass 0x88cc"]
    });
    pair.wait_for_log(Site::A, &["SIGHUP", "BYPASSES"]);

    let path = file.to_str().unwrap();
    let checked = run(PROGRAM, ["check", "--config", path]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    for part in [
        "discard  mac-control",
        "bypass   0x88cc   <- IN CLEAR",
        "protect  default",
        "WARNING",
    ] {
        assert!(checked.stdout.contains(part), "{part}: {}", checked.stdout);
    }

    fs::write(&file, format!("{original}{ARP_IS_DROPPED}")).unwrap();
    let order = ["reload", "--socket", socket.to_str().unwrap()];
    let ordered = run(PROGRAM, order);
    assert_eq!(ordered.code, Some(0), "{}", ordered.stderr);
    assert!(
        ordered.stdout.contains("1 workers confirmed"),
        "{}",
        ordered.stdout
    );
    assert_eq!(rules(&pair.status(Site::A)), ["discard 0x0806"]);
    fs::write(&file, original.replace("red-a", "red-x")).unwrap();
    let refused = run(PROGRAM, order);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stdout.contains("red.interface"),
        "{}",
        refused.stdout
    );
    pair.hosts.all_went_well();
}

/// A socket on a cable, which sends frames and sees those that arrive there.
struct Probe(Packet);

impl Probe {
    fn on(ifname: &str) -> Self {
        let config = PacketConfig {
            ifname: ifname.to_owned(),
            shares_interface: true,
            ..PacketConfig::default()
        };
        Self(Packet::open(config).unwrap())
    }

    /// Returns the first wanted frame that arrives within 2 s.
    fn sees(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let mut seen = None;
        let mut burst = Burst::new();
        let _or_never = waited(Duration::from_secs(2), || {
            self.0.rx_burst(&mut burst);
            let mut frames = burst.drain(..).map(|frame| frame.bytes().to_vec());
            seen = frames.find(|frame| wanted(frame));
            seen.is_some()
        });
        seen
    }
}

const WORDS: &[u8] = b"words of a device, to be known again";

fn of_device(after_source: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x01, 0x80, 0xC2, 0, 0, 0x0E, 2, 0, 0, 0, 0, 7];
    frame.extend(after_source);
    frame.extend(WORDS);
    frame.extend([0; 64]);
    frame
}

fn has_words(frame: &[u8]) -> bool {
    frame.windows(WORDS.len()).any(|window| window == WORDS)
}

#[test]
fn over_real_interfaces_only_what_bypasses_and_clear_tags_are_seen_on_the_line() {
    let name =
        "policy::over_real_interfaces_only_what_bypasses_and_clear_tags_are_seen_on_the_line";
    if !namespace::inside(name) {
        return;
    }
    let settings = Settings {
        clear_vlan_tags: 1,
        ..Settings::default()
    };
    let pair = DaemonPair::start(PROGRAM, &settings);
    pair.wait_for_keys();
    for site in Site::BOTH {
        let file = pair.folder.config(site);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}{LLDP_BYPASSES}")).unwrap();
        assert!(reload(&pair.folder.socket(site)).done);
    }
    let [mut lan_a, mut lan_b, mut line] = ["lan-a", "lan-b", "black-b"].map(Probe::on);
    let tag = [0x81, 0x00, 0x20, 0x65];
    let lldp = of_device(&[0x88, 0xCC]);
    let tagged_lldp = of_device(&[&tag[..], &[0x88, 0xCC]].concat());
    let secret = of_device(&[0x88, 0x09]);
    let tagged_secret = of_device(&[&tag[..], &[0x08, 0x00]].concat());
    for frame in [&lldp, &tagged_lldp] {
        lan_a.0.copy_tx(frame);
        assert_eq!(
            line.sees(has_words).as_ref(),
            Some(frame),
            "in clear, as it is"
        );
        assert_eq!(lan_b.sees(has_words).as_ref(), Some(frame));
    }
    for (frame, tags) in [(&secret, 0), (&tagged_secret, 1)] {
        lan_a.0.copy_tx(frame);
        let is_it = |seen: &[u8]| seen.starts_with(&frame[..12 + 4 * tags]);
        let on_line = line.sees(is_it).unwrap();
        assert!(!has_words(&on_line));
        assert_eq!(
            on_line[12 + 4 * tags..][..2],
            [0x88, 0xE5],
            "behind the tag"
        );
        assert_eq!(on_line.len(), frame.len() + 32);
        assert_eq!(lan_b.sees(has_words).as_ref(), Some(frame));
    }
    // From the line: frames that bypass come in. A frame without a SecTAG does not, and rekey
    // frames do not.
    let mut stranger = Probe::on("black-a");
    stranger.0.copy_tx(&of_device(&[0x08, 0x06]));
    stranger.0.copy_tx(&of_device(&[0x88, 0xB5]));
    stranger
        .0
        .copy_tx(&of_device(&[&tag[..], &[0x88, 0xE5]].concat()));
    stranger.0.copy_tx(&lldp);
    assert_eq!(lan_b.sees(has_words), Some(lldp), "the last of four");
    assert_eq!(lan_b.sees(has_words), None);
    let report = pair.status(Site::B);
    let line = &report.policy[1];
    assert_eq!((line.frames.as_str(), line.black), ("0x88cc", 3));
    assert_eq!(report.sum(|worker| &worker.rx, "InPktsNoTag"), 1);
    assert_eq!(report.sum(|worker| &worker.worker, "InBypass"), 3);
}
