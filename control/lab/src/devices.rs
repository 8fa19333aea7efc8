//! Two QKD devices in place of the KMEs: Alice at site A, Bob at site B, with a simulated quantum
//! channel between them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use device::{DeviceReport, Role};
use qmacsec::limits;
use qmacsec::status::query;

use super::args::Args;
use super::child::Child;
use super::distillation::Distillation;
use super::folder::Folder;
use super::netns::Netns;

/// Ports of Bob's quantum and classical channel, on the loopback of the devices.
const CHANNEL_PORTS: [u16; 2] = [7040, 7041];

/// The running devices.
pub(crate) struct Devices {
    alice: Child,
    bob: Child,
    sockets: [PathBuf; 2],
}

impl Devices {
    /// Writes the configs of both.
    pub(crate) fn furnish(folder: &Folder, listen: [SocketAddr; 2], args: &Args) -> io::Result<()> {
        let mut link = format!("[link]\nkm = {:?}\n", args.km.unwrap_or(limits::DISTILL_KM));
        if let Some(symbols) = args.block_symbols {
            link += &format!("block_symbols = {symbols}\n");
        }
        if let Some(baud) = args.symbol_rate {
            link += &format!("symbol_rate_baud = {baud:?}\n");
        }
        let channels = CHANNEL_PORTS.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        folder.write_devices(listen, channels, &link, &args.eve)
    }

    /// Starts both.
    pub(crate) fn start(folder: &Folder, netns: &Netns) -> io::Result<Self> {
        Ok(Self {
            bob: Self::start_one(folder, netns, Role::Bob)?,
            alice: Self::start_one(folder, netns, Role::Alice)?,
            sockets: [Role::Alice, Role::Bob].map(|role| folder.device_socket(role)),
        })
    }

    /// Starts one of them.
    pub(crate) fn start_one(folder: &Folder, netns: &Netns, role: Role) -> io::Result<Child> {
        let name = role.name();
        let config = folder.device_config(role).display().to_string();
        let log = folder.path().join(format!("{name}.log"));
        Child::start(name, netns, &["distill", name, "--config", &config], &log)
    }

    /// Both processes, each with the test whether it is up.
    pub(crate) fn children(&mut self) -> [(&mut Child, impl Fn() -> bool + use<>); 2] {
        let up = |socket: &Path| {
            let socket = socket.to_path_buf();
            move || query::<DeviceReport>(&socket).is_ok()
        };
        let [alice, bob] = &self.sockets;
        [(&mut self.alice, up(alice)), (&mut self.bob, up(bob))]
    }

    /// Both processes.
    pub(crate) fn processes(&self) -> [&Child; 2] {
        [&self.alice, &self.bob]
    }

    /// One of the processes.
    pub(crate) fn process(&mut self, role: Role) -> &mut Child {
        match role {
            Role::Alice => &mut self.alice,
            Role::Bob => &mut self.bob,
        }
    }

    /// Returns the status of both.
    pub(crate) fn report(&self) -> io::Result<Distillation> {
        let [alice, bob] = &self.sockets;
        Ok(Distillation {
            alice: query(alice).map_err(io::Error::other)?,
            bob: query(bob).map_err(io::Error::other)?,
        })
    }

    /// Ends both in order.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        self.alice.stop()?;
        self.bob.stop()
    }
}
