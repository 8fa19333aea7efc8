//! The processes of the lab: one for the two KMEs and one encryptor for each site, with their
//! certificates, secrets and config files.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use port::xdp::XdpMode;

use super::args::Args;
use super::child::Child;
use super::faults::Victim;
use super::topology::{BLACK, LAN, RED, Site, Topology};
use qmacsec::config::{PortKind, Psk, Span};
use qmacsec::limits;
use qmacsec::status::{Done, KmeFault, KmeReport, Report, Request, query, request};

/// Port on which the lab's KMEs listen.
const KME_PORT: u16 = 8443;
/// Time limit for the start of a process.
const START: Duration = Duration::from_secs(20);

/// The settings of the lab's processes.
pub(crate) struct Settings {
    pub(crate) interval: Duration,
    pub(crate) km: Option<f64>,
    pub(crate) preset: String,
    pub(crate) red: PortKind,
    pub(crate) black: PortKind,
    pub(crate) xdp_mode: XdpMode,
    pub(crate) mtu: u16,
    pub(crate) suite: String,
    pub(crate) policy: rekey::Policy,
    pub(crate) hold_max: Duration,
}

/// The running processes.
pub(crate) struct Sites {
    vault: PathBuf,
    kmes: Child,
    a: Child,
    b: Child,
    /// The process that was killed on purpose and is not restarted yet.
    killed: Option<Victim>,
}

impl Sites {
    /// Writes certificates, secrets and configs into `vault`.
    pub(crate) fn furnish(
        vault: &Path,
        topology: &Topology,
        settings: &Settings,
    ) -> io::Result<()> {
        furnish_secrets(vault, &Site::BOTH.map(|site| site.kme().to_string()))?;
        fs::write(vault.join("kme.toml"), kme_config(settings))?;
        for site in Site::BOTH {
            let host_netns = topology.site(site).host.path();
            fs::write(
                config_path(vault, site),
                encryptor_config(site, settings, &host_netns),
            )?;
        }
        Ok(())
    }

    /// Starts all processes, KMEs first, and waits until each answers.
    pub(crate) fn start(
        vault: &Path,
        topology: &Topology,
        mut ready: impl FnMut(&str),
    ) -> io::Result<Self> {
        let mut kmes = start_kmes(vault, topology)?;
        wait_for(&mut kmes, || {
            query::<KmeReport>(&vault.join("kme.sock")).is_ok()
        })?;
        ready("KMEs");
        let mut a = start_encryptor(vault, topology, Site::A)?;
        let mut b = start_encryptor(vault, topology, Site::B)?;
        for (site, child) in [(Site::A, &mut a), (Site::B, &mut b)] {
            wait_for(child, || query::<Report>(&socket(vault, site)).is_ok())?;
            ready(&format!("encryptor {}", site.letter()));
        }
        Ok(Self {
            vault: vault.to_path_buf(),
            kmes,
            a,
            b,
            killed: None,
        })
    }

    /// Returns the status of one encryptor.
    pub(crate) fn report(&self, site: Site) -> io::Result<Report> {
        query(&socket(&self.vault, site)).map_err(io::Error::other)
    }

    /// Returns the status of the KMEs.
    pub(crate) fn kme_report(&self) -> io::Result<KmeReport> {
        query(&self.vault.join("kme.sock")).map_err(io::Error::other)
    }

    /// Returns an error with the last lines of its log if a process has ended.
    pub(crate) fn all_alive(&mut self) -> io::Result<()> {
        for who in Victim::ALL {
            if self.killed == Some(who) {
                continue;
            }
            let child = self.process(who);
            if let Some(status) = child.ended()? {
                return Err(io::Error::other(format!(
                    "a process of the lab ended ({status}); it said last:\n  {}",
                    child.last_words()
                )));
            }
        }
        Ok(())
    }

    /// Returns the last lines of all logs, for the message of a failure.
    pub(crate) fn last_words(&self) -> String {
        [&self.kmes, &self.a, &self.b]
            .map(Child::last_words)
            .join("\n  ")
    }

    /// Returns the path of an encryptor's ledger.
    pub(crate) fn ledger(&self, site: Site) -> PathBuf {
        ledger(&self.vault, site)
    }

    /// Orders a fault of both KMEs, or its end.
    pub(crate) fn order(&self, fault: Option<KmeFault>) -> io::Result<()> {
        let done: Done = request(&self.vault.join("kme.sock"), Request::Fault(fault))
            .map_err(io::Error::other)?;
        match done.done {
            true => Ok(()),
            false => Err(io::Error::other(done.text)),
        }
    }

    /// Ends a process like a crash. A killed process does not count as ended.
    pub(crate) fn kill(&mut self, who: Victim) -> io::Result<()> {
        self.killed = Some(who);
        self.process(who).kill()
    }

    /// Restarts a killed process.
    pub(crate) fn restart(&mut self, topology: &Topology, who: Victim) -> io::Result<()> {
        *self.process(who) = match who {
            Victim::Encryptor(site) => start_encryptor(&self.vault, topology, site)?,
            Victim::Kmes => start_kmes(&self.vault, topology)?,
        };
        self.killed = None;
        Ok(())
    }

    /// Ends all processes in order: encryptors with a BYE, then the KMEs.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        self.a.stop()?;
        self.b.stop()?;
        self.kmes.stop()
    }

    fn process(&mut self, who: Victim) -> &mut Child {
        match who {
            Victim::Encryptor(Site::A) => &mut self.a,
            Victim::Encryptor(Site::B) => &mut self.b,
            Victim::Kmes => &mut self.kmes,
        }
    }
}

