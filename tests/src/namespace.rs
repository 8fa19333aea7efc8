//! A network namespace for one test: the test starts itself again inside.

use std::env;
use std::process::Command;

/// Environment variable: set in a test that runs inside.
const INSIDE: &str = "QMACSEC_TEST_INSIDE";

/// In the first call, runs the test `name` of this program again in a separate network namespace
/// (and a user namespace, unless we are root) and returns false. In that second run it returns
/// true. Where namespaces are not available, it reports that and returns false.
///
/// # Panics
/// If the test inside fails.
#[must_use]
pub fn inside(name: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        ip("link set lo up");
        return true;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount"]);
    if !nix::unistd::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let possible = unshare_works(&unshare);
    if let Err(why) = possible {
        println!("{name}: skipped, {why}");
        return false;
    }
    let this = env::current_exe().unwrap();
    let output = unshare
        .arg("--")
        .arg(this)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    println!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "{name} failed inside its namespace"
    );
    false
}

fn unshare_works(unshare: &Command) -> Result<(), String> {
    let mut attempt = Command::new("unshare");
    attempt
        .args(unshare.get_args())
        .args(["--", "ip", "link", "set", "lo", "up"]);
    let output = attempt
        .output()
        .map_err(|error| format!("there is no `unshare` (util-linux): {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "no network namespace, or no `ip` (iproute2): {}",
        words.trim()
    ))
}

/// Runs `ip` with these arguments.
///
/// # Panics
/// If it fails.
pub fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Creates a pair of veth interfaces, both up, on which the kernel sends no frames of its own.
pub fn veth(one: &str, other: &str, mtu: u16) {
    veth_with_queues(one, other, mtu, 1);
}

/// Same as [`veth`], with this number of queues at each end.
pub fn veth_with_queues(one: &str, other: &str, mtu: u16, queues: usize) {
    let measures = format!("mtu {mtu} numrxqueues {queues} numtxqueues {queues}");
    ip(&format!(
        "link add {one} {measures} type veth peer name {other} {measures}"
    ));
    for end in [one, other] {
        let _kernel_without_ipv6 =
            std::fs::write(format!("/proc/sys/net/ipv6/conf/{end}/disable_ipv6"), "1");
        ip(&format!("link set {end} up"));
    }
}
