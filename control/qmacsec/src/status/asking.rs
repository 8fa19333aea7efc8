//! The client's end of the status socket. Its limit of time is for the whole exchange: neither a
//! daemon that is stopped nor one that sends an octet now and then holds it longer.

use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Instant;

use serde::de::DeserializeOwned;

use super::socket::{PATIENCE, Request, StatusError, connect};
use crate::limits;

/// Octets read at once.
const PIECE: usize = 64 << 10;

/// Queries the daemon at `path` for its status.
///
/// # Errors
/// No daemon answers, or the answer is not a status.
pub fn query<T: DeserializeOwned>(path: &Path) -> Result<T, StatusError> {
    request(path, Request::Status)
}

/// Sends a request to the daemon at `path`.
///
/// # Errors
/// No daemon answers, or its answer is not of the expected type.
pub fn request<T: DeserializeOwned>(path: &Path, request: Request) -> Result<T, StatusError> {
    let path_of = || path.to_path_buf();
    let document = exchange(path, &request.words()).map_err(|cause| match cause.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => StatusError::Silent {
            path: path_of(),
            patience: PATIENCE,
        },
        _ => StatusError::NoDaemon {
            path: path_of(),
            cause,
        },
    })?;
    serde_json::from_slice(&document).map_err(|cause| StatusError::NotOurs {
        path: path_of(),
        cause,
    })
}

fn exchange(path: &Path, words: &str) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let mut stream = connect(path)?;
    writeln!(stream, "{words}")?;
    let (mut document, mut piece) = (Vec::new(), vec![0; PIECE]);
    while (document.len() as u64) < limits::STATUS_LEN_MAX {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(len) => document.extend_from_slice(piece.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(document)
}

#[cfg(test)]
mod tests;
