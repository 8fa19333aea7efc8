//! `qmacsec-bench rekey`: what a change of key costs, in frames and in microseconds.
//!
//! ```text
//! hosts (one thread) ═ [encryptor a] ─ probe ═══ line ═══ probe ─ [encryptor b] ═ hosts
//!   numbers, due times ─▶ account: in the windows around switches | outside ─▶ rows ─▶ verdict
//! ```
//! Both encryptors are complete: rekey protocol, keys from KMEs over mutual TLS, workers. The load
//! is open loop; the latency of a frame counts from when it was due. Runs with and without rekeying
//! alternate, so that a loss can be attributed to rekeying or not. A switch happens where the first
//! frame under a new key leaves for the line.
//!
//! Each module uses only those before it: `rig`, `load`, `observe`, `analyse`, `plan`,
//! `measure`, `report`.

use core::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cpu::{Clock, Limits};
use crate::device::Device;
use crate::harness::choice::among;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::ports::PortSetup;
use crate::size::FrameSize;
use lab::sandbox;
use measure::rounds;
use plan::Plan;
use report::{files, records, text};
use rig::cores::Cores;
use rig::devices::DEVICES;
use rig::encryptors::NEVER;

mod analyse;
mod load;
mod measure;
mod observe;
mod plan;
mod report;
mod rig;

/// Options of `qmacsec-bench rekey`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    qmacsec-bench rekey --quick\n  \
    qmacsec-bench rekey --full --out rekey\n  \
    qmacsec-bench rekey --ports mem,xdp --intervals 3,1,0.1 --loads 50 --sizes 64,1518 --switches \
    1000 --out rekey\n  \
    sysctl kernel.sched_rt_runtime_us=-1; qmacsec-bench rekey --realtime --ports mem,xdp \
    --intervals 1,0.1 --loads 50 --sizes 512\n  \
    qmacsec-bench rekey --ports mem --intervals 1,0.1 --loads 50 --sizes 512 --faults --devices \
    no-op,integrity --out rekey\n\
    Exit code 2 when a row or a fault fails. `--out` writes report.txt, report.json, report.html, \
    .svg and .hlog.")]
pub(crate) struct Options {
    /// Seconds between switches, at least 0.1 [default: 60,3,1,0.3,0.1]
    ///
    /// 0.1 is the least that the protocol allows: an offer is sent half an interval before its
    /// switch, and within that time the peer gets the key from its KME over mutual TLS and installs
    /// it in all workers.
    #[arg(long, value_delimiter = ',', value_parser = interval)]
    pub intervals: Vec<Duration>,
    /// Frame sizes in octets with FCS, at most 1518, and `imix` [default: 64,512,1518,imix]
    #[arg(long, value_delimiter = ',', value_parser = size)]
    pub sizes: Vec<FrameSize>,
    /// Per cent of the no-drop rate [default: 10,50,90]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=100))]
    pub loads: Vec<u32>,
    /// Seconds of one run, at most 100 [default: 60; with rekeying as long as --switches takes]
    #[arg(long, value_parser = time)]
    pub time: Option<Duration>,
    /// Switches at each interval, of both directions and all its runs; the runs are as long as that
    /// takes [default, without --time: 1000 up to 1 s, 200 up to 3 s]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub switches: Option<u32>,
    /// Runs of each kind, alternating [default: 10]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pairs: Option<u32>,
    /// Ports; all but mem are in network namespaces of the bench [default: mem,xdp,packet]
    #[arg(long, value_delimiter = ',', value_parser = among(PORTS))]
    pub ports: Vec<PortSetup>,
    /// The no-drop rate, which is then not searched: frames a second and direction
    #[arg(long)]
    pub rate: Option<u32>,
    /// A short measurement: in memory, 512 octets at half load, 1 s and 0.1 s, under a minute
    #[arg(long)]
    pub quick: bool,
    /// The full measurement, for one or two days: all defaults, and the faults
    #[arg(long, conflicts_with = "quick")]
    pub full: bool,
    /// Plays faults, too (T8): KMEs down, slow or with different keys, reordered frames, a crashed
    /// encryptor
    #[arg(long)]
    pub faults: bool,
    /// Peers in the same rounds [default: all in this build; none with --quick]
    #[arg(long, alias = "arms", value_delimiter = ',', value_parser = among(DEVICES))]
    pub devices: Vec<Device>,
    /// Hosts and devices are real-time threads, so that no other thread delays frames on their
    /// cores; needs another core, CAP_SYS_NICE, and `sysctl kernel.sched_rt_runtime_us=-1`
    #[arg(long)]
    pub realtime: bool,
    /// JSON instead of tables
    #[arg(long)]
    pub json: bool,
    /// A folder for the report in all forms
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Makes the encryptors faulty, to test the verdict
    #[arg(long, value_enum, hide = true)]
    pub fault: Option<Fault>,
}

