//! Several frame workers at a site, over real interfaces: keys change without a lost frame, and
//! each flow keeps its order, also with a different number of workers at the other site.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::site::Site;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use port::xdp::{Queues, Xdp, XdpConfig};
use qmacsec::status::{Report, WorkerReport};
use tests::daemon::DaemonPair;
use tests::namespace;
use tests::patience::{wait_until, waited};
use tests::program::run;
use tests::site::Settings;

use super::PROGRAM;

type Section = fn(&WorkerReport) -> &BTreeMap<String, u64>;

fn each(report: &Report, section: Section, name: &str) -> Vec<u64> {
    let workers = report.workers.iter();
    workers.map(|worker| section(worker)[name]).collect()
}

/// Runs traffic over some key changes. Returns the status of both ends afterwards.
fn some_switches(workers: [usize; 2], ports: &'static str) -> [Report; 2] {
    let settings = Settings {
        interval: Duration::from_millis(300),
        workers,
        ports,
        ..Settings::default()
    };
    let pair = DaemonPair::start(PROGRAM, &settings);
    pair.wait_for_keys();
    pair.hosts.set_pause(Duration::from_micros(900));
    pair.hosts.speak();
    wait_until("eight switches", Duration::from_secs(30), || {
        let switched = |site| {
            let report = pair.status(site);
            report.tx.switches >= 8 && report.rx.switches >= 8
        };
        Site::BOTH.into_iter().all(switched)
    });
    // A host's frames use the queue of the core that runs its thread. Over AF_XDP a flow may
    // therefore change workers and lose its order; over AF_PACKET the kernel keeps it together.
    let by_flow = ports == "packet";
    for flow in pair.hosts.settle() {
        assert!(flow.sent > 0 && flow.received == flow.sent, "{flow:?}");
        assert_eq!(flow.foreign, 0, "{flow:?}");
        assert!(flow.disordered == 0 || !by_flow, "{flow:?}");
    }
    let reports = Site::BOTH.map(|site| closed(&pair, site));
    for (report, workers) in reports.iter().zip(workers) {
        assert_eq!(report.workers.len(), workers);
        // Every worker seals frames, because the flows are spread.
        let sealed = each(report, |worker| &worker.tx, "OutPktsEncrypted");
        let all_seal = sealed.iter().all(|frames| *frames > 0);
        assert!(all_seal || !by_flow, "{sealed:?}");
    }
    let socket = pair.folder.socket(Site::A);
    let text = run(PROGRAM, ["status", "--socket", socket.to_str().unwrap()]).stdout;
    assert_eq!(
        text.contains("2 workers together"),
        workers[0] == 2,
        "{text}"
    );
    assert!(
        text.contains(&format!("{ports} red-a (MTU 1500) link up")),
        "{text}"
    );
    reports
}

/// Checks I8 over all workers of a site, without traffic of the hosts. A frame of the kernel's own
/// may be under way between two workers while control reads their numbers: then it reads again.
fn closed(pair: &DaemonPair, site: Site) -> Report {
    let _or_fails = waited(Duration::from_secs(5), || {
        let total = WorkerReport::total(&pair.status(site).workers);
        total.red.counters["tx_frames"] == total.rx["InPktsOK"]
            && total.worker["HandedOver"] == total.worker["TakenOver"]
    });
    let report = pair.status(site);
    assert_closed(&report);
    report
}

fn assert_closed(report: &Report) {
    let total = WorkerReport::total(&report.workers);
    let worker = |name: &str| total.worker[name];
    let rx = |name: &str| total.rx[name];
    assert_eq!(worker("HandedOver"), worker("TakenOver"));
    let dropped: u64 = ["HandoverOverrun", "TakeoverNoBuffer", "InControlOverrun"]
        .map(worker)
        .iter()
        .sum();
    assert_eq!(dropped, 0);
    let refused = [
        "InPktsDuplicate",
        "InPktsLate",
        "InPktsNotValid",
        "InPktsNoSCI",
    ];
    assert_eq!(refused.map(rx), [0; 4]);
    assert_eq!(total.red.counters["tx_frames"], rx("InPktsOK"));
}

