//! Client of the KME of a neighbour domain: ETSI GS QKD 020 V1.1.1 over mutual TLS 1.3.
//!
//! Only 400 and 401 with the JSON of an error prove that the neighbour keeps nothing. A page of
//! anything between us and the neighbour proves nothing, whatever its status.

use core::time::Duration;
use std::path::PathBuf;

use hyper::body::Bytes;
use kme_api::etsi020::{
    AckContainer, CallbackUrl, EXT_KEYS_PATH, ExtKeys, Problem, VERSIONS_PATH, VOID_PATH, Versions,
    Void, acks_from_json, acks_to_json,
};
use url::Url;

use crate::call::Call;
use crate::client::bug;
use crate::config::{ClientConfig, Form};
use crate::container;
use crate::error::Error;
use crate::exchange::Question;
use crate::fault::KmeFault;
use crate::kme::Kme;
use crate::tls;

/// The KME of the neighbour domain and how to reach it.
#[derive(Clone, Debug)]
pub struct NeighbourConfig {
    /// `https://host[:port]`, with a prefix of the path if the KME has one.
    pub url: String,
    /// ID that its certificate must carry as common name or subject alternative name.
    pub kme_id: String,
    /// PEM file with the certificate(s) of the CA that issued its certificate.
    pub ca: PathBuf,
    /// PEM file with our KME's certificate.
    pub cert: PathBuf,
    /// PEM file with the private key of that certificate, not encrypted.
    pub key: PathBuf,
    /// Time limit for one request, connecting included.
    pub timeout: Duration,
}

/// A client of the neighbour. Requests may run in parallel; each has its own connection.
pub struct Neighbour {
    base: Url,
    kme: Kme,
}

/// The answer of the neighbour to a request.
#[derive(Debug)]
pub enum NeighbourAnswer {
    /// 202: it will report the fate of the keys.
    Accepted,
    /// 200: the fate of the keys. Empty for an acknowledgement.
    Done(Vec<AckContainer>),
    /// 400 or 401: it keeps nothing of the request.
    Refused(Problem),
    /// Anything else, or nothing: it may keep the keys.
    Unknown(Error),
}

impl Neighbour {
    /// Reads the files and checks everything that can be checked without the neighbour. Does not
    /// connect.
    ///
    /// # Errors
    /// [`Error::Config`] names the field, the file and the fix.
    pub fn new(config: NeighbourConfig) -> Result<Self, Error> {
        let config = ClientConfig {
            base_url: config.url,
            peer_sae_id: config.kme_id.clone(), // the paths of this interface hold no ID
            kme_id: Some(config.kme_id),
            ca: config.ca,
            cert: config.cert,
            key: config.key,
            timeout: config.timeout,
            form: Form::Post,
        };
        let base = config.neighbour_url()?;
        let kme = Kme::new(config, &base, tls::FROM_13)?;
        Ok(Self { base, kme })
    }

    /// Host and port, for log lines.
    #[must_use]
    pub fn name(&self) -> &str {
        self.kme.name()
    }

    /// The versions and capabilities of the neighbour.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn versions(&self) -> Result<Versions, Error> {
        let call = Call::Versions;
        let url = self.url(VERSIONS_PATH);
        let body = self.kme.ask(call, Question { url, body: None }).await?;
        container::parse(body.json(), "versions").map_err(|fault| self.kme.fault(call, fault))
    }

    /// Hands over keys.
    pub async fn ext_keys(&self, keys: &ExtKeys) -> NeighbourAnswer {
        match keys.to_json() {
            // The text is wiped when it has been sent.
            Ok(json) => {
                let (url, body) = (self.url(EXT_KEYS_PATH), Bytes::from_owner(json));
                self.ask(Call::ExtKeys, url, body).await
            }
            Err(error) => NeighbourAnswer::Unknown(bug(Call::ExtKeys, error.to_string())),
        }
    }

    /// Says what became of keys, to the URL that the neighbour named.
    pub async fn ack(&self, url: &CallbackUrl, acks: &[AckContainer]) -> NeighbourAnswer {
        let call = Call::ExtKeysAck;
        match acks_to_json(acks) {
            Ok(json) => self.ask(call, url.url().clone(), json.into()).await,
            Err(error) => NeighbourAnswer::Unknown(bug(call, error.to_string())),
        }
    }

    /// Asks for keys to be voided.
    pub async fn void(&self, void: &Void) -> NeighbourAnswer {
        let call = Call::ExtKeysVoid;
        match void.to_json() {
            Ok(json) => self.ask(call, self.url(VOID_PATH), json.into()).await,
            Err(error) => NeighbourAnswer::Unknown(bug(call, error.to_string())),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    async fn ask(&self, call: Call, url: Url, body: Bytes) -> NeighbourAnswer {
        let body = Some(body);
        let reply = match self.kme.reply(call, Question { url, body }).await {
            Ok(reply) => reply,
            Err(error) => return NeighbourAnswer::Unknown(error),
        };
        let json = reply.body.json().trim_ascii();
        match reply.status.as_u16() {
            202 => NeighbourAnswer::Accepted,
            200 if call == Call::ExtKeysAck => NeighbourAnswer::Done(Vec::new()),
            200 => match acks_from_json(json) {
                Ok(acks) => NeighbourAnswer::Done(acks),
                Err(_) => {
                    let fault = KmeFault::WrongShape("acknowledgements");
                    NeighbourAnswer::Unknown(self.kme.fault(call, fault))
                }
            },
            400 | 401 if let Ok(problem) = serde_json::from_slice(json) => {
                NeighbourAnswer::Refused(problem)
            }
            _ => match self.kme.judge(call, reply) {
                Err(error) => NeighbourAnswer::Unknown(error),
                Ok(_) => {
                    let fault = KmeFault::WrongShape("answer of ETSI GS QKD 020");
                    NeighbourAnswer::Unknown(self.kme.fault(call, fault))
                }
            },
        }
    }
}
