//! Config of one encryptor (`qmacsec run --config FILE`).

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::place::{Dpdk, PortKind, PortSection};
use super::rekey::Rekey;
use super::value::{DeviceText, EngineName, Mac, SuiteName, XdpModeName};
use super::{ConfigError, Document, Kme, Mistakes, PolicySection, Worker, file, name};
use crate::limits;
use crate::size::Size;

/// A whole config file. Paths in it are relative to the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptorConfig {
    /// This box.
    pub encryptor: Encryptor,
    /// The site's LAN: plaintext.
    pub red: Red,
    /// The line: ciphertext.
    pub black: Black,
    /// Cipher suite and replay.
    #[serde(default)]
    pub macsec: Macsec,
    /// Times and policy of key changes.
    #[serde(default)]
    pub rekey: Rekey,
    /// The site's key management entity.
    pub kme: Kme,
    /// The peer at the other end of the line. A list, for multipoint; today it has exactly one
    /// element.
    pub peer: Vec<Peer>,
    /// The frames that are protected, that bypass, and that are dropped.
    #[serde(default)]
    pub policy: PolicySection,
    /// The use of the machine by the frame workers.
    #[serde(default)]
    pub worker: Worker,
    /// The resources of the machine for DPDK.
    #[serde(default)]
    pub dpdk: Dpdk,
    /// The document in the file.
    #[serde(skip)]
    pub document: Document,
}

/// `[encryptor]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryptor {
    /// Name in status and logs.
    pub name: String,
    /// MAC address in our SCIs. Default: that of the black interface.
    pub mac: Option<Mac>,
    /// Path of the status socket, which `qmacsec status` queries.
    #[serde(default = "default_status_socket")]
    pub status_socket: PathBuf,
    /// File of the ledger: one record for each used key. Default: no ledger.
    pub ledger: Option<PathBuf>,
    /// Limit for all files of the ledger together; above it the oldest are removed. Default: 32 GB,
    /// more than ten years at the default interval.
    #[serde(default = "default_ledger_max_size")]
    pub ledger_max_size: Size,
    /// When one port loses its link, the other is taken down too. It comes up again with the first.
    #[serde(default)]
    pub link_loss_forwarding: bool,
    /// AES-GCM engine.
    #[serde(default)]
    pub engine: EngineName,
}

/// `[red]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Red {
    /// Kind of port.
    pub port: PortKind,
    /// Name of the interface. A `dpdk` port has none.
    #[serde(default)]
    pub interface: String,
    /// Device of a `dpdk` port.
    pub device: Option<DeviceText>,
    /// The place where the program of an `xdp` port runs.
    #[serde(default)]
    pub xdp_mode: XdpModeName,
    /// For AF_XDP on a veth: `txvlan` is off at its other end, so VLAN tags are in the frames.
    #[serde(default)]
    pub xdp_tags_in_frames: bool,
    /// Network namespace of the interface, as a path; default: the daemon's own.
    pub netns: Option<PathBuf>,
    /// Largest payload of a red frame in octets, without the Ethernet header. A VLAN tag of the
    /// hosts counts: 1504 for a trunk.
    #[serde(default = "default_red_mtu")]
    pub mtu: u16,
}

/// `[black]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Black {
    /// Kind of port.
    pub port: PortKind,
    /// Name of the interface. A `dpdk` port has none. A smaller MTU is raised to the red MTU + 32.
    #[serde(default)]
    pub interface: String,
    /// Device of a `dpdk` port. Its MTU is raised in the same way.
    pub device: Option<DeviceText>,
    /// The place where the program of an `xdp` port runs.
    #[serde(default)]
    pub xdp_mode: XdpModeName,
    /// For AF_XDP on a veth: `txvlan` is off at its other end, so VLAN tags are in the frames.
    #[serde(default)]
    pub xdp_tags_in_frames: bool,
}

