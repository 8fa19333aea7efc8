//! Daemons of the program as processes: one for the KMEs and one for each site. Veth cables in the
//! caller's namespace join them, with hosts on the red cables and a watch on the black one.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Write, pipe};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::line_watch::LineReport;
use lab::netns::Netns;
use lab::site::Site;
use lab::sniff::Sniffer;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use port::packet::{Packet, PacketConfig};
use qmacsec::status::{KmeReport, Report};

use crate::hosts::Hosts;
use crate::memory;
use crate::namespace::{veth, veth_with_queues};
use crate::pair::FIRST_KEYS;
use crate::patience::{wait_until, waited};
use crate::site::{Folder, LogTo, Settings};

/// Time limit for the start of a daemon, on a busy machine.
const UP: Duration = Duration::from_secs(20);
/// Time limit for a line of the log, on a busy machine.
const LOG: Duration = Duration::from_secs(20);
/// MTU of the black cable: room for MACsec around a red frame of 1500.
const LINE_MTU: u16 = 1536;

/// A daemon.
pub struct Daemon {
    process: Child,
    log: PathBuf,
    /// The read end of its log pipe, which is never read.
    _unread: Option<PipeReader>,
}

impl Daemon {
    /// Starts `program ARGS` with its log in the file `log`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(program: &str, args: &[&str], log: &Path) -> Self {
        Self::start_with(Command::new(program).args(args), log, LogTo::File)
    }

    /// Starts the command. Its log goes to the file `log`, or to a destination without a reader; in
    /// the second case its log level is raised.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start_with(command: &mut Command, log: &Path, to: LogTo) -> Self {
        command
            .env_remove("RUST_LOG")
            .env("QMACSEC_TEST_PLANTED", memory::planted())
            .env("QMACSEC_TEST_RAW", OsStr::from_bytes(&memory::PLANTED));
        if to != LogTo::File {
            command.env("RUST_LOG", "trace");
        }
        let (reader, mut writer) = pipe().unwrap();
        if to == LogTo::UnreadPipe {
            fill(&mut writer);
        }
        let stderr: Stdio = match to {
            LogTo::File | LogTo::LimitedFile => File::create(log).unwrap().into(),
            LogTo::FullDisk => OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap()
                .into(),
            LogTo::UnreadPipe | LogTo::ClosedPipe => writer.into(),
        };
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        if to == LogTo::LimitedFile {
            limit_files(process.id());
        }
        // The command still holds the write end of the pipe.
        command.stderr(Stdio::null());
        Self {
            process,
            log: log.to_path_buf(),
            _unread: (to == LogTo::UnreadPipe).then_some(reader),
        }
    }

    /// Waits until it ends by itself. Returns its exit code, `None` after a signal.
    ///
    /// # Panics
    /// If it still runs after `limit`.
    #[must_use]
    pub fn wait(&mut self, limit: Duration) -> Option<i32> {
        wait_until("the end of the daemon", limit, || !self.runs());
        self.process.wait().unwrap().code()
    }

    /// Requests its end: SIGTERM.
    ///
    /// # Panics
    /// If it has already ended.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Returns its log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the log has all these words, and returns it. A thread of its own writes the log,
    /// so a line may come later than what it reports.
    ///
    /// # Panics
    /// If the words do not come.
    pub fn wait_for_log(&self, words: &[&str]) -> String {
        let missing = || words.iter().find(|words| !self.log().contains(**words));
        if waited(LOG, || missing().is_none()).is_none() {
            panic!("no {:?} in the log:\n{}", missing(), self.log());
        }
        self.log()
    }

    /// True if it still runs.
    ///
    /// # Panics
    /// Never on Linux.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Returns its process ID.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends it SIGHUP.
    ///
    /// # Panics
    /// If it has ended.
    pub fn hang_up(&self) {
        self.signal(Signal::SIGHUP);
    }

    fn signal(&self, signal: Signal) {
        let process = i32::try_from(self.process.id()).unwrap();
        kill(Pid::from_raw(process), signal).unwrap();
    }

    /// Returns the names of its threads, and the cores that they may use.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn threads(&self) -> Vec<(String, CpuSet)> {
        let tasks = PathBuf::from(format!("/proc/{}/task", self.process.id()));
        let of_task = |task: io::Result<DirEntry>| {
            let task = task.unwrap();
            let name = fs::read_to_string(task.path().join("comm")).unwrap();
            let id = task.file_name().into_string().unwrap().parse().unwrap();
            let cores = sched_getaffinity(Pid::from_raw(id)).unwrap();
            (name.trim().to_owned(), cores)
        };
        fs::read_dir(tasks).unwrap().map(of_task).collect()
    }

    /// Ends it at once: SIGKILL.
    ///
    /// # Panics
    /// If it has ended.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Limits the length of files that a process writes from now on.
fn limit_files(process: u32) {
    let limited = Command::new("prlimit")
        .args(["--pid", &process.to_string(), "--fsize=30000"])
        .status();
    assert!(limited.unwrap().success());
}

