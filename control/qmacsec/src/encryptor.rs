//! One encryptor: starts everything that a config names in order, and stops it.
//!
//! The order is: the secret (a mistake stops us before any interface is touched), the KME client,
//! the self-test of the AES-GCM engine, the status socket, ports and workers, the ledger. Then the
//! driver runs.

use std::future::Future;
use std::io;
use std::path::Path;

use keyclient::{ClientConfig, Form, Pace, Protocol, SourceConfig, Sources};
use port::PortError;
use rekey::RootSecret;
use tracing::{info, warn};

use crate::config::{ConfigError, EncryptorConfig, KeyProtocol, Psk, RequestForm};
use crate::driver::{Driver, Fleet};
use crate::ledger::{LedgerError, LedgerFile, LedgerOptions};
use crate::limits;
use crate::log;
use crate::ports::Ports;
use crate::precedence;
use crate::status::{StatusError, StatusSocket};

/// The reason why an encryptor does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A mistake in the config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A port cannot be opened.
    #[error("port: {0}")]
    Port(#[from] PortError),
    /// Workers cannot be started.
    #[error(transparent)]
    Worker(#[from] worker::SpawnError),
    /// The KME client cannot be created.
    #[error("KME: {0}")]
    Kme(#[from] keyclient::Error),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The status socket cannot be created.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The AES-GCM engine fails its known-answer test, so nothing may be encrypted with it.
    #[error(
        "self-test of the AES-GCM engine: {0}; fix: choose another encryptor.engine, and report this"
    )]
    SelfTest(gcm::SelfTestError),
    /// The settings of the rekey protocol are invalid.
    #[error("rekey: {0}")]
    Rekey(#[from] rekey::ConfigError),
    /// A thread of the process has died: a bug. No frame passes without it.
    #[error("{0}; fix: start it again, and report this")]
    Fault(String),
    /// The system returned an error.
    #[error("{what}: {cause}")]
    System {
        /// The attempted action.
        what: String,
        /// The error of the system.
        cause: io::Error,
    },
}

/// Creates the clients of the config's KMEs.
///
/// # Errors
/// A certificate or key that cannot be used, with its file and the fix.
pub fn key_sources(file: &Path, config: &EncryptorConfig) -> Result<Sources, RunError> {
    let kme = &config.kme;
    let pace = Pace {
        patience: limits::kme_patience(config.rekey.interval.0).min(kme.timeout.0),
        ..Pace::default()
    };
    Sources::new(source_configs(config), pace).map_err(|error| match error {
        keyclient::Error::Config(mistake) => RunError::Config(in_config(file, config, mistake)),
        other => RunError::Kme(other),
    })
}

/// Returns the client settings for each KME of the config.
pub(crate) fn source_configs(config: &EncryptorConfig) -> Vec<SourceConfig> {
    let kme = &config.kme;
    let source = |(url, kme_id): (&str, Option<&str>)| SourceConfig {
        protocol: match kme.protocol {
            KeyProtocol::Etsi014 => Protocol::Etsi014,
            KeyProtocol::Skip => Protocol::Skip,
        },
        client: ClientConfig {
            base_url: url.to_owned(),
            kme_id: kme_id.map(str::to_owned),
            peer_sae_id: config.the_peer().sae_id.clone(),
            ca: kme.ca.clone(),
            cert: kme.cert.clone(),
            key: kme.key.clone(),
            timeout: kme.timeout.0,
            form: match kme.form {
                RequestForm::Post => Form::Post,
                RequestForm::Get => Form::Get,
            },
        },
    };
    kme.addresses().map(source).collect()
}

/// Maps a mistake that the KME client found to the key of the config.
pub(crate) fn in_config(
    file: &Path,
    config: &EncryptorConfig,
    mistake: keyclient::ConfigError,
) -> ConfigError {
    let fallback = config.kme.fallback_url.as_ref() == Some(&mistake.value);
    let key = match mistake.field {
        "url" if fallback => "kme.fallback_url".to_owned(),
        "sae_id" => "peer.sae_id".to_owned(),
        field => format!("kme.{field}"),
    };
    let problem = ConfigError::new(file, key, mistake.problem);
    problem.value(mistake.value).fix(mistake.fix)
}

/// Logs a warning for each rule that lets frames bypass the protection.
pub(crate) fn warn_of_bypass(policy: &worker::Policy) {
    for line in policy.bypasses_of() {
        warn!(
            "policy: {line} BYPASSES: these frames cross the line in clear, and whoever is on the line can send them into the site"
        );
    }
}

/// Runs an encryptor until `stop` resolves, then ends the session with the peer and wipes all keys.
///
/// # Errors
/// The reason why it cannot start. Once it runs, only `stop` or [`RunError::Fault`] ends it.
pub async fn run(
    config: &EncryptorConfig,
    file: &Path,
    ports: Ports,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let psk = Psk::read(file, &config.the_peer().psk_file)?;
    let root = RootSecret::from_slice(psk.expose()).map_err(|error| {
        ConfigError::new(file, "peer.psk_file", error.to_string())
            .value(config.the_peer().psk_file.display())
    })?;
    drop(psk);
    let sources = key_sources(file, config)?;
    let engine = config.encryptor.engine.0;
    gcm::Engine::self_test().map_err(RunError::SelfTest)?;
    let mut socket = StatusSocket::bind(&config.encryptor.status_socket)?;
    warn_of_bypass(&config.policy.table);
    let local = ports.local;
    let fleet = Fleet::start(config, ports)?;
    // The workers' threads have started. All threads from here on belong to control.
    precedence::give_way_to(&config.worker.cores);
    log::give_way_to(&config.worker.cores);
    let options = LedgerOptions {
        max_len: config.encryptor.ledger_max_size.octets(),
        ..LedgerOptions::default()
    };
    let ledger = config.encryptor.ledger.as_deref();
    let ledger = ledger.map(|path| LedgerFile::open_of(path, &config.encryptor.name, options));
    let ledger = ledger.transpose()?;
    info!(
        "{} is up: {}, engine {}, peer {}, a fresh key every {}",
        config.encryptor.name,
        config.macsec.suite.0.name(),
        engine.name(),
        config.the_peer().name,
        config.rekey.interval
    );
    Driver::new(config, file, local, root, sources, fleet, ledger)?
        .run(&mut socket, stop)
        .await
        .map_err(RunError::Fault)
}
