//! The lab without namespaces: both encryptors in this process, ports in memory, and frames of our
//! own. Otherwise the same chain: KMEs over mutual TLS on loopback, rekey, workers, MACsec.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kme::{KmeConfig, Kmes, LinkConfig, SaeIdentity};
use port::mem::{self, Mem};
use port::{Port, PortError};
use tokio::sync::oneshot;

use super::args::Args;
use super::end::NoVerdict;
use super::frames::{Hosts, Wire};
use super::keep::Keep;
use super::last_reports::last_reports;
use super::lives::Lives;
use super::sites;
use super::stop::Stop;
use super::table::{Snapshot, Table};
use super::topology::Site;
use super::verdict::{Evidence, StageWatch, Verdict};
use super::{BEFORE_THE_FIRST_KEY, FIRST_KEY, LOOK_EVERY, done, while_doing};
use qmacsec::config::EncryptorConfig;
use qmacsec::encryptor;
use qmacsec::modelled_link::ModelledLink;
use qmacsec::output::note;
use qmacsec::ports::{Opener, Ports};
use qmacsec::status::{Report, query};

/// Capacity of each cable in frames: a worker that sleeps for long must not lose any.
const CABLE: usize = 8192;

/// Opens one end of a cable on the thread that uses it.
fn opener(end: Mem) -> Opener {
    Box::new(move || -> Result<Box<dyn Port>, PortError> { Ok(Box::new(end.open()?)) })
}

