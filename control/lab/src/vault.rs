//! A temporary folder for secrets. It vanishes with this process, also after `kill -9`.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use qmacsec::output::note;
use tempfile::TempDir;

/// The folder.
pub(crate) struct Vault {
    folder: TempDir,
    _guard: Guard,
}

impl Vault {
    /// Creates the folder, whose name begins with `prefix`: in memory where that is possible, since
    /// even a lab's secrets should not be on disk.
    pub(crate) fn new(prefix: &str) -> io::Result<Self> {
        let mut folder = tempfile::Builder::new();
        folder.prefix(prefix);
        let folder = folder
            .tempdir_in("/dev/shm")
            .or_else(|_| folder.tempdir())?;
        Ok(Self {
            _guard: Guard::of(folder.path()),
            folder,
        })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folder when this process has ended in any way: a separate shell waits for the end of
/// our pipe.
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
