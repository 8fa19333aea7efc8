//! A process of the lab: this same program under another command, inside a namespace.

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
        let process = netns.run(move || command.spawn())??;
        Ok(Self {
            name: name.to_owned(),
            process,
            log: log.to_path_buf(),
        })
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

    /// Requests its end, and kills it if it does not end in time.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.process.id()).map_err(io::Error::other)?;
        kill(Pid::from_raw(pid), Signal::SIGTERM)?;
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

impl Drop for Child {
    fn drop(&mut self) {
        let _gone_already = self.kill();
    }
}