/// Fills a pipe.
fn fill(pipe: &mut PipeWriter) {
    fcntl(&*pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while pipe.write(&[b'x'; 512]).is_ok() {}
    fcntl(&*pipe, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _ended_already = self.process.wait();
    }
}

/// Both sites. Dropping this kills everything.
pub struct DaemonPair<K = Daemon> {
    /// The encryptor processes.
    pub encryptors: [Daemon; 2],
    /// Both KMEs: the process of `start`, or another kind of KME.
    pub kmes: K,
    /// The hosts; they do not send at first.
    pub hosts: Hosts,
    /// The watch on each end of the black cable.
    sniffers: [Sniffer; 2],
    /// The files of both sites.
    pub folder: Folder,
}

impl DaemonPair {
    /// Creates the cables, starts the daemons, and waits until all answer. Must be called inside a
    /// namespace.
    ///
    /// # Panics
    /// If a daemon does not start.
    #[must_use]
    pub fn start(program: &str, settings: &Settings) -> Self {
        Self::start_with(program, settings, |folder| {
            (start_kmes(program, folder), Site::BOTH.map(kme_address))
        })
    }

    /// Starts the KMEs again after they were killed.
    pub fn start_kmes(&mut self, program: &str) {
        self.kmes = start_kmes(program, &self.folder);
    }
}

impl<K> DaemonPair<K> {
    /// Same as [`DaemonPair::start`], with these KMEs at their addresses.
    ///
    /// # Panics
    /// If a process does not start.
    #[must_use]
    pub fn start_with(
        program: &str,
        settings: &Settings,
        kmes: impl FnOnce(&Folder) -> (K, [SocketAddr; 2]),
    ) -> Self {
        let [a, b] = settings.workers;
        let queues = a.max(b);
        veth_with_queues("black-a", "black-b", LINE_MTU, queues);
        veth_with_queues("red-a", "lan-a", 1500, queues);
        veth_with_queues("red-b", "lan-b", 1500, queues);
        let folder = Folder::new(settings);
        let here = Netns::of_caller("watch").unwrap();
        let sniffers = [("black-a", Site::A), ("black-b", Site::B)].map(|(end, site)| {
            Sniffer::start((&here, end), site, wire::ETHERTYPE_REKEY, None).unwrap()
        });
        let (kmes, addresses) = kmes(&folder);
        let encryptors = Site::BOTH.map(|site| {
            let letter = site.letter();
            let kind = settings.ports;
            let ports = format!(
                "[red]\nport = \"{kind}\"\ninterface = \"red-{letter}\"\nxdp_tags_in_frames = true\n[black]\nport = \"{kind}\"\ninterface = \"black-{letter}\"\nxdp_tags_in_frames = true\n"
            );
            let file = folder.recording_encryptor(site, &ports, addresses[site.index()]);
            let mut run = Command::new(program);
            run.args(["run", "--config"]).arg(file);
            Daemon::start_with(&mut run, &log_file(&folder, site), settings.log)
        });
        let hosts = Hosts::start(|| {
            ["lan-a", "lan-b"].map(|name| {
                Packet::open(PacketConfig {
                    ifname: name.into(),
                    ..PacketConfig::default()
                })
                .unwrap()
            })
        });
        let pair = Self {
            encryptors,
            kmes,
            hosts,
            sniffers,
            folder,
        };
        for site in Site::BOTH {
            let up = || qmacsec::status::query::<Report>(&pair.folder.socket(site)).is_ok();
            wait_until(
                &format!(
                    "encryptor {site:?}: {}",
                    pair.encryptors[site.index()].log()
                ),
                UP,
                up,
            );
        }
        pair
    }

    /// Returns the status of one encryptor.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn status(&self, site: Site) -> Report {
        let asked = qmacsec::status::query(&self.folder.socket(site));
        asked.unwrap_or_else(|error| panic!("{error}:\n{}", self.log(site)))
    }

    /// Returns the frames that arrived at a site's end of the black cable until now.
    #[must_use]
    pub fn line(&self, site: Site) -> LineReport {
        self.sniffers[site.index()].report()
    }

    /// Returns the threads of an encryptor; see [`Daemon::threads`].
    #[must_use]
    pub fn threads(&self, site: Site) -> Vec<(String, CpuSet)> {
        self.encryptors[site.index()].threads()
    }

    /// Sends an encryptor SIGHUP.
    pub fn hang_up(&self, site: Site) {
        self.encryptors[site.index()].hang_up();
    }

    /// Returns the log of an encryptor.
    #[must_use]
    pub fn log(&self, site: Site) -> String {
        self.encryptors[site.index()].log()
    }

    /// Waits for words in the log of an encryptor; see [`Daemon::wait_for_log`].
    pub fn wait_for_log(&self, site: Site, words: &[&str]) -> String {
        self.encryptors[site.index()].wait_for_log(words)
    }

    /// Waits until both encrypt.
    pub fn wait_for_keys(&self) {
        wait_until("the first keys", FIRST_KEYS, || {
            Site::BOTH.iter().all(|&site| self.status(site).encrypting)
        });
    }

    /// Returns the process ID of an encryptor.
    #[must_use]
    pub fn process(&self, site: Site) -> u32 {
        self.encryptors[site.index()].id()
    }
}

/// Creates the cable between the two black interfaces, after the earlier one was removed.
///
/// # Panics
/// If it cannot be created.
pub fn lay_black_cable() {
    veth("black-a", "black-b", LINE_MTU);
}

fn log_file(folder: &Folder, site: Site) -> PathBuf {
    folder.path().join(format!("site-{}.log", site.letter()))
}

/// Returns the address of a site's KME.
#[must_use]
pub fn kme_address(site: Site) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8443 + u16::from(site == Site::B)))
}

/// Starts the process of both KMEs.
///
/// # Panics
/// If it does not start.
#[must_use]
pub fn start_kmes(program: &str, folder: &Folder) -> Daemon {
    let addresses = Site::BOTH.map(kme_address);
    let config = folder.write_kmes(addresses, None).unwrap();
    let mut kme = Command::new(program);
    kme.args(["kme", "--config"]).arg(config);
    let log = folder.path().join("kme.log");
    let kmes = Daemon::start_with(&mut kme, &log, folder.settings().log);
    let socket = folder.kme_socket();
    wait_until("the KMEs", UP, || {
        qmacsec::status::query::<KmeReport>(&socket).is_ok()
    });
    kmes
}
