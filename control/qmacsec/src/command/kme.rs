//! `qmacsec kme`: one or two lab KMEs, supplied by a modelled CV-QKD link.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use kme::faults::{Calls, Fault, Times};
use kme::{KmeConfig, Kmes, LinkConfig, Origin, SaeIdentity, StartError, Supply, TlsError};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use qkd::channel::Fibre;
use qkd::optimise::{Objective, optimise_modulation};
use qkd::preset::{Preset, UnknownPreset};
use tracing::{info, warn};

use super::{Outcome, daemon};
use crate::config::{ConfigError, KmeFile, Link};
use crate::status::{Done, KmeFault, KmeReport, Request, StatusSocket};
use crate::{limits, stop};

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
  skip_listen = \"127.0.0.1:8444\"   # only if SKIP is wanted as well

The keys are modelled: their rate follows the link, their bits come from the system's random generator.

Example:
  qmacsec kme --config kme.toml")]
pub struct Args {
    /// The KMEs' config file (TOML)
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
        warn!("the limit of {soft} open files stays: {error}");
    }
}

/// Returns the link that a config names.
fn modelled_link(file: &Path, config: &KmeFile) -> Result<ModelledLink, ConfigError> {
    let Link { preset, km, .. } = &config.link;
    link_of(preset, *km).map_err(|error| {
        let link = km.map_or_else(|| preset.clone(), |km| format!("{preset}, {km} km"));
        ConfigError::new(file, "link", error).value(link)
    })
}

/// Returns the link of a preset, with its own length or another.
pub(crate) fn link_of(preset: &str, km: Option<f64>) -> Result<ModelledLink, String> {
    let preset: Preset = preset
        .parse()
        .map_err(|error: UnknownPreset| error.to_string())?;
    let link = match km {
        Some(km) => preset.at_km(km).map_err(|error| error.to_string())?,
        None => preset.link(),
    };
    Ok(ModelledLink { preset, link })
}

/// Returns the longest fibre, in whole km, over which KMEs get key from the link: key is left after
/// its confirmation and authentication.
pub(crate) fn longest_km(link: &qkd::Link) -> Option<f64> {
    let attenuation = link.fibre.attenuation_db_per_km();
    let gives_key = |km: f64| {
        Fibre::new(km, attenuation).is_ok_and(|fibre| {
            let link = optimise_modulation(qkd::Link { fibre, ..*link }, Objective::Asymptotic);
            qkd::supply::Supply::of(&link).no_key.is_none()
        })
    };
    let most = qkd::threshold::longest_km(link)?;
    let lengths = (0..=most as u32).rev().map(f64::from);
    lengths.into_iter().find(|km| gives_key(*km))
}

/// A link and its preset.
pub(crate) struct ModelledLink {
    preset: Preset,
    link: qkd::Link,
}

impl ModelledLink {
    /// Returns the key supply of the link for its KMEs.
    pub(crate) fn supply(&self, blocks_at_start: u32) -> Supply {
        let supply = qkd::supply::Supply::of(&self.link);
        if let Some(no_key) = self.no_key() {
            warn!("{no_key}");
        }
        Supply {
            block_bits: supply.block_bits,
            block_every: supply.block_period,
            blocks_at_start,
            origin: Origin::Modelled,
        }
    }

    /// If the link delivers no key: the reason, and the length above which such a link delivers
    /// none.
    pub(crate) fn no_key(&self) -> Option<NoKey> {
        let reason = qkd::supply::Supply::of(&self.link).no_key?;
        Some(NoKey {
            link: self.name(),
            km: self.link.fibre.km(),
            reason: reason.to_string(),
            key_ends_km: longest_km(&self.link),
        })
    }

    /// Returns the name for the status.
    pub(crate) fn name(&self) -> String {
        format!("{} ({} km)", self.preset, self.link.fibre.km())
    }
}

/// A modelled link that delivers no key.
#[derive(Debug, serde::Serialize)]
pub(crate) struct NoKey {
    /// Name of the link.
    pub(crate) link: String,
    /// Its length.
    pub(crate) km: f64,
    /// The reason why it delivers no key.
    pub(crate) reason: String,
    /// The longest whole length with key; `None` if there is none at any length.
    pub(crate) key_ends_km: Option<f64>,
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, reason, .. } = self;
        write!(f, "the modelled link {link} gives no key: {reason}; ")?;
        match self.key_ends_km {
            Some(km) => write!(f, "key ends at {km} km"),
            None => f.write_str("it gives none at any length"),
        }
    }
}

/// Builds the status of the KMEs.
pub(crate) fn report(kmes: &Kmes, link: &str) -> KmeReport {
    let snapshot = kmes.snapshot();
    KmeReport {
        link: link.to_owned(),
        rate_bit_s: snapshot.rate_bps,
        origin: snapshot.origin.as_str().to_owned(),
        pool_bits: snapshot.pool_bits,
        pool_keys: snapshot.pool_keys,
        keys_delivered: snapshot.counters.enc_keys,
        keys_expired: snapshot.counters.expired_keys,
        kmes: snapshot
            .kmes
            .into_iter()
            .map(|kme| (kme.kme_id, kme.address.to_string()))
            .collect::<BTreeMap<_, _>>(),
    }
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
        text: "as ordered".to_owned(),
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
        .fix("a free port of an address that this machine has"),
        StartError::Tls { kme_id, source } => {
            let kme = config.kme.iter().find(|kme| &kme.kme_id == kme_id);
            let path = match source {
                TlsError::File { path, .. }
                | TlsError::Read { path, .. }
                | TlsError::Ca { path, .. } => Some(path),
                TlsError::NoCertificate(path) => Some(path),
                TlsError::Pair { key, .. } => Some(key),
                TlsError::Library(_) => None,
            };
            let key = match (kme, path) {
                (Some(kme), Some(path)) if path == &kme.ca => "kme.ca",
                (Some(kme), Some(path)) if path == &kme.cert => "kme.cert",
                (Some(kme), Some(path)) if path == &kme.key => "kme.key",
                _ => "kme",
            };
            let text = source.to_string();
            let (problem, fix) = text
                .rsplit_once("; ")
                .unwrap_or((&text, "a PEM file that holds what its key is for"));
            ConfigError::new(file, key, format!("{kme_id}: {problem}")).fix(fix)
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
            info!("{} speaks SKIP on {address}", kme.kme_id);
        }
    }
    info!(
        "link {name}: {:.1} kbit/s, {} keys in the pool",
        snapshot.rate_bps / 1e3,
        snapshot.pool_keys
    );
    let mut socket = config
        .status_socket
        .as_deref()
        .map(StatusSocket::bind)
        .transpose()?;
    let mut stopped = std::pin::pin!(stop::signal());
    loop {
        let asked = async {
            match &mut socket {
                Some(socket) => socket.asked().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut stopped => break,
            asker = asked => match asker.request {
                Request::Fault(fault) => asker.answer(&order(&kmes, fault)),
                _ => asker.answer(&report(&kmes, &name)),
            },
        }
    }
    kmes.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests;
