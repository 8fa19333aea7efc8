//! A network namespace for one test. It belongs to a thread and ends with it.

use std::{
    env,
    process::{Command, Stdio},
    thread,
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
};

/// Set in a test that was restarted inside a user namespace.
const INSIDE: &str = "PORT_TEST_INSIDE";

/// Runs `body` in a new network namespace, after these `commands` of `ip`. Without the permission
/// to create one, runs the test `name` again in a user namespace.
pub(crate) fn run(name: &str, commands: &[&str], body: impl FnOnce() + Send) {
    if Command::new("ip")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        println!("{name}: skipped, there is no `ip` (iproute2)");
        return;
    }
    let refused = thread::scope(|scope| {
        let test = thread::Builder::new()
            .name(name.into())
            .spawn_scoped(scope, || {
                unshare(CloneFlags::CLONE_NEWNET)?;
                commands.iter().for_each(|command| ip(command));
                body();
                Ok(())
            });
        match test.unwrap().join() {
            Ok(result) => result.err(),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    match refused {
        None => {}
        Some(Errno::EPERM) if env::var_os(INSIDE).is_none() => again_in_user_namespace(name),
        Some(error) => println!("{name}: skipped, no network namespace: {error}"),
    }
}

/// Runs `ip` with these arguments in this thread's namespace.
pub(crate) fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {said}");
}

/// The same; returns whether it succeeded.
pub(crate) fn try_ip(arguments: &str) -> bool {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output();
    output.is_ok_and(|output| output.status.success())
}

fn again_in_user_namespace(name: &str) {
    let myself = env::current_exe().unwrap();
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net"])
        .arg(myself)
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status();
    match status {
        // unshare(1) itself failed; a failed test returns 101.
        Ok(status) if status.code() == Some(1) => {
            println!("{name}: skipped, neither root nor user namespaces");
        }
        Ok(status) => assert!(status.success(), "{name} failed in a user namespace"),
        Err(error) => println!("{name}: skipped, no `unshare`: {error}"),
    }
}
