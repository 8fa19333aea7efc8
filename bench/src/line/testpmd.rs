//! A peer: DPDK's own forwarder. One process has all four ports, and one core polls them in turn,
//! as with our devices.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lab::patience::waited;

use crate::harness::cores::core_time;
use crate::harness::error::Error;
use crate::network::{INTERFACES, Network};
use crate::ports::PortSetup;
use crate::vdev::Vdev;

const PROGRAM: &str = "dpdk-testpmd";
const FORWARDING: &str = "rte-worker-";
/// Time until it forwards, on a busy machine, and time between two looks.
const START: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A thread that has had its core for this long since the look before polls; before that it waits.
const POLLING: Duration = Duration::from_millis(10);
const END: Duration = Duration::from_secs(5);

/// Running; killed when dropped.
pub(super) struct Testpmd {
    process: Child,
    pub(super) schedstat: PathBuf,
}

/// Why it cannot be measured, if it cannot.
pub(super) fn absent() -> Option<String> {
    let error = Command::new(PROGRAM).arg("--help").output().err()?;
    Some(format!("testpmd: no {PROGRAM} (Debian: dpdk): {error}"))
}

/// Its driver for ports of this kind, or for ports that go the same way into the kernel.
pub(super) fn driver(port: PortSetup) -> Option<Vdev> {
    match port {
        PortSetup::Packet | PortSetup::DpdkAfPacket => Some(Vdev::AfPacket),
        PortSetup::Xdp | PortSetup::DpdkAfXdp => Some(Vdev::AfXdp),
        _ => None,
    }
}

impl Testpmd {
    /// Starts it in the middle; `host` is the core of everything but forwarding.
    pub(super) fn start(
        network: &Network,
        driver: Vdev,
        [core, host]: [usize; 2],
    ) -> Result<Self, Error> {
        let mut command = Command::new(PROGRAM);
        command
            .arg(format!("--lcores=0@{host},1@{core}"))
            .arg(format!("--file-prefix=qmacsec-bench-{}", process::id()))
            .args(["--no-pci", "--no-telemetry", "--no-huge", "-m", "512"]);
        for interface in INTERFACES.as_flattened() {
            let device = driver.devargs(interface, network.red_mtu);
            command.arg(format!("--vdev={device}"));
        }
        // Ports are paired in the order in which they are named: red and black of each box.
        command
            .args(["--", "--forward-mode=io", "--port-topology=paired"])
            .args(["--nb-cores=1", "--auto-start", "--no-lsc-interrupt"])
            .arg("--total-num-mbufs=32768")
            .stdin(Stdio::piped()) // it ends with its input
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = network.middle.run(move || command.spawn())??;
        let mut testpmd = Self {
            process,
            schedstat: PathBuf::new(),
        };
        testpmd.wait()?;
        Ok(testpmd)
    }

    /// Waits until its forwarding thread polls. Its output is buffered, and comes too late.
    fn wait(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + START;
        let mut before = Duration::MAX;
        while Instant::now() < deadline {
            thread::sleep(LOOK_EVERY);
            if let Some(status) = self.process.try_wait()? {
                return Err(Error::Testpmd(format!("it ended at its start ({status})")));
            }
            let Some(schedstat) = self.forwarding_thread()? else {
                continue;
            };
            let now = core_time(&schedstat)?;
            if now > before.saturating_add(POLLING) {
                self.schedstat = schedstat;
                return Ok(());
            }
            before = now;
        }
        Err(Error::Testpmd(format!(
            "it does not forward within {START:?}"
        )))
    }

    fn forwarding_thread(&self) -> io::Result<Option<PathBuf>> {
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let task = task?.path();
            // A thread that has just ended has no name.
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            if name.starts_with(FORWARDING) {
                return Ok(Some(task.join("schedstat")));
            }
        }
        Ok(None)
    }

    /// Ends it: the next device needs its interfaces.
    pub(super) fn end(mut self) {
        drop(self.process.stdin.take());
        waited(END, || !matches!(self.process.try_wait(), Ok(None)));
    }
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _ended_already = self.process.wait();
    }
}
