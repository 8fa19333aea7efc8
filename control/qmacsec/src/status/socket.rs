//! The status socket: the daemon's end and the asking end.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Asking;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

use crate::limits;

/// How long the daemon waits for one who asked to read the answer.
const ANSWER: Duration = Duration::from_millis(500);
/// How long the asking end waits for the daemon.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Nobody listens there.
    #[error(
        "no daemon answers at {path} ({cause}); mend: is it running, and is this the status_socket of its config?"
    )]
    NoDaemon {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The socket cannot be made.
    #[error(
        "the status socket {path} cannot be made ({cause}); mend: choose another status_socket, in a folder that this user may write"
    )]
    Bind {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A daemon is running already.
    #[error(
        "{0} is in use: another daemon runs with this status_socket; mend: stop it, or give each its own"
    )]
    InUse(PathBuf),
    /// What came back is no status.
    #[error("what answers at {path} is no qmacsec of this version ({cause})")]
    NotOurs {
        /// The socket.
        path: PathBuf,
        /// What was wrong.
        cause: serde_json::Error,
    },
}

/// The daemon's end; the socket file goes when this is dropped.
pub struct StatusSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl StatusSocket {
    /// Listens at `path`; takes the place of a dead daemon's socket, never of a living one's.
    ///
    /// # Errors
    /// In use, or not to be made.
    pub fn bind(path: &Path) -> Result<Self, StatusError> {
        if Asking::connect(path).is_ok() {
            return Err(StatusError::InUse(path.to_path_buf()));
        }
        let failed = |cause| StatusError::Bind {
            path: path.to_path_buf(),
            cause,
        };
        if fs::symlink_metadata(path).is_ok() {
            fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self {
            listener,
            path: path.to_path_buf(),
        })
    }

    /// Waits for the next who asks.
    pub async fn asked(&self) -> io::Result<Asker> {
        let (stream, _) = self.listener.accept().await?;
        Ok(Asker(stream))
    }
}

/// Somebody who wants to know.
pub struct Asker(UnixStream);

impl Asker {
    /// Answers, beside whatever else goes on: one who does not read holds nobody up.
    pub fn answer<T: Serialize>(mut self, report: &T) {
        match serde_json::to_vec(report) {
            Ok(document) => drop(tokio::spawn(async move {
                let write = self.0.write_all(&document);
                // Gone, or too slow: his loss.
                let _ = tokio::time::timeout(ANSWER, write).await;
            })),
            Err(error) => warn!(%error, "the status cannot be written as JSON"),
        }
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.path);
    }
}

/// Asks the daemon at `path`.
///
/// # Errors
/// Nobody there, or not ours.
pub fn query<T: DeserializeOwned>(path: &Path) -> Result<T, StatusError> {
    let absent = |cause| StatusError::NoDaemon {
        path: path.to_path_buf(),
        cause,
    };
    let stream = Asking::connect(path).map_err(absent)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(absent)?;
    let mut document = Vec::new();
    stream
        .take(limits::STATUS_LEN_MAX)
        .read_to_end(&mut document)
        .map_err(absent)?;
    serde_json::from_slice(&document).map_err(|cause| StatusError::NotOurs {
        path: path.to_path_buf(),
        cause,
    })
}
