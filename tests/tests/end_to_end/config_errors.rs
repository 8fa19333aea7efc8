//! Mistakes in config files. `check` (or the start) finds each of them and exits with 1, and the
//! message names file, key, value and fix. Nothing is ignored or guessed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use lab::site::Site;
use tests::namespace;
use tests::program::{Ended, run};
use tests::site::{Folder, Settings, write_psk};

use super::PROGRAM;

const PORTS: &str = "[red]\nport = \"packet\"\ninterface = \"red0\"\nmtu = 1500\n\n[black]\nport = \"packet\"\ninterface = \"black0\"\n";

/// Writes a valid config.
pub(super) fn fine(folder: &Folder) -> PathBuf {
    folder.encryptor(Site::A, PORTS, ([127, 0, 0, 1], 8443).into())
}

pub(super) fn check(file: &Path) -> Ended {
    command("check", file)
}

/// Runs a command that must not block: `timeout` ends it with code 124 if it does.
pub(super) fn command(name: &str, file: &Path) -> Ended {
    let words = ["20", PROGRAM, name, "--config"].map(OsStr::new);
    run("timeout", words.into_iter().chain([file.as_os_str()]))
}

/// A mistake: the original text in the valid config, its replacement, and the words that the
/// message must contain besides the file's name.
pub(super) struct Mistake {
    pub(super) instead_of: &'static str,
    pub(super) write: &'static str,
    pub(super) says: &'static [&'static str],
}

pub(super) const fn mistake(
    instead_of: &'static str,
    write: &'static str,
    says: &'static [&'static str],
) -> Mistake {
    Mistake {
        instead_of,
        write,
        says,
    }
}

