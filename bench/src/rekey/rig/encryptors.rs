//! Two complete encryptors in this process, as `qmacsec run` runs them: driver, rekey protocol,
//! KMEs over mutual TLS, workers. Only their ports are given.
//!
//! ```text
//! host a ═ probe ─ [encryptor a] ─ probe ═══ line ═══ probe ─ [encryptor b] ─ probe ═ host b
//! ```

use std::path::PathBuf;
use std::time::Duration;

use lab::encryptor::{Encryptor, Life};
use lab::folder::{Folder, Settings};
use lab::kmes::TwoKmes;
use lab::patience::waited;
use lab::site::Site;
use port::PortCounters;
use qmacsec::ports::{Opener, Ports};
use qmacsec::status::{Report, query};

use super::cabling::{Cables, HostPorts};
use super::cores::Cores;
use super::probe::{Count, Probe, Sealed, probed};
use crate::drops::Drops;
use crate::harness::error::Error;
use crate::rekey::Fault;

/// Ports that the config must have; ours replace them.
const NAMED_PORTS: &str = "[red]\nport = \"packet\"\ninterface = \"red0\"\nmtu = 1500\n\
     [black]\nport = \"packet\"\ninterface = \"black0\"\n";
/// Time for the first keys, on a busy machine. Tests may run beside builds.
const FIRST_KEYS: Duration = Duration::from_secs(if cfg!(test) { 300 } else { 30 });
/// The longest interval that the default limit of a key's life allows: no run has a switch.
pub(crate) const NEVER: Duration = Duration::from_secs(150);
/// Stall of a worker at each switch, with that fault.
const STALL: Duration = Duration::from_millis(5);
/// Latency of a KME that makes the receiver late.
#[cfg(feature = "guards")]
const LATE: Duration = Duration::from_millis(180);

/// Both encryptors and their KMEs. All of them end when it is dropped.
pub(crate) struct Encryptors {
    // Dropped first: encryptors say goodbye while the line still works.
    both: [Option<Encryptor>; 2],
    cores: Cores,
    pub(crate) probes: [Probe; 2],
    pub(crate) kmes: TwoKmes,
    pub(crate) folder: Folder,
}

/// The files and records that ended encryptors leave.
pub(crate) struct Remains {
    /// All files of both encryptors and their KMEs.
    pub(crate) folder: Folder,
    pub(crate) ledgers: [PathBuf; 2],
    /// The frames noted of each direction.
    pub(crate) sealed: [Vec<Sealed>; 2],
}

impl Encryptors {
    /// Starts both, and waits until both directions have a key. Returns the hosts' ports, too. The
    /// threads stay in the network namespace of this thread.
    pub(crate) fn start(
        cables: Cables,
        interval: Duration,
        fault: Option<Fault>,
    ) -> Result<(Self, HostPorts), Error> {
        let folder = Folder::temporary()?;
        folder.make_secret()?;
        let settings = Settings {
            interval,
            ledgers: Some(folder.path().to_path_buf()),
            ..Settings::default()
        };
        let mut started = Self {
            both: [None, None],
            cores: cables.hosts.cores,
            probes: [Probe::default(), Probe::default()],
            kmes: TwoKmes::start(&folder)?,
            folder,
        };
        for (site, ports) in Site::BOTH.into_iter().zip(cables.encryptors) {
            let kme = (started.kmes.address(site), None);
            let folder = &started.folder;
            folder.write_encryptor(site, NAMED_PORTS, kme, &settings)?;
            started.launch(site, ports, fault)?;
        }
        started.wait_for_keys()?;
        started.slow_receivers(fault);
        Ok((started, cables.hosts))
    }

    /// Starts an encryptor by its config, over these ports.
    fn launch(
        &mut self,
        site: Site,
        ports: [Opener; 2],
        fault: Option<Fault>,
    ) -> Result<(), Error> {
        let stall = match fault {
            Some(Fault::Stall) => STALL,
            _ => Duration::ZERO,
        };
        let probed = probed(ports, &self.probes[site.index()], stall);
        let [red, black] = self.cores.keep(site.index(), probed);
        let ports = Ports::of_one(red, black, site.mac());
        let within = move |life: Life| without_guard(fault, life);
        let started = Encryptor::start_within(site, ports, self.folder.config(site), within);
        let started = started.map_err(|error| Error::Setup(error.to_string()))?;
        self.both[site.index()] = Some(started);
        Ok(())
    }

