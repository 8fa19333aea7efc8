//! The lab with processes and namespaces: starts them, runs the traffic, and collects the evidence.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use qmacsec::config::PortKind;
use qmacsec::output::note;
use qmacsec::status::KmeReport;

use super::args::{Args, BlackChoice};
use super::distillation::DeviceLives;
use super::end::NoVerdict;
use super::faults::{Kill, Target, Trouble, Victim};
use super::folder::Folder;
use super::keep::Keep;
use super::last_reports::last_reports;
use super::lives::Lives;
use super::ping::{self, Ping};
use super::sandbox;
use super::site::Site;
use super::sites::Sites;
use super::sniff::Sniffer;
use super::stop::Stop;
use super::table::{Snapshot, Table};
use super::topology::Topology;
use super::transfer::Transfer;
use super::verdict::{Crash, Evidence, StageWatch, Verdict};
use super::{BEFORE_THE_FIRST_KEY, FIRST_KEY, LOOK_EVERY, done, while_doing};

/// Time that a crashed encryptor stays down.
const DEAD_FOR: Duration = Duration::from_millis(500);
/// Time in which a QKD device builds the code of its error correction, on a busy machine.
const BUILDS_CODE: Duration = Duration::from_secs(3);

/// All parts of the running lab.
struct Lab<'a> {
    args: &'a Args,
    topology: &'a Topology,
    sites: Sites,
    sniffers: [Sniffer; 2],
    pings: [Ping; 2],
    transfers: [Transfer; 2],
    table: Table,
    /// The last report of the KMEs.
    kmes: KmeReport,
    /// The last reports of the QKD devices, with those of killed processes.
    devices: DeviceLives,
    /// Last reports of the encryptors, with those of killed processes.
    lives: [Lives; 2],
    stages: StageWatch,
    crashes: Vec<Crash>,
    trouble: Option<Trouble>,
}

/// Builds the lab, runs it for its duration, and takes it down.
pub(super) fn run(
    args: &Args,
    red: PortKind,
    keep: Keep,
    stop: &Stop,
) -> Result<Verdict, NoVerdict> {
    note!("building two sites:");
    let in_use = Keep::in_use(args);
    let in_use: Vec<&Path> = in_use.iter().map(PathBuf::as_ref).collect();
    let vault = sandbox::vault(&in_use).map_err(while_doing("a folder for secrets"))?;
    stop.watch(args.json)
        .map_err(while_doing("watching for signals"))?;
    let black = match args.black {
        BlackChoice::Xdp => PortKind::Xdp,
        BlackChoice::Dpdk => PortKind::Dpdk,
        BlackChoice::Packet | BlackChoice::Mem => PortKind::Packet,
    };
    let topology =
        Topology::build(red, black, args.mtu).map_err(while_doing("namespaces and cables"))?;
    done("four namespaces, cables, a line");
    let folder = Folder::at(&vault);
    let choice = args.choice()?;
    Sites::furnish(&folder, &topology, args, [red, black], choice.as_ref())
        .map_err(while_doing("certificates and configs"))?;
    done("certificates, a pre-shared secret, configs");
    let rekey_ethertype = wire::ETHERTYPE_REKEY;
    // The watch starts before the encryptors, so that it sees every frame.
    let sniffer = |site: Site| {
        Sniffer::start(
            topology.watch_point(site),
            site,
            rekey_ethertype,
            keep.recorder.clone(),
        )
        .map_err(while_doing("watching the line"))
    };
    let sniffers = [sniffer(Site::A)?, sniffer(Site::B)?];
    let mut sites = Sites::start(folder, &topology, choice, args.keys, |who| {
        done(&format!("{who} up"));
    })
    .map_err(while_doing("starting"))?;
    for site in Site::BOTH {
        if red == PortKind::Tap {
            topology
                .address_host(site)
                .map_err(while_doing("the host's address"))?;
        }
    }
    // The first block of distilled keys must be sent and distilled.
    let block_time = args.distilled_link()?.map(|link| link.block_time());
    wait_for_keys(
        &mut sites,
        stop,
        FIRST_KEY + block_time.unwrap_or_default() * 3,
    )?;
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
        table: Table::new(),
        kmes: KmeReport::default(),
        devices: DeviceLives::default(),
        lives: Default::default(),
        stages: StageWatch::default(),
        crashes: Vec::new(),
        trouble: None,
    };
    let started = Instant::now();
    match args.kill_series {
        None => lab.watch(started, stop)?,
        Some(times) => lab.series(started, times, stop)?,
    }
    let ran = started.elapsed();
    let cut = stop.asked() && (args.kill_series.is_some() || ran < args.duration);
    Ok(lab.conclude(ran, cut.then_some(args.duration), keep)?)
}

