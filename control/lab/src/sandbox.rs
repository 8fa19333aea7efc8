//! The lab's own namespaces: network and mounts, and a user namespace unless we are root.
//!
//! Called first, while the process has one thread: the kernel allows only such a process to change
//! its user namespace. Everything in the namespaces ends with the processes of the lab.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::netns::Netns;

/// The reason why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel or its administrator forbids user namespaces.
    #[error(
        "this user may not make a user namespace ({0}); fix: run as root, or allow it \
         (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces=1000, and where \
         AppArmor restricts it kernel.apparmor_restrict_unprivileged_userns=0)"
    )]
    User(io::Error),
    /// The same for network and mount namespaces.
    #[error(
        "network and mount namespaces cannot be made here ({0}); fix: run as root, outside of a \
         restricted container"
    )]
    Network(io::Error),
}

/// Moves this process into its own namespaces, in which only the loopback is up.
///
/// # Errors
/// The kind of namespace that is not available, and the fix.
pub fn enter() -> Result<(), SandboxError> {
    let (uid, gid) = (geteuid(), getegid());
    if !uid.is_root() {
        unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| SandboxError::User(error.into()))?;
        let map = || {
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
            fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
        };
        map().map_err(SandboxError::User)?;
    }
    let refused = |error: nix::Error| SandboxError::Network(error.into());
    unshare(CloneFlags::CLONE_NEWNS).map_err(refused)?;
    // Our mounts must not propagate to other namespaces.
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .map_err(refused)?;
    // Last step: after an earlier failure, the process still has the network for the lab in memory.
    unshare(CloneFlags::CLONE_NEWNET).map_err(refused)?;
    // The loopback is down in a new namespace, but KMEs listen on it.
    Netns::of_caller("loopback").map_err(SandboxError::Network)?;
    Ok(())
}

/// Returns the folder for the lab's certificates, secrets and sockets.
///
/// A tmpfs in our own mount namespace: never on disk, invisible to others, and gone when we end,
/// even after `kill -9`. `in_use` are paths that must stay visible.
///
/// # Errors
/// No folder can be covered by a tmpfs.
pub(crate) fn vault(in_use: &[&Path]) -> io::Result<PathBuf> {
    // Folders that are rarely used. One is covered, for this process only.
    let candidates = ["/media", "/srv", "/mnt", "/opt"].map(Path::new);
    let free = candidates
        .into_iter()
        .find(|folder| folder.is_dir() && !in_use.iter().any(|path| path.starts_with(folder)))
        .ok_or_else(|| {
            io::Error::other("none of /media, /srv, /mnt, /opt can be covered by a tmpfs")
        })?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(
        Some("qmacsec-lab"),
        free,
        Some("tmpfs"),
        flags,
        Some("mode=0700,size=16m"),
    )?;
    Ok(free.to_path_buf())
}
