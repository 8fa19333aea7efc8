//! The octets of one TLS connection, and what was seen of them.
//!
//! HTTP on top tells little of why a connection broke. Here it is known whether anything came at
//! all, and which TLS alert or error of the socket came first.

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

/// A TLS connection that keeps book.
pub(crate) struct Line {
    tls: TlsStream<TcpStream>,
    seen: Arc<Seen>,
}

/// What was seen of it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    octets: AtomicBool,
    tls: OnceLock<rustls::Error>,
    socket: OnceLock<String>,
}

impl Seen {
    /// Whether an octet of an answer has come.
    pub(crate) fn octets(&self) -> bool {
        self.octets.load(Ordering::Relaxed)
    }

    /// The TLS error that ended the connection.
    pub(crate) fn tls(&self) -> Option<&rustls::Error> {
        self.tls.get()
    }

    /// The socket's error that ended the connection, in words.
    pub(crate) fn socket(&self) -> Option<&str> {
        self.socket.get().map(String::as_str)
    }

    fn enter(&self, error: &io::Error) {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        // The first one counts; a later one follows from it.
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
        }
    }

    pub(crate) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// Says good-bye, and waits a little for the KME to do so too: closing the socket at once would
    /// answer the KME's last words with a reset. TLS and its buffers are gone before the waiting.
    pub(crate) async fn close(mut self) {
        let _ = timeout(CLOSING_TIME, async {
            self.tls.shutdown().await?;
            let (mut socket, tls) = self.tls.into_inner();
            drop(tls);
            let mut rest = [0; 256];
            while socket.read(&mut rest).await? > 0 {} // TLS records still
            io::Result::Ok(())
        })
        .await; // a KME that says nothing is left
    }

    /// In TLS 1.3 a KME refuses our certificate after the handshake: its alert may wait to be read
    /// while its end of the connection is closed to what we write.
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
                if buffer.filled().len() > before {
                    self.seen.octets.store(true, Ordering::Relaxed);
                }
            }
            // Many servers end without the closing alert of TLS. That the octets before are whole
            // is told by HTTP's length or by the JSON, never by this end.
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
