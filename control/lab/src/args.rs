//! Arguments of `qmacsec lab`.

use std::path::PathBuf;
use std::time::Duration;

use device::{CountedProof, Link, LinkSettings, Role, Schedule};
use qmacsec::limits;
use qmacsec::size::Size;

use super::faults::{Kill, KmeTrouble, Target, Victim};
use super::network::Choice;

/// Arguments of `qmacsec lab`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Exit code: 0 only if nothing was lost, doubled or seen in clear, and every change of key took place;
1 if something went wrong; 2 if the run shows too little: it stopped before a change of key, or its
watch of the line missed frames.
Needs no root: without privileges it works in a user namespace. Nothing outlives it, not even after
kill -9.

Examples:
  qmacsec lab
  qmacsec lab --rekey 500ms --duration 60s --json
  qmacsec lab --km 25 --pcap line.pcapng
  qmacsec lab --keys distilled              keys out of simulated quantum signals, no modelled bit
  qmacsec lab --keys distilled --eve intercept-resend=0.1@20s+20s --duration 80s
  qmacsec lab --red xdp --black xdp --mtu 9000   AF_XDP (needs root), jumbo frames
  qmacsec lab --kill b@10s                  one encryptor crashes and is restarted
  qmacsec lab --kill-series 50 --rate 1 --rekey 1s   each process is killed 50 times
  qmacsec lab --network metro-12            relayed keys; add --kill NODE@10s for a dead relay
  qmacsec lab --kme-fault down@10s+60s --duration 2m the keys run short, no frame is lost")]
pub struct Args {
    /// Duration of the traffic
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) duration: Duration,
    /// Time that each key is used
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    pub(crate) rekey: Duration,
    /// Origin of the keys: their rate from formulas and their bits from a random generator, or both
    /// from simulated quantum signals
    #[arg(long, value_enum, default_value_t = KeyOrigin::Modelled, conflicts_with = "network")]
    pub(crate) keys: KeyOrigin,
    /// Length of the fibre; default: the preset's, or 10 km for distilled keys
    #[arg(long, value_name = "KM", allow_negative_numbers = true)]
    pub(crate) km: Option<f64>,
    /// Preset of the modelled link (see `qmacsec link --list`)
    #[arg(long, value_name = "NAME", default_value = limits::LINK_PRESET)]
    pub(crate) preset: String,
    /// Symbols of a block of distilled keys; default: as suits the length
    #[arg(long, value_name = "SYMBOLS")]
    pub(crate) block_symbols: Option<u64>,
    /// Symbols a second of distilled keys; default: as suits the length
    #[arg(long, value_name = "BAUD")]
    pub(crate) symbol_rate: Option<f64>,
    /// Attack on the fibre of distilled keys, with its begin and duration after the first signal:
    /// intercept-resend=SHARE, entangling-cloner, loss-tap, lo-calibration, saturation or
    /// raman=DBM; may be given more than once
    #[arg(long, value_name = "NAME[=VALUE]@TIME[+TIME]")]
    pub(crate) eve: Vec<String>,
    /// Cipher suite
    #[arg(long, default_value = "gcm-aes-xpn-256")]
    pub(crate) suite: String,
    /// Red ports: TAP; AF_PACKET, AF_XDP or DPDK over veth; in-memory; auto: TAP, or the next best
    /// kind
    #[arg(long, value_enum, default_value_t = RedChoice::Auto)]
    pub(crate) red: RedChoice,
    /// Black ports: AF_PACKET, AF_XDP or DPDK over veth (in-memory only together with --red mem)
    #[arg(long, value_enum, default_value_t = BlackChoice::Packet)]
    pub(crate) black: BlackChoice,
    /// Place where the program of AF_XDP ports runs: auto, native or skb
    #[arg(long, default_value = "auto")]
    pub(crate) xdp_mode: port::xdp::XdpMode,
    /// Largest payload of the sites' frames
    #[arg(long, value_name = "OCTETS", default_value_t = limits::RED_MTU)]
    pub(crate) mtu: u16,
    /// Rate of the TCP transfer in each direction, in Mbit/s; 0: as fast as it goes
    #[arg(long, value_name = "MBIT/S", default_value_t = 100)]
    pub(crate) rate: u32,
    /// File to keep the line's frames in, for Wireshark; a pipe is written too, but not read again
    /// to check the ledgers
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Size at which the capture ends; the run continues, and the exit code is 1
    #[arg(long, value_name = "SIZE", default_value = "4GB", requires = "pcap")]
    pub(crate) pcap_max: Size,
    /// Folder to keep both encryptors' ledgers in, for `qmacsec ledger verify`
    #[arg(long, value_name = "FOLDER")]
    pub(crate) ledgers: Option<PathBuf>,
    /// Keys over a network of trusted relays instead of one link: a topology file, or the name of a
    /// built-in one
    #[arg(long, value_name = "FILE|NAME", conflicts_with_all = ["km", "kme_fault", "kill_series"])]
    pub(crate) network: Option<String>,
    /// Sites of the network that the encryptors are at; default: those with the most relays between
    #[arg(
        long,
        value_name = "NAME,NAME",
        value_delimiter = ',',
        requires = "network"
    )]
    pub(crate) sites: Option<Vec<String>>,
    /// Kill an encryptor (a, b), the KMEs or a QKD device (alice, bob) at a time of the run, like a
    /// crash, and restart it; or kill a node of the network for good; may be given more than once
    #[arg(long, value_name = "WHO@TIME")]
    pub(crate) kill: Vec<Kill>,
    /// Kill each process in turn, this number of times each, and end when all have recovered; the
    /// frames of the line are kept, and checked for packet numbers that occur twice under a key
    #[arg(long, value_name = "TIMES", conflicts_with_all = ["kill", "kme_fault"])]
    pub(crate) kill_series: Option<u32>,
    /// Fault of both KMEs: down, wedge, repeat, lose-replies or slow=TIME, with start and duration;
    /// may be given more than once
    #[arg(long, value_name = "FAULT@TIME[+TIME]")]
    pub(crate) kme_fault: Vec<KmeTrouble>,
    /// Basis of the keys: qkd-and-pqc, qkd or pqc-when-short
    #[arg(long, default_value = "qkd-and-pqc")]
    pub(crate) policy: rekey::KeyPolicy,
    /// Longest use of the last key when keys run short
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    pub(crate) hold_max: Duration,
    /// Print the verdict as JSON in the last line of standard output, also that of a lab that
    /// could not be built (ERROR)
    #[arg(long)]
    pub(crate) json: bool,
}

