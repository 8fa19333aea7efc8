//! One KME as it is reached: its HTTP client, its name in log lines, and its failures in our
//! words. What is asked is the business of `client` (ETSI GS QKD 014) and `skip`.

use core::time::Duration;
use std::sync::Arc;

use reqwest::Url;

use crate::config::ClientConfig;
use crate::error::{Call, Error};
use crate::exchange::{self, Body, NoAnswer, Question};
use crate::failure::{self, Failure};
use crate::fault::{ConfigError, KmeFault};
use crate::limits::BODY_OCTETS_MAX;
use crate::tls;

/// A KME within reach.
pub(crate) struct Kme {
    config: ClientConfig,
    name: Arc<str>,
    http: reqwest::Client,
    connect_timeout: Duration,
}

impl Kme {
    /// Reads the files. `url` is any URL of this KME. Does not connect.
    pub(crate) fn new(config: ClientConfig, url: &Url) -> Result<Self, Error> {
        let tls = tls::setup(&config)?;
        let http = exchange::http(&config, tls).map_err(|error| ConfigError {
            field: "url",
            value: config.base_url.clone(),
            problem: format!("no HTTP client can be made ({})", error.without_url()),
            mend: "check the limits of open files and threads".to_owned(),
        })?;
        Ok(Self {
            name: origin(url).into(),
            http,
            connect_timeout: exchange::connect_timeout(&config),
            config,
        })
    }

    /// Host and port.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The body of a 200.
    pub(crate) async fn ask(&self, call: Call, question: Question) -> Result<Body, Error> {
        let answer = match exchange::ask(&self.http, question).await {
            Ok(answer) => answer,
            Err(NoAnswer::TooLong) => {
                return Err(self.fault(call, KmeFault::BodyTooLong(BODY_OCTETS_MAX)));
            }
            Err(NoAnswer::Failed(error)) => {
                let kme = Arc::clone(&self.name);
                return Err(
                    match failure::classify(&error, &self.config, self.connect_timeout) {
                        Failure::Network(fault) => Error::Network { call, kme, fault },
                        Failure::Certificate(fault) => Error::Certificate { call, kme, fault },
                    },
                );
            }
        };
        answer
            .into_ok(call)
            .map_err(|fault| self.fault(call, fault))
    }

    pub(crate) fn fault(&self, call: Call, fault: KmeFault) -> Error {
        Error::Kme {
            call,
            kme: Arc::clone(&self.name),
            fault,
        }
    }
}

fn origin(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    format!("{host}:{port}")
}
