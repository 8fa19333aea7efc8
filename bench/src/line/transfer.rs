//! One TCP connection of the kernel's, from the left host to the right host.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::network::{HOSTS, Network};

const CHUNK: usize = 128 << 10;
/// How long a connection may take to be made, or a read without an octet.
const PATIENCE: Duration = Duration::from_secs(5);
const PORT: u16 = 7;

/// Transfers for `time`, with each host's socket in its namespace. Returns the octets that came
/// through, and the time that they took.
pub(super) fn run(network: &Network, time: Duration) -> io::Result<(u64, Duration)> {
    let to = SocketAddr::from((HOSTS[1], PORT));
    let listener = network.right.run(move || TcpListener::bind(to))??;
    let receiver = std::thread::spawn(move || receive(&listener));
    let connect = move || TcpStream::connect_timeout(&to, PATIENCE);
    let mut stream = network.left.run(connect)??;
    stream.set_write_timeout(Some(PATIENCE))?;
    let chunk = vec![0x5a; CHUNK];
    let start = Instant::now();
    while start.elapsed() < time {
        stream.write_all(&chunk)?;
    }
    drop(stream);
    let received = receiver.join();
    received.map_err(|_| io::Error::other("the receiving thread died"))?
}

fn receive(listener: &TcpListener) -> io::Result<(u64, Duration)> {
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut chunk = vec![0; CHUNK];
    let (start, mut octets) = (Instant::now(), 0);
    loop {
        match stream.read(&mut chunk)? {
            0 => return Ok((octets, start.elapsed())),
            count => octets += count as u64,
        }
    }
}
