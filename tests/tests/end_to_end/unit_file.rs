//! The systemd unit: it restarts without limit, and systemd parses it.

use std::fs;
use std::process::Command;

const UNIT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../scripts/systemd/qmacsec.service"
);

/// Returns the lines of one section.
fn section<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    let lines = unit.lines().skip_while(|line| *line != name).skip(1);
    lines.take_while(|line| !line.starts_with('[')).collect()
}

#[test]
fn a_box_that_is_down_is_restarted_for_ever() {
    let unit = fs::read_to_string(UNIT).unwrap();
    // systemd ignores this setting in [Service].
    assert!(section(&unit, "[Unit]").contains(&"StartLimitIntervalSec=0"));
    let service = section(&unit, "[Service]");
    assert!(service.contains(&"Restart=always") && service.contains(&"RestartSec=1"));
}

#[test]
fn systemd_understands_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("qmacsec.service");
    let unit = fs::read_to_string(UNIT).unwrap();
    // The program and its user are not installed here.
    let unit = unit
        .replace("/usr/local/bin/qmacsec", "/bin/true")
        .replace("User=qmacsec", "User=root");
    fs::write(&file, unit).unwrap();
    let verify = Command::new("systemd-analyze")
        .arg("verify")
        .arg("--man=no")
        .arg(&file)
        .output();
    let Ok(verify) = verify else {
        return println!("skipped: there is no systemd-analyze");
    };
    let said = String::from_utf8_lossy(&verify.stderr);
    // If systemd is not running, the tool complains about that, but names no line of the unit.
    assert!(!said.contains("qmacsec.service:"), "{said}");
}
