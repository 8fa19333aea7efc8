//! Config of one end of a link with distilled keys (`qmacsec distill alice|bob --config FILE`).

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use device::{
    Channels, CountedProof, Link, LinkSettings, Names, Pace, Role, Schedule, Secret, Settings,
    Signals, Wiped,
};
use keyclient::file::{FileError, read_secret};
use kme::{KmeConfig, SaeIdentity};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::value::Span;
use super::{ConfigError, file, name};
use crate::limits;

/// A whole config file. Paths in it are relative to the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistillFile {
    /// Path of the status socket, which `qmacsec distill status` queries.
    pub status_socket: Option<PathBuf>,
    kme: KmeSection,
    channels: ChannelsSection,
    secret: SecretSection,
    #[serde(default)]
    link: LinkSection,
    #[serde(default)]
    simulation: SimulationSection,
}

/// `[kme]`: the KME of this end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KmeSection {
    kme_id: String,
    /// Address and port to listen on: ETSI GS QKD 014.
    listen: SocketAddr,
    /// Certificate (PEM) of the authority that signs the certificates of the SAEs.
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
    /// The SAE of this end.
    sae_id: String,
    /// The KME of the other end.
    peer_kme_id: String,
    /// The SAE of the other end.
    peer_sae_id: String,
    /// Time that an SAE has to fetch a key after the other one has got it.
    #[serde(default = "key_life")]
    key_life: Span,
}

/// `[channels]`: Bob listens here, Alice connects to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelsSection {
    quantum: SocketAddr,
    classical: SocketAddr,
}

/// `[secret]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretSection {
    /// The same secret at both ends: random octets.
    file: PathBuf,
    /// The part of the secret that is used; by default beside its file.
    position_file: Option<PathBuf>,
}

impl SecretSection {
    /// Reads the secret, which only its owner may read or replace. Returns it with the path of the
    /// position file.
    fn read(&self, config: &Path, folder: &Path) -> Result<(Wiped<u8>, PathBuf), ConfigError> {
        let path = folder.join(&self.file);
        let octets = read_secret(&path, Secret::MAX_OCTETS).map_err(|error| {
            let wrong = ConfigError::new(config, "secret.file", error.to_string());
            wrong.value(path.display()).fix(match error {
                FileError::Absent => {
                    "create one with `qmacsec distill secret FILE` and carry it to both sites by \
                     hand"
                        .to_owned()
                }
                error => error.fix(&path),
            })
        })?;
        let position = match &self.position_file {
            Some(file) => folder.join(file),
            None => path.with_extension("position"),
        };
        Ok((Wiped::new(Box::from(octets.as_slice())), position))
    }
}

/// Writes a fresh secret of a link into a new file that only its owner may read.
///
/// # Errors
/// The file exists already, or cannot be written.
pub fn create_link_secret(file: &Path) -> io::Result<()> {
    let mut octets = Zeroizing::new(vec![0; device::limits::SECRET_LEN]);
    getrandom::fill(&mut octets)?;
    // The file gets its name when it is complete: a full disk leaves no short secret.
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    let fresh = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?; // mode 0600
    let mut out = fresh.as_file();
    out.write_all(&octets)?;
    out.sync_all()?;
    fresh.persist_noclobber(file).map_err(|error| error.error)?;
    Ok(())
}

/// `[link]`: the same at both ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LinkSection {
    km: f64,
    excess_noise_snu: Option<f64>,
    block_symbols: Option<u64>,
    symbol_rate_baud: Option<f64>,
    proof: ProofName,
}

impl Default for LinkSection {
    fn default() -> Self {
        Self {
            km: limits::DISTILL_KM,
            excess_noise_snu: None,
            block_symbols: None,
            symbol_rate_baud: None,
            proof: ProofName::default(),
        }
    }
}

/// The proof that counts, by name.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ProofName {
    #[default]
    #[serde(rename = "lgg-2010")]
    Lgg2010,
    Composable,
}

/// `[simulation]`: the signals.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SimulationSection {
    /// Alice: the time that the signals take.
    rate: PaceName,
    /// The signals follow from it; by default it is random.
    seed: Option<u64>,
    /// Bob: attacks on the fibre.
    eve: Vec<String>,
}

