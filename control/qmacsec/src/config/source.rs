//! `[kme]` of an encryptor: the source of its keys.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::rekey::span_within;
use super::value::Span;
use super::{ConfigError, name};
use crate::limits;

/// `[kme]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kme {
    /// Protocol: `etsi-014` (default) or `skip`.
    #[serde(default)]
    pub protocol: KeyProtocol,
    /// `https://host:port` of the KME of this site.
    pub url: String,
    /// If given, the KME's certificate must carry this ID.
    pub kme_id: Option<String>,
    /// A second KME of this site, which is asked when the first fails or is slow. It uses the same
    /// protocol and certificates.
    pub fallback_url: Option<String>,
    /// If given, the second KME's certificate must carry this ID.
    pub fallback_kme_id: Option<String>,
    /// Certificate (PEM) of the authority that signed the KME's certificate.
    pub ca: PathBuf,
    /// Our certificate (PEM), which names this encryptor to the KME (SAE ID).
    pub cert: PathBuf,
    /// Private key (PEM, PKCS#8) of our certificate.
    pub key: PathBuf,
    /// Time limit for one request.
    #[serde(default = "default_kme_timeout")]
    pub timeout: Span,
    /// `post` (default) or `get`: some KMEs support only one form of enc_keys and dec_keys.
    #[serde(default)]
    pub form: RequestForm,
    /// No effect, because only HTTP/1.1 is used. Configs that set it still load.
    #[serde(default)]
    pub http1_only: bool,
}

/// The form of enc_keys and dec_keys requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestForm {
    /// JSON body.
    #[default]
    Post,
    /// Query parameters.
    Get,
}

/// The protocol of a KME.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyProtocol {
    /// ETSI GS QKD 014.
    #[default]
    #[serde(rename = "etsi-014")]
    Etsi014,
    /// SKIP, draft-cisco-skip.
    Skip,
}

fn default_kme_timeout() -> Span {
    Span(limits::KME_TIMEOUT)
}

impl Kme {
    /// Returns URL and expected ID of the first KME, then of the second if there is one.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let fallback = self.fallback_url.as_deref();
        [
            Some((self.url.as_str(), self.kme_id.as_deref())),
            fallback.map(|url| (url, self.fallback_kme_id.as_deref())),
        ]
        .into_iter()
        .flatten()
    }

    pub(super) fn check(&self, file: &Path) -> Result<(), ConfigError> {
        for (key, (url, _)) in ["kme.url", "kme.fallback_url"]
            .into_iter()
            .zip(self.addresses())
        {
            if !url.starts_with("https://") {
                return Err(ConfigError::new(file, key, "is not an https URL")
                    .value(url)
                    .fix("write https://host:port: keys travel over mutual TLS only"));
            }
            if port_of(url) == Some(0) {
                return Err(
                    ConfigError::new(file, key, "has port 0, which no server uses")
                        .value(url)
                        .fix("give the port of the KME: https://host:port"),
                );
            }
        }
        for (key, id) in [
            ("kme.kme_id", &self.kme_id),
            ("kme.fallback_kme_id", &self.fallback_kme_id),
        ] {
            if let Some(id) = id {
                name::check(file, key, id)?;
            }
        }
        if self.fallback_url.as_ref() == Some(&self.url) {
            return Err(
                ConfigError::new(file, "kme.fallback_url", "is the same as the first KME")
                    .value(&self.url)
                    .fix("name another KME of this site, or leave it out"),
            );
        }
        if let (None, Some(id)) = (&self.fallback_url, &self.fallback_kme_id) {
            return Err(ConfigError::new(
                file,
                "kme.fallback_kme_id",
                "is given without a fallback_url",
            )
            .value(id)
            .fix("add fallback_url, or leave it out"));
        }
        span_within(
            file,
            "kme.timeout",
            self.timeout,
            limits::KME_TIMEOUT_MIN,
            limits::KME_TIMEOUT_MAX,
        )
    }
}

/// Returns the port in an https URL, if it names one.
fn port_of(url: &str) -> Option<u16> {
    let host = url
        .strip_prefix("https://")?
        .split(['/', '?', '#'])
        .next()?;
    let (_, port) = host.rsplit_once(':')?;
    port.parse().ok()
}

#[cfg(test)]
mod tests;
