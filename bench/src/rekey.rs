//! `qmacsec-bench rekey`: what a change of key costs, in frames and in microseconds.
//!
//! ```text
//! hosts (one thread: load) ═ [encryptor a] ─ watch ═══ line ═══ watch ─ [encryptor b] ═ hosts
//!   numbers, due times ─▶ account: in the windows around switches | outside ─▶ rows ─▶ verdict
//! ```
//! Both encryptors are whole: rekey protocol, keys from KMEs over mutual TLS, workers. The load is
//! open loop; a frame's time counts from when it was due. Runs with rekeying stand between runs
//! without, so that a loss is the rekeying's own, or not.
//!
//! A switch is where the first frame under a new key leaves for the line.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use port::PortError;

use crate::cpu::{Clock, Limits};
use crate::crypto::or_default;
use crate::frame_size::FrameSize;
use crate::machine::Machine;
pub use arms::Arm;
pub use cables::PortKind;
use cores::Cores;
use lab::sandbox::{self, SandboxError};
use length::Length;

mod account;
mod arms;
mod bins;
mod cables;
mod chance;
mod charts;
mod closure;
mod cores;
mod disk;
mod faults;
mod files;
mod keys;
mod latency;
mod leg;
mod length;
mod load;
mod ndr;
mod outlet;
mod pace;
mod page;
mod pair;
mod rates;
mod report;
mod rounds;
mod rows;
mod sham;
mod standstill;
mod steps;
mod tails;
mod verdict;
mod watch;
mod witness;

/// Options of `qmacsec-bench rekey`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    qmacsec-bench rekey --quick\n  \
    qmacsec-bench rekey --full --out rekey\n  \
    qmacsec-bench rekey --ports mem,xdp --intervals 3,1,0.1 --loads 50 --sizes 64,1518 --switches 1000 --out rekey\n  \
    sysctl kernel.sched_rt_runtime_us=-1; qmacsec-bench rekey --realtime --ports mem,xdp --intervals 1,0.1 --loads 50 --sizes 512\n  \
    qmacsec-bench rekey --ports mem --intervals 1,0.1 --loads 50 --sizes 512 --faults --arms no-op,integrity --out rekey\n\
    Exit code 2 when a row or a fault fails. `--out` writes report.txt, report.json, report.html, .svg and .hlog.")]
pub struct Options {
    /// Seconds between switches, at least 0.1 [default: 60,3,1,0.3,0.1]
    ///
    /// 0.1 is the protocol's own least: an offer begins half an interval before its switch, and within that time
    /// the peer gets the key from its KME over mutual TLS and installs it in all workers.
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
    /// So many switches at each interval, both directions and all its runs together, make these runs as long as
    /// that takes [default, without --time: 1000 up to 1 s, 200 up to 3 s]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub switches: Option<u32>,
    /// Runs of each kind, interleaved [default: 10]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pairs: Option<u32>,
    /// Over which ports; all but mem are in namespaces of its own [default: mem,xdp,packet]
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<PortKind>,
    /// Takes this for the no-drop rate instead of searching it: frames a second and direction
    #[arg(long)]
    pub rate: Option<u32>,
    /// A short look: in memory, 512 octets at half load, 1 s and 0.1 s, under a minute
    #[arg(long)]
    pub quick: bool,
    /// The real thing, for one or two days: all that is the default, and the faults
    #[arg(long, conflicts_with = "quick")]
    pub full: bool,
    /// Plays faults, too (T8): KMEs down, slow, at odds, frames that change places, an encryptor killed
    #[arg(long)]
    pub faults: bool,
    /// Peers in the same rounds [default: all in this build; none with --quick]
    #[arg(long, value_delimiter = ',')]
    pub arms: Vec<Arm>,
    /// Hosts and boxes are real-time threads, so that nothing comes between frames on their cores and nobody waits for
    /// a slice to end; needs a core besides, CAP_SYS_NICE, and `sysctl kernel.sched_rt_runtime_us=-1`
    #[arg(long)]
    pub realtime: bool,
    /// JSON instead of tables
    #[arg(long)]
    pub json: bool,
    /// A folder for the report in every form
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Makes the encryptors faulty: the verdict must say so
    #[arg(long, value_enum, hide = true)]
    pub fault: Option<Fault>,
}

/// What is made wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Fault {
    /// The worker stands still for 5 ms at each switch
    Stall,
    /// The sender switches before the receiver is ready
    #[cfg(feature = "guards")]
    EarlySwitch,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = seconds(text)?;
    let (least, most) = (rekey::limits::INTERVAL_MIN, pair::NEVER);
    if (least..=most).contains(&interval) {
        return Ok(interval);
    }
    Err(format!(
        "an interval is {} s to {} s",
        least.as_secs_f64(),
        most.as_secs_f64()
    ))
}

fn time(text: &str) -> Result<Duration, String> {
    let time = seconds(text)?;
    if (TIME_MIN..=TIME_MAX).contains(&time) {
        return Ok(time);
    }
    Err(format!(
        "a run takes {} s to {} s",
        TIME_MIN.as_secs_f64(),
        TIME_MAX.as_secs_f64()
    ))
}

