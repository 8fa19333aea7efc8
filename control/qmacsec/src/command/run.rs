//! `qmacsec run`: one encryptor, until stopped.

use std::future::Future;
use std::path::{Path, PathBuf};

use super::{Outcome, daemon};
use crate::config::EncryptorConfig;
use crate::ports::Ports;
use crate::run_error::RunError;
use crate::{encryptor, preflight, stop};

/// Arguments of `qmacsec run`.
#[derive(clap::Args)]
#[command(after_help = "\
A config file:

  [encryptor]
  name = \"site-a\"
  status_socket = \"/run/qmacsec.sock\"
  # ledger = \"/var/lib/qmacsec/ledger\"    # one record for each used key
  # ledger_max_size = \"32GB\"              # of all its files; the oldest are removed
  # link_loss_forwarding = true  # if one port loses its link, take the other down

  [red]                        # the site's LAN: plaintext
  port = \"packet\"              # packet, xdp: an existing interface; tap: a new one; dpdk: a NIC
  interface = \"eth1\"           # with dpdk: device = \"0000:3b:00.0\"; docs/manual/dpdk.md

  [black]                      # the line: ciphertext
  port = \"packet\"
  interface = \"eth2\"           # its MTU is raised to the red MTU + 32

  [worker]
  count = 1                    # frame workers; use the same number at both ends
  # cores = [2]                # pin them, one core each
  # idle = \"busy\"              # never sleep; needs one more core than workers

  # [[policy.rule]]            # without rules, all frames are protected; docs/manual/policy.md
  # protocol = \"lldp\"
  # action = \"bypass\"        # IN CLEAR; or protect, or discard

  [rekey]
  interval = \"3s\"

  [kme]
  url = \"https://kme-a.example:443\"
  ca = \"ca.pem\"
  cert = \"sae-a.pem\"
  key = \"sae-a.key\"
  # fallback_url = \"https://kme-a2.example:443\"   # a second KME of this site
  # protocol = \"skip\"                            # default: etsi-014

  [[peer]]
  name = \"site-b\"
  sae_id = \"sae-b\"
  psk_file = \"pair.psk\"        # qmacsec pki --psk pair.psk

The program needs CAP_NET_ADMIN and CAP_NET_RAW; xdp ports also need CAP_BPF and CAP_IPC_LOCK. It \
logs to standard error; RUST_LOG=debug logs more. A full disk or a slow reader of the log delays \
nothing: lines are lost and counted.

If control stalls, the frame workers continue with the keys that they have. If the process ends \
for any reason, frames stop: restart it at once (systemd: Restart=always).

Exit code: 0 after SIGINT or SIGTERM; 1 if it cannot start; 70 if one of its threads has died. \
That is a bug. It is logged, and the process ends because frames would not pass without the \
thread.

Example:
  qmacsec check --config site-a.toml && qmacsec run --config site-a.toml")]
pub struct Args {
    /// Config file of the encryptor (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// The reason why the encryptor cannot start, with the fix.
pub fn main(args: &Args) -> Outcome {
    let _log = daemon::begin()?;
    let config = preflight::examine(&args.config)?.config;
    let ports = Ports::of(&config)?;
    daemon::run(encryptor::run(&config, &args.config, ports, stop::signal()))
}

/// Runs an encryptor in this process until `stop` resolves, with other ports than its config names.
///
/// # Errors
/// Same as [`main`].
pub fn run(
    file: &Path,
    ports: impl FnOnce(&EncryptorConfig) -> Result<Ports, RunError>,
    stop: impl Future<Output = ()>,
) -> Outcome {
    let _log = daemon::begin()?;
    let config = preflight::examine_but_ports(file)?.config;
    let ports = ports(&config)?;
    daemon::run(encryptor::run(&config, file, ports, stop))
}
