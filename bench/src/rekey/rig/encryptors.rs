//! Two complete encryptors in this process, as `qmacsec run` runs them: driver, rekey protocol,
//! KMEs over mutual TLS, workers. Only their ports are given.
//!
//! ```text
//! host a ═ probe ─ [encryptor a] ─ probe ═══ line ═══ probe ─ [encryptor b] ─ probe ═ host b
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::folder::{Folder, Settings};
use lab::kmes::TwoKmes;
use lab::patience::waited;
use lab::site::Site as Side;
use port::PortCounters;
use qmacsec::config::EncryptorConfig;
use qmacsec::encryptor;
use qmacsec::ports::{Opener, Ports};
use qmacsec::run_error::RunError;
use qmacsec::status::{Report, query};
use tokio::sync::oneshot;

use super::cabling::{Cables, HostPorts};
use super::cores::Cores;
use super::drops::Drops;
use super::probe::{Count, Probe, Sealed, probed};
use crate::rekey::{Error, Fault};

/// Ports that the config must have; ours replace them.
const NAMED_PORTS: &str = "[red]\nport = \"packet\"\ninterface = \"red0\"\nmtu = 1500\n\
     [black]\nport = \"packet\"\ninterface = \"black0\"\n";
/// Time for the first keys, on a busy machine. Tests may run beside builds.
const FIRST_KEYS: Duration = Duration::from_secs(if cfg!(test) { 300 } else { 30 });
/// The longest interval that the default limit of a key's life allows: no run has a switch.
pub(crate) const NEVER: Duration = Duration::from_secs(150);

