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
  # ledger = \"/var/lib/qmacsec/ledger\"    # one record for each key used
  # ledger_max_size = \"32GB\"              # of all its files; the oldest go
  # link_loss_forwarding = true  # one port without a link: the other is taken down

  [red]                        # the site's LAN: plaintext
  port = \"packet\"              # packet, xdp: an existing interface; tap: make one; dpdk: a NIC
  interface = \"eth1\"           # with dpdk: device = \"0000:3b:00.0\"; docs/manual/dpdk.md

  [black]                      # the line: ciphertext
  port = \"packet\"
  interface = \"eth2\"           # its MTU is raised to the red MTU + 32

  [worker]
  count = 1                    # frame workers: the same number at both ends
  # cores = [2]                # pin them, one core each
  # idle = \"busy\"              # never sleep: only with a core more than workers

  # [[policy.rule]]            # without rules all is protected; docs/manual/policy.md
  # protocol = \"lldp\"
  # action = \"bypass\"        # in clear! protect, bypass or discard

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

Needs CAP_NET_ADMIN and CAP_NET_RAW, for xdp ports CAP_BPF and CAP_IPC_LOCK as well. Logs to standard error; RUST_LOG=debug says more. A log that cannot be written, or that nobody reads, holds nothing up:
its lines are lost and counted.

If control stalls, the frame workers go on under the keys they have. If the process ends, whatever the reason, frames
stop: start it again at once (systemd: Restart=always).

Exit code: 0 after SIGINT or SIGTERM; 1 when it cannot start; 70 when one of its threads has died, which is a bug and
is logged: the process ends then, since no frame would pass it.

Example:
  qmacsec check --config site-a.toml && qmacsec run --config site-a.toml")]
pub struct Args {
    /// The encryptor's config file (TOML)
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
