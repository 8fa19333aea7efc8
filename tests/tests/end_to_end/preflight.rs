//! Faults that would stop a start, block it for ever, or let it run when it must not. `check` and
//! `run` refuse the same faults, report all of them at once, never block, and lose no data.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use tests::namespace;
use tests::program::run;
use tests::site::{Folder, Settings, write_psk};

use super::PROGRAM;
use super::config_errors::{KME, Mistake, check, command, fine, mistake, write_bad_secrets};

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

fn make_fifo(file: &Path) {
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

/// Writes files with which a start would fail, block for ever, or run when it must not.
fn write_traps(folder: &Folder) {
    let at = |name: &str| folder.path().join(name);
    fs::write(at("zeros.psk"), "00".repeat(32)).unwrap();
    fs::write(at("same.psk"), "a5".repeat(48)).unwrap();
    fs::write(at("pattern.psk"), "0123456789abcdef".repeat(4)).unwrap();
    for name in ["zeros.psk", "same.psk", "pattern.psk"] {
        set_mode(&at(name), 0o600);
    }
    for name in ["fifo.psk", "fifo.pem", "fifo.key", "fifo.ledger"] {
        make_fifo(&at(name));
        set_mode(&at(name), 0o600);
    }
    for (name, mode) in [
        ("0644.key", 0o644),
        ("0666.key", 0o666),
        ("0640.key", 0o640),
    ] {
        fs::copy(at("pki/sae-a.key"), at(name)).unwrap();
        set_mode(&at(name), mode);
    }
    fs::create_dir(at("public")).unwrap();
    write_psk(&at("public/pair.psk"), 0x11);
    fs::copy(at("pki/sae-a.key"), at("public/sae-a.key")).unwrap();
    set_mode(&at("public"), 0o777);
    write_psk(&at("foreign.psk"), 0x11);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(at("foreign.psk"), Some(1234), None).unwrap();
    }
    fs::write(at("precious"), "not to be lost").unwrap();
    UnixListener::bind(at("dead.sock")).unwrap(); // and closed again
}

const TRAPS: &[Mistake] = &[
    mistake(
        "\"red0\"",
        "\"absent0\"",
        &["red.interface = absent0", "ip link"],
    ),
    mistake(
        "\"black0\"",
        "\"absent0\"",
        &["black.interface = absent0", "ip link"],
    ),
    mistake("\"red0\"", "\"lo\"", &["red.interface = lo", "no Ethernet"]),
    mistake(
        "\"black0\"",
        "\"lo\"",
        &["black.interface = lo", "no Ethernet"],
    ),
    mistake(
        "mtu = 1500",
        "mtu = 1500\nnetns = \"/run/netns/absent\"",
        &[
            "red.netns = /run/netns/absent",
            "network namespace does not exist",
        ],
    ),
    mistake(
        "\"site-a.sock\"",
        "\"absent/site-a.sock\"",
        &["encryptor.status_socket", "folder does not exist", "fix: "],
    ),
    mistake(
        "\"site-a.sock\"",
        "\"precious\"",
        &[
            "encryptor.status_socket",
            "precious",
            "is not a socket",
            "not replaced",
            "fix: ",
        ],
    ),
    mistake(
        "\"site-a.sock\"",
        "\"pki\"",
        &["encryptor.status_socket", "is not a socket", "fix: "],
    ),
    mistake(
        "\"site-a.sock\"",
        "\"a-name-that-is-so-long-that-with-the-folder-before-it-no-socket-address-of-the-system-\
         has-room-for-it-any-more\"",
        &["encryptor.status_socket", "longer than 107 octets", "fix: "],
    ),
    mistake(
        "name = \"site-a\"\n",
        "name = \"site-a\"\nledger = \"absent/site-a.ledger\"\n",
        &["encryptor.ledger", "folder does not exist", "fix: "],
    ),
    mistake(
        "name = \"site-a\"\n",
        "name = \"site-a\"\nledger = \"precious\"\n",
        &[
            "encryptor.ledger",
            "is not a ledger",
            "stays unchanged",
            "fix: ",
        ],
    ),
    mistake(
        "name = \"site-a\"\n",
        "name = \"site-a\"\nledger = \"fifo.ledger\"\n",
        &["encryptor.ledger", "is not a file", "fix: "],
    ),
    mistake(
        "cores = []",
        "cores = [999]",
        &["worker.cores = 999", "does not have", "fix: "],
    ),
    mistake(
        "name = \"site-b\"",
        "name = \"site-a\"",
        &["peer.name", "this encryptor", "fix: "],
    ),
    mistake(
        "sae_id = \"sae-b\"",
        "sae_id = \"sae-a\"",
        &["peer.sae_id = sae-a", "our own", "fix: "],
    ),
    mistake(
        "pair-a.psk",
        "zeros.psk",
        &["peer.psk_file", "not a random number", "qmacsec pki --psk"],
    ),
    mistake(
        "pair-a.psk",
        "same.psk",
        &["peer.psk_file", "not a random number", "qmacsec pki --psk"],
    ),
    mistake(
        "pair-a.psk",
        "pattern.psk",
        &["peer.psk_file", "not a random number", "qmacsec pki --psk"],
    ),
    mistake(
        "pair-a.psk",
        "fifo.psk",
        &["peer.psk_file", "is a FIFO", "fix: "],
    ),
    mistake(
        "pair-a.psk",
        "pki",
        &["peer.psk_file", "is a directory", "fix: "],
    ),
    mistake(
        "pair-a.psk",
        "public/pair.psk",
        &["peer.psk_file", "everybody may write", "chmod o-w"],
    ),
    mistake(
        "pki/sae-a.key",
        "0644.key",
        &["kme.key", "open to others (mode 644)", "chmod 600"],
    ),
    mistake(
        "pki/sae-a.key",
        "0666.key",
        &["kme.key", "open to others (mode 666)", "chmod 600"],
    ),
    mistake(
        "pki/sae-a.key",
        "0640.key",
        &["kme.key", "open to others (mode 640)", "chmod 600"],
    ),
    mistake(
        "pki/sae-a.key",
        "public/sae-a.key",
        &["kme.key", "everybody may write", "chmod o-w"],
    ),
    mistake(
        "pki/sae-a.key",
        "fifo.key",
        &["kme.key", "is a FIFO", "fix: "],
    ),
    mistake("pki/ca.pem", "fifo.pem", &["kme.ca", "is a FIFO", "fix: "]),
    mistake(
        "pki/sae-a.pem",
        "/dev/zero",
        &["kme.cert = /dev/zero", "is a device", "fix: "],
    ),
];