/// The pace of the source, by name.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PaceName {
    #[default]
    RealTime,
    Unlimited,
}

fn key_life() -> Span {
    Span(limits::DISTILLED_KEY_LIFE)
}

impl DistillFile {
    /// Reads, parses and checks a config file and the secret that it names.
    ///
    /// # Errors
    /// The first mistake found, with file, key, value and fix.
    pub fn read(path: &Path, role: Role) -> Result<(Self, Settings), ConfigError> {
        let mut config: Self = file::read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        if let Some(socket) = &mut config.status_socket {
            *socket = folder.join(&*socket);
        }
        let kme = &config.kme;
        let names = [
            ("kme.kme_id", &kme.kme_id),
            ("kme.sae_id", &kme.sae_id),
            ("kme.peer_kme_id", &kme.peer_kme_id),
            ("kme.peer_sae_id", &kme.peer_sae_id),
        ];
        for (key, text) in names {
            name::check(path, key, text)?;
        }
        if kme.sae_id == kme.peer_sae_id {
            return Err(
                ConfigError::new(path, "kme.peer_sae_id", "is the SAE of this end")
                    .value(&kme.peer_sae_id)
                    .fix("name the SAE of the other end: a key is for two"),
            );
        }
        let (secret, position) = config.secret.read(path, folder)?;
        let settings = Settings {
            role,
            channels: Channels {
                quantum: config.channels.quantum,
                classical: config.channels.classical,
            },
            names: Names {
                sae_id: kme.sae_id.clone(),
                peer_sae_id: kme.peer_sae_id.clone(),
                kme_id: kme.kme_id.clone(),
                peer_kme_id: kme.peer_kme_id.clone(),
            },
            kme: KmeConfig {
                kme_id: kme.kme_id.clone(),
                listen: kme.listen,
                ca: folder.join(&kme.ca),
                cert: folder.join(&kme.cert),
                key: folder.join(&kme.key),
                sae_ids: vec![kme.sae_id.clone()],
                identity: SaeIdentity::CommonName,
            },
            key_life: kme.key_life.0,
            secret,
            position,
            link: config.link.link(path)?,
            signals: config.simulation.signals(path, role)?,
        };
        Ok((config, settings))
    }
}

impl LinkSection {
    fn link(&self, file: &Path) -> Result<Link, ConfigError> {
        let settings = LinkSettings {
            km: self.km,
            excess_noise_snu: self.excess_noise_snu,
            block_symbols: self.block_symbols,
            symbol_rate_baud: self.symbol_rate_baud,
            proof: match self.proof {
                ProofName::Lgg2010 => CountedProof::Lgg2010,
                ProofName::Composable => CountedProof::Composable,
            },
        };
        Link::of(&settings).map_err(|error| mistake(file, "link", &error.to_string()))
    }
}

impl SimulationSection {
    fn signals(&self, file: &Path, role: Role) -> Result<Signals, ConfigError> {
        if role == Role::Alice && !self.eve.is_empty() {
            return Err(
                ConfigError::new(file, "simulation.eve", "is set at Alice's end")
                    .fix("move it to Bob's config: the fibre is simulated there"),
            );
        }
        let eve = match self.eve.as_slice() {
            [] => Schedule::default(),
            attacks => attacks
                .join(",")
                .parse()
                .map_err(|error| mistake(file, "simulation.eve", &format!("{error}")))?,
        };
        Ok(Signals {
            pace: match self.rate {
                PaceName::RealTime => Pace::RealTime,
                PaceName::Unlimited => Pace::Unlimited,
            },
            seed: self.seed,
            eve,
        })
    }
}

/// Makes a mistake of a text that may name its fix.
fn mistake(file: &Path, key: &str, text: &str) -> ConfigError {
    match text.split_once("; fix: ") {
        Some((problem, fix)) => ConfigError::new(file, key, problem).fix(fix),
        None => ConfigError::new(file, key, text),
    }
}

#[cfg(test)]
mod tests;
