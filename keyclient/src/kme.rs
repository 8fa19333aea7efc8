//! One KME: its HTTP client, its name in log lines, and its failures as our errors. The requests
//! belong to `client` (ETSI GS QKD 014) and `skip`.

use core::time::Duration;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use url::Url;

use crate::body::Body;
use crate::call::Call;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::exchange::{self, Exchange, Question};
use crate::failure::{Failure, Reading};
use crate::fault::{KmeFault, Message};
use crate::limits::LEFT_ALONE_MAX;
use crate::reply::Reply;
use crate::tls;
use crate::verdict;

/// A configured KME with its client.
pub(crate) struct Kme {
    config: ClientConfig,
    name: Arc<str>,
    exchange: Exchange,
    reading: Reading,
    /// The kinds of calls it has served, one bit each.
    served: AtomicU16,
    /// The KME asked for no request before this time.
    quiet: Mutex<Option<Instant>>,
}

impl Kme {
    /// Reads the files. `url` is any URL of this KME. Does not connect.
    pub(crate) fn new(
        config: ClientConfig,
        url: &Url,
        versions: tls::Versions,
    ) -> Result<Self, Error> {
        let (tls, own) = tls::setup(&config, versions)?;
        Ok(Self {
            name: origin(url).into(),
            served: AtomicU16::new(0),
            quiet: Mutex::default(),
            exchange: Exchange::new(&config, tls),
            reading: Reading {
                connect: exchange::connect_timeout(&config),
                ca: config.ca.clone(),
                timeout: config.timeout,
                own,
            },
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
        self.left_alone().map_err(|fault| self.fault(call, fault))?;
        let reply = self.reply(call, question).await?;
        let body = self.judge(call, reply)?;
        self.served.fetch_or(call.bit(), Ordering::Relaxed);
        Ok(body)
    }

    /// The reply, whatever its status.
    pub(crate) async fn reply(&self, call: Call, question: Question) -> Result<Reply, Error> {
        let reply = self.exchange.ask(question).await;
        reply.map_err(|failure| self.error(call, self.reading.failure(failure)))
    }

    /// The body of a 200; any other reply is an error.
    pub(crate) fn judge(&self, call: Call, reply: Reply) -> Result<Body, Error> {
        let body = verdict::of(reply, call, &self.reading.own);
        body.map_err(|failure| self.error(call, failure))
    }

    fn error(&self, call: Call, failure: Failure) -> Error {
        let kme = Arc::clone(&self.name);
        match failure {
            Failure::Network(fault) => Error::Network { call, kme, fault },
            Failure::Certificate(fault) => Error::Certificate { call, kme, fault },
            Failure::Kme(fault) => self.fault(call, self.knowing_it(call, fault)),
            Failure::Bug(problem) => Error::Bug { call, problem },
        }
    }

    /// Refines a fault by the history of this KME.
    fn knowing_it(&self, call: Call, fault: KmeFault) -> KmeFault {
        match fault {
            // The request is the same as before, so the stock of the KME has changed.
            KmeFault::Refused { status, message }
                if !message.names_our_mistake()
                    && self.served.load(Ordering::Relaxed) & call.bit() != 0 =>
            {
                KmeFault::RefusedNow { status, message }
            }
            KmeFault::TooMany { pause, message } => {
                let pause = pause.map(|pause| pause.min(LEFT_ALONE_MAX));
                *self.quiet() = pause.map(|pause| Instant::now() + pause);
                KmeFault::TooMany { pause, message }
            }
            other => other,
        }
    }

    /// Refuses a call before the time that the KME named in `Retry-After`.
    fn left_alone(&self) -> Result<(), KmeFault> {
        let left = self
            .quiet()
            .map(|until| until.saturating_duration_since(Instant::now()));
        match left.filter(|left| !left.is_zero()) {
            None => Ok(()),
            left => Err(KmeFault::TooMany {
                pause: left.map(|left| Duration::from_secs(left.as_secs() + 1)),
                message: Message::default(),
            }),
        }
    }

    fn quiet(&self) -> MutexGuard<'_, Option<Instant>> {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
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