/// `[macsec]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Macsec {
    /// Cipher suite; both ends must use the same.
    pub suite: SuiteName,
    /// The replay window, in packet numbers.
    pub replay_window: u32,
    /// Number of VLAN tags, 0 to 2, that stay in clear before the SecTAG, for a line that switches
    /// by VLAN. Both ends must use the same.
    pub clear_vlan_tags: u8,
    /// Limit of VLAN tags, 0 to 2, that the line may add before our frames; they are removed.
    pub line_vlan_tags: u8,
}

/// `[[peer]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Name in status and logs.
    pub name: String,
    /// SAE ID of the peer, as registered at the KMEs.
    pub sae_id: String,
    /// File with the secret that both ends share: 64 to 128 hex digits.
    pub psk_file: PathBuf,
}

impl Default for Macsec {
    fn default() -> Self {
        Self {
            suite: SuiteName(secy::Suite::GcmAesXpn256),
            replay_window: limits::REPLAY_WINDOW,
            clear_vlan_tags: 0,
            line_vlan_tags: limits::LINE_VLAN_TAGS,
        }
    }
}

impl Red {
    /// Returns its interface, or its device.
    #[must_use]
    pub fn name(&self) -> &str {
        self.place().name()
    }

    fn place(&self) -> PortSection<'_> {
        PortSection {
            section: "red",
            kind: self.port,
            interface: &self.interface,
            device: self.device.as_ref(),
        }
    }
}

impl Black {
    /// Returns its interface, or its device.
    #[must_use]
    pub fn name(&self) -> &str {
        self.place().name()
    }

    fn place(&self) -> PortSection<'_> {
        PortSection {
            section: "black",
            kind: self.port,
            interface: &self.interface,
            device: self.device.as_ref(),
        }
    }
}

const fn default_ledger_max_size() -> Size {
    Size::of(limits::LEDGER_MAX_LEN)
}

fn default_status_socket() -> PathBuf {
    limits::STATUS_SOCKET.into()
}

fn default_red_mtu() -> u16 {
    limits::RED_MTU
}

impl EncryptorConfig {
    /// Reads, parses and checks a config file. Paths become absolute or relative to the process.
    ///
    /// # Errors
    /// All mistakes in it, each with file, key, value and fix.
    pub fn read(path: &Path) -> Result<Self, Mistakes> {
        match Self::read_as_far_as_possible(path) {
            (Some(config), mistakes) if mistakes.is_empty() => Ok(config),
            (_, mistakes) => Err(mistakes),
        }
    }

    /// Like [`Self::read`], but also returns the readable part if there are mistakes. An encryptor
    /// must not run with that part.
    pub(crate) fn read_as_far_as_possible(path: &Path) -> (Option<Self>, Mistakes) {
        let text = match file::text(path) {
            Ok(text) => text,
            Err(mistake) => return (None, mistake.into()),
        };
        let (config, mut mistakes) = file::parse_all::<Self>(path, &text);
        let Some(mut config) = config else {
            return (None, mistakes);
        };
        if let Some(document) = mistakes.note(file::parse(path, &text)) {
            config.document = document;
        }
        config.resolve_paths(path);
        config.check(path, &mut mistakes);
        let rekey_ethertype = config.rekey.ethertype;
        mistakes.note(config.policy.tabulate(path, rekey_ethertype));
        (Some(config), mistakes)
    }

    /// Returns the peer. The check of the file ensures that there is exactly one.
    #[must_use]
    pub fn the_peer(&self) -> &Peer {
        self.peer
            .first()
            .expect("checked when the file was read: exactly one [[peer]]")
    }

    fn resolve_paths(&mut self, file: &Path) {
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let paths = [
            &mut self.encryptor.status_socket,
            &mut self.kme.ca,
            &mut self.kme.cert,
            &mut self.kme.key,
        ];
        for path in paths
            .into_iter()
            .chain(&mut self.encryptor.ledger)
            .chain(self.peer.iter_mut().map(|peer| &mut peer.psk_file))
        {
            *path = folder.join(&*path);
        }
    }