/// The origin of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyOrigin {
    Modelled,
    Distilled,
}

/// The kind of the red ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RedChoice {
    Auto,
    Tap,
    Packet,
    Xdp,
    /// A virtual device of DPDK; only if the program is built with DPDK
    Dpdk,
    Mem,
}

/// The kind of the black ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BlackChoice {
    Packet,
    Xdp,
    /// A virtual device of DPDK; only if the program is built with DPDK
    Dpdk,
    Mem,
}

impl Args {
    /// True if a process is killed on purpose.
    pub(crate) fn kills(&self) -> bool {
        !self.kill.is_empty() || self.kill_series.is_some()
    }

    /// Returns the network that gives the keys, if it is not one link.
    pub(crate) fn choice(&self) -> Result<Option<Choice>, String> {
        let Some(network) = &self.network else {
            return Ok(None);
        };
        let choice = Choice::of(network, self.sites.as_deref(), self.rekey)?;
        for kill in &self.kill {
            if let Target::Node(name) = &kill.who {
                choice.spare(name)?;
            }
        }
        Ok(Some(choice))
    }

    /// Checks the arguments, including their combinations.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (min, max) = (limits::REKEY_INTERVAL_MIN, limits::REKEY_INTERVAL_MAX);
        if !(min..=max).contains(&self.rekey) {
            return Err(format!(
                "--rekey {:?} is out of range; fix: {min:?} to {} hours",
                self.rekey,
                max.as_secs() / 3600
            ));
        }
        if self.duration < self.rekey * 2 {
            return Err(format!(
                "--duration {:?} is too short to see a change of key; fix: at least {:?}",
                self.duration,
                self.rekey * 2
            ));
        }
        if self.km.is_some_and(|km| !(0.0..=1000.0).contains(&km)) {
            return Err("--km is the length of a fibre; fix: 0 to 1000".to_owned());
        }
        if !(limits::LAB_MTU_MIN..=limits::RED_MTU_MAX).contains(&self.mtu) {
            return Err(format!(
                "--mtu {} is out of range; fix: {} to {}",
                self.mtu,
                limits::LAB_MTU_MIN,
                limits::RED_MTU_MAX
            ));
        }
        if (self.black == BlackChoice::Mem) != (self.red == RedChoice::Mem) {
            return Err("in-memory ports go together; fix: --red mem --black mem".to_owned());
        }
        let dpdk = self.red == RedChoice::Dpdk || self.black == BlackChoice::Dpdk;
        if dpdk && !cfg!(feature = "dpdk") {
            let fix = "cargo build --release --features dpdk, or other ports";
            return Err(format!("this program is built without DPDK; fix: {fix}"));
        }
        if self.kill.iter().any(|kill| kill.at >= self.duration) {
            return Err("--kill comes after the end; fix: a time within --duration".to_owned());
        }
        if self.kme_fault.iter().any(|fault| fault.at >= self.duration) {
            return Err(
                "--kme-fault comes after the end; fix: a time within --duration".to_owned(),
            );
        }
        let of_network = |kill: &Kill| matches!(self.target(kill), Target::Node(_));
        if self.network.is_none() && self.kill.iter().any(of_network) {
            return Err(match self.keys {
                KeyOrigin::Modelled => {
                    "--kill names neither a, b nor kmes; fix: one of them, or --network".to_owned()
                }
                KeyOrigin::Distilled => {
                    "--kill names neither a, b, alice nor bob; fix: one of them".to_owned()
                }
            });
        }
        self.check_distilled()?;
        let kmes = |kill: &Kill| kill.who == Target::Process(Victim::Kmes);
        if self.network.is_some() && self.kill.iter().any(kmes) {
            return Err("--network has no KMEs beside its nodes; fix: --kill NODE@TIME".to_owned());
        }
        if self.network.is_some() && self.red == RedChoice::Mem {
            return Err("--network needs processes; fix: other ports than mem".to_owned());
        }
        let trouble = self.kills() || !self.kme_fault.is_empty();
        if trouble && self.red == RedChoice::Mem {
            let what = "--kill, --kill-series and --kme-fault need processes";
            return Err(format!("{what}; fix: other ports than mem"));
        }
        if self.hold_max < self.rekey * 2 {
            return Err(format!(
                "--hold-max {:?} is shorter than two intervals; fix: at least {:?}",
                self.hold_max,
                self.rekey * 2
            ));
        }
        self.suite
            .parse::<secy::Suite>()
            .map_err(|_| format!("--suite {}: no cipher suite of 802.1AE", self.suite))?;
        Ok(())
    }

    /// Returns the process or node that is to be killed. Only devices of distilled keys are named
    /// alice and bob; elsewhere these are nodes.
    pub(crate) fn target(&self, kill: &Kill) -> Target {
        let device = match &kill.who {
            Target::Node(name) if self.keys == KeyOrigin::Distilled => Role::named(name),
            _ => None,
        };
        device.map_or_else(
            || kill.who.clone(),
            |role| Target::Process(Victim::Device(role)),
        )
    }

    /// Returns the link of the QKD devices, if the keys are distilled.
    pub(crate) fn distilled_link(&self) -> Result<Option<Link>, String> {
        if self.keys == KeyOrigin::Modelled {
            return Ok(None);
        }
        let settings = LinkSettings {
            km: self.km.unwrap_or(limits::DISTILL_KM),
            excess_noise_snu: None,
            block_symbols: self.block_symbols,
            symbol_rate_baud: self.symbol_rate,
            proof: CountedProof::Lgg2010,
        };
        let link = Link::of(&settings);
        link.map(Some)
            .map_err(|error| format!("--keys distilled: {error}"))
    }

    /// Checks the options of distilled keys.
    fn check_distilled(&self) -> Result<(), String> {
        if self.keys == KeyOrigin::Modelled {
            let given =
                !self.eve.is_empty() || self.block_symbols.is_some() || self.symbol_rate.is_some();
            return match given {
                true => Err(
                    "--eve, --block-symbols and --symbol-rate are for signals; fix: add \
                             --keys distilled"
                        .to_owned(),
                ),
                false => Ok(()),
            };
        }
        self.distilled_link()?;
        for attack in &self.eve {
            let parsed = attack.parse::<Schedule>();
            parsed.map_err(|error| format!("--eve {error}"))?;
        }
        let kmes = |kill: &Kill| kill.who == Target::Process(Victim::Kmes);
        if self.kill.iter().any(kmes) || !self.kme_fault.is_empty() {
            return Err(
                "--keys distilled has a KME in each device; fix: --kill alice@TIME or \
                        bob@TIME"
                    .to_owned(),
            );
        }
        if self.red == RedChoice::Mem {
            return Err("--keys distilled needs processes; fix: other ports than mem".to_owned());
        }
        Ok(())
    }
}