/// Writes certificates for KMEs and SAEs, and the pair's secret. `hosts`: further name of each KME.
pub(super) fn furnish_secrets(vault: &Path, hosts: &[String]) -> io::Result<()> {
    let kmes = Site::BOTH
        .into_iter()
        .enumerate()
        .map(|(index, site)| kme::pki::KmeName {
            id: format!("kme-{}", site.letter()),
            hosts: hosts.get(index).cloned().into_iter().collect(),
        });
    let pki = kme::pki::LabPki {
        kmes: kmes.collect(),
        ..Default::default()
    };
    kme::pki::make_lab_pki(&vault.join("pki"), &pki).map_err(io::Error::other)?;
    Psk::create(&vault.join("pair.psk"))
}

fn start_kmes(vault: &Path, topology: &Topology) -> io::Result<Child> {
    let config = path_text(&vault.join("kme.toml"));
    let log = vault.join("kme.log");
    Child::start("KMEs", &topology.kmes, &["kme", "--config", &config], &log)
}

fn start_encryptor(vault: &Path, topology: &Topology, site: Site) -> io::Result<Child> {
    let config = path_text(&config_path(vault, site));
    let log = vault.join(format!("encryptor-{}.log", site.letter()));
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

fn config_path(vault: &Path, site: Site) -> PathBuf {
    vault.join(format!("site-{}.toml", site.letter()))
}

/// Returns the path of an encryptor's ledger.
pub(super) fn ledger(vault: &Path, site: Site) -> PathBuf {
    vault.join(format!("site-{}.ledger", site.letter()))
}

fn socket(vault: &Path, site: Site) -> PathBuf {
    vault.join(format!("site-{}.sock", site.letter()))
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn kme_config(settings: &Settings) -> String {
    let mut config = format!(
        "status_socket = \"kme.sock\"\n\n[link]\npreset = \"{}\"\n",
        settings.preset
    );
    if let Some(km) = settings.km {
        config += &format!("km = {km:?}\n");
    }
    for site in Site::BOTH {
        let letter = site.letter();
        config += &format!(
            "\n[[kme]]\nkme_id = \"kme-{letter}\"\nlisten = \"{}:{KME_PORT}\"\nca = \"pki/ca.pem\"\n\
             cert = \"pki/kme-{letter}.pem\"\nkey = \"pki/kme-{letter}.key\"\nsae_ids = [\"sae-{letter}\"]\n",
            site.kme()
        );
    }
    config
}

fn encryptor_config(site: Site, settings: &Settings, host_netns: &str) -> String {
    let port = |kind: PortKind, interface: &str| {
        let name = kind.name();
        match kind {
            PortKind::Xdp => {
                let mode = settings.xdp_mode.name();
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
                let device = dpdk_device(interface, settings.mtu);
                format!("port = \"{name}\"\ndevice = \"{device}\"\n")
            }
        }
    };
    let red = match settings.red {
        PortKind::Tap => format!("{}netns = \"{host_netns}\"\n", port(PortKind::Tap, LAN)),
        kind => port(kind, RED),
    };
    let black = port(settings.black, BLACK);
    // Memory for a pool of frames, and for rings.
    let memory_mb = if is_jumbo(settings.mtu) { 512 } else { 128 };
    let ports = format!(
        "[red]\n{red}mtu = {}\n\n[black]\n{black}\n\
         [dpdk]\nhugepages = false\nmemory_mb = {memory_mb}\n",
        settings.mtu,
    );
    let kme = SocketAddr::from((site.kme(), KME_PORT));
    {
        let keys = (settings.interval, settings.hold_max, settings.policy);
        config_text(site, &ports, keys, &settings.suite, kme)
    }
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

/// Returns the config of an encryptor with ports in memory: only the MTU of its red and black
/// sections is used.
pub(super) fn encryptor_config_in_memory(site: Site, args: &Args, kme: SocketAddr) -> String {
    let ports = format!(
        "[red]\nport = \"packet\"\ninterface = \"{RED}\"\nmtu = {}\n\n\
         [black]\nport = \"packet\"\ninterface = \"{BLACK}\"\n",
        args.mtu
    );
    let keys = (args.rekey, args.hold_max, args.policy);
    config_text(site, &ports, keys, &args.suite, kme)
}

fn config_text(
    site: Site,
    ports: &str,
    (interval, hold_max, policy): (Duration, Duration, rekey::Policy),
    suite: &str,
    kme: SocketAddr,
) -> String {
    let (letter, peer) = (site.letter(), site.other().letter());
    format!(
        "[encryptor]\nname = \"site-{letter}\"\nstatus_socket = \"site-{letter}.sock\"\n\
         ledger = \"site-{letter}.ledger\"\n\n\
         {ports}\n\
         [macsec]\nsuite = \"{suite}\"\n\n\
         [rekey]\ninterval = \"{}\"\nhold_max = \"{}\"\npolicy = \"{policy}\"\n\n\
         [kme]\nurl = \"https://{kme}\"\nkme_id = \"kme-{letter}\"\nca = \"pki/ca.pem\"\n\
         cert = \"pki/sae-{letter}.pem\"\nkey = \"pki/sae-{letter}.key\"\n\n\
         [[peer]]\nname = \"site-{peer}\"\nsae_id = \"sae-{peer}\"\npsk_file = \"pair.psk\"\n",
        Span(interval),
        Span(hold_max),
    )
}
