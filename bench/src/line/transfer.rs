//! One TCP connection of the kernel's, from the left host to the right host.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::topology::{HOSTS, LAN, Topology, received};

/// Octets of a write and of a read.
const CHUNK: usize = 128 << 10;
/// How long a connection may take to be made, or a read without an octet.
const PATIENCE: Duration = Duration::from_secs(5);
const PORT: u16 = 7;

/// The octets and frames that came through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transferred {
    pub(super) octets: u64,
    /// Frames that arrived at the right host.
    pub(super) frames: u64,
    pub(super) took: Duration,
}

/// Transfers for `time`. Each host's side is a thread in its namespace.
pub(super) fn run(topology: &Topology, time: Duration) -> io::Result<Transferred> {
    let listener = topology
        .right
        .run(|| TcpListener::bind((HOSTS[1], PORT)))??;
    let before = topology.right.run(|| received(LAN))??;
    let receiver = std::thread::spawn(move || receive(&listener));
    let connect = || TcpStream::connect_timeout(&SocketAddr::from((HOSTS[1], PORT)), PATIENCE);
    let mut stream = topology.left.run(connect)??;
    stream.set_write_timeout(Some(PATIENCE))?;
    let chunk = vec![0x5a; CHUNK];
    let start = Instant::now();
    while start.elapsed() < time {
        stream.write_all(&chunk)?;
    }
    drop(stream);
    let (octets, took) = receiver
        .join()
        .map_err(|_| io::Error::other("the receiving thread died"))??;
    let frames = topology.right.run(|| received(LAN))?? - before;
    Ok(Transferred {
        octets,
        frames,
        took,
    })
}

fn receive(listener: &TcpListener) -> io::Result<(u64, Duration)> {
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut chunk = vec![0; CHUNK];
    let start = Instant::now();
    let mut octets = 0;
    loop {
        match stream.read(&mut chunk)? {
            0 => return Ok((octets, start.elapsed())),
            count => octets += count as u64,
        }
    }
}