    fn check(&self, file: &Path, mistakes: &mut Mistakes) {
        mistakes.note(self.red.place().check(file));
        mistakes.note(self.black.place().check(file));
        mistakes.note(self.dpdk.check(file));
        mistakes.note(self.check_ports(file));
        mistakes.note(self.check_red_mtu(file));
        self.rekey.check(file, mistakes);
        self.check_names(file, mistakes);
        mistakes.note(self.worker.check(file));
        mistakes.note(self.kme.check(file));
        mistakes.note(self.check_peer(file));
        mistakes.note(self.check_ledger(file));
        mistakes.note(self.check_macsec(file));
    }

    fn check_names(&self, file: &Path, mistakes: &mut Mistakes) {
        mistakes.note(name::check(file, "encryptor.name", &self.encryptor.name));
        for peer in &self.peer {
            mistakes.note(name::check(file, "peer.name", &peer.name));
            mistakes.note(name::check(file, "peer.sae_id", &peer.sae_id));
        }
    }

    fn check_peer(&self, file: &Path) -> Result<(), ConfigError> {
        let [peer] = self.peer.as_slice() else {
            let problem = format!("{} peers are configured", self.peer.len());
            return Err(ConfigError::new(file, "peer", problem).fix("exactly one [[peer]] today"));
        };
        if peer.name == self.encryptor.name {
            return Err(
                ConfigError::new(file, "peer.name", "is the name of this encryptor")
                    .value(format!("{:?}", peer.name))
                    .fix("name the encryptor at the other end of the line"),
            );
        }
        Ok(())
    }

    fn check_ledger(&self, file: &Path) -> Result<(), ConfigError> {
        if self.encryptor.ledger_max_size.octets() < limits::LEDGER_MAX_LEN_MIN {
            return Err(
                ConfigError::new(file, "encryptor.ledger_max_size", "is too small")
                    .value(self.encryptor.ledger_max_size)
                    .fix(format!("{} or more", Size::of(limits::LEDGER_MAX_LEN_MIN))),
            );
        }
        Ok(())
    }

    fn check_macsec(&self, file: &Path) -> Result<(), ConfigError> {
        if self.macsec.replay_window > limits::REPLAY_WINDOW_MAX {
            return Err(
                ConfigError::new(file, "macsec.replay_window", "is too wide")
                    .value(self.macsec.replay_window)
                    .fix(format!("at most {}", limits::REPLAY_WINDOW_MAX)),
            );
        }
        if self.macsec.clear_vlan_tags > limits::CLEAR_VLAN_TAGS_MAX {
            return Err(
                ConfigError::new(file, "macsec.clear_vlan_tags", "is out of range")
                    .value(self.macsec.clear_vlan_tags)
                    .fix(format!(
                        "0 to {}, the same at both ends",
                        limits::CLEAR_VLAN_TAGS_MAX
                    )),
            );
        }
        if self.macsec.line_vlan_tags > limits::LINE_VLAN_TAGS_MAX {
            return Err(
                ConfigError::new(file, "macsec.line_vlan_tags", "is out of range")
                    .value(self.macsec.line_vlan_tags)
                    .fix(format!("0 to {}", limits::LINE_VLAN_TAGS_MAX)),
            );
        }
        Ok(())
    }

    fn check_ports(&self, file: &Path) -> Result<(), ConfigError> {
        let (red, black) = (self.red.place(), self.black.place());
        let same = match (&self.red.device, &self.black.device) {
            (Some(red), Some(black)) => red.0.device() == black.0.device(),
            _ => red.name() == black.name(),
        };
        if same && !red.name().is_empty() {
            let key = format!("black.{}", black.key());
            let problem = format!("is also the red {}", black.key());
            return Err(ConfigError::new(file, key, problem)
                .value(black.name())
                .fix("red and black are two interfaces"));
        }
        Ok(())
    }

    fn check_red_mtu(&self, file: &Path) -> Result<(), ConfigError> {
        if !(limits::RED_MTU_MIN..=limits::RED_MTU_MAX).contains(&self.red.mtu) {
            return Err(ConfigError::new(file, "red.mtu", "is out of range")
                .value(self.red.mtu)
                .fix(format!(
                    "{} to {}",
                    limits::RED_MTU_MIN,
                    limits::RED_MTU_MAX
                )));
        }
        Ok(())
    }
}