    /// Makes the receivers late, by their KMEs: only then does an early switch lose frames.
    fn slow_receivers(&self, fault: Option<Fault>) {
        #[cfg(feature = "guards")]
        if fault == Some(Fault::EarlySwitch) {
            use kme::faults::{Calls, Fault, Times};
            for site in Site::BOTH {
                let faults = self.kmes.faults(site);
                faults.order(Fault::Latency(LATE), Calls::DecKeys, Times::Always);
            }
        }
        let _in_time = (fault, &self.kmes);
    }

    fn wait_for_keys(&mut self) -> Result<(), Error> {
        let (folder, both) = (&self.folder, &mut self.both);
        let encrypting = |site: &Site| {
            query::<Report>(&folder.socket(*site)).is_ok_and(|report| report.encrypting)
        };
        let mut ended = None;
        let waited = waited(FIRST_KEYS, || {
            ended = both.iter_mut().flatten().find_map(Encryptor::ended);
            ended.is_some() || Site::BOTH.iter().all(encrypting)
        });
        match ended {
            Some(reason) => Err(Error::Ended(reason)),
            None => waited.map(|_| ()).ok_or(Error::NoKeys),
        }
    }

    pub(crate) fn sockets(&self) -> [PathBuf; 2] {
        Site::BOTH.map(|site| self.folder.socket(site))
    }

    /// Ends an encryptor as a crash does: without a goodbye to the peer.
    pub(crate) fn kill(&mut self, site: Site) {
        if let Some(encryptor) = self.both[site.index()].take() {
            encryptor.kill();
        }
    }

    pub(crate) fn restart(&mut self, site: Site, ports: [Opener; 2]) -> Result<(), Error> {
        self.launch(site, ports, None)
    }

    pub(crate) fn reports(&self) -> Result<[Report; 2], Error> {
        let [a, b] = self.sockets().map(|socket| {
            query::<Report>(&socket).map_err(|error| Error::Setup(error.to_string()))
        });
        Ok([a?, b?])
    }

    /// Frames dropped in both encryptors so far, by name. Frames of the rekey protocol have their
    /// own names, also where a port has one counter for both.
    pub(crate) fn drops(&self) -> Result<Drops, Error> {
        let mut drops = Drops::new();
        for (report, probe) in self.reports()?.iter().zip(&self.probes) {
            let mut count = |prefix: &str, names: &[&str], counters: &Drops| {
                for name in names {
                    if let Some(frames) = counters.get(*name) {
                        *drops.entry(format!("{prefix}{name}")).or_default() += frames;
                    }
                }
            };
            let discards = secy::Discard::ALL.map(secy::Discard::name);
            for worker in &report.workers {
                for (place, port) in [("red ", &worker.red), ("black ", &worker.black)] {
                    count(place, &PortCounters::RX_DROPS, &port.counters);
                    count(place, &PortCounters::TX_DROPS, &port.counters);
                }
                count("", &discards, &worker.tx);
                count("", &discards, &worker.rx);
                count("", &["PolicyDiscarded"], &worker.worker);
                let control = ["InControlTooLong", "InControlOverrun"];
                count("rekey frames: ", &control, &worker.worker);
            }
            for (name, of_control) in PortCounters::TX_DROPS.into_iter().zip(Count::CONTROL_DROPS) {
                let of_control = probe.count(of_control);
                if let Some(frames) = drops.get_mut(&format!("black {name}")) {
                    // A frame may have come between the two readings.
                    *frames = frames.saturating_sub(of_control);
                }
                let name = format!("rekey frames: black {name}");
                *drops.entry(name).or_default() += of_control;
            }
        }
        Ok(drops)
    }

    /// Changes of the stage of the key supply so far, of both ends.
    pub(crate) fn stage_changes(&self) -> Result<u64, Error> {
        let changes = |report: &Report| report.tx.supply_changes.unwrap_or_default();
        Ok(self.reports()?.iter().map(changes).sum())
    }

    /// Ends both encryptors, and hands over what is left of them.
    pub(crate) fn end(self) -> Remains {
        drop(self.both);
        Remains {
            ledgers: Site::BOTH.map(|site| self.folder.ledger(site)),
            sealed: self.probes.each_ref().map(Probe::take_sealed),
            folder: self.folder,
        }
    }
}

/// Runs an encryptor without the guard that the fault switches off, if it does.
fn without_guard(fault: Option<Fault>, life: Life) -> Result<(), String> {
    #[cfg(feature = "guards")]
    if fault == Some(Fault::EarlySwitch) {
        return rekey::guards::without(&[rekey::guards::Guard::SwitchOnReady], life);
    }
    let _no_fault_of_the_protocol = fault;
    life()
}
