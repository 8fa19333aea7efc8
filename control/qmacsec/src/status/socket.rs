//! The status socket: the daemon's end, and how a client connects to it. What a client asks and
//! gets is in [`super::asking`].

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;

use super::KmeFault;

/// Limit of time for a client's whole exchange with the daemon.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Time limit for a client to send its request, and to read the answer.
const ANSWER: Duration = Duration::from_millis(500);
/// Limit of clients at the same time; further ones are refused.
const ASKERS_MAX: usize = 8;
/// Limit of octets in a socket's path: `sockaddr_un` has 108, with a zero at the end.
const SOCKET_PATH_MAX: usize = 107;
/// Octets of the longest request.
const REQUEST_LEN_MAX: u64 = 64;

/// The reason why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Nothing listens there.
    #[error(
        "no daemon answers at {path} ({cause}); fix: check that it runs, and that this is the \
         status_socket of its config"
    )]
    NoDaemon {
        /// The socket.
        path: PathBuf,
        /// The error of the system.
        cause: io::Error,
    },
    /// A process has the socket, but does not answer.
    #[error(
        "the daemon at {path} does not answer within {patience:?}; fix: continue its process if it \
         is stopped (`kill -CONT`), or reduce the load of the machine; the daemon may still carry \
         out an order that it has received"
    )]
    Silent {
        /// The socket.
        path: PathBuf,
        /// The limit of time.
        patience: Duration,
    },
    /// The socket cannot be created.
    #[error(
        "the status socket {path} cannot be created ({cause}); fix: choose another status_socket, \
         in a folder that this user may write to"
    )]
    Bind {
        /// The socket.
        path: PathBuf,
        /// The error of the system.
        cause: io::Error,
    },
    /// The path is longer than the system allows.
    #[error(
        "the path of the status socket {0} is longer than {SOCKET_PATH_MAX} octets; fix: choose a \
         shorter status_socket"
    )]
    PathTooLong(PathBuf),
    /// The folder is missing or may not be written.
    #[error(
        "the status socket cannot be created in {folder}: {problem}; fix: choose another \
         status_socket, or create the folder for this user"
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        problem: String,
    },
    /// Another file has this path; we must not remove it.
    #[error(
        "{0} exists and is not a socket, so it is not replaced; fix: choose another status_socket, \
         or move the file away"
    )]
    NotASocket(PathBuf),
    /// A socket has this path, but it does not refuse connections like that of a dead daemon.
    #[error(
        "the socket {path} exists and may be in use ({cause}); fix: stop the process that uses it, \
         or choose another status_socket"
    )]
    NotDead {
        /// The socket.
        path: PathBuf,
        /// The system error.
        cause: io::Error,
    },
    /// A daemon already runs there.
    #[error(
        "{0} is in use: another daemon runs with this status_socket; fix: stop it, or give each \
         daemon its own"
    )]
    InUse(PathBuf),
    /// The answer is not a status.
    #[error(
        "the program at {path} is not a qmacsec of this version ({cause}); fix: use the same \
         version for both"
    )]
    NotOurs {
        /// The socket.
        path: PathBuf,
        /// The error of the parser.
        cause: serde_json::Error,
    },
}

/// A request to a daemon: a word or two and a line end. An empty request asks for the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The whole report.
    Status,
    /// Order a fresh key for our direction, now.
    Rekey,
    /// Wipe every key, stop all traffic.
    Zeroise,
    /// Reload the config and apply its policy.
    Reload,
    /// Lab KMEs only: set a fault, or clear it.
    Fault(Option<KmeFault>),
    /// Node of a network only: end this link of the topology.
    Cut(u16),
}

impl Request {
    const ALL: [Self; 4] = [Self::Status, Self::Rekey, Self::Zeroise, Self::Reload];

    pub(super) fn words(self) -> String {
        match self {
            Self::Status => "status".to_owned(),
            Self::Rekey => "rekey".to_owned(),
            Self::Zeroise => "zeroise".to_owned(),
            Self::Reload => "reload".to_owned(),
            Self::Fault(None) => "fault none".to_owned(),
            Self::Fault(Some(fault)) => format!("fault {fault}"),
            Self::Cut(link) => format!("cut {link}"),
        }
    }

    fn of(words: &str) -> Option<Self> {
        let words = words.trim();
        if let Some(link) = words.strip_prefix("cut ") {
            return link.parse().ok().map(Self::Cut);
        }
        match words.strip_prefix("fault ") {
            Some("none") => Some(Self::Fault(None)),
            Some(fault) => fault.parse().ok().map(|fault| Self::Fault(Some(fault))),
            None => Self::ALL
                .into_iter()
                .find(|request| request.words() == words),
        }
    }
}

/// The daemon's end. Dropping it removes the socket file.
pub struct StatusSocket {
    askers: mpsc::Receiver<Asker>,
    listening: JoinHandle<()>,
    path: PathBuf,
    /// Device and inode of the socket that we created.
    made: Option<(u64, u64)>,
}

