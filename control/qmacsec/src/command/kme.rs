//! `qmacsec kme`: one or two lab KMEs, supplied by a modelled CV-QKD link.

use std::path::{Path, PathBuf};

use kme::faults::{Calls, Fault, Times};
use kme::{KmeConfig, Kmes, LinkConfig, SaeIdentity, StartError};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

use super::{Outcome, daemon};
use crate::config::{ConfigError, KmeFile, Link};
use crate::limits;
use crate::modelled_link::ModelledLink;
use crate::status::{Done, KmeFault, Request};

/// Arguments of `qmacsec kme`.
#[derive(clap::Args)]
#[command(after_help = "\
A config has one or two [[kme]] (the ends of one link) and a [link]:

  [link]
  preset = \"metro-50km\"      # qmacsec link --list
  km = 50.0

  [[kme]]
  kme_id = \"kme-a\"
  listen = \"127.0.0.1:8443\"
  ca = \"pki/ca.pem\"          # qmacsec pki --dir pki
  cert = \"pki/kme-a.pem\"
  key = \"pki/kme-a.key\"
  sae_ids = [\"sae-a\"]
  skip_listen = \"127.0.0.1:8444\"   # only to serve SKIP too

The keys are modelled: their rate is that of the link, and their bits come from the random \
generator of the system.

Example:
  qmacsec kme --config kme.toml")]
pub struct Args {
    /// Config file of the KMEs (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Serves keys until stopped.
///
/// # Errors
/// A mistake in the config, an address in use, a certificate that cannot be read.
pub fn main(args: &Args) -> Outcome {
    let _log = daemon::begin()?;
    more_open_files();
    let config = KmeFile::read(&args.config)?;
    let link = modelled_link(&args.config, &config)?;
    daemon::run(serve(&args.config, &config, link))
}

/// Raises the limit of open files: the default of many systems is too low for all connections.
fn more_open_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < limits::KME_OPEN_FILES
        && let Err(error) = setrlimit(
            Resource::RLIMIT_NOFILE,
            hard.min(limits::KME_OPEN_FILES),
            hard,
        )
    {
        warn!("the limit of {soft} open files cannot be raised: {error}");
    }
}

/// Returns the link that a config names.
fn modelled_link(file: &Path, config: &KmeFile) -> Result<ModelledLink, ConfigError> {
    let Link { preset, km, .. } = &config.link;
    ModelledLink::of(preset, *km).map_err(|error| {
        let link = km.map_or_else(|| preset.clone(), |km| format!("{preset}, {km} km"));
        ConfigError::new(file, "link", error).value(link)
    })
}

/// Sets this fault at both KMEs and clears all others.
fn order(kmes: &Kmes, fault: Option<KmeFault>) -> Done {
    let (fault, calls) = match fault {
        None => (None, Calls::Any),
        Some(KmeFault::Slow(time)) => (Some(Fault::Latency(time)), Calls::Any),
        Some(KmeFault::Wedge) => (Some(Fault::Wedge), Calls::Any),
        Some(KmeFault::Repeat) => (Some(Fault::RepeatKeys), Calls::EncKeys),
        Some(KmeFault::LoseReplies) => (Some(Fault::LoseReply), Calls::Any),
    };
    for kme in kmes.snapshot().kmes {
        let Some(faults) = kmes.faults(&kme.kme_id) else {
            continue;
        };
        faults.clear();
        if let Some(fault) = fault {
            faults.order(fault, calls, Times::Always);
        }
    }
    Done {
        done: true,
        text: "the fault is set as ordered".to_owned(),
        ..Done::default()
    }
}

/// Maps the reason why the KMEs did not start to a mistake in the config.
fn mistake(file: &Path, config: &KmeFile, error: &StartError) -> ConfigError {
    match error {
        StartError::Config(wrong) => {
            let key = match wrong.field {
                "reserved_life" => "link.key_life".to_owned(),
                field => format!("kme.{field}"),
            };
            let mistake = ConfigError::new(file, key, "cannot be used");
            mistake.value(&wrong.value).fix(&wrong.fix)
        }
        StartError::Listen {
            kme_id,
            address,
            source,
        } => ConfigError::new(
            file,
            match config
                .kme
                .iter()
                .any(|kme| kme.skip_listen == Some(*address))
            {
                true => "kme.skip_listen",
                false => "kme.listen",
            },
            format!("{kme_id} cannot listen: {source}"),
        )
        .value(address)
        .fix("a free port of a local address"),
        StartError::Tls { kme_id, source } => {
            let kme = config.kme.iter().find(|kme| &kme.kme_id == kme_id);
            let key = match (kme, source.path()) {
                (Some(kme), Some(path)) if *path == kme.ca => "kme.ca",
                (Some(kme), Some(path)) if *path == kme.cert => "kme.cert",
                (Some(kme), Some(path)) if *path == kme.key => "kme.key",
                _ => "kme",
            };
            let problem = format!("{kme_id}: {}", source.problem());
            let fix = source.fix();
            let fix = fix.as_deref();
            ConfigError::new(file, key, problem)
                .fix(fix.unwrap_or("a PEM file with the content that its key names"))
        }
        StartError::Entropy(_) => ConfigError::new(file, "", error.to_string()),
    }
}

async fn serve(
    file: &Path,
    config: &KmeFile,
    link: ModelledLink,
) -> Result<(), Box<dyn std::error::Error>> {
    let configs = config
        .kme
        .iter()
        .map(|kme| KmeConfig {
            kme_id: kme.kme_id.clone(),
            listen: kme.listen,
            ca: kme.ca.clone(),
            cert: kme.cert.clone(),
            key: kme.key.clone(),
            sae_ids: kme.sae_ids.clone(),
            identity: SaeIdentity::CommonName,
        })
        .collect();
    let store = LinkConfig {
        reserved_life: config.link.key_life.0,
        ..LinkConfig::default()
    };
    let mut kmes = Kmes::start(configs, store, link.supply(config.link.blocks_at_start))
        .await
        .map_err(|error| mistake(file, config, &error))?;
    let name = link.name();
    let snapshot = kmes.snapshot();
    for kme in &snapshot.kmes {
        info!("{} listens on {}", kme.kme_id, kme.address);
    }
    for kme in &config.kme {
        let Some(listen) = kme.skip_listen else {
            continue;
        };
        let served = kmes.serve_skip(&kme.kme_id, listen).await;
        if let Some(address) = served.map_err(|error| mistake(file, config, &error))? {
            info!("{} serves SKIP on {address}", kme.kme_id);
        }
    }
    info!(
        "link {name}: {:.1} kbit/s, {} keys in the pool",
        snapshot.rate_bps / 1e3,
        snapshot.pool_keys
    );
    daemon::answer_until_stopped(config.status_socket.as_deref(), |asker| {
        match asker.request {
            Request::Fault(fault) => asker.answer(&order(&kmes, fault)),
            _ => asker.answer(&link.report(&kmes)),
        }
    })
    .await?;
    kmes.shutdown().await;
    Ok(())
}
