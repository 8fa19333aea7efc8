//! An encryptor in which one thread dies on order: over ports in memory, in its own process.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lab::site::Site;
use port::mem::{self, MemPort};
use port::{Burst, Port, PortCounters, PortError};
use qmacsec::command::run::run;
use qmacsec::ports::{Opener, Ports};

/// Environment variable: the name of a fault.
pub const FAULT: &str = "QMACSEC_TEST_FAULT";
/// Environment variable: the file that triggers the fault when it appears.
pub const WHEN: &str = "QMACSEC_TEST_FAULT_WHEN";

/// Interval between two checks for the file.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The thread or task that dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A frame worker.
    Worker,
    /// The control thread.
    Control,
    /// A task beside the driver's loop.
    Task,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 3] = [Self::Worker, Self::Control, Self::Task];

    /// Returns the name used in the environment.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Control => "control",
            Self::Task => "task",
        }
    }

    /// Returns the fault with this name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|fault| fault.name() == name);
        found.unwrap_or_else(|| panic!("no fault {name}"))
    }
}

/// Runs an encryptor as `qmacsec run` does. The fault occurs when the file `when` appears.
#[must_use]
#[expect(
    clippy::result_large_err,
    reason = "the error is that of the program's start, and made once"
)]
pub fn run_until(config: &Path, fault: Fault, when: PathBuf) -> ExitCode {
    let due = Arc::new(AtomicBool::new(false));
    let port = |fragile: bool| -> Opener {
        let due = Arc::clone(&due);
        Box::new(move || {
            let (near, far) = mem::pair(16);
            let far = far.open()?;
            let port = Fragile {
                port: near.open()?,
                _far: far,
                due: fragile.then_some(due),
            };
            Ok::<Box<dyn Port>, PortError>(Box::new(port))
        })
    };
    let (red, black) = (port(fault == Fault::Worker), port(false));
    let watched = Arc::clone(&due);
    thread::spawn(move || {
        while !when.exists() {
            thread::sleep(LOOK_EVERY);
        }
        watched.store(true, Ordering::Relaxed);
    });
    let stop = async move {
        while !due.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        match fault {
            Fault::Worker => {}
            Fault::Control => panic!("a fault of control, as ordered"),
            Fault::Task => drop(tokio::spawn(async {
                panic!("a fault of a task, as ordered")
            })),
        }
        std::future::pending::<()>().await;
    };
    let ended = run(
        config,
        |_| Ok(Ports::of_one(red, black, Site::A.mac())),
        stop,
    );
    ended.unwrap_or(ExitCode::FAILURE)
}

/// A port that panics when the fault is due.
struct Fragile {
    port: MemPort,
    _far: MemPort,
    due: Option<Arc<AtomicBool>>,
}

impl Port for Fragile {
    fn rx_burst(&mut self, into: &mut Burst) {
        let due = self.due.as_ref();
        assert!(
            !due.is_some_and(|due| due.load(Ordering::Relaxed)),
            "a fault of a worker, as ordered"
        );
        self.port.rx_burst(into);
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        self.port.tx_burst(from);
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        self.port.copy_tx(frame);
    }

    fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.port.fd()
    }

    fn mtu(&self) -> usize {
        self.port.mtu()
    }

    fn mac(&self) -> [u8; 6] {
        self.port.mac()
    }

    fn counters(&self) -> PortCounters {
        self.port.counters()
    }

    fn link_up(&self) -> bool {
        self.port.link_up()
    }

    fn kind(&self) -> &'static str {
        self.port.kind()
    }
}
