//! Checks a config and everything that it names before anything is opened. `qmacsec check` shows
//! the result, and `qmacsec run` does it first. All mistakes are found at once.
//!
//! Checks run with the rights of the current user: a file without the needed rights is a mistake.
//! The network is not touched.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use keyclient::KeySource;
use port::PortError;
use port::iface::Interface;

use crate::config::{ConfigError, EncryptorConfig, Mistakes, PortKind, Psk};
use crate::encryptor::{in_config, source_configs};
use crate::ledger::{self, Inspection};
use crate::numa;
use crate::ports::inside;
use crate::status::{StatusSocket, folder_problem};

/// Lists the cores that are online: `0-3,8`.
const CORES: &str = "/sys/devices/system/cpu/online";
/// The device that creates TAP interfaces.
const TUN: &str = "/dev/net/tun";

/// A config without mistakes, and the state of its ledger.
pub struct Examined {
    /// Its content.
    pub config: EncryptorConfig,
    /// The ledger, if the config names one.
    pub ledger: Option<Inspection>,
}

/// Reads a config and checks everything that it names.
///
/// # Errors
/// All mistakes that prevent a start, as far as they can be found beforehand.
pub fn examine(file: &Path) -> Result<Examined, Mistakes> {
    examine_by(file, |look, mistakes| {
        mistakes.note(look.at_red());
        mistakes.note(look.at_black());
    })
}

/// Like [`examine`], for an encryptor with other ports than its config names.
///
/// # Errors
/// Same as [`examine`].
pub fn examine_but_ports(file: &Path) -> Result<Examined, Mistakes> {
    examine_by(file, |_, _| {})
}

fn examine_by(
    file: &Path,
    look_at_ports: impl FnOnce(&Look<'_>, &mut Mistakes),
) -> Result<Examined, Mistakes> {
    let (config, mut mistakes) = EncryptorConfig::read_as_far_as_possible(file);
    let mut ledger = None;
    if let Some(config) = &config {
        let look = Look { file, config };
        ledger = look.at_all_but_ports(&mut mistakes);
        look_at_ports(&look, &mut mistakes);
    }
    match config {
        Some(config) if mistakes.is_empty() => Ok(Examined { config, ledger }),
        _ => Err(mistakes),
    }
}

struct Look<'a> {
    file: &'a Path,
    config: &'a EncryptorConfig,
}

