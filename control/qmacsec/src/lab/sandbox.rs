//! The lab's own namespaces: network and mounts, and a user namespace where we are not root.
//!
//! Called first thing, while the process has one thread: the kernel lets only such a process
//! change its user namespace. Everything lives and dies with the processes of the lab.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::netns::Netns;

/// Why there is no sandbox here.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel or its administrator forbids user namespaces.
    #[error(
        "this user may not make a user namespace ({0}); mend: run as root, or allow it \
         (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces=1000, and where AppArmor \
         restricts it kernel.apparmor_restrict_unprivileged_userns=0)"
    )]
    User(io::Error),
    /// Same for network and mount namespaces.
    #[error(
        "network and mount namespaces cannot be made here ({0}); mend: run as root, outside of a restricted container"
    )]
    Network(io::Error),
}

/// Moves this process into namespaces of its own, where nothing but the loopback is up.
///
/// # Errors
/// Which kind of namespace is not to be had, and the mend.
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
    // Mounts of ours stay ours.
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .map_err(refused)?;
    // Last: who fails before still has the network, and runs in memory.
    unshare(CloneFlags::CLONE_NEWNET).map_err(refused)?;
    // Down in a fresh namespace, and KMEs listen on it.
    Netns::of_caller("loopback").map_err(SandboxError::Network)?;
    Ok(())
}

/// Where the lab keeps its certificates, secrets and sockets.
///
/// A tmpfs in our own mount namespace: never on disk, seen by nobody else, gone with us even after
/// `kill -9`. `in_use` are paths that must stay visible below it.
///
/// # Errors
/// When no folder can be covered by a tmpfs.
pub(crate) fn vault(in_use: &[&Path]) -> io::Result<PathBuf> {
    // Folders that hardly anything lives in; we cover one, for this process only.
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
