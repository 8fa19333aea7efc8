//! A run of `qmacsec lab` as a process.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::site::Site;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use qmacsec::status::Report;
use serde_json::Value;
use tempfile::TempDir;

use crate::patience::{wait_until, waited};
use crate::processes::{Process, descendants};

/// Time limit for the start of the lab, on a busy machine.
const BUILD_UP: Duration = Duration::from_secs(40);
/// Places where a lab may have its folder for secrets, in its own mount namespace.
const VAULTS: [&str; 4] = ["media", "srv", "mnt", "opt"];

/// A running lab. Dropping it kills the lab.
pub struct Lab {
    process: Child,
    folder: TempDir,
}

/// The result of a lab that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Lab {
    /// Starts `program lab ARGS`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.arg("lab").args(args);
        Self::start_command(command)
    }

    /// Starts a command that finally runs the lab.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start_command(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = command
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("stdout")).unwrap())
            .stderr(File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    /// Returns its process ID.
    ///
    /// # Panics
    /// Never: process IDs of Linux fit.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.id().try_into().unwrap()
    }

    /// Returns its standard error until now.
    #[must_use]
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// Waits until its standard error contains these words.
    ///
    /// # Panics
    /// If they do not appear, or the lab ends before.
    pub fn wait_for(&mut self, words: &str) {
        let said = waited(BUILD_UP, || {
            self.stderr().contains(words) || self.process.try_wait().unwrap().is_some()
        });
        let stderr = self.stderr();
        assert!(
            said.is_some() && stderr.contains(words),
            "the lab did not say {words:?}:\n{stderr}"
        );
    }

    /// True if it still runs.
    ///
    /// # Panics
    /// Never on Linux.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Waits until traffic runs.
    pub fn wait_for_traffic(&mut self) {
        self.wait_for("both directions have their first key");
    }

    /// Returns all its processes except the lab itself.
    #[must_use]
    pub fn children(&self) -> Vec<Process> {
        descendants(self.pid())
    }

    /// Returns the network namespaces of its processes, by inode.
    #[must_use]
    pub fn namespaces(&self) -> Vec<u64> {
        let children = self.children().into_iter().map(|child| child.pid);
        let inode = |pid| Some(fs::metadata(format!("/proc/{pid}/ns/net")).ok()?.ino());
        let mut inodes: Vec<_> = children.chain([self.pid()]).filter_map(inode).collect();
        inodes.sort_unstable();
        inodes.dedup();
        inodes
    }

    /// Returns the path of a file in its folder for secrets, through the lab's own view of the file
    /// system.
    #[must_use]
    pub fn in_vault(&self, name: &str) -> Option<PathBuf> {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
        VAULTS
            .iter()
            .map(|vault| root.join(vault).join(name))
            .find(|path| path.symlink_metadata().is_ok())
    }

    /// Returns the status of one of its encryptors, if that answers now.
    #[must_use]
    pub fn status(&self, site: Site) -> Option<Report> {
        let socket = self.in_vault(&format!("site-{}.sock", site.letter()))?;
        qmacsec::status::query(&socket).ok()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// If it still runs after `limit`.
    #[must_use]
    pub fn wait(mut self, limit: Duration) -> Ended {
        let mut status = None;
        let ended = waited(limit, || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        let stderr = self.stderr();
        assert!(
            ended.is_some(),
            "the lab did not end within {limit:?}:\n{stderr}"
        );
        Ended {
            code: status.and_then(|status| status.code()),
            stdout: fs::read_to_string(self.folder.path().join("stdout")).unwrap(),
            stderr,
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _ended_already = self.process.wait();
    }
}

impl Ended {
    /// Returns the verdict: the last line of standard output.
    ///
    /// # Panics
    /// If that line is not JSON.
    #[must_use]
    pub fn verdict(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| {
            panic!("no verdict ({error}):\n{}\n{}", self.stdout, self.stderr)
        })
    }
}

/// Everything that a lab could leave behind, at one moment. Compare the states before and after a
/// lab. Network namespaces are checked separately ([`named_namespaces`]), because other programs
/// create and remove theirs in the meantime.
#[derive(Debug, PartialEq, Eq)]
pub struct Traces {
    files: Vec<PathBuf>,
    mounts: Vec<String>,
}

impl Traces {
    /// Checks every place where a lab could leave something.
    #[must_use]
    pub fn now() -> Self {
        let list = |folder: &Path| -> Vec<PathBuf> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        let mut files: Vec<_> = VAULTS
            .iter()
            .flat_map(|vault| list(&Path::new("/").join(vault)))
            .collect();
        files.sort();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mounts = mounts.lines().filter(|line| line.contains("qmacsec"));
        Self {
            files,
            mounts: mounts.map(str::to_owned).collect(),
        }
    }
}

/// Returns those of these network namespaces that a mount keeps, so that they outlive their
/// processes.
#[must_use]
pub fn named_namespaces(inodes: &[u64]) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let is_one = |line: &&str| {
        let of = |inode: &u64| line.contains(&format!("net:[{inode}]"));
        inodes.iter().any(of)
    };
    mounts.lines().filter(is_one).map(str::to_owned).collect()
}

/// Returns the names of folders in memory that hold secrets of labs.
#[must_use]
pub fn folders_in_memory() -> Vec<PathBuf> {
    let places = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
    let entries = places
        .iter()
        .flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten());
    entries
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("qmacsec-lab-")
        })
        .map(|entry| entry.path())
        .collect()
}

/// Waits until none of these processes runs any more.
///
/// # Panics
/// If one still runs after `limit`.
pub fn gone_within(processes: &[Process], limit: Duration) -> Duration {
    wait_until("the end of the lab's processes", limit, || {
        !processes.iter().any(Process::runs)
    })
}
