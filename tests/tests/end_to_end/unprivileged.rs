//! The lab needs no root: the same run as a user without any right passes too.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use tests::lab::Lab;

use super::PROGRAM;
use super::lab::{assert_pass, cannot_run};

/// User and group `nobody`.
const NOBODY: &str = "65534";

#[test]
fn passes_without_any_right() {
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
        "packet",
    ];
    // A folder and a copy of the program that anybody can reach.
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
            return;
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
    let ended = Lab::start_command(command).wait(Duration::from_secs(90));
    if !cannot_run("lab without rights", &ended.stderr) {
        assert_pass(&ended, "packet", "packet");
    }
}
