//! The lab with processes and namespaces: builds up, lets traffic run, takes the evidence.

use std::path::Path;
use std::time::{Duration, Instant};

use super::args::{Args, BlackChoice};
use super::ping::{self, Ping};
use super::sandbox;
use super::sites::{Settings, Sites};
use super::sniff::{Recorder, Sniffer};
use super::stop::Stop;
use super::table::{Snapshot, Table};
use super::topology::{Site, Topology};
use super::transfer::Transfer;
use super::verdict::{Crash, Evidence, Verdict};
use super::{FIRST_KEY, LOOK_EVERY, done, while_doing};
use crate::config::PortKind;

/// How long a crashed encryptor is left dead.
const DEAD_FOR: Duration = Duration::from_millis(500);
/// How long frames may still be under way after the hosts have gone quiet.
const DRAIN: Duration = Duration::from_secs(3);

/// Everything of the running lab.
struct Lab<'a> {
    args: &'a Args,
    topology: &'a Topology,
    sites: Sites,
    sniffers: [Sniffer; 2],
    pings: [Ping; 2],
    transfers: [Transfer; 2],
}

/// Builds the lab, runs it for its time, takes it down.
pub(super) fn run(
    args: &Args,
    red: PortKind,
    recorder: Option<Recorder>,
    stop: &Stop,
) -> Result<Verdict, String> {
    eprintln!("building two sites:");
    let in_use: Vec<_> = args
        .pcap
        .iter()
        .cloned()
        .chain(std::env::current_dir().ok())
        .collect();
    let in_use: Vec<&Path> = in_use.iter().map(AsRef::as_ref).collect();
    let vault = sandbox::vault(&in_use).map_err(while_doing("a folder for secrets"))?;
    stop.watch().map_err(while_doing("watching for signals"))?;
    let black = match args.black {
        BlackChoice::Xdp => PortKind::Xdp,
        BlackChoice::Dpdk => PortKind::Dpdk,
        BlackChoice::Packet | BlackChoice::Mem => PortKind::Packet,
    };
    let topology =
        Topology::build(red, black, args.mtu).map_err(while_doing("namespaces and cables"))?;
    done("four namespaces, cables, a line");
    let settings = Settings {
        interval: args.rekey,
        km: args.km,
        preset: args.preset.clone(),
        red,
        black,
        xdp_mode: args.xdp_mode,
        mtu: args.mtu,
        suite: args.suite.clone(),
    };
    Sites::furnish(&vault, &topology, &settings)
        .map_err(while_doing("certificates and configs"))?;
    done("certificates, a pre-shared secret, configs");
    let rekey_ethertype = wire::ETHERTYPE_REKEY;
    // Watching starts before the encryptors do: not one frame goes unseen.
    let sniffer = |site: Site| {
        Sniffer::start(
            topology.watch_point(site),
            site,
            rekey_ethertype,
            recorder.clone(),
        )
        .map_err(while_doing("watching the line"))
    };
    let sniffers = [sniffer(Site::A)?, sniffer(Site::B)?];
    let mut sites = Sites::start(&vault, &topology, |who| done(&format!("{who} up")))
        .map_err(while_doing("starting"))?;
    for site in Site::BOTH {
        if red == PortKind::Tap {
            topology
                .address_host(site)
                .map_err(while_doing("the host's address"))?;
        }
    }
    wait_for_keys(&mut sites, stop)?;
    done("both directions have their first key");

    let host = |site: Site| &topology.site(site).host;
    let pings = [
        Ping::start(host(Site::A), Site::B.host()).map_err(while_doing("ping"))?,
        Ping::start(host(Site::B), Site::A.host()).map_err(while_doing("ping"))?,
    ];
    let transfer = |from: Site| {
        Transfer::start(
            host(from),
            host(from.other()),
            from.other().host(),
            args.rate,
        )
        .map_err(while_doing("transfer"))
    };
    let transfers = [transfer(Site::A)?, transfer(Site::B)?];
    let mut lab = Lab {
        args,
        topology: &topology,
        sites,
        sniffers,
        pings,
        transfers,
    };
    let started = Instant::now();
    let crash = lab.watch(started, stop)?;
    lab.conclude(started.elapsed(), crash, recorder)
}

