//! A process of the lab: this same program under another command.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use qmacsec::parent;

use super::netns::Netns;

/// Time for a child to end by itself.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running process of the lab.
pub(crate) struct Child {
    name: String,
    process: Process,
    log: PathBuf,
}

impl Child {
    /// Starts `qmacsec ARGS` inside `netns`. Its log is appended to `log`.
    pub(crate) fn start(name: &str, netns: &Netns, args: &[&str], log: &Path) -> io::Result<Self> {
        let mut command = command(args, log)?;
        let process = netns.run(move || command.spawn())??;
        Ok(Self::of(name, process, log))
    }

    /// Starts `qmacsec ARGS` in the namespace of this process.
    pub(crate) fn start_here(name: &str, args: &[&str], log: &Path) -> io::Result<Self> {
        let process = command(args, log)?.spawn()?;
        Ok(Self::of(name, process, log))
    }

    fn of(name: &str, process: Process, log: &Path) -> Self {
        Self {
            name: name.to_owned(),
            process,
            log: log.to_path_buf(),
        }
    }

    /// Returns its exit status if it has ended.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Returns the end of its log, for the message of a failure.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let from = lines.len().saturating_sub(12);
        format!(
            "{}:\n    {}",
            self.name,
            lines.get(from..).unwrap_or_default().join("\n    ")
        )
    }

    /// Ends it at once, like a crash.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait().map(drop)
    }

    /// Returns its processor time, while it runs.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        // Its name can hold spaces. The fields after it are 3 and further of proc(5).
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let per_s = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
        let ticks = (user + system) as f64;
        Some(Duration::from_secs_f64(ticks / per_s as f64))
    }

    /// Requests its end.
    pub(crate) fn request_end(&mut self) -> io::Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.process.id()).map_err(io::Error::other)?;
        kill(Pid::from_raw(pid), Signal::SIGTERM)?;
        Ok(())
    }

    /// Requests its end, and kills it if it does not end in time.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        self.request_end()?;
        let deadline = Instant::now() + FAREWELL;
        while Instant::now() < deadline {
            if self.ended()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill()
    }
}

/// Builds the command of a child.
fn command(args: &[&str], log: &Path) -> io::Result<Command> {
    let log_file: File = OpenOptions::new().create(true).append(true).open(log)?;
    let mut command = Command::new("/proc/self/exe");
    command
        .args(args)
        .env(parent::VARIABLE, std::process::id().to_string())
        .env(
            "RUST_LOG",
            std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(log_file))
        // Ctrl-C must reach only the lab, which then ends its children in order.
        .process_group(0);
    Ok(command)
}

impl Drop for Child {
    fn drop(&mut self) {
        let _gone_already = self.kill();
    }
}
