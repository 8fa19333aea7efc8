//! Frames on a connection: a length of four octets, big endian, and the content.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// Octets of the length.
pub(crate) const HEAD_LEN: usize = 4;

/// Appends a frame to `out`. No content is longer than `u32::MAX`: callers have lower limits.
pub(crate) fn append(out: &mut Vec<u8>, content: &[u8]) {
    let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(content);
}

/// Sends one small frame at once. It holds nothing secret.
pub(crate) async fn send(to: &mut (impl AsyncWrite + Unpin), content: &[u8]) -> io::Result<()> {
    let mut frame = Vec::with_capacity(HEAD_LEN + content.len());
    append(&mut frame, content);
    to.write_all(&frame).await?;
    to.flush().await
}

/// Sends one large frame without a copy of it.
pub(crate) async fn send_whole(
    to: &mut (impl AsyncWrite + Unpin),
    content: &[u8],
) -> io::Result<()> {
    let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
    to.write_all(&len.to_be_bytes()).await?;
    to.write_all(content).await?;
    to.flush().await
}

/// Receives one frame of at most `len_max` octets.
pub(crate) async fn receive(
    from: &mut (impl AsyncRead + Unpin),
    len_max: usize,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let len = from.read_u32().await? as usize;
    if len > len_max {
        let text = format!("a frame of {len} octets; at most {len_max} are allowed here");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut content = Zeroizing::new(vec![0; len]);
    from.read_exact(&mut content).await?;
    Ok(content)
}

#[cfg(test)]
mod tests;
