//! The connections to the neighbours. The end with the smaller number connects, the other listens;
//! a lost connection is made again. Each link has two connections: one for the messages of the
//! relay protocol, one for the modelled quantum channel.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use network::{LinkId, NodeId, limits::MESSAGE_LEN_MAX};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsStream;
use tracing::{debug, warn};

use crate::core::{Connection, Core, Work};
use crate::frame;
use crate::limits::{HANDSHAKE, HANDSHAKES_MAX, LASTING, OPENING, RETRY, SEND};
use crate::map::Map;
use crate::opening::{ANSWER_LEN, Answer, OPENING_LEN, Opening, Purpose, other_topology};
use crate::quantum::{self, Devices};
use crate::tls::{self, Tls};

/// The parts that every connection of a node needs.
pub(crate) struct Lines {
    pub(crate) map: Arc<Map>,
    pub(crate) core: Arc<Core>,
    pub(crate) tls: Tls,
    pub(crate) devices: Devices,
}

/// A connection to a neighbour, as it ended before it was opened.
type Failure = String;

impl Lines {
    /// Connects to a neighbour for this purpose, again and again.
    pub(crate) async fn connect(
        self: Arc<Self>,
        link: LinkId,
        neighbour: NodeId,
        address: SocketAddr,
        purpose: Purpose,
    ) {
        let [first, longest] = RETRY;
        let mut wait = first;
        let mut said = None;
        while !self.core.is_cut(link) {
            let begun = Instant::now();
            let failure = match self.open(link, neighbour, address, purpose).await {
                Ok(stream) => {
                    said = None;
                    self.converse(stream, link, purpose, true).await;
                    None
                }
                Err(failure) => Some(failure),
            };
            if let Some(failure) = failure.filter(|failure| said.as_ref() != Some(failure)) {
                // Once only: the next attempts most likely fail for the same reason.
                let (link, neighbour) = (self.map.link_name(link), self.map.node_name(neighbour));
                warn!("link {link}: no connection to {neighbour} at {address}: {failure}");
                said = Some(failure);
            }
            if begun.elapsed() > LASTING {
                wait = first;
            }
            sleep(part_of(wait)).await;
            wait = (wait * 2).min(longest);
        }
    }

