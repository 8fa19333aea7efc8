//! Arguments of `qmacsec lab`.

use std::path::PathBuf;
use std::time::Duration;

use crate::limits;

/// Arguments of `qmacsec lab`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Exit code: 0 only if nothing was lost, doubled or seen in clear, and every change of key took place.
Needs no root: without privileges it works in a user namespace. Nothing outlives it, not even after kill -9.

Examples:
  qmacsec lab
  qmacsec lab --rekey 500ms --duration 60s --json
  qmacsec lab --km 25 --pcap line.pcapng
  qmacsec lab --red xdp --black xdp --mtu 9000   AF_XDP (needs root), jumbo frames
  qmacsec lab --kill b@10s                  one encryptor crashes and starts anew")]
pub struct Args {
    /// How long traffic runs
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) duration: Duration,
    /// How long each key is used
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    pub(crate) rekey: Duration,
    /// Length of the modelled fibre; default: the preset's
    #[arg(long, value_name = "KM", allow_negative_numbers = true)]
    pub(crate) km: Option<f64>,
    /// Preset of the modelled link (see `qmacsec link --list`)
    #[arg(long, value_name = "NAME", default_value = limits::LINK_PRESET)]
    pub(crate) preset: String,
    /// Cipher suite
    #[arg(long, default_value = "gcm-aes-xpn-256")]
    pub(crate) suite: String,
    /// Red ports: TAP; AF_PACKET, AF_XDP or DPDK over veth; in-memory; auto: TAP, or the next best
    #[arg(long, value_enum, default_value_t = RedChoice::Auto)]
    pub(crate) red: RedChoice,
    /// Black ports: AF_PACKET, AF_XDP or DPDK over veth (in-memory only together with --red mem)
    #[arg(long, value_enum, default_value_t = BlackChoice::Packet)]
    pub(crate) black: BlackChoice,
    /// Where the program of AF_XDP ports runs: auto, native or skb
    #[arg(long, default_value = "auto")]
    pub(crate) xdp_mode: port::xdp::XdpMode,
    /// Largest payload of the sites' frames
    #[arg(long, value_name = "OCTETS", default_value_t = limits::RED_MTU)]
    pub(crate) mtu: u16,
    /// Rate of the TCP transfer in each direction, in Mbit/s; 0: as fast as it goes
    #[arg(long, value_name = "MBIT/S", default_value_t = 100)]
    pub(crate) rate: u32,
    /// Keep the line's frames for Wireshark
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Keep both encryptors' ledgers in this folder, for `qmacsec ledger verify`
    #[arg(long, value_name = "FOLDER")]
    pub(crate) ledgers: Option<PathBuf>,
    /// Kill one encryptor at a time of the run, as a crash would, and start it anew
    #[arg(long, value_name = "SITE@TIME", value_parser = parse_kill)]
    pub(crate) kill: Option<Kill>,
    /// Print the verdict as JSON, last line of standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which red ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RedChoice {
    Auto,
    Tap,
    Packet,
    Xdp,
    /// A virtual device of DPDK's; only where the program is built with DPDK
    Dpdk,
    Mem,
}

/// Which black ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BlackChoice {
    Packet,
    Xdp,
    /// A virtual device of DPDK's; only where the program is built with DPDK
    Dpdk,
    Mem,
}

/// Whom to kill, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    pub(crate) site: super::topology::Site,
    pub(crate) at: Duration,
}

fn parse_kill(text: &str) -> Result<Kill, String> {
    use super::topology::Site;
    let wrong = || format!("{text:?}: write who and when, like b@10s");
    let (site, at) = text.split_once('@').ok_or_else(wrong)?;
    let site = match site {
        "a" => Site::A,
        "b" => Site::B,
        _ => return Err(wrong()),
    };
    Ok(Kill {
        site,
        at: humantime::parse_duration(at).map_err(|_| wrong())?,
    })
}

impl Args {
    /// What no single argument can tell.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (min, max) = (limits::REKEY_INTERVAL_MIN, limits::REKEY_INTERVAL_MAX);
        if !(min..=max).contains(&self.rekey) {
            return Err(format!(
                "--rekey {:?} is out of range; mend: {min:?} to {} hours",
                self.rekey,
                max.as_secs() / 3600
            ));
        }
        if self.duration < self.rekey * 2 {
            return Err(format!(
                "--duration {:?} is too short to see a change of key; mend: at least {:?}",
                self.duration,
                self.rekey * 2
            ));
        }
        if self.km.is_some_and(|km| !(0.0..=1000.0).contains(&km)) {
            return Err("--km is the length of a fibre; mend: 0 to 1000".to_owned());
        }
        if !(limits::LAB_MTU_MIN..=limits::RED_MTU_MAX).contains(&self.mtu) {
            return Err(format!(
                "--mtu {} is out of range; mend: {} to {}",
                self.mtu,
                limits::LAB_MTU_MIN,
                limits::RED_MTU_MAX
            ));
        }
        if (self.black == BlackChoice::Mem) != (self.red == RedChoice::Mem) {
            return Err("in-memory ports go together; mend: --red mem --black mem".to_owned());
        }
        let dpdk = self.red == RedChoice::Dpdk || self.black == BlackChoice::Dpdk;
        if dpdk && !cfg!(feature = "dpdk") {
            let mend = "cargo build --release --features dpdk, or other ports";
            return Err(format!("this program is built without DPDK; mend: {mend}"));
        }
        if self.kill.is_some_and(|kill| kill.at >= self.duration) {
            return Err("--kill comes after the end; mend: a time within --duration".to_owned());
        }
        if self.kill.is_some() && self.red == RedChoice::Mem {
            return Err("--kill needs processes; mend: other ports than mem".to_owned());
        }
        self.suite
            .parse::<secy::Suite>()
            .map_err(|_| format!("--suite {}: no cipher suite of 802.1AE", self.suite))?;
        Ok(())
    }
}
