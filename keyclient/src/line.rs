//! The octets of one TLS connection, with a record of what happened on it.
//!
//! HTTP reports little about why a connection broke. This module records whether any octet of an
//! answer came, and the first TLS alert and socket error.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::limits::CLOSING_TIME;

/// A TLS connection that records its events.
pub(crate) struct Line {
    tls: TlsStream<TcpStream>,
    seen: Arc<Seen>,
    version: Version,
}

/// Reads any `HTTP/1.x` as `HTTP/1.1` at the start of the first reply. Some servers name version
/// 1.0 and send chunks, which HTTP/1.0 does not have. For one reply on a connection there is no
/// other difference.
#[derive(Debug, Default)]
struct Version {
    /// Octets that have passed.
    passed: usize,
    /// They differ from [`Version::NAME`].
    other: bool,
}

impl Version {
    const NAME: &[u8] = b"HTTP/1.";

    fn read_as_1_1(&mut self, octets: &mut [u8]) {
        for octet in octets {
            match Self::NAME.get(self.passed) {
                _ if self.other => return,
                Some(expected) => self.other = octet != expected,
                None => {
                    if octet.is_ascii_digit() {
                        *octet = b'1';
                    }
                    self.other = true;
                }
            }
            self.passed += 1;
        }
    }
}

/// The record of a connection.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    octets: AtomicBool,
    tls: OnceLock<rustls::Error>,
    socket: OnceLock<String>,
}

impl Seen {
    /// True if an octet of an answer has arrived.
    pub(crate) fn octets(&self) -> bool {
        self.octets.load(Ordering::Relaxed)
    }

    /// The TLS error that ended the connection.
    pub(crate) fn tls(&self) -> Option<&rustls::Error> {
        self.tls.get()
    }

    /// The text of the socket error that ended the connection.
    pub(crate) fn socket(&self) -> Option<&str> {
        self.socket.get().map(String::as_str)
    }

    fn enter(&self, error: &io::Error) {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        // Only the first error counts; later ones follow from it.
        let _first = match inner {
            Some(tls) => self.tls.set(rustls::Error::clone(tls)).is_ok(),
            None => self.socket.set(error.to_string()).is_ok(),
        };
    }
}

impl Line {
    pub(crate) fn new(tls: TlsStream<TcpStream>) -> Self {
        Self {
            tls,
            seen: Arc::default(),
            version: Version::default(),
        }
    }

    pub(crate) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// Sends close_notify and waits a short time for the close_notify of the KME. If the socket
    /// closed at once, the last octets of the KME would cause a reset. TLS and its buffers are
    /// freed before the wait.
    pub(crate) async fn close(mut self) {
        let _ = timeout(CLOSING_TIME, async {
            self.tls.shutdown().await?;
            let (mut socket, tls) = self.tls.into_inner();
            drop(tls);
            let mut rest = [0; 256];
            while socket.read(&mut rest).await? > 0 {} // discard further TLS records
            io::Result::Ok(())
        })
        .await; // a silent KME only costs the time limit
    }

    /// Reads a waiting alert after a failed write. In TLS 1.3 a KME refuses our certificate after
    /// the handshake: it may have sent the alert and closed the connection before our write.
    fn write_failed(&mut self, error: io::Error, context: &mut Context<'_>) -> io::Error {
        let mut octet = [0];
        match Pin::new(&mut self.tls).poll_read(context, &mut ReadBuf::new(&mut octet)) {
            Poll::Ready(Err(read)) => self.seen.enter(&read),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        self.seen.enter(&error);
        error
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match ready!(Pin::new(&mut self.tls).poll_read(context, buffer)) {
            Ok(()) => {
                let new = buffer.filled_mut().get_mut(before..);
                self.version.read_as_1_1(new.unwrap_or_default());
                if buffer.filled().len() > before {
                    self.seen.octets.store(true, Ordering::Relaxed);
                }
            }
            // Many servers close without close_notify. The HTTP length or the JSON shows whether
            // the octets before are complete, so this end is no error.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => {
                self.seen.enter(&error);
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.tls).poll_write(context, octets));
        Poll::Ready(written.map_err(|error| self.write_failed(error, context)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.tls).poll_flush(context));
        Poll::Ready(flushed.map_err(|error| self.write_failed(error, context)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