    /// Makes one connection, up to the answer of the other end.
    async fn open(
        &self,
        link: LinkId,
        neighbour: NodeId,
        address: SocketAddr,
        purpose: Purpose,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let name = self.map.node_name(neighbour);
        let server = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
        let connecting = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            self.tls.connector.connect(server, stream).await
        };
        let connected = timeout(HANDSHAKE, connecting).await;
        let connected = connected.map_err(|_| format!("no answer within {HANDSHAKE:?}"))?;
        let mut stream = TlsStream::from(connected.map_err(|error| tls::explain(&error, name))?);
        let digest = self.map.topology().digest().0;
        let opening = Opening {
            purpose,
            link,
            digest,
        };
        let asking = async {
            frame::send(&mut stream, &opening.encode()).await?;
            frame::receive(&mut stream, ANSWER_LEN).await
        };
        let answer = timeout(OPENING, asking).await;
        let answer = answer.map_err(|_| format!("no answer to the opening within {OPENING:?}"))?;
        let answer = answer.map_err(|error| tls::explain(&error, name))?;
        match Answer::decode(&answer) {
            Some(Answer::Accepted) => Ok(stream),
            Some(Answer::OtherTopology(theirs)) => Err(other_topology(name, &theirs, &digest)),
            Some(Answer::NoSuchLink) => Err(format!("{name} has no such link with us")),
            Some(Answer::Cut) => Err(format!("{name} has been told to keep the link down")),
            None => Err(format!(
                "{name} runs another release; fix: install one release"
            )),
        }
    }

    /// Accepts connections of the neighbours, without end.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        let mut tasks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = tasks.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Ok(place) = Arc::clone(&handshakes).acquire_owned().await else {
                        return;
                    };
                    let lines = Arc::clone(&self);
                    tasks.spawn(async move {
                        let answered = lines.answer(stream).await;
                        drop(place);
                        match answered {
                            Ok((stream, link, purpose)) => {
                                lines.converse(stream, link, purpose, false).await;
                            }
                            Err(failure) => warn!("connection from {peer} refused: {failure}"),
                        }
                    });
                }
                Err(error) => {
                    // Most likely no descriptor is free: pause, do not loop.
                    warn!(%error, "cannot accept a connection");
                    sleep(RETRY[0]).await;
                }
            }
        }
    }

    /// Answers one connection: certificate, topology, link.
    async fn answer(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, LinkId, Purpose), Failure> {
        // Small messages must not wait for others.
        let _ = stream.set_nodelay(true);
        let stream = timeout(HANDSHAKE, self.tls.acceptor.accept(stream)).await;
        let stream = stream.map_err(|_| format!("no handshake within {HANDSHAKE:?}"))?;
        let stream = stream.map_err(|error| tls::explain(&error, "the node that connects"))?;
        let mut stream = TlsStream::from(stream);
        let opening = timeout(OPENING, frame::receive(&mut stream, OPENING_LEN)).await;
        let opening = opening.map_err(|_| format!("no opening within {OPENING:?}"))?;
        let opening = opening.map_err(|error| error.to_string())?;
        let Some(opening) = Opening::decode(&opening) else {
            return Err("it runs another release; fix: install one release".to_owned());
        };
        let (answer, failure) = self.judge(&stream, &opening);
        let answering = timeout(OPENING, frame::send(&mut stream, &answer.encode())).await;
        match (failure, answering) {
            (Some(failure), _) => {
                // The neighbour reads the answer before it sees the end.
                let _ = timeout(OPENING, stream.shutdown()).await;
                Err(failure)
            }
            (None, Ok(Ok(()))) => Ok((stream, opening.link, opening.purpose)),
            (None, Ok(Err(error))) => Err(error.to_string()),
            (None, Err(_)) => Err(format!("it reads no answer within {OPENING:?}")),
        }
    }

    fn judge(&self, stream: &TlsStream<TcpStream>, opening: &Opening) -> (Answer, Option<Failure>) {
        let ours = self.map.topology().digest().0;
        let certificate = stream.get_ref().1.peer_certificates();
        let certificate = certificate.and_then(<[_]>::first);
        let is = |name: &str| certificate.is_some_and(|own| tls::names(own, name));
        if opening.digest != ours {
            let mut nodes = self.map.topology().nodes().iter();
            let name = nodes.find(|node| is(&node.name));
            let name = name.map_or("the node that connects", |node| &node.name);
            let text = other_topology(name, &opening.digest, &ours);
            return (Answer::OtherTopology(ours), Some(text));
        }
        let neighbour = self.map.neighbour(opening.link);
        let Some(neighbour) = neighbour.filter(|neighbour| !self.map.leads(*neighbour)) else {
            let text = format!("this node does not answer on link {}", opening.link.0);
            return (Answer::NoSuchLink, Some(text));
        };
        let name = self.map.node_name(neighbour);
        if !is(name) {
            let text = format!(
                "its certificate is not that of {name}, the other end of link {}; fix: correct the \
                 addresses in [neighbours] of the node that connects, or its certificate",
                self.map.link_name(opening.link)
            );
            return (Answer::NoSuchLink, Some(text));
        }
        match self.core.is_cut(opening.link) {
            true => (
                Answer::Cut,
                Some(format!("link with {name} is cut, as ordered")),
            ),
            false => (Answer::Accepted, None),
        }
    }

    /// Uses an open connection to its end.
    async fn converse(
        &self,
        stream: TlsStream<TcpStream>,
        link: LinkId,
        purpose: Purpose,
        leads: bool,
    ) {
        let conversation = async {
            match (purpose, leads) {
                (Purpose::Messages, _) => self.exchange(stream, link).await,
                (Purpose::Quantum, true) => {
                    quantum::draw(stream, &self.core, &self.devices, link).await
                }
                (Purpose::Quantum, false) => quantum::follow(stream, &self.core, link).await,
            }
        };
        let ended = tokio::select! {
            ended = conversation => ended,
            () = self.core.until_cut(link) => return,
        };
        let (link, purpose) = (self.map.link_name(link), format!("{purpose:?}"));
        match ended {
            Ok(()) => debug!(link, purpose, "connection ended"),
            Err(error) => debug!(link, purpose, %error, "connection ended"),
        }
    }

    /// Carries the messages of one link.
    async fn exchange(&self, stream: TlsStream<TcpStream>, link: LinkId) -> io::Result<()> {
        let Some(connection) = self.core.connected(link) else {
            return Ok(());
        };
        let (read, mut write) = split(stream);
        let ended = tokio::select! {
            ended = receive_all(&self.core, &connection, read) => ended,
            ended = send_all(&self.core, &connection, &mut write) => ended,
        };
        self.core.disconnected(&connection);
        ended
    }
}

async fn receive_all<S: AsyncRead>(
    core: &Core,
    connection: &Connection,
    read: ReadHalf<S>,
) -> io::Result<()> {
    let mut read = BufReader::with_capacity(MESSAGE_LEN_MAX, read);
    loop {
        let message = frame::receive(&mut read, MESSAGE_LEN_MAX).await?;
        core.received(connection, &message);
    }
}

async fn send_all<S: AsyncWrite>(
    core: &Core,
    connection: &Connection,
    write: &mut WriteHalf<S>,
) -> io::Result<()> {
    loop {
        let (octets, last) = match core.work(connection) {
            Work::Wait => {
                connection.woken().await;
                continue;
            }
            Work::Send(octets) => (octets, false),
            Work::Close(octets) => (octets, true),
        };
        let sending = async {
            write.write_all(&octets).await?;
            write.flush().await
        };
        match timeout(SEND, sending).await {
            Ok(sent) => sent?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
        if last {
            return write.shutdown().await;
        }
    }
}

/// Returns a random part of a wait, at least a half: nodes that start together do not connect in
/// step.
fn part_of(wait: Duration) -> Duration {
    let mut octet = [0];
    // Without a random source the whole wait is as good.
    if getrandom::fill(&mut octet).is_err() {
        return wait;
    }
    wait.mul_f64(0.5 + f64::from(octet[0]) / 510.0)
}
