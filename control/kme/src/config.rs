//! The configuration of a KME and its link, checked once at the start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::limits;

/// One KME: its name, its address, its certificate and its SAEs.
#[derive(Clone, Debug)]
pub struct KmeConfig {
    /// KME ID, as in `source_KME_ID`.
    pub kme_id: String,
    /// Address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// PEM file of the CA whose client certificates are accepted.
    pub ca: PathBuf,
    /// PEM file of this KME's certificate, with its chain if there is one.
    pub cert: PathBuf,
    /// PEM file of this KME's private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
    /// IDs of the SAEs that this KME serves.
    pub sae_ids: Vec<String>,
    /// The part of a client certificate that holds the SAE ID.
    pub identity: SaeIdentity,
}

/// The part of a client certificate that holds the SAE ID. The standard does not define it, and
/// KMEs differ. In configuration files: `common-name`, `san-dns` or `san-uri`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaeIdentity {
    /// Common name of the subject.
    #[default]
    CommonName,
    /// A `dNSName` among the subject alternative names.
    SanDns,
    /// A `uniformResourceIdentifier` among the subject alternative names.
    SanUri,
}

/// The link: sizes and limits of its key store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Most bits that the pool holds. Further bits are dropped and counted.
    pub pool_bits_max: u64,
    /// Size of a key when the request names none, in bits.
    pub key_bits: u32,
    /// Smallest key size in bits.
    pub key_bits_min: u32,
    /// Largest key size in bits.
    pub key_bits_max: u32,
    /// Most keys in one request.
    pub keys_per_request_max: u32,
    /// Time that the slave has to fetch a key before it is wiped.
    pub reserved_life: Duration,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            pool_bits_max: limits::POOL_BITS_MAX,
            key_bits: limits::KEY_BITS,
            key_bits_min: limits::KEY_BITS_MIN,
            key_bits_max: limits::KEY_BITS_MAX,
            keys_per_request_max: limits::KEYS_PER_REQUEST_MAX,
            reserved_life: limits::RESERVED_LIFE,
        }
    }
}

/// An invalid value with its fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}: {fix}")]
pub struct ConfigError {
    /// The field.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// The permitted values.
    pub fix: String,
}

/// An error about a field.
pub(crate) fn refuse<T>(
    field: &'static str,
    value: impl ToString,
    fix: impl Into<String>,
) -> Result<T, ConfigError> {
    Err(ConfigError {
        field,
        value: value.to_string(),
        fix: fix.into(),
    })
}

impl LinkConfig {
    /// Checks sizes and limits.
    ///
    /// # Errors
    /// The first invalid value.
    pub fn check(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("key_bits", self.key_bits),
            ("key_bits_min", self.key_bits_min),
            ("key_bits_max", self.key_bits_max),
        ];
        for (field, bits) in sizes {
            let (min, max) = (limits::KEY_BITS_MIN, limits::KEY_BITS_MAX);
            if !bits.is_multiple_of(8) || bits < min || bits > max {
                return refuse(
                    field,
                    bits,
                    format!("use a multiple of 8 from {min} to {max}"),
                );
            }
        }
        if self.key_bits < self.key_bits_min || self.key_bits > self.key_bits_max {
            return refuse(
                "key_bits",
                self.key_bits,
                "put it between key_bits_min and key_bits_max",
            );
        }
        let keys_max = limits::KEYS_PER_REQUEST_MAX;
        if !(1..=keys_max).contains(&self.keys_per_request_max) {
            return refuse(
                "keys_per_request_max",
                self.keys_per_request_max,
                format!("use 1 to {keys_max}"),
            );
        }
        let ceiling = limits::POOL_BITS_CEILING;
        if self.pool_bits_max < u64::from(self.key_bits_max) || self.pool_bits_max > ceiling {
            return refuse(
                "pool_bits_max",
                self.pool_bits_max,
                format!("use {} (one largest key) to {ceiling}", self.key_bits_max),
            );
        }
        if self.reserved_life.is_zero() {
            return refuse(
                "reserved_life",
                "0",
                "give the slave time to fetch a key, such as 600 s",
            );
        }
        Ok(())
    }
}

/// Checks the KMEs of one link: one or two KMEs, at least two SAEs together, no ID twice.
///
/// # Errors
/// The first invalid value.
pub fn check_kmes(kmes: &[KmeConfig]) -> Result<(), ConfigError> {
    if kmes.is_empty() || kmes.len() > 2 {
        return refuse(
            "kme",
            format!("{} entries", kmes.len()),
            "give one or two KMEs",
        );
    }
    let mut seen = Vec::new();
    for kme in kmes {
        check_id("kme_id", &kme.kme_id, &mut seen)?;
    }
    seen.clear();
    for kme in kmes {
        check_saes(kme, &mut seen)?;
    }
    if seen.len() < 2 {
        return refuse(
            "sae_ids",
            "1 entry in total",
            "name both SAEs: a key needs two",
        );
    }
    Ok(())
}

/// Checks the IDs of one KME.
///
/// # Errors
/// The first invalid value.
pub(crate) fn check_kme(kme: &KmeConfig) -> Result<(), ConfigError> {
    check_id("kme_id", &kme.kme_id, &mut Vec::new())?;
    check_saes(kme, &mut Vec::new())
}

fn check_saes<'a>(kme: &'a KmeConfig, seen: &mut Vec<&'a str>) -> Result<(), ConfigError> {
    if kme.sae_ids.is_empty() || kme.sae_ids.len() > limits::SAES_MAX {
        let fix = format!("name 1 to {} SAEs for {}", limits::SAES_MAX, kme.kme_id);
        return refuse("sae_ids", format!("{} entries", kme.sae_ids.len()), fix);
    }
    for sae in &kme.sae_ids {
        check_id("sae_ids", sae, seen)?;
    }
    Ok(())
}

fn check_id<'a>(
    field: &'static str,
    id: &'a str,
    seen: &mut Vec<&'a str>,
) -> Result<(), ConfigError> {
    if id.is_empty() || id.chars().count() > limits::ID_CHARS_MAX || id.contains(char::is_control) {
        let fix = format!(
            "use 1 to {} characters, no control characters",
            limits::ID_CHARS_MAX
        );
        return refuse(field, format!("{id:?}"), fix);
    }
    if seen.contains(&id) {
        return refuse(field, format!("{id:?}"), "use each ID once");
    }
    seen.push(id);
    Ok(())
}

#[cfg(test)]
mod tests;