/// Both encryptors and their KMEs. All of them end when it is dropped.
pub(crate) struct Encryptors {
    // Dropped first: encryptors say goodbye while the line still works.
    both: Vec<Encryptor>,
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
        let kmes = TwoKmes::start(&folder)?;
        let probes = [Probe::default(), Probe::default()];
        let ends = Side::BOTH.into_iter().zip(cables.encryptors).zip(&probes);
        let start = |((side, ports), probe): ((Side, [Opener; 2]), &Probe)| {
            let kme = (kmes.address(side), None);
            let file = folder.write_encryptor(side, NAMED_PORTS, kme, &settings)?;
            let ports = probed(ports, probe, stall(fault));
            let ports = cables.cores.keep(side.index(), ports);
            encryptor(side, &file, ports, fault)
        };
        let both = ends.map(start).collect::<Result<_, _>>()?;
        let mut started = Self {
            both,
            cores: cables.cores,
            probes,
            kmes,
            folder,
        };
        started.wait_for_keys()?;
        started.slow_receivers(fault);
        let (ends, cores) = (cables.hosts, cables.cores);
        Ok((started, HostPorts { ends, cores }))
    }

    /// Makes the receivers late, by their KMEs: only then does an early switch lose frames.
    fn slow_receivers(&self, fault: Option<Fault>) {
        #[cfg(feature = "guards")]
        if fault == Some(Fault::EarlySwitch) {
            for side in Side::BOTH {
                let late = kme::faults::Fault::Latency(LATE);
                let faults = self.kmes.faults(side);
                faults.order(
                    late,
                    kme::faults::Calls::DecKeys,
                    kme::faults::Times::Always,
                );
            }
        }
        let _in_time = (fault, &self.kmes);
    }

    fn wait_for_keys(&mut self) -> Result<(), Error> {
        let (folder, both) = (&self.folder, &mut self.both);
        let encrypting = |side: &Side| {
            query::<Report>(&folder.socket(*side)).is_ok_and(|report| report.encrypting)
        };
        let mut exit_reason = None;
        let waited = waited(FIRST_KEYS, || {
            exit_reason = both.iter_mut().find_map(Encryptor::exit_reason);
            exit_reason.is_some() || Side::BOTH.iter().all(encrypting)
        });
        match (exit_reason, waited) {
            (Some(reason), _) => Err(Error::Ended(reason)),
            (None, None) => Err(Error::NoKeys),
            (None, Some(_)) => Ok(()),
        }
    }

    /// The sockets of both for queries.
    pub(crate) fn sockets(&self) -> [PathBuf; 2] {
        Side::BOTH.map(|side| self.folder.socket(side))
    }

    /// Ends an encryptor as a crash does: without a goodbye to the peer.
    pub(crate) fn kill(&mut self, side: Side) {
        if let Some(encryptor) = self.both.get_mut(side.index()) {
            encryptor.kill();
        }
    }

    /// Starts an encryptor again, over these ports.
    pub(crate) fn restart(&mut self, side: Side, ports: [Opener; 2]) -> Result<(), Error> {
        let ports = probed(ports, &self.probes[side.index()], Duration::ZERO);
        let ports = self.cores.keep(side.index(), ports);
        let started = encryptor(side, &self.folder.config(side), ports, None)?;
        if let Some(encryptor) = self.both.get_mut(side.index()) {
            *encryptor = started;
        }
        Ok(())
    }

    /// The status reports of both.
    pub(crate) fn reports(&self) -> Result<[Report; 2], Error> {
        let report = |side| {
            let report = query::<Report>(&self.folder.socket(side));
            report.map_err(|error| Error::Setup(error.to_string()))
        };
        let [a, b] = Side::BOTH.map(report);
        Ok([a?, b?])
    }

    /// Frames dropped in both encryptors so far, by name. Frames of the rekey protocol have their
    /// own names, also where a port has one counter for both.
    pub(crate) fn drops(&self) -> Result<Drops, Error> {
        let mut drops = Drops::new();
        for (report, probe) in self.reports()?.iter().zip(&self.probes) {
            for worker in &report.workers {
                for (name, port) in [("red", &worker.red), ("black", &worker.black)] {
                    let names = PortCounters::RX_DROPS
                        .into_iter()
                        .chain(PortCounters::TX_DROPS);
                    count(&mut drops, &format!("{name} "), names, &port.counters);
                }
                let discards = secy::Discard::ALL.map(secy::Discard::name);
                count(&mut drops, "", discards, &worker.tx);
                count(&mut drops, "", discards, &worker.rx);
                count(&mut drops, "", ["PolicyDiscarded"], &worker.worker);
                let control = ["InControlTooLong", "InControlOverrun"];
                count(&mut drops, "rekey frames: ", control, &worker.worker);
            }
            let of_control = [
                Count::ControlRefused,
                Count::ControlTooLong,
                Count::ControlLinkDown,
            ];
            for (name, of_control) in PortCounters::TX_DROPS.into_iter().zip(of_control) {
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
    pub(crate) fn end(mut self) -> Remains {
        self.both.clear();
        Remains {
            ledgers: Side::BOTH.map(|side| self.folder.ledger(side)),
            sealed: self.probes.each_ref().map(Probe::take_sealed),
            folder: self.folder,
        }
    }
}

/// Starts one encryptor by its config, over these ports.
fn encryptor(
    side: Side,
    file: &Path,
    [red, black]: [Opener; 2],
    fault: Option<Fault>,
) -> Result<Encryptor, Error> {
    let file = file.to_owned();
    let config = EncryptorConfig::read(&file).map_err(|error| Error::Setup(error.to_string()))?;
    let ports = Ports::of_one(red, black, side.mac());
    let run = move |ended: oneshot::Receiver<()>| async move {
        let stop = async { drop(ended.await) };
        encryptor::run(&config, &file, ports, stop).await
    };
    Encryptor::start(side, fault, run)
}

fn count(
    drops: &mut Drops,
    prefix: &str,
    names: impl IntoIterator<Item = &'static str>,
    counters: &BTreeMap<String, u64>,
) {
    for name in names {
        if let Some(frames) = counters.get(name) {
            *drops.entry(format!("{prefix}{name}")).or_default() += frames;
        }
    }
}

/// How long a worker stalls at each switch, with this fault.
fn stall(fault: Option<Fault>) -> Duration {
    match fault {
        Some(Fault::Stall) => STALL,
        _ => Duration::ZERO,
    }
}

/// Latency of a KME that makes the receiver late.
#[cfg(feature = "guards")]
const LATE: Duration = Duration::from_millis(180);

/// Stall of a worker at each switch, with that fault.
const STALL: Duration = Duration::from_millis(5);

struct Encryptor {
    end: Option<oneshot::Sender<()>>,
    crash: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Encryptor {
    /// Runs it on a thread and a runtime of its own, as the daemon does.
    fn start<F, R>(side: Side, fault: Option<Fault>, run: F) -> Result<Self, Error>
    where
        F: FnOnce(oneshot::Receiver<()>) -> R + Send + 'static,
        R: Future<Output = Result<(), RunError>>,
    {
        let (end, ended) = oneshot::channel::<()>();
        let (crash, crashed) = oneshot::channel::<()>();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            let life = async {
                tokio::select! {
                    outcome = run(ended) => outcome.map_err(|error| error.to_string()),
                    Ok(()) = crashed => Ok(()), // dropped at once
                }
            };
            without_guard(fault, || runtime.block_on(life))
        };
        let thread = thread::Builder::new()
            .name(format!("encryptor-{}", side.letter()))
            .spawn(work)?;
        Ok(Self {
            end: Some(end),
            crash: Some(crash),
            thread: Some(thread),
        })
    }

    /// Stops it at once, without a goodbye; its workers end with it.
    fn kill(&mut self) {
        if let Some(crash) = self.crash.take() {
            let _ended_already = crash.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }

    /// The reason why it ended, if it did.
    fn exit_reason(&mut self) -> Option<String> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        Some(match thread.join() {
            Ok(Ok(())) => "without an error".to_owned(),
            Ok(Err(error)) => error,
            Err(_) => "it panicked".to_owned(),
        })
    }
}

/// Runs an encryptor without the guard that the fault switches off, if it does.
fn without_guard<T>(fault: Option<Fault>, run: impl FnOnce() -> T) -> T {
    #[cfg(feature = "guards")]
    if fault == Some(Fault::EarlySwitch) {
        return rekey::guards::without(&[rekey::guards::Guard::SwitchOnReady], run);
    }
    let _no_fault_of_the_protocol = fault;
    run()
}

impl Drop for Encryptor {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _reported_before = thread.join();
        }
    }
}
