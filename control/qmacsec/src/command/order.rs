//! `qmacsec rekey`, `reload` and `zeroise`: orders to a running encryptor.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Outcome;
use crate::limits;
use crate::output::outln;
use crate::status::{Done, Request, request};

/// Arguments of `qmacsec rekey`.
#[derive(clap::Args)]
#[command(after_help = "\
The sender of each direction changes its key, so this changes the key for the frames that this \
encryptor sends.

Example:
  qmacsec rekey --socket /run/qmacsec/site-a.sock")]
pub struct RekeyArgs {
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = limits::STATUS_SOCKET)]
    socket: PathBuf,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// Arguments of `qmacsec reload`.
#[derive(clap::Args)]
#[command(after_help = "\
Applies [policy] without losing a frame. If other keys in the file have changed, they need a \
restart: then nothing is applied, and these keys are named. SIGHUP does the same and logs the \
result.

Example:
  qmacsec check --config site-a.toml && qmacsec reload")]
pub struct ReloadArgs {
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = limits::STATUS_SOCKET)]
    socket: PathBuf,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// Arguments of `qmacsec zeroise`.
#[derive(clap::Args)]
#[command(after_help = "\
Wipes QKD keys, SAKs, expanded keys and the pair's secret in the memory of the daemon. The \
workers confirm it. It needs neither the KME nor the peer. Files stay unchanged. Traffic stops at \
both ends.

Example:
  qmacsec zeroise --yes")]
pub struct ZeroiseArgs {
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = limits::STATUS_SOCKET)]
    socket: PathBuf,
    /// Confirm: traffic stops until the daemon is restarted
    #[arg(long)]
    yes: bool,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// Orders a fresh key.
///
/// # Errors
/// No daemon answers.
pub fn rekey(args: &RekeyArgs) -> Outcome {
    let done: Done = request(&args.socket, Request::Rekey)?;
    print(&done, args.json)
}

/// Orders a reload of the config.
///
/// # Errors
/// No daemon answers.
pub fn reload(args: &ReloadArgs) -> Outcome {
    let done: Done = request(&args.socket, Request::Reload)?;
    print(&done, args.json)
}

/// Orders the end of all keys.
///
/// # Errors
/// No daemon answers, or `--yes` is missing.
pub fn zeroise(args: &ZeroiseArgs) -> Outcome {
    if !args.yes {
        return Err(
            "zeroise stops all traffic until the daemon is restarted; fix: add --yes to confirm"
                .into(),
        );
    }
    let done: Done = request(&args.socket, Request::Zeroise)?;
    print(&done, args.json)
}

fn print(done: &Done, json: bool) -> Outcome {
    if json {
        outln!("{}", serde_json::to_string(done)?)?;
    } else if done.workers > 0 {
        outln!(
            "{} ({} workers confirmed, {:.1} ms)",
            done.text,
            done.workers,
            done.took_ms
        )?;
    } else {
        outln!("{}", done.text)?;
    }
    Ok(if done.done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
