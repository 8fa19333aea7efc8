//! Frames on a connection: a length of four octets, big endian, and the content.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::limits::SILENCE;

/// Sends one frame.
pub(crate) async fn send(to: &mut (impl AsyncWrite + Unpin), content: &[u8]) -> io::Result<()> {
    let len = u32::try_from(content.len()).map_err(io::Error::other)?;
    let sending = async {
        to.write_all(&len.to_be_bytes()).await?;
        to.write_all(content).await?;
        to.flush().await
    };
    within(SILENCE, "reads nothing", sending).await
}

/// Receives one frame of at most `len_max` octets.
pub(crate) async fn receive(
    from: &mut (impl AsyncRead + Unpin),
    len_max: usize,
    patience: Duration,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let receiving = async {
        let len = from.read_u32().await? as usize;
        if len > len_max {
            let text = format!("it sends {len} octets at once, at most {len_max} are allowed");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut content = Zeroizing::new(vec![0; len]);
        from.read_exact(&mut content).await?;
        Ok(content)
    };
    within(patience, "is silent", receiving).await
}

async fn within<T>(
    time: Duration,
    what: &str,
    io: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(time, io).await.unwrap_or_else(|_| {
        let text = format!("it {what} for {time:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    })
}
