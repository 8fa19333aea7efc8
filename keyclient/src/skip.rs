//! Client of a SKIP key provider (Secure Key Integration Protocol, draft-cisco-skip-02).
//!
//! SKIP does the same as ETSI GS QKD 014 with other names. The key provider is the KME. The system
//! ID of the other end takes the place of its SAE ID. Keys and their names are hexadecimal, each
//! call brings one key, and all calls use GET. TLS is mutual with certificates; the pre-shared keys
//! that the draft also allows are not supported. `/entropy` is not used. SKIP does not state a
//! key's origin, so such keys carry no label.

use kme_api::skip::{Capabilities, SkipKey};
use wire::KeyId;

use crate::call::Call;
use crate::config::{ClientConfig, SkipUrls};
use crate::container::{self, Key};
use crate::error::Error;
use crate::exchange::Question;
use crate::fault::KmeFault;
use crate::kme::Kme;

/// A client of one key provider, for the keys shared with one peer.
pub struct SkipClient {
    urls: SkipUrls,
    kme: Kme,
}

impl SkipClient {
    /// Reads the files and checks everything that can be checked without the key provider. Does not
    /// connect. `peer_sae_id` of the configuration is the peer's system ID; `form` is not used.
    ///
    /// # Errors
    /// [`Error::Config`] names the field, the file and the fix.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let urls = config.skip_urls()?;
        let kme = Kme::new(config, &urls.key)?;
        Ok(Self { urls, kme })
    }

    /// Host and port of the key provider, for log lines.
    #[must_use]
    pub fn kme(&self) -> &str {
        self.kme.name()
    }

    pub(crate) fn fault(&self, call: Call, fault: KmeFault) -> Error {
        self.kme.fault(call, fault)
    }

    /// Returns the capabilities of the key provider and the systems that it serves.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn capabilities(&self) -> Result<Capabilities, Error> {
        let call = Call::SkipCapabilities;
        let url = self.urls.capabilities.clone();
        let body = self.kme.ask(call, Question { url, body: None }).await?;
        container::parse(body.json(), "SKIP capabilities")
            .map_err(|fault| self.kme.fault(call, fault))
    }

    /// Requests a fresh key of `size_bits`, a multiple of 8.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn key(&self, size_bits: u32) -> Result<Key, Error> {
        let call = Call::SkipKey;
        let mut url = self.urls.key.clone();
        url.query_pairs_mut()
            .append_pair("remoteSystemID", &self.kme.config().peer_sae_id)
            .append_pair("size", &size_bits.to_string());
        let body = self.kme.ask(call, Question { url, body: None }).await?;
        key(body.json(), call)
            .and_then(|key| container::check_size(&key, size_bits).map(|()| key))
            .map_err(|fault| self.kme.fault(call, fault))
    }

    /// Requests the key that the peer named, of `size_bits`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn key_by_id(&self, id: &KeyId, size_bits: u32) -> Result<Key, Error> {
        let call = Call::SkipKeyById;
        let mut url = self.urls.key.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(id.as_str());
        }
        url.query_pairs_mut()
            .append_pair("remoteSystemID", &self.kme.config().peer_sae_id);
        let body = self.kme.ask(call, Question { url, body: None }).await?;
        let asked = |mut key: Key| {
            if !container::same(&key.id, id) {
                return Err(KmeFault::UnaskedKey(key.id));
            }
            container::check_size(&key, size_bits)?;
            key.id = *id; // in the spelling of the request
            Ok(key)
        };
        key(body.json(), call)
            .and_then(asked)
            .map_err(|fault| self.kme.fault(call, fault))
    }
}

fn key(json: &[u8], call: Call) -> Result<Key, KmeFault> {
    let delivered: SkipKey = match container::parse(json, "SKIP key") {
        Err(KmeFault::WrongShape(what)) => Err(match container::no_key(json) {
            Some(message) => KmeFault::no_key(call, message),
            None => KmeFault::WrongShape(what),
        }),
        read => read,
    }?;
    let id = KeyId::new(&delivered.key_id).map_err(KmeFault::BadKeyId)?;
    let bytes = delivered.key.decode_hex();
    Ok(Key {
        id,
        bytes: bytes.map_err(|error| KmeFault::BadKey(id, error))?,
        origin: None,
        passport: None,
    })
}

#[cfg(test)]
mod tests;
