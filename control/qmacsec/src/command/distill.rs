//! `qmacsec distill`: one end of a QKD link whose keys are distilled from simulated signals.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use device::{DeviceError, DeviceReport, Role, Running, Settings};
use tracing::info;

use super::{Outcome, daemon};
use crate::config::{ConfigError, DistillFile, create_link_secret};
use crate::output::{self, outln};
use crate::run_error::RunError;
use crate::status::query;

/// Commands of `qmacsec distill`.
#[derive(clap::Subcommand)]
#[command(after_help = "\
One config has the same sections at both ends; docs/distill.toml explains each line:

  [kme]
  kme_id = \"kme-a\"
  listen = \"10.0.0.1:8443\"       # ETSI GS QKD 014, for the SAE of this end
  ca = \"pki/ca.pem\"              # qmacsec pki --dir pki
  cert = \"pki/kme-a.pem\"
  key = \"pki/kme-a.key\"
  sae_id = \"sae-a\"
  peer_kme_id = \"kme-b\"
  peer_sae_id = \"sae-b\"

  [channels]                     # Bob listens here, Alice connects to it
  quantum = \"10.0.0.2:7040\"
  classical = \"10.0.0.2:7041\"

  [secret]
  file = \"link.secret\"           # qmacsec distill secret link.secret; the same at both ends

  [link]
  km = 10.0

The quantum signals are simulated, all else is real: both ends correct errors, estimate the \
channel, shorten the key and authenticate every message. The keys are labelled `distilled`.

Example:
  qmacsec distill bob --config bob.toml
  qmacsec distill alice --config alice.toml
  qmacsec distill status --socket alice.sock")]
pub enum Command {
    /// Run the end that sends quantum signals, until it is stopped
    Alice(Args),
    /// Run the end that measures them, until it is stopped
    Bob(Args),
    /// Create the pre-shared secret of a link
    Secret(SecretArgs),
    /// Show blocks, estimates, alarms and books of a running end
    Status(StatusArgs),
}

/// Arguments of `qmacsec distill alice` and `bob`.
#[derive(clap::Args)]
pub struct Args {
    /// Config file of this end (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Arguments of `qmacsec distill secret`.
#[derive(clap::Args)]
pub struct SecretArgs {
    /// New file; carry it to both sites by hand
    file: PathBuf,
}

/// Arguments of `qmacsec distill status`.
#[derive(clap::Args)]
pub struct StatusArgs {
    /// The status_socket of its config
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Print the whole report as JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// Runs one of the commands.
///
/// # Errors
/// A mistake in the config, an address in use, a file that cannot be used, or no running end.
pub fn main(command: &Command) -> Outcome {
    match command {
        Command::Alice(args) => run(args, Role::Alice),
        Command::Bob(args) => run(args, Role::Bob),
        Command::Secret(SecretArgs { file }) => {
            let created = create_link_secret(file);
            created.map_err(|error| format!("{}: {error}", file.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Status(args) => status(args),
    }
}

fn run(args: &Args, role: Role) -> Outcome {
    let _log = daemon::begin()?;
    let (file, settings) = DistillFile::read(&args.config, role)?;
    daemon::run(serve(&args.config, file.status_socket.as_deref(), settings))
}

async fn serve(
    file: &Path,
    status_socket: Option<&Path>,
    settings: Settings,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut device = Running::start(settings)
        .await
        .map_err(|error| mistake(file, &error))?;
    let report = device.report();
    info!(
        "{}, {} km: KME {} listens on {}",
        report.role, report.km, report.kme_id, report.kme_address
    );
    let fault = device.fault();
    let served = daemon::answer_until_stopped(status_socket, |asker| {
        asker.answer(&device.report());
    });
    let ended = tokio::select! {
        served = served => Ok(served?),
        fault = fault => Err(RunError::Fault(fault).into()),
    };
    device.shutdown().await;
    ended
}

/// Maps the reason why a device did not start to a mistake in the config.
fn mistake(file: &Path, error: &DeviceError) -> ConfigError {
    let key = match error {
        DeviceError::Position(_) => "secret.position_file",
        DeviceError::Secret(_) => "secret.file",
        DeviceError::Setup(_) => "link",
        DeviceError::Listen { .. } => "channels",
        DeviceError::Kme(_) => "kme",
        DeviceError::System(_) => "",
    };
    let text = error.to_string();
    match text.split_once("; fix: ") {
        Some((problem, fix)) => ConfigError::new(file, key, problem).fix(fix),
        None => ConfigError::new(file, key, text),
    }
}

fn status(args: &StatusArgs) -> Outcome {
    let report: DeviceReport = query(&args.socket)?;
    if args.json {
        outln!("{}", serde_json::to_string(&report)?)?;
    } else {
        output::write(text(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Formats the status for one screen.
fn text(report: &DeviceReport) -> String {
    let state = if report.connected {
        "CONNECTED"
    } else {
        "NO PEER"
    };
    let mut out = format!(
        "{} ({}): {state}, {} km, {} signals, up {:.0} s\n",
        report.role, report.kme_id, report.km, report.signals, report.uptime_s
    );
    out += &format!(
        "  symbols  {:.3e} at {:.3e} baud, {} a block, held back {:.1} s\n",
        report.symbols as f64, report.symbol_rate_baud, report.block_symbols, report.held_back_s
    );
    out += &format!(
        "  blocks   {} with key, {} without\n",
        report.blocks.with_key,
        report.blocks.lost()
    );
    for (reason, blocks) in &report.blocks.lost {
        out += &format!("             {blocks} {reason}\n");
    }
    if let Some(block) = &report.last {
        out += &format!("  last     {}\n", block.text());
    }
    for alarm in &report.alarms {
        out += &format!("  ALARM    {}\n", alarm.text);
    }
    let books = &report.books;
    out += &format!(
        "  bits     {} distilled = {} here + {} delivered + {} voided + {} expired\n",
        books.distilled_bits,
        books.stocked_bits,
        books.delivered_bits,
        books.voided_bits,
        books.expired_bits
    );
    out += &format!(
        "  KME      {}: {} fresh {} keys, {} requests fulfilled\n",
        report.kme_address, report.fresh_keys, report.origin, report.requests
    );
    out + &format!("  secret   used up to position {}\n", report.position)
}