impl Look<'_> {
    fn at_all_but_ports(&self, mistakes: &mut Mistakes) -> Option<Inspection> {
        for peer in &self.config.peer {
            mistakes.note(Psk::read(self.file, &peer.psk_file));
        }
        // Without a peer no keys are needed.
        if let [_] = self.config.peer.as_slice() {
            for source in source_configs(self.config) {
                for mistake in KeySource::mistakes(source.protocol, &source.client) {
                    mistakes.add(in_config(self.file, self.config, mistake));
                }
            }
        }
        mistakes.note(self.at_cores());
        mistakes.note(self.at_status_socket());
        mistakes.note(self.at_ledger()).flatten()
    }

    fn wrong(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.file, key, problem)
    }

    /// Makes a mistake of an error at a path. `fix`: the mark that separates the fix in its text,
    /// and the fix of a text without one.
    fn wrong_at(
        &self,
        key: &str,
        path: &Path,
        error: &impl Display,
        fix: (&str, &str),
    ) -> ConfigError {
        let text = error.to_string();
        let (mark, other) = fix;
        let (problem, fix) = text.split_once(mark).unwrap_or((&text, other));
        self.wrong(key, problem).value(path.display()).fix(fix)
    }

    fn at_cores(&self) -> Result<(), ConfigError> {
        let worker = &self.config.worker;
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        worker.fits(self.file, count)?;
        let Ok(online) = fs::read_to_string(CORES) else {
            return Ok(()); // unknown on this system
        };
        match worker
            .cores
            .iter()
            .find(|core| !numa::holds(&online, **core))
        {
            None => Ok(()),
            Some(core) => Err(self
                .wrong(
                    "worker.cores",
                    "names a core that this machine does not have",
                )
                .value(core)
                .fix(format!("cores of this machine: {}", online.trim()))),
        }
    }

    fn at_status_socket(&self) -> Result<(), ConfigError> {
        let path = &self.config.encryptor.status_socket;
        let key = "encryptor.status_socket";
        StatusSocket::look_at(path)
            .map_err(|error| self.wrong_at(key, path, &error, ("; fix: ", "choose another")))
    }

    fn at_ledger(&self) -> Result<Option<Inspection>, ConfigError> {
        let Some(path) = &self.config.encryptor.ledger else {
            return Ok(None);
        };
        let wrong = |problem: String| {
            self.wrong("encryptor.ledger", problem)
                .value(path.display())
                .fix("name a file in a folder that this user may write to")
        };
        if let Some(problem) = folder_problem(path) {
            return Err(wrong(format!("cannot be created there: {problem}")));
        }
        if same_place(path, &self.config.encryptor.status_socket) {
            return Err(self
                .wrong("encryptor.ledger", "is also the status socket")
                .value(path.display())
                .fix("give each of ledger and status_socket its own path"));
        }
        let kind = fs::metadata(path).map(|about| about.file_type());
        match kind {
            Ok(kind)
                if kind.is_fifo()
                    || kind.is_socket()
                    || kind.is_char_device()
                    || kind.is_block_device() =>
            {
                Err(wrong("is not a file".to_owned()))
            }
            _ => {
                let found = ledger::inspect_of(path, &self.config.encryptor.name);
                found.map(Some).map_err(|error| {
                    let fix = ("; fix: ", "name a new file");
                    self.wrong_at("encryptor.ledger", path, &error, fix)
                })
            }
        }
    }

    fn at_red(&self) -> Result<(), ConfigError> {
        let red = &self.config.red;
        let look = || interface(red.port, &red.interface);
        match &red.netns {
            None => self.at_interface("red.interface", &red.interface, look()),
            Some(netns) if !netns.exists() => Err(self
                .wrong("red.netns", "the network namespace does not exist")
                .value(netns.display())
                .fix("`ip netns list` shows the namespaces in /run/netns")),
            // A user without the right to enter the namespace cannot check the interface.
            Some(netns) => match inside(netns, || Ok(look())) {
                Ok(looked) => self.at_interface("red.interface", &red.interface, looked),
                Err(_) => Ok(()),
            },
        }
    }

    fn at_black(&self) -> Result<(), ConfigError> {
        let black = &self.config.black;
        let looked = interface(black.port, &black.interface);
        self.at_interface("black.interface", &black.interface, looked)
    }

    fn at_interface(
        &self,
        key: &str,
        name: &str,
        looked: Result<(), PortError>,
    ) -> Result<(), ConfigError> {
        looked.map_err(|error| {
            let wrong = self.wrong(key, error.to_string()).value(name);
            match error {
                PortError::NotEthernet { .. } => {
                    wrong.fix("an Ethernet interface, as `ip link` shows it; not the loopback")
                }
                PortError::NoDevice { fix, .. } => wrong.fix(fix),
                _ => wrong.fix("a name as `ip link` shows it, in this network namespace"),
            }
        })
    }
}

/// True if two paths lead to the same name in the same folder, whether or not it exists.
fn same_place(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let folder = folder.canonicalize().unwrap_or(folder.to_path_buf());
        path.file_name().map(|name| folder.join(name))
    };
    one == other || place(one) == place(other)
}

/// Checks, as far as possible, whether a port of this kind can be opened on the interface.
fn interface(kind: PortKind, name: &str) -> Result<(), PortError> {
    match kind {
        PortKind::Dpdk => Ok(()),
        PortKind::Packet | PortKind::Xdp => Interface::named(name)?.mac().map(|_| ()),
        PortKind::Tap if Path::new(TUN).exists() => Interface::named(name).map(|_| ()),
        PortKind::Tap => Err(PortError::NoDevice {
            path: TUN,
            fix: "modprobe tun",
        }),
    }
}