const ENCRYPTOR: &[Mistake] = &[
    // Invalid TOML, unknown keys, missing keys.
    mistake("[red]", "[red", &["line ", "fix: "]),
    mistake(
        "mtu = 1500",
        "mtuu = 1500",
        &[
            "line ",
            "red",
            "mtuu",
            "unknown field",
            "fix: correct the spelling",
        ],
    ),
    mistake(
        "[macsec]",
        "[macsecc]",
        &["macsecc", "unknown field", "fix: "],
    ),
    mistake(
        "name = \"site-a\"\n",
        "name = \"site-a\"\ncolour = \"red\"\n",
        &["encryptor", "colour", "unknown field", "fix: "],
    ),
    mistake(
        "name = \"site-a\"\n",
        "",
        &[
            "encryptor",
            "missing field `name`",
            "fix: add the line name",
        ],
    ),
    mistake(
        "sae_id = \"sae-b\"\n",
        "",
        &["peer", "missing field `sae_id`", "fix: add the line sae_id"],
    ),
    // Ports.
    mistake(
        "mtu = 1500",
        "mtu = 9001",
        &["red.mtu = 9001", "out of range", "fix: 68 to 9000"],
    ),
    mistake(
        "count = 1",
        "count = 17",
        &["worker.count = 17", "out of range", "fix: 1 to 16"],
    ),
    mistake(
        "mtu = 1500",
        "mtu = 67",
        &["red.mtu = 67", "out of range", "fix: 68 to 9000"],
    ),
    mistake("mtu = 1500", "mtu = 70000", &["red.mtu", "70000", "fix: "]),
    mistake("mtu = 1500", "mtu = -1", &["red.mtu", "-1", "fix: "]),
    mistake(
        "mtu = 1500",
        "mtu = \"1500\"",
        &["red.mtu", "\"1500\"", "fix: "],
    ),
    mistake(
        "\"black0\"",
        "\"red0\"",
        &["black.interface = red0", "also the red interface", "fix: "],
    ),
    mistake("\"red0\"", "\"a/b\"", &["red.interface = \"a/b\"", "fix: "]),
    mistake("\"red0\"", "\"\"", &["red.interface = \"\"", "fix: "]),
    mistake(
        "\"black0\"",
        "\"sixteen-letters-\"",
        &["black.interface = \"sixteen-letters-\"", "fix: 1 to 15"],
    ),
    mistake(
        "[black]\nport = \"packet\"",
        "[black]\nport = \"pdk\"",
        &["black.port", "pdk", "fix: "],
    ),
    // MACsec and rekey.
    mistake(
        "replay_window = 1024",
        "suite = \"aes\"",
        &[
            "(macsec.suite) = \"aes\"",
            "not a cipher suite",
            "fix: gcm-aes-xpn-256",
        ],
    ),
    mistake(
        "replay_window = 1024",
        "replay_window = 4000000000",
        &[
            "macsec.replay_window = 4000000000",
            "too wide",
            "fix: at most",
        ],
    ),
    mistake(
        "replay_window = 1024",
        "replay_window = -5",
        &["macsec.replay_window", "-5", "fix: "],
    ),
    mistake(
        "interval = \"1s\"",
        "interval = \"50ms\"",
        &["rekey.interval = 50ms", "out of range", "fix: 100ms to"],
    ),
    mistake(
        "interval = \"1s\"",
        "interval = \"3 weeks\"",
        &["rekey.interval", "fix: 100ms to"],
    ),
    mistake(
        "interval = \"1s\"",
        "interval = \"soon\"",
        &[
            "(rekey.interval) = \"soon\"",
            "not a duration",
            "fix: write a number with its unit",
        ],
    ),
    mistake(
        "interval = \"1s\"",
        "interval = 3",
        &["rekey.interval", "3", "fix: "],
    ),
    mistake(
        "interval = \"1s\"",
        "interval = \"10m\"",
        &["rekey.hold_max = 5m", "shorter than two intervals", "fix: "],
    ),
    mistake(
        "interval = \"1s\"",
        "ethertype = 0x88e5",
        &["rekey.ethertype = 0x88e5", "fix: 0x88b5"],
    ),
    mistake(
        "interval = \"1s\"",
        "ethertype = 100",
        &["rekey.ethertype = 0x0064", "fix: 0x88b5"],
    ),
    mistake(
        "interval = \"1s\"",
        "destination = \"nowhere\"",
        &[
            "(rekey.destination) = \"nowhere\"",
            "not a MAC address",
            "fix: write six pairs",
        ],
    ),
    // This box.
    mistake(
        "name = \"site-a\"\n",
        "name = \"site-a\"\nmac = \"02:00\"\n",
        &[
            "(encryptor.mac) = \"02:00\"",
            "not a MAC address",
            "fix: write six pairs",
        ],
    ),
    mistake(
        "name = \"site-a\"\n",
        "name = \"site-a\"\nengine = \"enigma\"\n",
        &[
            "(encryptor.engine) = \"enigma\"",
            "not an AES-GCM engine",
            "fix: auto",
        ],
    ),
    // KME.
    mistake(
        "\"https://127",
        "\"http://127",
        &[
            "kme.url = http://127.0.0.1:8443",
            "not an https URL",
            "fix: ",
        ],
    ),
    mistake(
        "\"https://127.0.0.1:8443\"",
        "\"https://\"",
        &["kme.url", "https://", "fix"],
    ),
    mistake(
        "timeout = \"500ms\"",
        "timeout = \"1ms\"",
        &["kme.timeout = 1ms", "out of range", "fix: 50ms to 30s"],
    ),
    mistake(
        "timeout = \"500ms\"",
        "form = \"put\"",
        &["kme.form", "put", "fix: "],
    ),
    mistake(
        "pki/ca.pem",
        "pki/nobody.pem",
        &["kme.ca", "nobody.pem", "fix"],
    ),
    mistake(
        "pki/sae-a.pem",
        "site-a.toml",
        &["kme.cert", "site-a.toml", "fix"],
    ),
    mistake(
        "pki/sae-a.key",
        "pki/sae-b.key",
        &["kme.key", "sae-b.key", "fix"],
    ),
    // Peer.
    mistake(
        "psk_file = \"pair-a.psk\"",
        "psk_file = \"nothing.psk\"",
        &[
            "peer.psk_file",
            "nothing.psk",
            "cannot be read",
            "fix: create one with `qmacsec pki --psk",
        ],
    ),
    mistake(
        "psk_file = \"pair-a.psk\"",
        "psk_file = \"open.psk\"",
        &[
            "peer.psk_file",
            "open.psk",
            "open to others (mode 644)",
            "fix: chmod 600",
        ],
    ),
    mistake(
        "psk_file = \"pair-a.psk\"",
        "psk_file = \"group.psk\"",
        &[
            "peer.psk_file",
            "group.psk",
            "open to others (mode 640)",
            "fix: chmod 600",
        ],
    ),
    mistake(
        "psk_file = \"pair-a.psk\"",
        "psk_file = \"short.psk\"",
        &["peer.psk_file", "short.psk", "fix: 32 to 64 octets"],
    ),
    mistake(
        "psk_file = \"pair-a.psk\"",
        "psk_file = \"words.psk\"",
        &[
            "peer.psk_file",
            "words.psk",
            "is not hex",
            "fix: 64 to 128 hex digits",
        ],
    ),
    mistake(
        "psk_file = \"pair-a.psk\"",
        "psk_file = \"odd.psk\"",
        &["peer.psk_file", "odd.psk", "fix: "],
    ),
    mistake(
        "psk_file = \"pair-a.psk\"\n",
        "psk_file = \"pair-a.psk\"\n[[peer]]\nname = \"c\"\nsae_id = \"c\"\npsk_file = \"c\"\n",
        &["peer", "2 peers", "fix: exactly one"],
    ),
];

