//! The lab needs no root: the same run passes for a user without any rights.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use tests::lab_run::{Ended, Lab};

use super::PROGRAM;
use super::lab::{assert_pass, cannot_run};

/// User and group `nobody`.
const NOBODY: &str = "65534";

/// Runs the lab as a user without any rights; `None` if that cannot be tested here.
fn lab_of_nobody(red: &str) -> Option<Ended> {
    let args = [
        "lab",
        "--duration",
        "6s",
        "--rekey",
        "500ms",
        "--rate",
        "20",
        "--json",
        "--red",
        red,
    ];
    // A folder and a copy of the program that every user can reach.
    let folder = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let program = folder.path().join("qmacsec");
    fs::copy(PROGRAM, &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();

    let mut command = if nix::unistd::geteuid().is_root() {
        if let Err(error) = Command::new("setpriv").arg("--version").output() {
            println!(
                "lab without rights: skipped, we are root and there is no `setpriv` (util-linux): {error}"
            );
            return None;
        }
        let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
        let mut setpriv = Command::new("setpriv");
        setpriv.args([
            &user,
            &group,
            "--clear-groups",
            "--no-new-privs",
            "--bounding-set=-all",
            "--inh-caps=-all",
        ]);
        setpriv.arg(&program);
        setpriv
    } else {
        Command::new(&program)
    };
    command.args(args).current_dir(folder.path());
    Some(Lab::start_command(command).wait(Duration::from_secs(90)))
}

#[test]
fn passes_without_any_right() {
    if let Some(ended) = lab_of_nobody("packet")
        && !cannot_run("lab without rights", &ended.stderr)
    {
        assert_pass(&ended, "packet", "packet");
    }
}

/// If this user may not open /dev/net/tun, the lab uses the same chain in memory and reports the
/// reason.
#[test]
fn a_port_that_is_not_to_be_had_is_replaced() {
    let Some(ended) = lab_of_nobody("tap") else {
        return;
    };
    match ended
        .stderr
        .contains("the same chain runs over in-memory ports instead")
    {
        true => assert_pass(&ended, "mem", "mem"),
        false => assert_pass(&ended, "tap", "packet"),
    }
}
