//! The lab without namespaces: both encryptors in this process, ports in memory, and frames of our
//! own. Otherwise the same chain: KMEs over mutual TLS on loopback, rekey, workers, MACsec.

use std::path::Path;
use std::time::{Duration, Instant};

use kme::{Kmes, LinkConfig};
use port::mem;
use qmacsec::modelled_link::ModelledLink;
use qmacsec::output::note;
use qmacsec::ports::Ports;
use qmacsec::status::{Report, query};

use super::args::Args;
use super::encryptor::{Encryptor, opener};
use super::end::NoVerdict;
use super::folder::Folder;
use super::frames::{Hosts, Wire};
use super::keep::Keep;
use super::last_reports::last_reports;
use super::lives::Lives;
use super::site::Site;
use super::sites;
use super::stop::Stop;
use super::table::{Snapshot, Table};
use super::vault::Vault;
use super::verdict::{Evidence, StageWatch, Verdict};
use super::{BEFORE_THE_FIRST_KEY, FIRST_KEY, LOOK_EVERY, done, while_doing};

/// Capacity of each cable in frames: a worker that sleeps for long must not lose any.
const CABLE: usize = 8192;

/// Runs the chain for the duration of the lab.
pub(super) fn run(args: &Args, keep: Keep, stop: &Stop) -> Result<Verdict, NoVerdict> {
    note!("building two sites in memory:");
    stop.watch(args.json)
        .map_err(while_doing("watching for signals"))?;
    let vault = Vault::new("qmacsec-lab-").map_err(while_doing("a folder for secrets"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(while_doing("threads"))?;
    let result = runtime.block_on(run_in(args, &Folder::at(vault.path()), keep, stop));
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

async fn run_in(
    args: &Args,
    folder: &Folder,
    keep: Keep,
    stop: &Stop,
) -> Result<Verdict, NoVerdict> {
    let _log = qmacsec::log::start("warn");
    folder
        .make_certificates(&[])
        .and_then(|()| folder.make_secret())
        .map_err(while_doing("certificates"))?;
    let kmes = start_kmes(args, folder).await?;
    done("KMEs up");
    let (red_a, lan_a) = mem::pair(CABLE);
    let (red_b, lan_b) = mem::pair(CABLE);
    let (black_a, line_a) = mem::pair(CABLE);
    let (black_b, line_b) = mem::pair(CABLE);
    let wire = Wire::start(line_a, line_b, wire::ETHERTYPE_REKEY, keep.recorder.clone())
        .map_err(while_doing("the line"))?;
    let addresses = kmes.addresses();
    let (named, settings) = (sites::ports_in_memory(args), sites::settings(folder, args));
    let mut running = Vec::new();
    for (site, red, black, kme) in [
        (Site::A, red_a, black_a, addresses[0]),
        (Site::B, red_b, black_b, addresses[1]),
    ] {
        let file = folder.write_encryptor(site, &named, (kme, None), &settings);
        let file = file.map_err(while_doing("config"))?;
        let ports = Ports::of_one(opener(red), opener(black), site.mac());
        running.push(Encryptor::start(site, ports, file).map_err(|error| error.to_string())?);
        done(&format!("encryptor {} up", site.letter()));
    }
    wait_for_keys(folder, stop).await?;
    done("both directions have their first key");

    let hosts =
        Hosts::start(lan_a, lan_b, args.rate, args.mtu).map_err(while_doing("the hosts"))?;
    let started = Instant::now();
    let mut table = Table::new();
    let link = ModelledLink::of(&args.preset, args.km)?;
    while started.elapsed() < args.duration && !stop.asked() {
        let left = args.duration.saturating_sub(started.elapsed());
        tokio::time::sleep(LOOK_EVERY.min(left)).await;
        if let (Ok(a), Ok(b)) = (report(folder, Site::A).await, report(folder, Site::B).await) {
            table.show(Snapshot {
                at: Instant::now(),
                left,
                a: Lives::one(a),
                b: Lives::one(b),
                kmes: link.report(&kmes),
                devices: None,
                line: wire.reports(),
            });
        }
    }
    let duration = started.elapsed();
    let cut = stop.asked() && duration < args.duration;
    note!("  … the hosts go quiet");
    let (pings, transfers) = tokio::task::spawn_blocking(move || hosts.finish())
        .await
        .map_err(|error| error.to_string())?;
    let sockets = Site::BOTH.map(|site| folder.socket(site));
    let last = move || last_reports(|site| ask(&sockets[site.index()]).map(Lives::one));
    let (a, b) = tokio::task::spawn_blocking(last)
        .await
        .map_err(|error| error.to_string())??;
    let [line_at_a, line_at_b] = wire.finish();
    for encryptor in running {
        tokio::task::spawn_blocking(move || encryptor.finish())
            .await
            .map_err(|error| error.to_string())??;
    }
    kmes.shutdown().await;
    let files = Site::BOTH.map(|site| folder.ledger(site));
    let mut kept = keep.finish(&files, &[]);
    let ledgers = kept.compare(&files);
    Ok(Verdict::from(&Evidence {
        red: "mem".to_owned(),
        black: "mem".to_owned(),
        duration,
        stopped_before: cut.then_some(args.duration),
        interval: args.rekey,
        a,
        b,
        line_at_a,
        line_at_b,
        pings,
        transfers,
        ledgers,
        left_out: kept.left_out,
        troubles: kept.troubles,
        crashes: Vec::new(),
        kme_trouble: false,
        stages: StageWatch::default(),
        distillation: None,
    }))
}

async fn start_kmes(args: &Args, folder: &Folder) -> Result<Kmes, String> {
    let any = ([127, 0, 0, 1], 0).into();
    let link = ModelledLink::of(&args.preset, args.km)?;
    Kmes::start(
        Site::BOTH.map(|site| folder.kme(site, any)).into(),
        LinkConfig::default(),
        link.supply(1),
    )
    .await
    .map_err(|error| error.to_string())
}

/// Requests the report on another thread, because the request blocks.
async fn report(folder: &Folder, site: Site) -> Result<Report, String> {
    let socket = folder.socket(site);
    tokio::task::spawn_blocking(move || ask(&socket))
        .await
        .map_err(|error| error.to_string())?
}

/// Requests the report over the status socket.
fn ask(socket: &Path) -> Result<Report, String> {
    query(socket).map_err(|error| error.to_string())
}

async fn wait_for_keys(folder: &Folder, stop: &Stop) -> Result<(), NoVerdict> {
    let deadline = Instant::now() + FIRST_KEY;
    loop {
        let mut encrypting = 0;
        for site in Site::BOTH {
            encrypting += usize::from(
                report(folder, site)
                    .await
                    .is_ok_and(|report| report.encrypting),
            );
        }
        if encrypting == Site::BOTH.len() {
            return Ok(());
        }
        if stop.asked() {
            return Err(NoVerdict::Stopped(BEFORE_THE_FIRST_KEY));
        }
        if Instant::now() > deadline {
            return Err(format!("no key within {FIRST_KEY:?}; RUST_LOG=info shows why").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
