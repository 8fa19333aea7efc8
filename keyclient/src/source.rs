//! One source of keys, with either protocol.

use wire::KeyId;

use crate::call::Call;
use crate::client::{Client, bug};
use crate::config::{ClientConfig, Protocol};
use crate::container::Key;
use crate::credentials;
use crate::error::Error;
use crate::fault::{ConfigError, KmeFault, Message};
use crate::skip::SkipClient;

/// A client of one KME, with either protocol. Errors use the same terms, so the caller need not
/// know the protocol.
pub enum KeySource {
    /// ETSI GS QKD 014.
    Etsi014(Client),
    /// SKIP.
    Skip(SkipClient),
}

impl KeySource {
    /// Reads and checks the configuration and its files. Does not connect.
    ///
    /// # Errors
    /// [`Error::Config`] names the field, the file and the fix.
    pub fn new(protocol: Protocol, config: ClientConfig) -> Result<Self, Error> {
        Ok(match protocol {
            Protocol::Etsi014 => Self::Etsi014(Client::new(config)?),
            Protocol::Skip => Self::Skip(SkipClient::new(config)?),
        })
    }

    /// Returns all mistakes in values and files that can be found without the KME.
    #[must_use]
    pub fn mistakes(protocol: Protocol, config: &ClientConfig) -> Vec<ConfigError> {
        let urls = match protocol {
            Protocol::Etsi014 => config.urls().err(),
            Protocol::Skip => config.skip_urls().err(),
        };
        urls.into_iter()
            .chain(credentials::mistakes(config))
            .collect()
    }

    /// Host and port of the KME, for log lines.
    #[must_use]
    pub fn kme(&self) -> &str {
        match self {
            Self::Etsi014(client) => client.kme(),
            Self::Skip(client) => client.kme(),
        }
    }

    /// Requests one fresh key of `bits`. Afterwards it is gone from the KME, even if it did not
    /// arrive.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn fresh(&self, bits: u32) -> Result<Key, Error> {
        match self {
            Self::Skip(client) => client.key(bits).await,
            Self::Etsi014(client) => {
                let key = client.enc_keys(1, bits).await?.pop();
                key.ok_or_else(|| bug(Call::EncKeys, "no key and no error".to_owned()))
            }
        }
    }

    /// Requests the key that the peer named, of `bits`. Afterwards it is gone from the KME, even if
    /// it did not arrive.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn by_id(&self, id: &KeyId, bits: u32) -> Result<Key, Error> {
        match self {
            Self::Skip(client) => client.key_by_id(id, bits).await,
            Self::Etsi014(client) => {
                let key = client.dec_keys(&[*id]).await?.pop();
                key.ok_or_else(|| bug(Call::DecKeys, "no key and no error".to_owned()))?
                    .with_bits(bits)
            }
        }
    }

    /// Checks that the KME answers at all, without taking a key: by status or capabilities. A KME
    /// that answers without a usable status counts as well.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn probe(&self) -> Result<(), Error> {
        match self {
            Self::Etsi014(client) => match client.status().await {
                Ok(_) => Ok(()),
                Err(Error::Kme {
                    fault:
                        KmeFault::NoSuchPath(_) | KmeFault::Refused { .. } | KmeFault::WrongShape(_),
                    ..
                }) => Ok(()),
                Err(error) => Err(error),
            },
            Self::Skip(client) if client.capabilities().await?.key => Ok(()),
            Self::Skip(client) => {
                Err(client.fault(Call::SkipCapabilities, KmeFault::NoKeys(Message::default())))
            }
        }
    }
}
