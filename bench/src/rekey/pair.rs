//! Two whole encryptors in this process: driver, rekey protocol, KMEs over mutual TLS, workers, as
//! `qmacsec run` runs them. Only the ports are given.
//!
//! ```text
//! host a ═ [encryptor a] ─ watched ═══ line ═══ watched ─ [encryptor b] ═ host b
//! ```

use std::collections::BTreeMap;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use port::{Port, PortError};
use qmacsec::config::EncryptorConfig;
use qmacsec::encryptor;
use qmacsec::ports::{Opener, Ports};
use qmacsec::status::{Report, query};
use tests::kmes::TwoKmes;
use tests::patience::waited;
use tests::site::{Folder, Settings, Side};
use tokio::sync::oneshot;

use super::cables::Cables;
use super::watch::{Seen, Watched};
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
    ) -> Result<(Self, [Box<dyn Port>; 2]), Error> {
        let folder = Folder::new(&Settings {
            interval,
            ..Settings::default()
        });
        let kmes = TwoKmes::start(&folder);
        let seen = [Seen::default(), Seen::default()];
        let ends = Side::BOTH.into_iter().zip(cables.encryptors).zip(&seen);
        let start = |((side, ports), seen): ((Side, [Opener; 2]), &Seen)| {
            let file = folder.encryptor(side, NAMED_PORTS, kmes.address(side));
            let config =
                EncryptorConfig::read(&file).map_err(|error| Error::Setup(error.to_string()))?;
            let [red, black] = ports;
            let ports = Ports::of_one(red, watched(black, seen.clone(), fault), side.mac());
            let run = move |stop| async move { encryptor::run(&config, &file, ports, stop).await };
            Encryptor::start(side, fault, run)
        };
        let encryptors = ends.map(start).collect::<Result<_, _>>()?;
        let mut pair = Self {
            encryptors,
            seen,
            kmes,
            folder,
        };
        pair.wait_for_keys()?;
        pair.slow_receivers(fault);
        let [a, b] = cables.hosts;
        Ok((pair, [a()?, b()?]))
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

    /// Frames dropped in both encryptors so far, by name.
    pub(super) fn drops(&self) -> Result<Drops, Error> {
        let mut drops = Drops::new();
        for side in Side::BOTH {
            let report: Report = query(&self.folder.socket(side))
                .map_err(|error| Error::Setup(error.to_string()))?;
            for worker in &report.workers {
                for (name, port) in [("red", &worker.red), ("black", &worker.black)] {
                    count(&mut drops, &format!("{name} "), &PORT_DROPS, &port.counters);
                }
                let discards = secy::Discard::ALL.map(|discard| discard.name());
                count(&mut drops, "", &discards, &worker.tx);
                count(&mut drops, "", &discards, &worker.rx);
            }
        }
        Ok(drops)
    }
}

/// What a port drops.
const PORT_DROPS: [&str; 8] = [
    "rx_ring_full",
    "rx_no_buffer",
    "rx_too_long",
    "rx_malformed",
    "rx_checksum_unfinished",
    "tx_refused",
    "tx_too_long",
    "tx_link_down",
];

/// The drops of a host's own port.
pub(super) fn host_drops(port: &impl Port) -> Drops {
    let counters = port.counters();
    let all = port::PortCounters::NAMES.into_iter().zip(counters.values());
    let drops = all.filter(|(name, _)| PORT_DROPS.contains(name));
    drops
        .map(|(name, frames)| (format!("host {name}"), frames))
        .collect()
}

fn count(drops: &mut Drops, prefix: &str, names: &[&str], counters: &BTreeMap<String, u64>) {
    for name in names {
        if let Some(frames) = counters.get(*name) {
            *drops.entry(format!("{prefix}{name}")).or_default() += frames;
        }
    }
}

fn watched(open: Opener, seen: Seen, fault: Option<Fault>) -> Opener {
    let stall = match fault {
        Some(Fault::Stall) => STALL,
        _ => Duration::ZERO,
    };
    Box::new(move || -> Result<Box<dyn Port>, PortError> {
        Ok(Box::new(Watched::new(open()?, seen, stall)))
    })
}

/// Of a KME that makes the receiver late.
#[cfg(feature = "guards")]
const LATE: Duration = Duration::from_millis(180);

/// Of a worker at each change of key, where that is ordered.
const STALL: Duration = Duration::from_millis(5);

struct Encryptor {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Encryptor {
    /// On a thread and a runtime of its own, as the daemon has.
    fn start<F, R>(side: Side, fault: Option<Fault>, run: F) -> Result<Self, Error>
    where
        F: FnOnce(Stop) -> R + Send + 'static,
        R: Future<Output = Result<(), encryptor::RunError>>,
    {
        let (end, ended) = oneshot::channel::<()>();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            with(fault, || runtime.block_on(run(Stop(ended)))).map_err(|error| error.to_string())
        };
        let thread = thread::Builder::new()
            .name(format!("encryptor-{}", side.letter()))
            .spawn(work)?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
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