#[test]
fn two_workers_at_each_site() {
    if !namespace::inside("workers::two_workers_at_each_site") {
        return;
    }
    for report in some_switches([2, 2], "packet") {
        // The kernel delivered each SC to its worker.
        let opened = each(&report, |worker| &worker.rx, "InPktsOK");
        assert!(opened.iter().all(|frames| *frames > 0), "{opened:?}");
        let handed = each(&report, |worker| &worker.worker, "HandedOver");
        assert_eq!(handed, [0, 0]);
    }
}

#[test]
fn two_workers_at_each_site_over_af_xdp() {
    if !namespace::inside("workers::two_workers_at_each_site_over_af_xdp") {
        return;
    }
    namespace::veth_with_queues("try-a", "try-b", 1500, 2);
    let mut queues = Queues::split(2).into_iter();
    let tried = queues.try_for_each(|queues| {
        let ifname = "try-a".to_owned();
        let config = XdpConfig {
            ifname,
            queues,
            ..XdpConfig::default()
        };
        Xdp::open(config).map(drop)
    });
    if let Err(error) = tried {
        println!("skipped, no AF_XDP with two queues: {error}");
        return;
    }
    for report in some_switches([2, 2], "xdp") {
        let kinds = report.workers.iter().map(|worker| &worker.black.kind);
        assert!(kinds.into_iter().eq(["xdp", "xdp"]));
    }
}

/// No other part (key desk, ledger, rest of the runtime) takes a core from the frames.
#[test]
fn a_pinned_worker_has_its_core_for_itself() {
    if !namespace::inside("workers::a_pinned_worker_has_its_core_for_itself") {
        return;
    }
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let is_on = |cores: &CpuSet, core| cores.is_set(core).unwrap();
    let mut cores = (0..CpuSet::count()).filter(|core| is_on(&allowed, *core));
    let (Some(core), Some(other)) = (cores.next(), cores.next()) else {
        println!("skipped: one core, which all share");
        return;
    };
    let settings = Settings {
        cores: vec![core],
        ..Settings::default()
    };
    let pair = DaemonPair::start(PROGRAM, &settings);
    pair.wait_for_keys();
    for site in Site::BOTH {
        let threads = pair.threads(site);
        let (workers, others): (Vec<_>, Vec<_>) = threads
            .into_iter()
            .partition(|(name, _)| name.starts_with("frames-"));
        let [(_, cores)] = workers.as_slice() else {
            panic!("one worker: {workers:?}");
        };
        assert!(is_on(cores, core) && !is_on(cores, other));
        assert!(others.iter().any(|(name, _)| name == "ledger"));
        let intruder = others.iter().find(|(_, cores)| is_on(cores, core));
        assert!(intruder.is_none(), "{intruder:?}");
    }
}

#[test]
fn one_worker_against_two() {
    if !namespace::inside("workers::one_worker_against_two") {
        return;
    }
    let [one, two] = some_switches([1, 2], "packet");
    // Both SCs of the site with two workers come to the only worker of the other site. The only SC
    // of the other site comes to the first of the two.
    assert!(one.workers[0].rx["InPktsOK"] > 0);
    let opened = each(&two, |worker| &worker.rx, "InPktsOK");
    assert!(opened[0] > 0 && opened[1] == 0, "{opened:?}");
}

#[test]
fn two_workers_after_the_line_was_gone() {
    if !namespace::inside("workers::two_workers_after_the_line_was_gone") {
        return;
    }
    let settings = Settings {
        workers: [2, 2],
        ..Settings::default()
    };
    let pair = DaemonPair::start(PROGRAM, &settings);
    pair.wait_for_keys();
    namespace::ip("link del black-a");
    wait_until("the loss of the line", Duration::from_secs(10), || {
        let gone = |site| {
            let links = pair.status(site).workers.into_iter();
            links
                .map(|worker| worker.black.link)
                .all(|link| link == "gone")
        };
        Site::BOTH.into_iter().all(gone)
    });
    tests::daemon::lay_black_cable();
    let before = pair.status(Site::A).tx.switches;
    wait_until(
        "a fresh key over the new line",
        Duration::from_secs(20),
        || pair.status(Site::A).tx.switches > before + 1,
    );
    pair.hosts.set_pause(Duration::from_micros(900));
    pair.hosts.speak();
    std::thread::sleep(Duration::from_millis(1500));
    // The kernel may now have the workers in another order. In that case frames are handed over.
    pair.hosts.all_went_well();
    for site in Site::BOTH {
        closed(&pair, site);
    }
}