/// A fault of the encryptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Fault {
    /// The worker stalls for 5 ms at each switch
    Stall,
    /// The sender switches before the receiver is ready
    #[cfg(feature = "guards")]
    EarlySwitch,
}

const PORTS: &[PortSetup] = &[
    PortSetup::Mem,
    PortSetup::Packet,
    PortSetup::Xdp,
    PortSetup::XdpSkb,
    PortSetup::Tap,
    PortSetup::DpdkAfXdp,
    PortSetup::DpdkAfPacket,
];

/// Parses seconds within a range; `what` begins the error.
fn seconds(text: &str, range: RangeInclusive<Duration>, what: &str) -> Result<Duration, String> {
    let number = text.parse().ok();
    let seconds = number.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let seconds = seconds.ok_or_else(|| format!("`{text}` is not a number of seconds"))?;
    if range.contains(&seconds) {
        return Ok(seconds);
    }
    let (least, most) = (range.start().as_secs_f64(), range.end().as_secs_f64());
    Err(format!("{what} {least} s to {most} s"))
}

fn interval(text: &str) -> Result<Duration, String> {
    seconds(text, rekey::limits::INTERVAL_MIN..=NEVER, "an interval is")
}

fn time(text: &str) -> Result<Duration, String> {
    seconds(text, TIME_MIN..=TIME_MAX, "a run takes")
}

fn size(text: &str) -> Result<FrameSize, String> {
    let size: FrameSize = text.parse()?;
    if size.longest() > SIZE_MAX {
        return Err(format!("at most {SIZE_MAX} octets"));
    }
    Ok(size)
}

/// A shorter run does not settle; a longer one has a switch also at the interval that stands for
/// none.
const TIME_MIN: Duration = Duration::from_secs(1);
const TIME_MAX: Duration = Duration::from_secs(100);
const _: () = assert!(TIME_MAX.as_secs() < NEVER.as_secs());
const SIZE_MAX: usize = 1518;

/// Measures. Returns the output, and whether all rows passed. With ports other than memory the
/// process enters new namespaces, for which the caller must have one thread.
pub(crate) fn run(options: &Options) -> Result<(String, bool), Error> {
    let plan = Plan::new(options);
    if plan.ports.iter().any(|port| *port != PortSetup::Mem) {
        sandbox::enter()?;
    }
    let _log = qmacsec::log::start("off");
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    let machine = Machine::this(&clock, limits); // before its cores are divided
    let results = rounds::run(&plan, Cores::part(options.realtime)?)?;
    let machine = Machine {
        absent: results.absent.clone(),
        builds: vec![format!("engine {}", gcm::Engine::best().name())],
        ..machine
    };
    let text = text::write(&machine, &plan, &results);
    let json = records::json(&machine, &results)?;
    if let Some(folder) = &options.out {
        files::write(folder, &machine, &text, &json, &results)?;
    }
    let output = if options.json { json } else { text };
    Ok((output, results.passed()))
}

#[cfg(test)]
mod tests;
