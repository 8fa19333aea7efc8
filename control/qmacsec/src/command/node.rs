//! `qmacsec network node`: one node of a network of trusted relays.

use std::path::{Path, PathBuf};

use network::LinkId;
use node::{NodeError, Running, Settings, SettingsError, link_name};
use tracing::info;

use super::{Outcome, daemon};
use crate::config::{ConfigError, NodeFile};
use crate::status::{Done, Request};

/// Arguments of `qmacsec network node`.
#[derive(clap::Args)]
#[command(after_help = "\
A config for the node `left` of the built-in topology line-3:

  name = \"left\"
  topology = \"line-3\"         # or a file; the same at every node
  listen = \"10.0.0.1:7020\"    # for neighbours
  kme_listen = \"10.0.0.1:8443\"   # ETSI GS QKD 014, for the SAE sae-left
  ca = \"pki/ca.pem\"           # qmacsec pki --dir pki --kme left=10.0.0.1 ... --sae sae-left ...
  cert = \"pki/left.pem\"       # its DNS name is the name of the node
  key = \"pki/left.key\"
  status_socket = \"left.sock\"
  ledger = \"left.node-ledger\"  # for qmacsec network drill

  [neighbours]
  middle = \"10.0.0.2:7020\"

An interworking node has a process for each of its two domains, which is named NODE.DOMAIN. It also \
has a section for the KME that speaks ETSI GS QKD 020 to that of the other domain:

  [interworking]
  listen = \"10.0.1.1:7443\"
  neighbour = \"10.0.1.2:7443\"
  journal = \"gate.west.journal\"   # states of the keys between the domains, no keys

The QKD devices are modelled: the end of a link that stands first in the topology draws each block \
of key from the random generator of the system and hands it to the other end over TLS.

Example:
  qmacsec network node --config left.toml")]
pub struct Args {
    /// Config file of the node (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the node until it is stopped.
///
/// # Errors
/// A mistake in the config or topology, an address in use, a certificate that cannot be used.
pub fn main(args: &Args) -> Outcome {
    let _log = daemon::begin()?;
    let (file, settings) = NodeFile::read(&args.config)?;
    daemon::run(serve(&args.config, file.status_socket.as_deref(), settings))
}

async fn serve(
    file: &Path,
    status_socket: Option<&Path>,
    settings: Settings,
) -> Result<(), Box<dyn std::error::Error>> {
    let node = Running::start(settings)
        .await
        .map_err(|error| mistake(file, &error))?;
    let report = node.report();
    info!(
        "node {} of {} (hash {}) listens for neighbours on {}",
        report.node,
        report.topology,
        report.digest.get(..8).unwrap_or_default(),
        node.address()
    );
    if let Some(address) = node.kme_address() {
        info!("its KME listens on {address}");
    }
    if let Some(address) = node.interworking_address() {
        info!("its KME for the neighbour domain listens on {address}");
    }
    daemon::answer_until_stopped(status_socket, |asker| match asker.request {
        Request::Cut(link) => asker.answer(&cut(&node, LinkId(link))),
        _ => asker.answer(&node.report()),
    })
    .await?;
    node.shutdown().await;
    Ok(())
}

fn cut(node: &Running, link: LinkId) -> Done {
    let done = node.cut(link);
    let name = link_name(node.map().topology(), link);
    Done {
        done,
        text: match done {
            true => format!("link {name} is cut until this node starts again"),
            false => format!("{} is not at an end of {name}", node.map().name()),
        },
        ..Done::default()
    }
}

/// Maps the reason why the node did not start to a mistake in the config.
fn mistake(file: &Path, error: &NodeError) -> ConfigError {
    let key = match error {
        NodeError::Settings(SettingsError::NoSuchNode { .. }) => "name",
        NodeError::Settings(SettingsError::NoAddress(_) | SettingsError::NoNeighbour(_)) => {
            "neighbours"
        }
        NodeError::Settings(SettingsError::Network(_)) | NodeError::Network(_) => "topology",
        NodeError::Identity(_) => "cert",
        NodeError::Listen { .. } => "listen",
        NodeError::Kme(_) => "kme_listen",
        NodeError::Settings(
            SettingsError::NoInterworking(..) | SettingsError::NotInterworking(_),
        )
        | NodeError::Interworking(_) => "interworking",
        NodeError::Ledger(_) => "ledger",
    };
    let text = error.to_string();
    match text.split_once("; fix: ") {
        Some((problem, fix)) => ConfigError::new(file, key, problem).fix(fix),
        None => ConfigError::new(file, key, text),
    }
}
