//! The client: the three methods of ETSI GS QKD 014.

use hyper::body::Bytes;
use kme_api::etsi014::{KeyIds, KeyRequest, Status};
use kme_api::limits::KEY_BITS_MAX;
use wire::KeyId;

use crate::call::Call;
use crate::config::{ClientConfig, Form, Urls};
use crate::container::{self, Asked, Key};
use crate::error::Error;
use crate::exchange::Question;
use crate::kme::Kme;
use crate::limits::KEYS_PER_CALL_MAX;
use crate::tls;

/// A client of one KME, for the keys shared with one peer. Calls may run in parallel; each has its
/// own connection.
pub struct Client {
    urls: Urls,
    kme: Kme,
}

impl Client {
    /// Reads the files and checks everything that can be checked without the KME. Does not connect.
    ///
    /// # Errors
    /// [`Error::Config`] names the field, the file and the fix.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let urls = config.urls()?;
        let kme = Kme::new(config, &urls.status, tls::FROM_12)?;
        Ok(Self { urls, kme })
    }

    /// Host and port of the KME, for log lines.
    #[must_use]
    pub fn kme(&self) -> &str {
        self.kme.name()
    }

    /// Returns what the KME reports about itself and its store. The numbers are hints: never wait
    /// for one of them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&self) -> Result<Status, Error> {
        let call = Call::Status;
        let url = self.urls.status.clone();
        let body = self.kme.ask(call, Question { url, body: None }).await?;
        container::parse(body.json(), "status").map_err(|fault| self.kme.fault(call, fault))
    }

    /// Requests `number` fresh keys of `size_bits` each, a multiple of 8. The KME may deliver fewer
    /// keys, but at least one. Afterwards the keys are gone from the KME, even if they did not
    /// arrive.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn enc_keys(&self, number: u32, size_bits: u32) -> Result<Vec<Key>, Error> {
        let call = Call::EncKeys;
        let keys = usize::try_from(number).unwrap_or(usize::MAX);
        if !(1..=KEYS_PER_CALL_MAX).contains(&keys) {
            return Err(bug(
                call,
                format!("{number} keys, not 1 to {KEYS_PER_CALL_MAX}"),
            ));
        }
        if !(8..=KEY_BITS_MAX).contains(&size_bits) || !size_bits.is_multiple_of(8) {
            let problem = format!("{size_bits} bits, not a multiple of 8 up to {KEY_BITS_MAX}");
            return Err(bug(call, problem));
        }
        let mut url = self.urls.enc_keys.clone();
        let body = match self.kme.config().form {
            Form::Get => {
                url.query_pairs_mut()
                    .append_pair("number", &number.to_string())
                    .append_pair("size", &size_bits.to_string());
                None
            }
            Form::Post => Some(json(
                call,
                &KeyRequest {
                    number: Some(number.into()),
                    size: Some(size_bits.into()),
                    ..KeyRequest::default()
                },
            )?),
        };
        let body = self.kme.ask(call, Question { url, body }).await?;
        let asked = Asked::Any {
            number: keys,
            bits: size_bits,
        };
        container::keys(body.json(), asked).map_err(|fault| self.kme.fault(call, fault))
    }

    /// Requests the keys that the peer named. Returns all of them in the order of `ids`, or an
    /// error. The call names no length, so the caller checks the length ([`Key::with_bits`]).
    /// Afterwards the keys are gone from the KME, even if they did not arrive.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn dec_keys(&self, ids: &[KeyId]) -> Result<Vec<Key>, Error> {
        let call = Call::DecKeys;
        if !(1..=KEYS_PER_CALL_MAX).contains(&ids.len()) {
            return Err(bug(
                call,
                format!("{} keys, not 1 to {KEYS_PER_CALL_MAX}", ids.len()),
            ));
        }
        for (n, id) in ids.iter().enumerate() {
            if ids
                .iter()
                .take(n)
                .any(|earlier| container::same(earlier, id))
            {
                return Err(bug(call, format!("key_ID {id} twice in one call")));
            }
        }
        let mut url = self.urls.dec_keys.clone();
        let body = match (self.kme.config().form, ids) {
            (Form::Get, [id]) => {
                url.query_pairs_mut().append_pair("key_ID", id.as_str());
                None
            }
            _ => Some(json(call, &KeyIds::new(ids.iter().map(KeyId::as_str)))?),
        };
        let body = self.kme.ask(call, Question { url, body }).await?;
        container::keys(body.json(), Asked::These(ids)).map_err(|fault| self.kme.fault(call, fault))
    }
}

pub(crate) fn bug(call: Call, problem: String) -> Error {
    Error::Bug { call, problem }
}

fn json(call: Call, value: &impl serde::Serialize) -> Result<Bytes, Error> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| bug(call, error.to_string()))
}
