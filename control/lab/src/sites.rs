//! The processes of the lab: one for the two KMEs, or those of a network, and one encryptor for
//! each site, with their certificates, secrets and config files.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use qmacsec::config::PortKind;
use qmacsec::limits;
use qmacsec::status::{Done, KmeFault, KmeReport, Report, Request, query, request};

use super::args::{Args, KeyOrigin};
use super::child::Child;
use super::devices::Devices;
use super::distillation::Distillation;
use super::faults::Victim;
use super::folder::{Folder, Settings};
use super::network::{Attached, Choice};
use super::site::Site;
use super::topology::{BLACK, LAN, RED, Topology};

/// Port on which the lab's KMEs listen.
const KME_PORT: u16 = 8443;
/// Time limit for the start of a process.
const START: Duration = Duration::from_secs(20);

/// The running processes.
pub(crate) struct Sites {
    folder: Folder,
    keys: Keys,
    a: Child,
    b: Child,
    /// The process that was killed on purpose and is not restarted yet.
    killed: Option<Victim>,
}

/// The processes that give keys.
enum Keys {
    /// Both KMEs of one link.
    Link(Child),
    /// The nodes of a network.
    Network(Box<Attached>),
    /// Two QKD devices.
    Devices(Box<Devices>),
}

impl Sites {
    /// Writes certificates, secrets and configs into the folder.
    pub(crate) fn furnish(
        folder: &Folder,
        topology: &Topology,
        args: &Args,
        [red, black]: [PortKind; 2],
        choice: Option<&Choice>,
    ) -> io::Result<()> {
        folder.make_certificates(&Site::BOTH.map(|site| site.kme().to_string()))?;
        folder.make_secret()?;
        let mut link = format!("preset = \"{}\"\n", args.preset);
        if let Some(km) = args.km {
            link += &format!("km = {km:?}\n");
        }
        folder.write_kmes(Site::BOTH.map(kme_address), Some(&link))?;
        if args.keys == KeyOrigin::Distilled {
            Devices::furnish(folder, Site::BOTH.map(kme_address), args)?;
        }
        let settings = Settings {
            nodes: choice.map(Choice::names),
            ..settings(folder, args)
        };
        for site in Site::BOTH {
            let host_netns = topology.site(site).host.path();
            let ports = ports(args, [red, black], &host_netns);
            folder.write_encryptor(site, &ports, (kme_address(site), None), &settings)?;
        }
        Ok(())
    }

    /// Starts all processes, KMEs first, and waits until each answers.
    pub(crate) fn start(
        folder: Folder,
        topology: &Topology,
        choice: Option<Choice>,
        origin: KeyOrigin,
        mut ready: impl FnMut(&str),
    ) -> io::Result<Self> {
        let keys = match choice {
            None if origin == KeyOrigin::Distilled => {
                let mut devices = Devices::start(&folder, &topology.kmes)?;
                for (child, up) in devices.children() {
                    wait_for(child, up)?;
                }
                ready("alice and bob");
                Keys::Devices(Box::new(devices))
            }
            None => {
                let mut kmes = start_kmes(&folder, topology)?;
                wait_for(&mut kmes, || {
                    query::<KmeReport>(&folder.kme_socket()).is_ok()
                })?;
                ready("KMEs");
                Keys::Link(kmes)
            }
            Some(choice) => {
                let kmes = Site::BOTH.map(kme_address);
                let network = Attached::start(choice, &folder.network(), kmes)?;
                ready(&network.report().link);
                Keys::Network(Box::new(network))
            }
        };
        let mut a = start_encryptor(&folder, topology, Site::A)?;
        let mut b = start_encryptor(&folder, topology, Site::B)?;
        for (site, child) in [(Site::A, &mut a), (Site::B, &mut b)] {
            wait_for(child, || query::<Report>(&folder.socket(site)).is_ok())?;
            ready(&format!("encryptor {}", site.letter()));
        }
        Ok(Self {
            folder,
            keys,
            a,
            b,
            killed: None,
        })
    }

    /// Returns the status of one encryptor.
    pub(crate) fn report(&self, site: Site) -> io::Result<Report> {
        query(&self.folder.socket(site)).map_err(io::Error::other)
    }

