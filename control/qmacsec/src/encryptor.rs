//! One encryptor: everything a config names, brought up in order, and taken down.
//!
//! Secret first (a wrong file stops us before any interface is touched), then the KME client, the
//! self-test of the AES-GCM engine, ports and workers, the status socket, and then the driver runs.

use std::fs::File;
use std::future::Future;
use std::io;
use std::path::Path;

use keyclient::{ClientConfig, Form, Pace, Protocol, SourceConfig, Sources};
use nix::sched::{CloneFlags, setns};
use port::packet::{Packet, PacketConfig};
use port::tap::{Tap, TapConfig};
use port::{Port, PortError};
use rekey::RootSecret;
use tracing::info;
use wire::{MacAddr, OVERHEAD_MAX};

use crate::config::{
    BlackPort, ConfigError, EncryptorConfig, KeyProtocol, Psk, RedPort, RequestForm,
};
use crate::driver::{Driver, Fleet};
use crate::ledger::{LedgerError, LedgerFile};
use crate::limits;
use crate::status::{StatusError, StatusSocket};

/// Opens a port on the thread that will use it.
pub type Opener = Box<dyn FnOnce() -> Result<Box<dyn Port>, PortError> + Send>;

/// The two ports of an encryptor, not opened yet.
pub struct Ports {
    /// The site's LAN.
    pub red: Opener,
    /// The line.
    pub black: Opener,
    /// MAC address inside our SCIs.
    pub local: MacAddr,
}

/// Why an encryptor does not run.
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
    /// The KME client cannot be made.
    #[error("KME: {0}")]
    Kme(#[from] keyclient::Error),
    /// The ledger cannot be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The status socket cannot be made.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The AES-GCM engine fails its known answers: nothing may be encrypted with it.
    #[error(
        "self-test of the AES-GCM engine: {0}; mend: choose another encryptor.engine, and report this"
    )]
    SelfTest(gcm::SelfTestError),
    /// Settings of the rekey protocol.
    #[error("rekey: {0}")]
    Rekey(#[from] rekey::ConfigError),
    /// The system refused something.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        cause: io::Error,
    },
}

/// The ports that a config names.
///
/// # Errors
/// The black interface is not there and no `encryptor.mac` is given.
pub fn ports(config: &EncryptorConfig) -> Result<Ports, RunError> {
    let local = match config.encryptor.mac {
        Some(mac) => mac.0,
        None => MacAddr(port::iface::Interface::named(&config.black.interface)?.mac()?),
    };
    Ok(Ports {
        red: red_opener(config),
        black: black_opener(config),
        local,
    })
}

fn red_opener(config: &EncryptorConfig) -> Opener {
    let (kind, name) = (config.red.port, config.red.interface.clone());
    let mtu = usize::from(config.red.mtu);
    let open = move || -> Result<Box<dyn Port>, PortError> {
        Ok(match kind {
            RedPort::Tap => Box::new(Tap::open(TapConfig {
                name,
                mtu,
                ..TapConfig::default()
            })?),
            RedPort::Packet => Box::new(Packet::open(PacketConfig {
                ifname: name,
                ..PacketConfig::default()
            })?),
        })
    };
    match config.red.netns.clone() {
        None => Box::new(open),
        Some(netns) => Box::new(move || inside(&netns, open)),
    }
}

fn black_opener(config: &EncryptorConfig) -> Opener {
    let (kind, name) = (config.black.port, config.black.interface.clone());
    let mtu = usize::from(config.red.mtu) + OVERHEAD_MAX;
    Box::new(move || {
        Ok(match kind {
            BlackPort::Packet => Box::new(Packet::open(PacketConfig {
                ifname: name,
                mtu_min: mtu,
                ..PacketConfig::default()
            })?),
            BlackPort::Tap => Box::new(Tap::open(TapConfig {
                name,
                mtu,
                ..TapConfig::default()
            })?),
        })
    })
}

/// Opens a port in another network namespace; its sockets stay there, this thread comes back.
fn inside(
    netns: &Path,
    open: impl FnOnce() -> Result<Box<dyn Port>, PortError>,
) -> Result<Box<dyn Port>, PortError> {
    let refused = |cause: io::Error| PortError::System {
        what: format!("red.netns = {}", netns.display()),
        source: cause,
    };
    let home = File::open("/proc/thread-self/ns/net").map_err(refused)?;
    let there = File::open(netns).map_err(refused)?;
    setns(&there, CloneFlags::CLONE_NEWNET).map_err(|error| refused(error.into()))?;
    let port = open();
    setns(&home, CloneFlags::CLONE_NEWNET).map_err(|error| refused(error.into()))?;
    port
}

/// The clients of the config's KMEs.
///
/// # Errors
/// A certificate or key that cannot be used: which file, and the mend.
pub fn key_sources(file: &Path, config: &EncryptorConfig) -> Result<Sources, RunError> {
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
            http1_only: kme.http1_only,
        },
    };
    let pace = Pace {
        patience: limits::kme_patience(config.rekey.interval.0).min(kme.timeout.0),
        ..Pace::default()
    };
    Sources::new(kme.addresses().map(source).collect(), pace).map_err(|error| match error {
        keyclient::Error::Config(mistake) => {
            let fallback = kme.fallback_url.as_ref() == Some(&mistake.value);
            let key = match mistake.field {
                "base_url" if fallback => "kme.fallback_url".to_owned(),
                "base_url" => "kme.url".to_owned(),
                "peer_sae_id" => "peer.sae_id".to_owned(),
                field => format!("kme.{field}"),
            };
            let problem = ConfigError::new(file, key, mistake.problem);
            RunError::Config(problem.value(mistake.value).mend(mistake.mend))
        }
        other => RunError::Kme(other),
    })
}

/// Runs an encryptor until `stop` resolves, then says good-bye to the peer and wipes all keys.
///
/// # Errors
/// Whatever keeps it from coming up. Once up, nothing but `stop` ends it.
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
    let ledger = config
        .encryptor
        .ledger
        .as_deref()
        .map(LedgerFile::open)
        .transpose()?;
    let fleet = Fleet::start(config, ports.red, ports.black, ports.local)?;
    info!(
        "{} is up: {}, engine {}, peer {}, a fresh key every {}",
        config.encryptor.name,
        config.macsec.suite.0.name(),
        engine.name(),
        config.the_peer().name,
        config.rekey.interval
    );
    Driver::new(config, ports.local, root, sources, fleet, ledger)?
        .run(&mut socket, stop)
        .await;
    Ok(())
}
