//! Config of lab KMEs (`qmacsec kme --config FILE`): one KME, or the two KMEs of one link.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::value::Span;
use super::{ConfigError, file, name};
use crate::limits;

/// A whole config file. Paths in it are relative to the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmeFile {
    /// The modelled link that fills the key pool.
    #[serde(default)]
    pub link: Link,
    /// One or two KMEs.
    pub kme: Vec<Kme>,
    /// Path of the status socket, which `qmacsec status` queries.
    pub status_socket: Option<PathBuf>,
}

/// `[link]`: the CV-QKD link that is modelled.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// Name of a preset from `qmacsec link --list`.
    pub preset: String,
    /// Length of the fibre; default: the preset's.
    pub km: Option<f64>,
    /// Blocks of key in the pool at the start, as if the link had run before.
    pub blocks_at_start: u32,
    /// Time that the other end has to fetch a key.
    pub key_life: Span,
}

/// `[[kme]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kme {
    /// KME ID.
    pub kme_id: String,
    /// Address and port to listen on: ETSI GS QKD 014.
    pub listen: SocketAddr,
    /// Address and port for SKIP, if it is served too.
    pub skip_listen: Option<SocketAddr>,
    /// Certificate (PEM) of the authority that signs the certificates of the SAEs.
    pub ca: PathBuf,
    /// Certificate (PEM) of this KME.
    pub cert: PathBuf,
    /// Its private key (PEM, PKCS#8).
    pub key: PathBuf,
    /// SAEs that this KME serves.
    pub sae_ids: Vec<String>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            preset: limits::LINK_PRESET.to_owned(),
            km: None,
            blocks_at_start: 1,
            key_life: Span(limits::KEY_LIFE),
        }
    }
}

impl KmeFile {
    /// Reads, parses and checks a config file.
    ///
    /// # Errors
    /// The first mistake found, with file, key, value and fix.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = file::read(path)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        for kme in &mut config.kme {
            for path in [&mut kme.ca, &mut kme.cert, &mut kme.key] {
                *path = folder.join(&*path);
            }
        }
        if let Some(socket) = &mut config.status_socket {
            *socket = folder.join(&*socket);
        }
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, file: &Path) -> Result<(), ConfigError> {
        if !(1..=2).contains(&self.kme.len()) {
            return Err(ConfigError::new(
                file,
                "kme",
                format!("{} KMEs are configured", self.kme.len()),
            )
            .fix("one [[kme]] that serves both SAEs, or the two ends of one link"));
        }
        for kme in &self.kme {
            name::check(file, "kme.kme_id", &kme.kme_id)?;
            for sae in &kme.sae_ids {
                name::check(file, "kme.sae_ids", sae)?;
            }
            if kme.sae_ids.is_empty() {
                return Err(ConfigError::new(
                    file,
                    "kme.sae_ids",
                    format!("{} serves no SAE", kme.kme_id),
                )
                .fix("name the SAEs of this site: sae_ids = [\"sae-a\"]"));
            }
        }
        if self.kme.iter().map(|kme| kme.sae_ids.len()).sum::<usize>() < 2 {
            return Err(ConfigError::new(
                file,
                "kme.sae_ids",
                "only one SAE is named, but a key is for two",
            )
            .fix("name both SAEs here, or add a second [[kme]] for the other end"));
        }
        Ok(())
    }
}