    /// Returns the status of the KMEs.
    pub(crate) fn kme_report(&self) -> io::Result<KmeReport> {
        match &self.keys {
            Keys::Link(_) => query(&self.folder.kme_socket()).map_err(io::Error::other),
            Keys::Network(network) => Ok(network.report()),
            Keys::Devices(devices) => Ok(devices.report()?.kmes()),
        }
    }

    /// Returns the status of the QKD devices, if there are any and both answer.
    pub(crate) fn devices(&self) -> Option<Distillation> {
        match &self.keys {
            Keys::Devices(devices) => devices.report().ok(),
            Keys::Link(_) | Keys::Network(_) => None,
        }
    }

    /// Returns an error with the last lines of its log if a process has ended.
    pub(crate) fn all_alive(&mut self) -> io::Result<()> {
        for who in Victim::ALL {
            if self.killed == Some(who) {
                continue;
            }
            let Some(child) = self.process(who) else {
                continue;
            };
            if let Some(status) = child.ended()? {
                return Err(io::Error::other(format!(
                    "a process of the lab ended ({status}); it said last:\n  {}",
                    child.last_words()
                )));
            }
        }
        match &mut self.keys {
            Keys::Link(_) | Keys::Devices(_) => Ok(()),
            Keys::Network(network) => network.all_alive(),
        }
    }

    /// Returns the last lines of all logs, for the message of a failure.
    pub(crate) fn last_words(&self) -> String {
        let keys: Vec<&Child> = match &self.keys {
            Keys::Link(kmes) => vec![kmes],
            Keys::Network(_) => Vec::new(),
            Keys::Devices(devices) => devices.processes().into(),
        };
        let all = keys.into_iter().chain([&self.a, &self.b]);
        all.map(Child::last_words).collect::<Vec<_>>().join("\n  ")
    }

    /// Returns the path of an encryptor's ledger.
    pub(crate) fn ledger(&self, site: Site) -> PathBuf {
        self.folder.ledger(site)
    }

    /// Orders a fault of both KMEs, or its end.
    pub(crate) fn order(&self, fault: Option<KmeFault>) -> io::Result<()> {
        let done: Done =
            request(&self.folder.kme_socket(), Request::Fault(fault)).map_err(io::Error::other)?;
        match done.done {
            true => Ok(()),
            false => Err(io::Error::other(done.text)),
        }
    }

    /// Ends a process like a crash. A killed process does not count as ended.
    pub(crate) fn kill(&mut self, who: Victim) -> io::Result<()> {
        self.killed = Some(who);
        self.process(who).map_or(Ok(()), Child::kill)
    }

    /// Kills a node of the network for good. Without a network, does nothing.
    pub(crate) fn kill_node(&mut self, name: &str) -> io::Result<()> {
        match &mut self.keys {
            Keys::Link(_) | Keys::Devices(_) => Ok(()),
            Keys::Network(network) => network.kill(name),
        }
    }

    /// Restarts a killed process.
    pub(crate) fn restart(&mut self, topology: &Topology, who: Victim) -> io::Result<()> {
        let started = match who {
            Victim::Encryptor(site) => start_encryptor(&self.folder, topology, site)?,
            Victim::Kmes => start_kmes(&self.folder, topology)?,
            Victim::Device(role) => Devices::start_one(&self.folder, &topology.kmes, role)?,
        };
        if let Some(process) = self.process(who) {
            *process = started;
        }
        self.killed = None;
        Ok(())
    }

    /// Ends all processes in order: encryptors with a BYE, then the KMEs.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        self.a.stop()?;
        self.b.stop()?;
        match &mut self.keys {
            Keys::Link(kmes) => kmes.stop(),
            Keys::Network(network) => network.stop(),
            Keys::Devices(devices) => devices.stop(),
        }
    }

    /// True if the lab has this process.
    pub(crate) fn has(&mut self, who: Victim) -> bool {
        self.process(who).is_some()
    }

    /// Returns the ledgers of the network's nodes.
    pub(crate) fn node_ledgers(&self) -> Vec<PathBuf> {
        match &self.keys {
            Keys::Link(_) | Keys::Devices(_) => Vec::new(),
            Keys::Network(network) => network.ledgers(),
        }
    }

    /// Returns one process. `None`: other processes give the keys.
    fn process(&mut self, who: Victim) -> Option<&mut Child> {
        match (who, &mut self.keys) {
            (Victim::Encryptor(Site::A), _) => Some(&mut self.a),
            (Victim::Encryptor(Site::B), _) => Some(&mut self.b),
            (Victim::Kmes, Keys::Link(kmes)) => Some(kmes),
            (Victim::Device(role), Keys::Devices(devices)) => Some(devices.process(role)),
            (Victim::Kmes | Victim::Device(_), _) => None,
        }
    }
}