fn wait_for_keys(sites: &mut Sites, stop: &Stop, limit: Duration) -> Result<(), NoVerdict> {
    let deadline = Instant::now() + limit;
    loop {
        sites.all_alive().map_err(|error| error.to_string())?;
        let encrypting = |site| sites.report(site).is_ok_and(|report| report.encrypting);
        if encrypting(Site::A) && encrypting(Site::B) {
            return Ok(());
        }
        if stop.asked() {
            return Err(NoVerdict::Stopped(BEFORE_THE_FIRST_KEY));
        }
        if Instant::now() > deadline {
            return Err(format!(
                "no key within {limit:?}; the processes said last:\n  {}",
                sites.last_words()
            )
            .into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_for_kmes(sites: &mut Sites) -> Result<(), String> {
    let deadline = Instant::now() + FIRST_KEY;
    while sites.kme_report().is_err() {
        sites.all_alive().map_err(|error| error.to_string())?;
        if Instant::now() > deadline {
            return Err(format!("the KMEs do not answer within {FIRST_KEY:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

impl Lab<'_> {
    /// Shows the live table until the end of the run, and injects the requested faults.
    fn watch(&mut self, started: Instant, stop: &Stop) -> Result<(), String> {
        let mut kills = self.args.kill.clone();
        while started.elapsed() < self.args.duration && !stop.asked() {
            let due = |kill: &Kill| started.elapsed() >= kill.at;
            if let Some(at) = kills.iter().position(due) {
                match self.args.target(&kills.swap_remove(at)) {
                    Target::Process(who) => self.crash(who)?,
                    Target::Node(name) => {
                        note!("  ✗ node {name} killed, for good");
                        self.sites
                            .kill_node(&name)
                            .map_err(while_doing("killing a node"))?;
                    }
                }
            }
            self.make_trouble(started.elapsed())?;
            let left = self.args.duration.saturating_sub(started.elapsed());
            self.look(started, left)?;
            std::thread::sleep(LOOK_EVERY.min(left));
        }
        Ok(())
    }

    /// Kills each process in turn, this number of times, and restarts it. Measures its recovery.
    fn series(&mut self, started: Instant, times: u32, stop: &Stop) -> Result<(), String> {
        for left in (1..=times).rev() {
            for who in Victim::ALL {
                if stop.asked() {
                    return Ok(());
                }
                if !self.sites.has(who) {
                    continue;
                }
                self.crash(who)?;
                // Traffic runs under keys of the new session before the next process is killed.
                std::thread::sleep(self.args.rekey);
                self.look(started, self.args.rekey * left * 6)?;
            }
        }
        Ok(())
    }

    /// Shows one row of the live table. A failed report is skipped: the next check repeats it, or
    /// finds that the process has ended.
    fn look(&mut self, started: Instant, left: Duration) -> Result<(), String> {
        self.sites.all_alive().map_err(|error| error.to_string())?;
        if let Ok(kmes) = self.sites.kme_report() {
            self.kmes = kmes;
        }
        if let Some(devices) = self.sites.devices() {
            self.devices.see(devices);
        }
        let (Ok(a), Ok(b)) = (self.sites.report(Site::A), self.sites.report(Site::B)) else {
            return Ok(());
        };
        self.stages.see(started.elapsed(), [&a, &b]);
        let [lives_a, lives_b] = &mut self.lives;
        lives_a.see(a);
        lives_b.see(b);
        self.table.show(Snapshot {
            at: Instant::now(),
            left,
            a: lives_a.clone(),
            b: lives_b.clone(),
            kmes: self.kmes.clone(),
            devices: self.devices.now().cloned(),
            line: [self.sniffers[0].report(), self.sniffers[1].report()],
        });
        Ok(())
    }

    /// Sets the fault of the KMEs that is due, and clears any other.
    fn make_trouble(&mut self, now: Duration) -> Result<(), String> {
        let due = self.args.kme_fault.iter().find(|fault| fault.covers(now));
        let due = due.map(|fault| fault.what);
        if due == self.trouble {
            return Ok(());
        }
        if std::mem::replace(&mut self.trouble, due) == Some(Trouble::Down) {
            let restarted = self.sites.restart(self.topology, Victim::Kmes);
            restarted.map_err(while_doing("restart"))?;
            wait_for_kmes(&mut self.sites)?;
        }
        match due {
            Some(Trouble::Down) => {
                note!("  ✗ KMEs down");
                self.sites.kill(Victim::Kmes).map_err(while_doing("kill"))
            }
            Some(Trouble::Fault(fault)) => {
                note!("  ✗ KMEs at fault: {fault}");
                self.sites
                    .order(Some(fault))
                    .map_err(while_doing("--kme-fault"))
            }
            None => {
                note!("  ✓ KMEs well again");
                self.sites.order(None).map_err(while_doing("--kme-fault"))
            }
        }
    }

    /// Kills and restarts a process. Measures its recovery: of an encryptor, until an answer
    /// crosses the line; of the KMEs, until both directions have a fresh key.
    fn crash(&mut self, who: Victim) -> Result<(), String> {
        note!("  ✗ {who} killed");
        if let Victim::Encryptor(site) = who {
            self.lives[site.index()].end(self.sites.report(site).ok());
        }
        if let Victim::Device(role) = who {
            self.devices.end(role, self.sites.devices());
        }
        self.sites.kill(who).map_err(while_doing("kill"))?;
        std::thread::sleep(DEAD_FOR);
        let restarted = Instant::now();
        self.sites
            .restart(self.topology, who)
            .map_err(while_doing("restart"))?;
        let recovered = match who {
            Victim::Encryptor(site) => self.recover(site, restarted),
            Victim::Kmes | Victim::Device(_) => {
                wait_for_kmes(&mut self.sites)?;
                self.fresh_keys(restarted)
            }
        };
        if let Some(time) = recovered {
            note!("  ✓ {who} back, well after {time:?}");
        }
        self.crashes.push(Crash {
            who,
            recovered,
            allowed: self.recovery_time(who),
        });
        Ok(())
    }

    /// Returns the time in which all must be well again after a restart.
    fn recovery_time(&self, who: Victim) -> Duration {
        let link = self.args.distilled_link().ok().flatten();
        let blocks = match (who, link) {
            // It builds its code. Then the first block of keys must be sent and distilled.
            (Victim::Device(_), Some(link)) => BUILDS_CODE + link.block_time() * 4,
            _ => Duration::ZERO,
        };
        self.args.rekey * 2 + blocks
    }

    /// Measures the time until the host behind a restarted encryptor answers.
    fn recover(&self, site: Site, restarted: Instant) -> Option<Duration> {
        let give_up = (self.args.rekey * 4).max(Duration::from_secs(10));
        let host = &self.topology.site(site.other()).host;
        let mut addressed = false;
        while restarted.elapsed() < give_up {
            // The new process created a new TAP, so the host needs its address again.
            addressed = addressed || self.topology.address_host(site).is_ok();
            if ping::once(host, site.host(), Duration::from_millis(50)).unwrap_or(false) {
                return Some(restarted.elapsed());
            }
        }
        None
    }

    /// Measures the time until both encryptors have switched once more.
    fn fresh_keys(&self, restarted: Instant) -> Option<Duration> {
        let give_up = (self.args.rekey * 8).max(Duration::from_secs(20));
        let switches = |site| {
            let report = self.sites.report(site).ok()?;
            Some(report.tx.switches)
        };
        let before = Site::BOTH.map(switches);
        while restarted.elapsed() < give_up {
            let now = Site::BOTH.map(switches);
            if now.iter().zip(&before).all(|(now, before)| now > before) {
                return Some(restarted.elapsed());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Stops the hosts, waits for the last frames, takes everything down, and judges the run.
    fn conclude(
        mut self,
        duration: Duration,
        stopped_before: Option<Duration>,
        keep: Keep,
    ) -> Result<Verdict, String> {
        note!("  … the hosts go quiet");
        let transfers = self.transfers.into_iter().map(Transfer::finish).collect();
        let pings = self
            .pings
            .into_iter()
            .map(Ping::finish)
            .collect::<Result<_, _>>()
            .map_err(while_doing("ping"))?;
        let (a, b) = last_reports(|site| {
            let report = self.sites.report(site);
            let report = report.map_err(while_doing("the last report"))?;
            Ok(self.lives[site.index()].with(report))
        })?;
        if let Some(devices) = self.sites.devices() {
            self.devices.see(devices);
        }
        // Stop the encryptors before the watch of the line, so that it also sees their BYE.
        self.sites.stop().map_err(while_doing("stopping"))?;
        let files = Site::BOTH.map(|site| self.sites.ledger(site));
        let [line_at_a, line_at_b] = self.sniffers;
        let line_at_a = line_at_a.finish();
        let line_at_a = line_at_a.map_err(while_doing("the watch of the line"))?;
        let line_at_b = line_at_b.finish();
        let line_at_b = line_at_b.map_err(while_doing("the watch of the line"))?;
        let mut kept = keep.finish(&files, &self.sites.node_ledgers());
        let ledgers = kept.compare(&files);
        let evidence = Evidence {
            red: a
                .now()
                .workers
                .first()
                .map_or_else(String::new, |worker| worker.red.kind.clone()),
            black: a
                .now()
                .workers
                .first()
                .map_or_else(String::new, |worker| worker.black.kind.clone()),
            duration,
            stopped_before,
            interval: self.args.rekey,
            a,
            b,
            line_at_a,
            line_at_b,
            pings,
            transfers,
            ledgers,
            left_out: kept.left_out,
            troubles: kept.troubles,
            crashes: self.crashes,
            kme_trouble: !self.args.kme_fault.is_empty(),
            stages: self.stages,
            distillation: self.devices.finish(),
        };
        Ok(Verdict::from(&evidence))
    }
}
