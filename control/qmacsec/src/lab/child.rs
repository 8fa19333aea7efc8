//! A process of the lab: this same program under another command, inside a namespace.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::netns::Netns;

/// Set in the environment of a child: it dies when the process of this ID does.
pub(crate) const PARENT: &str = "QMACSEC_PARENT";

/// How long a child may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running process of the lab.
pub(crate) struct Child {
    name: String,
    process: Process,
    log: PathBuf,
}

impl Child {
    /// Starts `qmacsec ARGS` inside `netns`; its log goes to `log`, appended.
    pub(crate) fn start(name: &str, netns: &Netns, args: &[&str], log: &Path) -> io::Result<Self> {
        let log_file: File = OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new("/proc/self/exe");
        command
            .args(args)
            .env(PARENT, std::process::id().to_string())
            .env(
                "RUST_LOG",
                std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log_file))
            // Ctrl-C reaches the lab alone, which then ends its children in order.
            .process_group(0);
        let process = netns.run(move || command.spawn())??;
        Ok(Self {
            name: name.to_owned(),
            process,
            log: log.to_path_buf(),
        })
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// What it logged last, for a failure's message.
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

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait().map(drop)
    }

    /// Asks it to end, and sees that it does.
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

/// In a child of the lab: ask the kernel to end us when the lab ends, however it ends.
pub(crate) fn die_with_parent() -> io::Result<()> {
    let Ok(parent) = std::env::var(PARENT) else {
        return Ok(());
    };
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    if nix::unistd::getppid().to_string() == parent {
        Ok(())
    } else {
        Err(io::Error::other(
            "the lab that started this process is gone",
        ))
    }
}