fn kme_address(site: Site) -> SocketAddr {
    SocketAddr::from((site.kme(), KME_PORT))
}

fn start_kmes(folder: &Folder, topology: &Topology) -> io::Result<Child> {
    let config = path_text(&folder.kme_config());
    let log = folder.path().join("kme.log");
    Child::start("KMEs", &topology.kmes, &["kme", "--config", &config], &log)
}

fn start_encryptor(folder: &Folder, topology: &Topology, site: Site) -> io::Result<Child> {
    let config = path_text(&folder.config(site));
    let log = folder
        .path()
        .join(format!("encryptor-{}.log", site.letter()));
    let name = format!("encryptor {}", site.letter());
    Child::start(
        &name,
        &topology.site(site).encryptor,
        &["run", "--config", &config],
        &log,
    )
}

fn wait_for(child: &mut Child, up: impl Fn() -> bool) -> io::Result<()> {
    let deadline = Instant::now() + START;
    while !up() {
        if let Some(status) = child.ended()? {
            return Err(io::Error::other(format!(
                "ended at its start ({status}):\n  {}",
                child.last_words()
            )));
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(format!(
                "did not come up within {START:?}:\n  {}",
                child.last_words()
            )));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Returns the settings of both encryptors.
pub(super) fn settings(folder: &Folder, args: &Args) -> Settings {
    Settings {
        suite: Some(args.suite.clone()),
        ledgers: Some(folder.path().to_path_buf()),
        interval: args.rekey,
        hold_max: Some(args.hold_max),
        policy: Some(args.policy),
        kme_timeout: limits::KME_TIMEOUT,
        ..Settings::default()
    }
}

/// Returns the sections of the ports in an encryptor's config.
fn ports(args: &Args, [red, black]: [PortKind; 2], host_netns: &str) -> String {
    let port = |kind: PortKind, interface: &str| {
        let name = kind.name();
        match kind {
            PortKind::Xdp => {
                let mode = args.xdp_mode.name();
                // The lab's hosts have no offloads, and their links carry no other traffic.
                format!(
                    "port = \"{name}\"\ninterface = \"{interface}\"\nxdp_mode = \"{mode}\"\n\
                     xdp_tags_in_frames = true\n"
                )
            }
            PortKind::Tap | PortKind::Packet => {
                format!("port = \"{name}\"\ninterface = \"{interface}\"\n")
            }
            PortKind::Dpdk => {
                let device = dpdk_device(interface, args.mtu);
                format!("port = \"{name}\"\ndevice = \"{device}\"\n")
            }
        }
    };
    let red = match red {
        PortKind::Tap => format!("{}netns = \"{host_netns}\"\n", port(PortKind::Tap, LAN)),
        kind => port(kind, RED),
    };
    let black = port(black, BLACK);
    // Memory for a pool of frames, and for rings.
    let memory_mb = if is_jumbo(args.mtu) { 512 } else { 128 };
    format!(
        "[red]\n{red}mtu = {}\n\n[black]\n{black}\n\
         [dpdk]\nhugepages = false\nmemory_mb = {memory_mb}\n",
        args.mtu,
    )
}

/// Names a virtual device of DPDK on a veth, whose ring has slots of sufficient width.
fn dpdk_device(interface: &str, mtu: u16) -> String {
    // A ring of 8 MiB, because the driver does not report losses of a full ring.
    let slots = if is_jumbo(mtu) {
        "framesz=16384,blocksz=16384,framecnt=512"
    } else {
        "framecnt=4096"
    };
    // The device is named after the interface, because an encryptor has two.
    format!("net_af_packet_{interface},iface={interface},{slots}")
}

fn is_jumbo(mtu: u16) -> bool {
    mtu > limits::RED_MTU
}

/// Returns the same sections for ports in memory. Only the MTU is used.
pub(super) fn ports_in_memory(args: &Args) -> String {
    format!(
        "[red]\nport = \"packet\"\ninterface = \"{RED}\"\nmtu = {}\n\n\
         [black]\nport = \"packet\"\ninterface = \"{BLACK}\"\n",
        args.mtu
    )
}