/// `check` and `run` refuse the same faults with the same text. Neither blocks, and no data is
/// lost.
#[test]
fn check_and_run_refuse_the_same() {
    if !namespace::inside("preflight::check_and_run_refuse_the_same") {
        return;
    }
    namespace::veth("red0", "lan0", 1500);
    namespace::veth("black0", "line0", 1500);
    let folder = Folder::new(&Settings::default());
    write_traps(&folder);
    let file = fine(&folder);
    let text = fs::read_to_string(&file).unwrap();
    let mut wrong = String::new();
    let foreign = mistake(
        "pair-a.psk",
        "foreign.psk",
        &["peer.psk_file", "belongs to user 1234", "chown 0"],
    );
    let foreign = nix::unistd::geteuid().is_root().then_some(&foreign);
    for Mistake {
        instead_of,
        write,
        says,
    } in TRAPS.iter().chain(foreign)
    {
        assert_eq!(
            text.matches(instead_of).count(),
            1,
            "{instead_of:?} in\n{text}"
        );
        fs::write(&file, text.replace(instead_of, write)).unwrap();
        for name in ["check", "run"] {
            let ended = command(name, &file);
            let missing: Vec<_> = says
                .iter()
                .filter(|words| !ended.stderr.contains(**words))
                .collect();
            let alone = !ended.stderr.contains("mistakes");
            if ended.code != Some(1) || !missing.is_empty() || !alone || !ended.stdout.is_empty() {
                wrong += &format!(
                    "\n--- {name} {write:?}: exit code {:?}, does not say {missing:?}, or more:\n{}",
                    ended.code, ended.stderr
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let precious = fs::read_to_string(folder.path().join("precious")).unwrap();
    assert_eq!(precious, "not to be lost");
}

#[test]
fn a_config_that_is_a_fifo_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site-a.toml");
    make_fifo(&file);
    for name in ["check", "run", "kme"] {
        let ended = command(name, &file);
        assert_eq!(ended.code, Some(1), "{name}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("is a FIFO"),
            "{name}: {}",
            ended.stderr
        );
    }
}

/// A dead daemon's socket is replaced; a live daemon's socket and any other file stay.
#[test]
fn only_the_socket_of_a_dead_daemon_is_replaced() {
    let folder = Folder::new(&Settings::default());
    write_traps(&folder);
    let start = |socket: &str| {
        let file = folder.path().join("kme.toml");
        let text = KME.replace("kme.sock", socket);
        fs::write(&file, text).unwrap();
        let words = ["2", PROGRAM, "kme", "--config"].map(OsStr::new);
        run("timeout", words.into_iter().chain([file.as_os_str()]))
    };
    let dead = start("dead.sock");
    assert_eq!(dead.code, Some(124), "it ran: {}", dead.stderr);
    for (name, words) in [
        ("precious", "is not a socket"),
        ("pki", "is not a socket"),
        ("live.sock", "is in use"),
    ] {
        let _listener =
            (name == "live.sock").then(|| UnixListener::bind(folder.path().join(name)).unwrap());
        let refused = start(name);
        assert_eq!(refused.code, Some(1), "{name}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(words) && refused.stderr.contains(name),
            "{}",
            refused.stderr
        );
        assert!(folder.path().join(name).exists());
    }
    let live = fs::symlink_metadata(folder.path().join("live.sock")).unwrap();
    assert!(live.file_type().is_socket());
    let precious = fs::read_to_string(folder.path().join("precious")).unwrap();
    assert_eq!(precious, "not to be lost");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let folder = Folder::new(&Settings::default());
    write_bad_secrets(&folder);
    write_traps(&folder);
    let file = fine(&folder);
    let mut text = fs::read_to_string(&file).unwrap();
    let mistakes = [
        ("mtu = 1500", "mtu = 9001", "red.mtu = 9001"),
        ("\"red0\"", "\"absent0\"", "red.interface = absent0"),
        ("\"black0\"", "\"lo\"", "black.interface = lo"),
        (
            "replay_window = 1024",
            "replay = 1024",
            "unknown field `replay`",
        ),
        ("cores = []", "cores = [999]", "worker.cores = 999"),
        (
            "interval = \"1s\"",
            "interval = \"soon\"",
            "(rekey.interval) = \"soon\"",
        ),
        (
            "timeout = \"500ms\"",
            "timeout = \"1ms\"",
            "kme.timeout = 1ms",
        ),
        ("pki/ca.pem", "pki/nobody.pem", "kme.ca"),
        ("pki/sae-a.pem", "site-a.toml", "kme.cert"),
        ("pki/sae-a.key", "0644.key", "kme.key"),
        ("pair-a.psk", "zeros.psk", "peer.psk_file"),
        ("name = \"site-b\"", "name = \"site-a\"", "peer.name"),
        (
            "\"site-a.sock\"",
            "\"absent/a.sock\"",
            "encryptor.status_socket",
        ),
    ];
    for (instead_of, write, _) in mistakes {
        assert_eq!(
            text.matches(instead_of).count(),
            1,
            "{instead_of:?} in\n{text}"
        );
        text = text.replace(instead_of, write);
    }
    fs::write(&file, &text).unwrap();
    for name in ["check", "run"] {
        let ended = command(name, &file);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        let missing: Vec<_> = mistakes
            .iter()
            .filter(|(.., says)| !ended.stderr.contains(says))
            .collect();
        assert!(
            missing.is_empty(),
            "{name} does not say {missing:?}:\n{}",
            ended.stderr
        );
        let count = format!("{} mistakes", mistakes.len());
        assert!(ended.stderr.contains(&count), "{count}:\n{}", ended.stderr);
    }
    // A missing required setting hides only the checks that depend on it.
    let text = text.replace("interface = \"absent0\"\n", "");
    fs::write(&file, &text).unwrap();
    let ended = check(&file);
    for words in [
        "red.interface",
        "missing field",
        "unknown field `replay`",
        "soon",
    ] {
        assert!(ended.stderr.contains(words), "{words}:\n{}", ended.stderr);
    }
    let text = text.replace("sae_id = \"sae-b\"\n", "");
    fs::write(&file, &text).unwrap();
    let ended = check(&file);
    for words in ["missing field `sae_id`", "unknown field `replay`", "soon"] {
        assert!(ended.stderr.contains(words), "{words}:\n{}", ended.stderr);
    }
    assert!(
        !ended.stderr.contains("missing field `peer`"),
        "{}",
        ended.stderr
    );
}
