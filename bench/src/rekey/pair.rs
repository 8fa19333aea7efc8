//! Two whole encryptors in this process: driver, rekey protocol, KMEs over mutual TLS, workers, as
//! `qmacsec run` runs them. Only the ports are given.
//!
//! ```text
//! host a ═ watched ─ [encryptor a] ─ watched ═══ line ═══ watched ─ [encryptor b] ─ watched ═ host b
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::folder::{Folder, Settings};
use lab::kmes::TwoKmes;
use lab::patience::waited;
use lab::site::Site as Side;
use port::{Port, PortCounters};
use qmacsec::config::EncryptorConfig;
use qmacsec::encryptor;
use qmacsec::ledger::{self, Verification};
use qmacsec::ports::{Opener, Ports};
use qmacsec::run_error::RunError;
use qmacsec::status::{Report, query};
use tokio::sync::oneshot;

use super::cables::Cables;
use super::closure::{Carried, Remainders, Snapshot};
use super::cores::Cores;
use super::disk::Search;
use super::keys::Keys;
use super::load::Hosts;
use super::watch::{Black, Count, Red, Seen};
use super::{Error, Fault};

/// The config wants ports; ours are given.
const NAMED_PORTS: &str = "[red]\nport = \"packet\"\ninterface = \"red0\"\nmtu = 1500\n[black]\nport = \"packet\"\ninterface = \"black0\"\n";
/// For the first keys, on a busy machine.
const FIRST_KEYS: Duration = Duration::from_secs(30);
/// The longest interval that goes with the default limit of a key's life: no switch in any run.
pub(super) const NEVER: Duration = Duration::from_secs(150);

/// Frames dropped by name.
pub(super) type Drops = BTreeMap<String, u64>;

/// The pair; dropped, everything ends.
pub(super) struct Pair {
    // In the order of their ends: encryptors say good-bye over a line that is still there.
    encryptors: Vec<Encryptor>,
    cores: Cores,
    /// What A and B send to the line.
    pub(super) seen: [Seen; 2],
    pub(super) kmes: TwoKmes,
    pub(super) folder: Folder,
}

impl Pair {
    /// Starts everything, and waits until both directions have a key. Returns the hosts' ends, too.
    /// Stays on the network namespace of this thread.
    pub(super) fn start(
        cables: Cables,
        interval: Duration,
        fault: Option<Fault>,
    ) -> Result<(Self, Hosts<Box<dyn Port>>), Error> {
        let folder = Folder::temporary()?;
        folder.make_secret()?;
        let settings = Settings {
            interval,
            ledgers: Some(folder.path().to_path_buf()),
            ..Settings::default()
        };
        let kmes = TwoKmes::start(&folder)?;
        let seen = [Seen::default(), Seen::default()];
        let ends = Side::BOTH.into_iter().zip(cables.encryptors).zip(&seen);
        let start = |((side, ports), seen): ((Side, [Opener; 2]), &Seen)| {
            let kme = (kmes.address(side), None);
            let file = folder.write_encryptor(side, NAMED_PORTS, kme, &settings)?;
            let ports = cables.cores.keep(side.index(), watched(ports, seen, fault));
            encryptor(side, &file, ports, fault)
        };
        let encryptors = ends.map(start).collect::<Result<_, _>>()?;
        let mut pair = Self {
            encryptors,
            cores: cables.cores,
            seen,
            kmes,
            folder,
        };
        pair.wait_for_keys()?;
        pair.slow_receivers(fault);
        let [a, b] = cables.hosts;
        Ok((pair, Hosts::new([a()?, b()?], cables.cores)?))
    }

