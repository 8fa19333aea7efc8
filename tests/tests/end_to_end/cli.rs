//! The command line: every command explains itself with an example, does what it says, and ends
//! with the exit code it promises.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tests::program::run;

use super::PROGRAM;

const COMMANDS: [&str; 8] = [
    "lab", "run", "check", "kme", "pki", "status", "reload", "link",
];

#[test]
fn every_command_has_help_with_an_example() {
    let all = run(PROGRAM, ["--help"]);
    assert_eq!(all.code, Some(0));
    assert!(all.stdout.contains("Examples:"), "{}", all.stdout);
    for command in COMMANDS {
        assert!(
            all.stdout.contains(&format!("\n  {command} ")),
            "{command} is not listed:\n{}",
            all.stdout
        );
        let help = run(PROGRAM, [command, "--help"]);
        assert_eq!(help.code, Some(0), "{}", help.stderr);
        let (_, example) = help
            .stdout
            .split_once("Example")
            .unwrap_or_else(|| panic!("no example:\n{}", help.stdout));
        assert!(example.contains(&format!("qmacsec {command}")), "{example}");
        // Every option says what it is for.
        let mut lines = help.stdout.lines().peekable();
        while let Some(line) = lines.next() {
            if line.trim_start().starts_with("--") && line.starts_with("      ") {
                let told = line.trim().contains("  ")
                    || lines
                        .peek()
                        .is_some_and(|next| next.starts_with("          "));
                assert!(told, "{command}: {line}");
            }
        }
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    for args in [
        &[][..],
        &["fly"],
        &["lab", "--fast"],
        &["run"],
        &["kme"],
        &["check"],
        &["pki"],
        &["lab", "--kill", "c@1s"],
    ] {
        let ended = run(PROGRAM, args);
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        assert!(
            ended.stdout.is_empty() && !ended.stderr.is_empty(),
            "{args:?}"
        );
    }
    for (args, says) in [
        (&["lab", "--rekey", "10ms"][..], "--rekey"),
        (&["lab", "--duration", "1s"], "--duration"),
        (&["lab", "--red", "mem"], "--black mem"),
        (&["lab", "--km", "-3"], "--km"),
        (&["lab", "--km=-3"], "--km"),
        (&["lab", "--suite", "rot13"], "--suite"),
        (&["lab", "--kill", "a@2m"], "--kill"),
        (&["link", "--km=-3"], "km"),
        (&["link", "--preset", "moon"], "metro-50km"),
    ] {
        let ended = run(PROGRAM, args);
        assert!(matches!(ended.code, Some(1 | 2)), "{args:?}: {:?}", ended);
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn link_shows_every_input() {
    let text = run(PROGRAM, ["link", "--km", "50"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for words in ["50", "kbit/s", "excess noise", "trusted"] {
        assert!(text.stdout.contains(words), "{words:?}:\n{}", text.stdout);
    }
    let json = run(PROGRAM, ["link", "--km", "50", "--json"]);
    assert_eq!(json.code, Some(0), "{}", json.stderr);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["preset"], "metro-50km");
    assert!(report["link"].as_object().unwrap().len() > 10, "{report}");

    // Further is less, and a link that delivers nothing says so instead of a number.
    let rate = |km: &str| {
        let json = run(PROGRAM, ["link", "--json", "--km", km]);
        assert_eq!(json.code, Some(0), "{}", json.stderr);
        let report: Value = serde_json::from_str(&json.stdout).unwrap();
        report["link"]["supply_average_bit_s"]
            .as_f64()
            .unwrap_or_else(|| panic!("no supply_average_bit_s: {report}"))
    };
    let rates = ["10", "25", "50"].map(rate);
    assert!(
        rates[0] > rates[1] && rates[1] > rates[2] && rates[2] > 0.0,
        "{rates:?}"
    );
}

#[test]
fn every_preset_can_be_used() {
    let list = run(PROGRAM, ["link", "--list"]);
    assert_eq!(list.code, Some(0));
    let names: Vec<_> = list
        .stdout
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(names.contains(&"metro-50km"), "{names:?}");
    for name in names {
        let json = run(PROGRAM, ["link", "--json", "--preset", name]);
        assert_eq!(json.code, Some(0), "{name}: {}", json.stderr);
        let report: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(report["preset"], name);
    }
}

#[test]
fn pki_makes_what_it_lists_and_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("pki");
    let psk = folder.path().join("pair.psk");
    let args = [
        "pki",
        "--dir",
        dir.to_str().unwrap(),
        "--psk",
        psk.to_str().unwrap(),
        "--kme",
        "kme-x=10.0.0.1,kme.example",
        "--sae",
        "sae-x",
    ];
    let made = run(PROGRAM, args);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let files: Vec<_> = made.stdout.lines().collect();
    for name in [
        "ca.pem",
        "ca.key",
        "kme-x.pem",
        "kme-x.key",
        "sae-x.pem",
        "sae-x.key",
        "pair.psk",
    ] {
        assert!(
            files.iter().any(|file| file.ends_with(name)),
            "{name}: {files:?}"
        );
    }
    for file in &files {
        let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert!(file.ends_with(".pem") || mode == 0o600, "{file}: {mode:o}");
    }
    let secret = fs::read_to_string(&psk).unwrap();
    assert!(
        secret.trim().len() >= 64 && secret.trim().bytes().all(|digit| digit.is_ascii_hexdigit())
    );
    assert!(!made.stdout.contains(secret.trim()));

    let certificate = fs::read(dir.join("kme-x.pem")).unwrap();
    let again = run(PROGRAM, &args[..3]);
    assert_eq!(again.code, Some(1), "{}", again.stdout);
    assert!(
        again.stderr.contains("exists") && again.stderr.contains("ca.pem"),
        "{}",
        again.stderr
    );
    let again = run(PROGRAM, ["pki", "--psk", psk.to_str().unwrap()]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("pair.psk"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&psk).unwrap(), secret);
    assert_eq!(fs::read(dir.join("kme-x.pem")).unwrap(), certificate);

    // Another secret each time.
    let other = folder.path().join("other.psk");
    assert_eq!(
        run(PROGRAM, ["pki", "--psk", other.to_str().unwrap()]).code,
        Some(0)
    );
    assert_ne!(fs::read_to_string(&other).unwrap(), secret);
}

#[test]
fn status_without_a_daemon_says_how_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("none.sock");
    let ended = run(PROGRAM, ["status", "--socket", absent.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    for words in ["no daemon answers", "none.sock", "mend"] {
        assert!(ended.stderr.contains(words), "{words:?}: {}", ended.stderr);
    }
    // Something else listens there, and says nothing of ours.
    let other = folder.path().join("other.sock");
    let listener = std::os::unix::net::UnixListener::bind(&other).unwrap();
    let answer = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut asker = listener.accept().unwrap().0;
        asker.read_exact(&mut [0; 7]).unwrap();
        asker.write_all(b"hello, this is no qmacsec").unwrap();
    });
    let ended = run(
        PROGRAM,
        ["status", "--json", "--socket", other.to_str().unwrap()],
    );
    answer.join().unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stderr.contains("no qmacsec"), "{}", ended.stderr);
}
