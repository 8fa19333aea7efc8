//! One encryptor: starts everything that a config names in order, and stops it.
//!
//! The order is: the secret (a mistake stops us before any interface is touched), the KME client,
//! the self-test of the AES-GCM engine, the status socket, ports and workers, the ledger. Then the
//! driver runs.

use std::future::Future;
use std::path::Path;

use keyclient::{ClientConfig, Form, Pace, Protocol, SourceConfig, Sources};
use rekey::RootSecret;
use tracing::info;

use crate::config::{ConfigError, EncryptorConfig, KeyProtocol, Psk, RequestForm};
use crate::driver::{Driver, Fleet, warn_of_bypass};
use crate::ledger::{LedgerFile, LedgerOptions};
use crate::limits;
use crate::log;
use crate::ports::Ports;
use crate::run_error::RunError;
use crate::status::StatusSocket;
use crate::thread_priority;

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
    gcm::self_test().map_err(RunError::SelfTest)?;
    let mut socket = StatusSocket::bind(&config.encryptor.status_socket)?;
    warn_of_bypass(&config.policy.table);
    let local = ports.local;
    let fleet = Fleet::start(config, ports)?;
    // The workers' threads have started. All threads from here on belong to control.
    thread_priority::give_way_to(&config.worker.cores);
    log::give_way_to(&config.worker.cores);
    let options = LedgerOptions {
        max_len: config.encryptor.ledger_max_size.octets(),
        ..LedgerOptions::default()
    };
    let ledger = config.encryptor.ledger.as_deref();
    let ledger = ledger.map(|path| LedgerFile::open_of(path, &config.encryptor.name, options));
    let ledger = ledger.transpose()?;
    info!(
        "{} is up: {}, engine {}, peer {}, rekey interval {}",
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