    /// Who switches early is found out only where the receiver is late: here by its KME.
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
        let (folder, encryptors) = (&self.folder, &mut self.encryptors);
        let encrypting = |side: &Side| {
            query::<Report>(&folder.socket(*side)).is_ok_and(|report| report.encrypting)
        };
        let mut last_words = None;
        let waited = waited(FIRST_KEYS, || {
            last_words = encryptors.iter_mut().find_map(Encryptor::last_words);
            last_words.is_some() || Side::BOTH.iter().all(encrypting)
        });
        match (last_words, waited) {
            (Some(words), _) => Err(Error::Ended(words)),
            (None, None) => Err(Error::NoKeys),
            (None, Some(_)) => Ok(()),
        }
    }

    /// Where both are asked.
    pub(super) fn sockets(&self) -> [PathBuf; 2] {
        Side::BOTH.map(|side| self.folder.socket(side))
    }

    /// Ends an encryptor as a crash does: no good-bye to the peer.
    pub(super) fn kill(&mut self, side: Side) {
        if let Some(encryptor) = self.encryptors.get_mut(side.index()) {
            encryptor.kill();
        }
    }

    /// Starts it anew, over these ports.
    pub(super) fn start_again(&mut self, side: Side, ports: [Opener; 2]) -> Result<(), Error> {
        let ports = watched(ports, &self.seen[side.index()], None);
        let ports = self.cores.keep(side.index(), ports);
        let started = encryptor(side, &self.folder.config(side), ports, None)?;
        if let Some(encryptor) = self.encryptors.get_mut(side.index()) {
            *encryptor = started;
        }
        Ok(())
    }

    /// What both say of themselves.
    pub(super) fn reports(&self) -> Result<[Report; 2], Error> {
        let report = |side| {
            let report = query::<Report>(&self.folder.socket(side));
            report.map_err(|error| Error::Setup(error.to_string()))
        };
        let [a, b] = Side::BOTH.map(report);
        Ok([a?, b?])
    }

    /// Whether every frame is told of; with what the hosts say.
    pub(super) fn remainders<P: Port>(
        &self,
        hosts: &Hosts<P>,
        carried: Carried,
    ) -> Result<Remainders, Error> {
        let snapshot = Snapshot {
            seen: &self.seen,
            reports: &self.reports()?,
            hosts: hosts.ends().each_ref().map(Port::counters),
            carried,
        };
        Ok(snapshot.remainders())
    }

    /// Frames dropped in both encryptors so far, by name; those of the rekey protocol apart, where ports count
    /// both as one.
    pub(super) fn drops(&self) -> Result<Drops, Error> {
        let mut drops = Drops::new();
        for (report, seen) in self.reports()?.iter().zip(&self.seen) {
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
                let of_control = seen.count(of_control);
                if let Some(frames) = drops.get_mut(&format!("black {name}")) {
                    *frames = frames.saturating_sub(of_control); // one may have come in between
                }
                let name = format!("rekey frames: black {name}");
                *drops.entry(name).or_default() += of_control;
            }
        }
        Ok(drops)
    }

    /// Changes of the stage of the supply so far, both ends.
    pub(super) fn stage_changes(&self) -> Result<u64, Error> {
        let changes = |report: &Report| report.tx.supply_changes.unwrap_or_default();
        Ok(self.reports()?.iter().map(changes).sum())
    }

    /// Ends both encryptors, holds what they tell of their keys against each other, adds it to `keys`, and looks
    /// for SAKs in all that is left of them.
    pub(super) fn end(mut self, keys: &mut Keys) -> Result<(Verification, Search), Error> {
        self.encryptors.clear();
        let ledger = |side| {
            let ledger = ledger::read(&self.folder.ledger(side));
            ledger.map_err(|error| Error::Setup(error.to_string()))
        };
        for side in Side::BOTH {
            keys.read(&ledger(side)?);
        }
        let sealed = self.seen.each_ref().map(Seen::take_sealed);
        let on_disk = Search::of(self.folder.path(), &sealed)?;
        let [a, b] = Side::BOTH.map(|side| self.folder.ledger(side));
        let verification = ledger::verify([&a, &b], None);
        let verification = verification.map_err(|error| Error::Setup(error.to_string()))?;
        Ok((verification, on_disk))
    }
}

/// One encryptor, by its config, over these ports.
fn encryptor(
    side: Side,
    file: &Path,
    [red, black]: [Opener; 2],
    fault: Option<Fault>,
) -> Result<Encryptor, Error> {
    let file = file.to_owned();
    let config = EncryptorConfig::read(&file).map_err(|error| Error::Setup(error.to_string()))?;
    let ports = Ports::of_one(red, black, side.mac());
    let run = move |stop| async move { encryptor::run(&config, &file, ports, stop).await };
    Encryptor::start(side, fault, run)
}

/// The drops of a port, under the name of its place.
pub(super) fn port_drops(place: &str, counters: &PortCounters) -> Drops {
    let drops = counters.drops();
    drops
        .map(|(name, frames)| (format!("{place} {name}"), frames))
        .collect()
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

/// Both ports, looked at.
pub(super) fn watched([red, black]: [Opener; 2], seen: &Seen, fault: Option<Fault>) -> [Opener; 2] {
    let stall = match fault {
        Some(Fault::Stall) => STALL,
        _ => Duration::ZERO,
    };
    let (seen_red, seen_black) = (seen.clone(), seen.clone());
    [
        Box::new(move || Ok(Box::new(Red::new(red()?, seen_red)))),
        Box::new(move || Ok(Box::new(Black::new(black()?, seen_black, stall)))),
    ]
}

/// Of a KME that makes the receiver late.
#[cfg(feature = "guards")]
const LATE: Duration = Duration::from_millis(180);

/// Of a worker at each change of key, where that is ordered.
const STALL: Duration = Duration::from_millis(5);

struct Encryptor {
    end: Option<oneshot::Sender<()>>,
    crash: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Encryptor {
    /// On a thread and a runtime of its own, as the daemon has.
    fn start<F, R>(side: Side, fault: Option<Fault>, run: F) -> Result<Self, Error>
    where
        F: FnOnce(Stop) -> R + Send + 'static,
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
                    outcome = run(Stop(ended)) => outcome.map_err(|error| error.to_string()),
                    Ok(()) = crashed => Ok(()), // dropped where it stands
                }
            };
            with(fault, || runtime.block_on(life))
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

    /// Nobody is told, and nothing is carried out any more; its workers end with it.
    fn kill(&mut self) {
        if let Some(crash) = self.crash.take() {
            let _ended_already = crash.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _dropped_where_it_stood = thread.join();
        }
    }

    /// Why it ended, if it did.
    fn last_words(&mut self) -> Option<String> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        Some(match thread.join() {
            Ok(Ok(())) => "without a word".to_owned(),
            Ok(Err(words)) => words,
            Err(_) => "it panicked".to_owned(),
        })
    }
}

/// Resolves when the encryptor is to end.
pub(super) struct Stop(oneshot::Receiver<()>);

impl Future for Stop {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        std::pin::Pin::new(&mut self.0)
            .poll(context)
            .map(|_either_way| ())
    }
}

/// Runs an encryptor with the fault that is in its protocol, if there is one.
fn with<T>(fault: Option<Fault>, run: impl FnOnce() -> T) -> T {
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
            let _said_already = thread.join();
        }
    }
}