pub(super) fn write_bad_secrets(folder: &Folder) {
    let secret = |name: &str, text: &str, mode: u32| {
        let file = folder.path().join(name);
        write_psk(&file, 0x11);
        if !text.is_empty() {
            fs::write(&file, text).unwrap();
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    secret("open.psk", "", 0o644);
    secret("group.psk", "", 0o640);
    secret("short.psk", "deadbeef", 0o600);
    secret(
        "words.psk",
        &"correct horse battery staple ".repeat(3),
        0o600,
    );
    secret("odd.psk", &"5".repeat(65), 0o600);
}

#[test]
fn a_config_that_is_fine_passes() {
    if !namespace::inside("config_errors::a_config_that_is_fine_passes") {
        return;
    }
    namespace::veth("red0", "lan0", 1500);
    namespace::veth("black0", "line0", 1500);
    let folder = Folder::new(&Settings::default());
    let file = fine(&folder);
    let ended = check(&file);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for words in [
        "is fine",
        "red0",
        "black0",
        "gcm-aes-xpn-256",
        "site-b",
        "1s",
        "https://127.0.0.1:8443",
    ] {
        assert!(ended.stdout.contains(words), "{words:?}: {}", ended.stdout);
    }
}

#[test]
fn every_mistake_names_file_key_value_and_fix() {
    let folder = Folder::new(&Settings::default());
    write_bad_secrets(&folder);
    let file = fine(&folder);
    let text = fs::read_to_string(&file).unwrap();
    let mut wrong = String::new();
    for Mistake {
        instead_of,
        write,
        says,
    } in ENCRYPTOR
    {
        assert_eq!(
            text.matches(instead_of).count(),
            1,
            "{instead_of:?} in\n{text}"
        );
        fs::write(&file, text.replace(instead_of, write)).unwrap();
        let ended = check(&file);
        let missing: Vec<_> = says
            .iter()
            .chain(&["site-a.toml"])
            .filter(|words| !ended.stderr.contains(**words))
            .collect();
        if ended.code != Some(1)
            || !missing.is_empty()
            || !ended.stdout.is_empty()
            || ended.stderr.contains("panicked")
        {
            wrong += &format!(
                "\n--- {write:?}: exit code {:?}, does not say {missing:?}:\n{}{}",
                ended.code, ended.stdout, ended.stderr
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_file_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.toml");
    let long = folder.path().join("long.toml");
    fs::write(&long, "#".repeat(2 << 20)).unwrap();
    let binary = folder.path().join("binary.toml");
    fs::write(&binary, [0xff, 0xfe, 0, 1, 2]).unwrap();
    for file in [absent.as_path(), folder.path(), &long, &binary] {
        let ended = check(file);
        assert_eq!(ended.code, Some(1), "{file:?}: {}", ended.stderr);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(
            ended.stderr.contains(name) && !ended.stderr.contains("panicked"),
            "{}",
            ended.stderr
        );
    }
}

/// `run` refuses the same mistakes, before it changes anything.
#[test]
fn run_refuses_what_check_refuses() {
    let folder = Folder::new(&Settings::default());
    write_bad_secrets(&folder);
    let file = fine(&folder);
    let text = fs::read_to_string(&file).unwrap();
    let run_it = || {
        run(
            PROGRAM,
            ["run".as_ref(), "--config".as_ref(), file.as_os_str()],
        )
    };
    for (instead_of, write, says) in [
        ("mtu = 1500", "mtuu = 1500", "unknown field"),
        ("\"black0\"", "\"red0\"", "also the red interface"),
        ("\"black0\"", "\"nosuch0\"", "nosuch0"),
    ] {
        fs::write(&file, text.replace(instead_of, write)).unwrap();
        let ended = run_it();
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
        assert!(!folder.socket(Site::A).exists());
    }
}

/// A missing interface, and a secret that others may read, stop a daemon too.
#[test]
fn run_needs_its_interfaces_and_a_secret() {
    if !namespace::inside("config_errors::run_needs_its_interfaces_and_a_secret") {
        return;
    }
    namespace::veth("black0", "line0", 1500);
    let folder = Folder::new(&Settings::default());
    write_bad_secrets(&folder);
    let file = fine(&folder);
    let text = fs::read_to_string(&file).unwrap();
    let run_it = || {
        run(
            PROGRAM,
            ["run".as_ref(), "--config".as_ref(), file.as_os_str()],
        )
    };

    // red0 is missing.
    let ended = run_it();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("red0") && ended.stderr.contains("ip link"),
        "{}",
        ended.stderr
    );

    namespace::veth("red0", "lan0", 1500);
    fs::write(&file, text.replace("pair-a.psk", "open.psk")).unwrap();
    let ended = run_it();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("open to others") && ended.stderr.contains("chmod 600"),
        "{}",
        ended.stderr
    );
    assert!(!folder.socket(Site::A).exists());
}

pub(super) const KME: &str = "status_socket = \"kme.sock\"\n\n[link]\npreset = \"metro-50km\"\nkm = 50.0\nkey_life = \"60s\"\n\n\
    [[kme]]\nkme_id = \"kme-a\"\nlisten = \"127.0.0.1:0\"\nca = \"pki/ca.pem\"\ncert = \"pki/kme-a.pem\"\nkey = \"pki/kme-a.key\"\n\
    sae_ids = [\"sae-a\"]\n\n\
    [[kme]]\nkme_id = \"kme-b\"\nlisten = \"127.0.0.2:0\"\nca = \"pki/ca.pem\"\ncert = \"pki/kme-b.pem\"\nkey = \"pki/kme-b.key\"\n\
    sae_ids = [\"sae-b\"]\n";

const LAB_KME: &[Mistake] = &[
    mistake("[link]", "[link", &["line ", "fix: "]),
    mistake(
        "km = 50.0",
        "kilometres = 50.0",
        &["link", "kilometres", "unknown field", "fix: "],
    ),
    mistake(
        "kme_id = \"kme-a\"\n",
        "kme_id = \"kme-a\"\nsaes = 3\n",
        &["kme", "saes", "unknown field", "fix: "],
    ),
    mistake(
        "listen = \"127.0.0.1:0\"\n",
        "",
        &["kme", "missing field `listen`", "fix: add the line listen"],
    ),
    mistake(
        "\"127.0.0.1:0\"",
        "\"here\"",
        &["kme", "listen", "\"here\"", "fix: "],
    ),
    mistake(
        "\"127.0.0.1:0\"",
        "\"203.0.113.9:1\"",
        &["kme.listen = 203.0.113.9:1", "kme-a", "fix: "],
    ),
    mistake(
        "sae_ids = [\"sae-b\"]",
        "sae_ids = [\"sae-a\"]",
        &["kme.sae_ids = \"sae-a\"", "use each ID once", "fix: "],
    ),
    mistake(
        "preset = \"metro-50km\"",
        "preset = \"moon\"",
        &["link", "moon", "metro-50km"],
    ),
    mistake("km = 50.0", "km = -1.0", &["link", "-1"]),
    mistake(
        "km = 50.0",
        "km = \"far\"",
        &["link.km", "\"far\"", "fix: "],
    ),
    mistake(
        "key_life = \"60s\"",
        "key_life = \"long\"",
        &["(link.key_life) = \"long\"", "not a duration", "fix: "],
    ),
    mistake(
        "sae_ids = [\"sae-b\"]",
        "sae_ids = []",
        &["kme.sae_ids", "kme-b serves no SAE", "fix: "],
    ),
    mistake(
        "pki/kme-a.pem",
        "pki/nobody.pem",
        &["kme.cert", "kme-a", "nobody.pem", "fix: "],
    ),
    mistake(
        "pki/kme-a.key",
        "pki/kme-b.key",
        &["kme.key", "kme-a", "fix: "],
    ),
];

#[test]
fn every_mistake_of_a_kme_names_file_key_value_and_fix() {
    let folder = Folder::new(&Settings::default());
    let file = folder.path().join("kme.toml");
    let mut wrong = String::new();
    for Mistake {
        instead_of,
        write,
        says,
    } in LAB_KME
    {
        assert_eq!(KME.matches(instead_of).count(), 1, "{instead_of:?}");
        fs::write(&file, KME.replace(instead_of, write)).unwrap();
        let ended = run(
            PROGRAM,
            ["kme".as_ref(), "--config".as_ref(), file.as_os_str()],
        );
        let missing: Vec<_> = says
            .iter()
            .chain(&["kme.toml"])
            .filter(|words| !ended.stderr.contains(**words))
            .collect();
        if ended.code != Some(1) || !missing.is_empty() || ended.stderr.contains("panicked") {
            wrong += &format!(
                "\n--- {write:?}: exit code {:?}, does not say {missing:?}:\n{}",
                ended.code, ended.stderr
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