/// Runs the chain for the duration of the lab.
pub(super) fn run(args: &Args, keep: Keep, stop: &Stop) -> Result<Verdict, NoVerdict> {
    note!("building two sites in memory:");
    stop.watch(args.json)
        .map_err(while_doing("watching for signals"))?;
    // Use a folder in memory if there is one: even a lab's secrets should not be on disk.
    let folder = [Path::new("/dev/shm"), &std::env::temp_dir()]
        .into_iter()
        .find_map(|place| {
            tempfile::Builder::new()
                .prefix("qmacsec-lab-")
                .tempdir_in(place)
                .ok()
        });
    let vault = folder.ok_or("neither /dev/shm nor the temporary folder can be written")?;
    let _guard = Guard::of(vault.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(while_doing("threads"))?;
    let result = runtime.block_on(run_in(args, vault.path(), keep, stop));
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

/// Removes the folder with the secrets when this process has ended, also after `kill -9`: a
/// separate shell waits for the end of our pipe.
struct Guard(Option<Child>);

impl Guard {
    fn of(folder: &Path) -> Self {
        let shell = Command::new("/bin/sh")
            .args(["-c", "read -r _; exec rm -rf -- \"$0\""])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C must reach only the lab.
            .process_group(0)
            .spawn();
        if let Err(error) = &shell {
            note!(
                "no /bin/sh ({error}): after kill -9, {} stays",
                folder.display()
            );
        }
        Self(shell.ok())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shell) = &mut self.0 {
            // `wait` first closes the pipe.
            let _gone_already = shell.wait();
        }
    }
}

async fn run_in(args: &Args, vault: &Path, keep: Keep, stop: &Stop) -> Result<Verdict, NoVerdict> {
    let _log = qmacsec::log::start("warn");
    sites::furnish_secrets(vault, &[]).map_err(while_doing("certificates"))?;
    let kmes = start_kmes(args, vault).await?;
    done("KMEs up");
    let (red_a, lan_a) = mem::pair(CABLE);
    let (red_b, lan_b) = mem::pair(CABLE);
    let (black_a, line_a) = mem::pair(CABLE);
    let (black_b, line_b) = mem::pair(CABLE);
    let wire = Wire::start(line_a, line_b, wire::ETHERTYPE_REKEY, keep.recorder.clone())
        .map_err(while_doing("the line"))?;
    let addresses = kmes.addresses();
    let mut running = Vec::new();
    for (site, red, black, kme) in [
        (Site::A, red_a, black_a, addresses[0]),
        (Site::B, red_b, black_b, addresses[1]),
    ] {
        let text = sites::encryptor_config_in_memory(site, args, kme);
        let file = vault.join(format!("site-{}.toml", site.letter()));
        std::fs::write(&file, text).map_err(while_doing("config"))?;
        let config = EncryptorConfig::read(&file).map_err(|error| error.to_string())?;
        let ports = Ports::of_one(opener(red), opener(black), site.mac());
        let (end, ended) = oneshot::channel::<()>();
        // A separate thread and runtime, as in the daemon.
        let run = move || -> Result<(), String> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            let stopped = async {
                let _either_way = ended.await;
            };
            runtime
                .block_on(encryptor::run(&config, &file, ports, stopped))
                .map_err(|error| error.to_string())
        };
        let thread = std::thread::Builder::new()
            .name(format!("encryptor-{}", site.letter()))
            .spawn(run);
        running.push((end, thread.map_err(while_doing("a thread"))?));
        done(&format!("encryptor {} up", site.letter()));
    }
    wait_for_keys(vault, stop).await?;
    done("both directions have their first key");

    let hosts =
        Hosts::start(lan_a, lan_b, args.rate, args.mtu).map_err(while_doing("the hosts"))?;
    let started = Instant::now();
    let mut table = Table::new();
    let link = ModelledLink::of(&args.preset, args.km)?;
    while started.elapsed() < args.duration && !stop.asked() {
        let left = args.duration.saturating_sub(started.elapsed());
        tokio::time::sleep(LOOK_EVERY.min(left)).await;
        if let (Ok(a), Ok(b)) = (report(vault, Site::A).await, report(vault, Site::B).await) {
            table.show(Snapshot {
                at: Instant::now(),
                left,
                a: Lives::one(a),
                b: Lives::one(b),
                kmes: link.report(&kmes),
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
    let folder = vault.to_owned();
    let last = move || last_reports(|site| ask(&folder, site).map(Lives::one));
    let (a, b) = tokio::task::spawn_blocking(last)
        .await
        .map_err(|error| error.to_string())??;
    let [line_at_a, line_at_b] = wire.finish();
    for (end, thread) in running {
        let _ended_already = end.send(());
        let ended = tokio::task::spawn_blocking(move || thread.join())
            .await
            .map_err(|error| error.to_string())?;
        ended.map_err(|_| "an encryptor died".to_owned())??;
    }
    kmes.shutdown().await;
    let files = Site::BOTH.map(|site| sites::ledger(vault, site));
    let mut kept = keep.finish(&files);
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
    }))
}

async fn start_kmes(args: &Args, vault: &Path) -> Result<Kmes, String> {
    let pki = vault.join("pki");
    let config = |site: Site| KmeConfig {
        kme_id: format!("kme-{}", site.letter()),
        listen: ([127, 0, 0, 1], 0).into(),
        ca: pki.join("ca.pem"),
        cert: pki.join(format!("kme-{}.pem", site.letter())),
        key: pki.join(format!("kme-{}.key", site.letter())),
        sae_ids: vec![format!("sae-{}", site.letter())],
        identity: SaeIdentity::CommonName,
    };
    let link = ModelledLink::of(&args.preset, args.km)?;
    Kmes::start(
        Site::BOTH.map(config).into(),
        LinkConfig::default(),
        link.supply(1),
    )
    .await
    .map_err(|error| error.to_string())
}

/// Requests the report on another thread, because the request blocks.
async fn report(vault: &Path, site: Site) -> Result<Report, String> {
    let folder = vault.to_owned();
    tokio::task::spawn_blocking(move || ask(&folder, site))
        .await
        .map_err(|error| error.to_string())?
}

/// Requests the report over the status socket.
fn ask(vault: &Path, site: Site) -> Result<Report, String> {
    query(&vault.join(format!("site-{}.sock", site.letter()))).map_err(|error| error.to_string())
}

async fn wait_for_keys(vault: &Path, stop: &Stop) -> Result<(), NoVerdict> {
    let deadline = Instant::now() + FIRST_KEY;
    loop {
        let mut encrypting = 0;
        for site in Site::BOTH {
            encrypting += usize::from(
                report(vault, site)
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
