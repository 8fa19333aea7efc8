//! A modelled link: a preset with its own length or another, the keys that it supplies to the KMEs
//! at its ends, and the reason if it supplies none.

use std::collections::BTreeMap;
use std::fmt;

use kme::{Deliveries, Kmes, Origin};
use qkd::optimise::{Objective, optimise_modulation};
use qkd::preset::{Preset, UnknownPreset};
use tracing::warn;

use crate::status::KmeReport;

/// A link and its preset.
pub struct ModelledLink {
    preset: Preset,
    link: qkd::Link,
}

impl ModelledLink {
    /// Returns the link of a preset, with its own length or another.
    ///
    /// # Errors
    /// There is no such preset, or no fibre of this length.
    pub fn of(preset: &str, km: Option<f64>) -> Result<Self, String> {
        let preset: Preset = preset
            .parse()
            .map_err(|error: UnknownPreset| error.to_string())?;
        let link = match km {
            Some(km) => preset.at_km(km).map_err(|error| error.to_string())?,
            None => preset.link(),
        };
        Ok(Self { preset, link })
    }

    /// Returns the key supply of the link for its KMEs.
    #[must_use]
    pub fn supply(&self, blocks_at_start: u32) -> Deliveries {
        let supply = qkd::supply::Supply::of(&self.link);
        if let Some(no_key) = self.no_key() {
            warn!("{no_key}");
        }
        Deliveries {
            block_bits: supply.block_bits,
            block_every: supply.block_period,
            blocks_at_start,
            origin: Origin::Modelled,
        }
    }

    /// If the link delivers no key: the reason, and the length above which such a link delivers
    /// none.
    #[must_use]
    pub fn no_key(&self) -> Option<NoKey> {
        let reason = qkd::supply::Supply::of(&self.link).no_key?;
        Some(NoKey {
            link: self.name(),
            km: self.link.fibre.km(),
            reason: reason.to_string(),
            key_ends_km: longest_km(&self.link),
        })
    }

    /// Returns the name for the status.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} ({} km)", self.preset, self.link.fibre.km())
    }

    /// Builds the status of the KMEs at the ends of this link.
    #[must_use]
    pub fn report(&self, kmes: &Kmes) -> KmeReport {
        let snapshot = kmes.snapshot();
        KmeReport {
            link: self.name(),
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
}

/// A modelled link that delivers no key.
#[derive(Debug, serde::Serialize)]
pub struct NoKey {
    /// Name of the link.
    pub link: String,
    /// Its length.
    pub km: f64,
    /// The reason why it delivers no key.
    pub reason: String,
    /// The longest whole length with key; `None` if there is none at any length.
    pub key_ends_km: Option<f64>,
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, reason, .. } = self;
        write!(f, "the modelled link {link} gives no key: {reason}; ")?;
        match self.key_ends_km {
            Some(km) => write!(f, "the longest link with key has {km} km"),
            None => f.write_str("no length gives key"),
        }
    }
}

/// Returns the longest fibre, in whole km, over which KMEs get key from the link: key is left after
/// its confirmation and authentication.
pub(crate) fn longest_km(link: &qkd::Link) -> Option<f64> {
    let gives_key = |km: f64| {
        link.fibre.at_km(km).is_ok_and(|fibre| {
            let link = optimise_modulation(qkd::Link { fibre, ..*link }, Objective::Asymptotic);
            qkd::supply::Supply::of(&link).no_key.is_none()
        })
    };
    let most = qkd::threshold::longest_km(link)?;
    let lengths = (0..=most as u32).rev().map(f64::from);
    lengths.into_iter().find(|km| gives_key(*km))
}

#[cfg(test)]
mod tests;