/// Connects to the daemon. A stopped daemon accepts nobody: when its queue is full, the system
/// would let us wait without end.
pub(super) fn connect(path: &Path) -> io::Result<net::UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(OwnedFd::from(socket).into())
}

impl StatusSocket {
    /// Listens at `path`. Replaces the socket of a dead daemon, but never that of a running one.
    ///
    /// # Errors
    /// The socket is in use or cannot be created.
    pub fn bind(path: &Path) -> Result<Self, StatusError> {
        Self::look_at(path)?;
        let failed = |cause| StatusError::Bind {
            path: path.to_path_buf(),
            cause,
        };
        if fs::symlink_metadata(path).is_ok() {
            match connect(path) {
                Ok(_) => return Err(StatusError::InUse(path.to_path_buf())),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(cause) => {
                    let path = path.to_path_buf();
                    return Err(StatusError::NotDead { path, cause });
                }
            }
            fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let made = identity(path);
        let (to_driver, askers) = mpsc::channel(ASKERS_MAX);
        Ok(Self {
            askers,
            listening: tokio::spawn(listen(listener, to_driver)),
            path: path.to_path_buf(),
            made,
        })
    }

    /// Checks, as far as possible without creating it, whether a socket can be created there. An
    /// existing socket, dead or alive, is accepted.
    ///
    /// # Errors
    /// The path is too long, its folder cannot be written, or another file has this path.
    pub fn look_at(path: &Path) -> Result<(), StatusError> {
        if path.as_os_str().len() > SOCKET_PATH_MAX {
            return Err(StatusError::PathTooLong(path.to_path_buf()));
        }
        if let Some(problem) = folder_problem(path) {
            let folder = folder_of(path).to_path_buf();
            return Err(StatusError::Folder { folder, problem });
        }
        match fs::symlink_metadata(path) {
            Ok(there) if !there.file_type().is_socket() => {
                Err(StatusError::NotASocket(path.to_path_buf()))
            }
            _ => Ok(()),
        }
    }

    /// Waits for the next client.
    pub async fn asked(&mut self) -> Asker {
        match self.askers.recv().await {
            Some(asker) => asker,
            None => std::future::pending().await, // the listener has ended and logged it
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let about = fs::symlink_metadata(path).ok()?;
    Some((about.dev(), about.ino()))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Returns the reason why this user cannot create a file with this path, if there is one.
pub(crate) fn folder_problem(path: &Path) -> Option<String> {
    let folder = folder_of(path);
    match fs::metadata(folder) {
        Ok(about) if !about.is_dir() => return Some("it is not a folder".to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Some("the folder does not exist".to_owned());
        }
        Err(error) => return Some(error.to_string()),
    }
    let rights = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    let flags = rustix::fs::AtFlags::EACCESS;
    rustix::fs::accessat(rustix::fs::CWD, folder, rights, flags)
        .err()
        .map(|error| format!("this user may not write to it ({error})"))
}

/// Accepts connections and reads their requests. A client that sends nothing delays no other.
async fn listen(listener: UnixListener, to_driver: mpsc::Sender<Asker>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let to_driver = to_driver.clone();
                tokio::spawn(async move {
                    if let Some(asker) = Asker::read(stream).await {
                        // With too many clients, or at the daemon's end, this client gets no
                        // answer.
                        let _ = to_driver.try_send(asker);
                    }
                });
            }
            Err(error) => {
                warn!(%error, "the status socket cannot accept a connection");
                tokio::time::sleep(ANSWER).await;
            }
        }
    }
}

/// A client with its request.
pub struct Asker {
    /// Its request.
    pub request: Request,
    stream: UnixStream,
}

impl Asker {
    async fn read(stream: UnixStream) -> Option<Self> {
        let mut reader = BufReader::new(stream.take(REQUEST_LEN_MAX));
        let mut word = String::new();
        let line = tokio::time::timeout(ANSWER, reader.read_line(&mut word)).await;
        let request = match line {
            Ok(Ok(0)) | Err(_) => Request::Status,
            Ok(Ok(_)) => Request::of(&word)?,
            Ok(Err(_)) => return None,
        };
        let stream = reader.into_inner().into_inner();
        Some(Self { request, stream })
    }

    /// Answers in a separate task, so a client that does not read delays nothing else.
    pub fn answer<T: Serialize>(mut self, report: &T) {
        match serde_json::to_vec(report) {
            Ok(document) => drop(tokio::spawn(async move {
                let write = self.stream.write_all(&document);
                // A client that is gone or too slow gets no answer.
                let _ = tokio::time::timeout(ANSWER, write).await;
            })),
            Err(error) => warn!(%error, "the status cannot be written as JSON"),
        }
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        self.listening.abort();
        // Another daemon may have created a socket with this path by now.
        if identity(&self.path) == self.made {
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}