fn wait_for_keys(sites: &mut Sites, stop: &Stop) -> Result<(), String> {
    let deadline = Instant::now() + FIRST_KEY;
    loop {
        sites.all_alive().map_err(|error| error.to_string())?;
        let encrypting = |site| sites.report(site).is_ok_and(|report| report.encrypting);
        if encrypting(Site::A) && encrypting(Site::B) {
            return Ok(());
        }
        if stop.asked() {
            return Err("stopped before the first key".to_owned());
        }
        if Instant::now() > deadline {
            return Err(format!(
                "no key within {FIRST_KEY:?}; the processes said last:\n  {}",
                sites.last_words()
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Lab<'_> {
    /// Shows the live table until the time is over; crashes an encryptor if asked to.
    fn watch(&mut self, started: Instant, stop: &Stop) -> Result<Option<Crash>, String> {
        let mut table = Table::new();
        let mut crash = None;
        while started.elapsed() < self.args.duration && !stop.asked() {
            if let Some(kill) = self
                .args
                .kill
                .filter(|kill| crash.is_none() && started.elapsed() >= kill.at)
            {
                crash = Some(self.crash(kill.site)?);
            }
            self.sites.all_alive().map_err(|error| error.to_string())?;
            // A report that fails is seen again a moment later, or the process has ended.
            if let (Ok(a), Ok(b), Ok(kmes)) = (
                self.sites.report(Site::A),
                self.sites.report(Site::B),
                self.sites.kme_report(),
            ) {
                table.show(Snapshot {
                    at: Instant::now(),
                    left: self.args.duration.saturating_sub(started.elapsed()),
                    a,
                    b,
                    kmes,
                    line: [self.sniffers[0].report(), self.sniffers[1].report()],
                });
            }
            let left = self.args.duration.saturating_sub(started.elapsed());
            std::thread::sleep(LOOK_EVERY.min(left));
        }
        Ok(crash)
    }

    /// Kills an encryptor, starts it anew, and times how long until an answer crosses the line.
    fn crash(&mut self, site: Site) -> Result<Crash, String> {
        eprintln!("  ✗ encryptor {} killed", site.letter());
        self.sites.kill(site).map_err(while_doing("kill"))?;
        std::thread::sleep(DEAD_FOR);
        let restarted = Instant::now();
        self.sites
            .restart(self.topology, site)
            .map_err(while_doing("restart"))?;
        let give_up = (self.args.rekey * 4).max(Duration::from_secs(10));
        let host = &self.topology.site(site.other()).host;
        let mut addressed = false;
        while restarted.elapsed() < give_up {
            // The new process made a new TAP: the host has to get its address again.
            addressed = addressed || self.topology.address_host(site).is_ok();
            if ping::once(host, site.host(), Duration::from_millis(50)).unwrap_or(false) {
                eprintln!(
                    "  ✓ encryptor {} back, traffic after {:?}",
                    site.letter(),
                    restarted.elapsed()
                );
                return Ok(Crash {
                    recovered: Some(restarted.elapsed()),
                });
            }
        }
        Ok(Crash { recovered: None })
    }

    /// Lets the hosts go quiet, waits for the last frames, takes everything down, concludes.
    fn conclude(
        mut self,
        duration: Duration,
        crash: Option<Crash>,
        recorder: Option<Recorder>,
    ) -> Result<Verdict, String> {
        eprintln!("  … the hosts go quiet");
        let transfers = self.transfers.into_iter().map(Transfer::finish).collect();
        let pings = self
            .pings
            .into_iter()
            .map(Ping::finish)
            .collect::<Result<_, _>>()
            .map_err(while_doing("ping"))?;
        let deadline = Instant::now() + DRAIN;
        let (a, b) = loop {
            let report = |site| {
                self.sites
                    .report(site)
                    .map_err(while_doing("the last report"))
            };
            let (a, b) = (report(Site::A)?, report(Site::B)?);
            let pending = |from: &crate::status::Report, to: &crate::status::Report| {
                from.sum(|worker| &worker.tx, "OutPktsEncrypted")
                    > to.sum(|worker| &worker.rx, "InPktsOK")
            };
            if Instant::now() > deadline || !(pending(&a, &b) || pending(&b, &a)) {
                break (a, b);
            }
            std::thread::sleep(LOOK_EVERY / 5);
        };
        // Before the watch of the line ends: it sees the encryptors' farewell, too.
        self.sites.stop().map_err(while_doing("stopping"))?;
        let ledgers = super::ledgers(Site::BOTH.map(|site| self.sites.ledger(site)), self.args)?;
        let [line_at_a, line_at_b] = self.sniffers;
        let evidence = Evidence {
            red: a
                .workers
                .first()
                .map_or_else(String::new, |worker| worker.red.kind.clone()),
            black: a
                .workers
                .first()
                .map_or_else(String::new, |worker| worker.black.kind.clone()),
            duration,
            interval: self.args.rekey,
            a,
            b,
            line_at_a: line_at_a
                .finish()
                .map_err(while_doing("the watch of the line"))?,
            line_at_b: line_at_b
                .finish()
                .map_err(while_doing("the watch of the line"))?,
            pings,
            transfers,
            ledgers,
            crash,
        };
        if let Some(recorder) = recorder {
            recorder.flush().map_err(while_doing("--pcap"))?;
        }
        Ok(Verdict::from(&evidence))
    }
}