fn size(text: &str) -> Result<FrameSize, String> {
    let size: FrameSize = text
        .parse()
        .map_err(|error: crate::frame_size::UnknownFrameSize| error.to_string())?;
    if size.longest() > SIZE_MAX {
        return Err(format!("at most {SIZE_MAX} octets here"));
    }
    Ok(size)
}

/// A run that ends before anything has settled says nothing; one that is longer than the interval that
/// stands for none has a switch.
const TIME_MIN: Duration = Duration::from_secs(1);
const TIME_MAX: Duration = Duration::from_secs(100);
const _: () = assert!(TIME_MAX.as_secs() < pair::NEVER.as_secs());
/// The cables carry usual Ethernet.
const SIZE_MAX: usize = 1518;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files, config, sockets of the pair.
    #[error("the pair of encryptors cannot be built: {0}")]
    Setup(String),
    /// No namespaces.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A port that is not to be had, most of all.
    #[error("an encryptor ended at its start: {0}")]
    Ended(String),
    /// They do not find each other.
    #[error("the encryptors have no keys after 30 s; RUST_LOG=info shows why")]
    NoKeys,
    /// Not one frame a second without loss.
    #[error("at size {0} no rate is carried without loss: is the machine overloaded?")]
    NothingCarried(FrameSize),
    /// Not on this machine.
    #[error("--realtime needs {0}")]
    Realtime(&'static str),
    /// A port.
    #[error("port: {0}")]
    Port(#[from] PortError),
    /// Threads, files.
    #[error("the system refuses what the measurement needs: {0}")]
    System(#[from] io::Error),
    /// The JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What is to be measured; the options with every default filled in.
#[derive(Clone, Debug)]
struct Plan {
    ports: Vec<PortKind>,
    intervals: Vec<Duration>,
    sizes: Vec<FrameSize>,
    loads: Vec<u32>,
    /// Of a run without rekeying.
    time: Duration,
    length: Length,
    pairs: u32,
    rate: Option<f64>,
    fault: Option<Fault>,
    arms: Vec<Arm>,
    faults: bool,
    /// How long each of them lasts.
    fault_time: Duration,
}

impl Plan {
    fn new(options: &Options) -> Self {
        let octets = FrameSize::Octets;
        let (intervals, sizes, loads, time, pairs) = if options.quick {
            (vec![1_000, 100], vec![octets(512)], vec![50], 3, 2)
        } else {
            let sizes = vec![octets(64), octets(512), octets(1518), FrameSize::Imix];
            (
                vec![60_000, 3_000, 1_000, 300, 100],
                sizes,
                vec![10, 50, 90],
                60,
                10,
            )
        };
        let ports = match options.quick {
            true => vec![PortKind::Mem],
            false => vec![PortKind::Mem, PortKind::Xdp, PortKind::Packet],
        };
        let intervals = intervals.into_iter().map(Duration::from_millis).collect();
        let length = match (options.switches, options.time) {
            (Some(switches), _) => Length::Switches(switches.into()),
            (None, None) if !options.quick => Length::Usual,
            (None, _) => Length::Time,
        };
        Self {
            ports: or_default(&options.ports, ports),
            intervals: or_default(&options.intervals, intervals),
            sizes: or_default(&options.sizes, sizes),
            loads: or_default(&options.loads, loads),
            time: options.time.unwrap_or(Duration::from_secs(time)),
            length,
            pairs: options.pairs.unwrap_or(pairs),
            rate: options.rate.map(f64::from),
            fault: options.fault,
            arms: or_default(
                &options.arms,
                if options.quick {
                    Vec::new()
                } else {
                    Arm::all()
                },
            ),
            faults: options.faults || options.full,
            fault_time: if options.quick {
                faults::LASTS_QUICK
            } else {
                faults::LASTS
            },
        }
    }
}

/// Measures; returns what is to be printed, and whether all rows passed. With ports other than memory
/// it takes the process into namespaces of its own: then the caller has one thread.
///
/// # Errors
///
/// When nothing can be measured.
pub fn run(options: &Options) -> Result<(String, bool), Error> {
    let plan = Plan::new(options);
    if plan.ports.iter().any(|port| *port != PortKind::Mem) {
        sandbox::enter()?;
    }
    let _log = qmacsec::log::start("off");
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    let machine = Machine::this(&clock, limits); // before we part its cores
    let results = rounds::run(&plan, Cores::part(options.realtime)?)?;
    let machine = Machine {
        absent: results.absent.clone(),
        builds: vec![format!("engine {}", gcm::Engine::best().name())],
        ..machine
    };
    let text = report::write(&machine, &plan, &results);
    let json = rows::json(&machine, &results)?;
    if let Some(folder) = &options.out {
        files::write(folder, &machine, &text, &json, &results)?;
    }
    let text = if options.json { json } else { text };
    Ok((text, results.passed()))
}

#[cfg(test)]
mod tests;
