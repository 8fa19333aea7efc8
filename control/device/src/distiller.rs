//! The thread that runs the protocol of one end, and the sessions that feed it.
//!
//! Error correction and hashing take most of a core. They run on this thread, at a low priority, so
//! that neither connections nor the KME wait. It gets frames and messages through one short queue.
//! A session has a number, and what is left in the queue of an earlier one is dropped.

use std::io;
use std::sync::Arc;
use std::thread;

use distill::source::Received;
use distill::wiped::Wiped;
use rustix::process::setpriority_process;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::debug;
use zeroize::Zeroizing;

use crate::frame;
use crate::keys::DeviceKeys;
use crate::limits::{FRAMES_AHEAD, INCOMING_MAX, NICE, OUTGOING_MAX, RETRY, SILENCE};
use crate::link::Link;
use crate::position::PositionFile;
use crate::protocol::{AliceEnd, BobEnd, End, Outcome, Protocol};
use crate::session::{self, Backoff, Channels, Connections, Listeners, Said};
use crate::signals::{Counts, Detector, QUANTUM_LEN, Signals, Source};
use crate::view::View;
use crate::DeviceError;

/// The parts that both ends need.
pub(crate) struct Parts {
    pub(crate) link: Link,
    pub(crate) secret: Zeroizing<Vec<u8>>,
    pub(crate) position: u64,
    pub(crate) file: PositionFile,
    pub(crate) keys: Arc<DeviceKeys>,
    pub(crate) view: Arc<View>,
}

/// An input of the protocol, with the number of its session.
struct Input<F> {
    session: u64,
    what: What<F>,
}

enum What<F> {
    /// Both connections are open.
    Up {
        /// Messages to the other end. When the protocol drops it, the session ends.
        outgoing: mpsc::Sender<Vec<u8>>,
        /// Starts the source when both ends agree.
        agreed: Option<oneshot::Sender<()>>,
    },
    Frame(F),
    Message(Zeroizing<Vec<u8>>),
    Down,
}

/// The queue to the thread.
type Queue<F> = mpsc::Sender<Input<F>>;

/// The counts of the signals, and the reason of a fault when there is one.
type Started = (Arc<Counts>, oneshot::Receiver<String>);

/// Starts Alice's threads and sessions.
pub(crate) fn alice(
    parts: Parts,
    channels: Channels,
    signals: Signals,
    tasks: &mut JoinSet<()>,
) -> Result<Started, DeviceError> {
    let seed = signals.seed().map_err(io::Error::other)?;
    let source = Arc::new(Source::new(&parts.link, signals.pace, seed));
    let counts = Arc::clone(&source.counts);
    let end = AliceEnd::new(&parts)?;
    let (queue, fault) = start(parts, end)?;
    tasks.spawn(async move {
        let (mut backoff, mut said) = (Backoff::new(), Said::default());
        for session in 1.. {
            let ended = match session::connect(&channels).await {
                Ok(connections) => {
                    said.begun();
                    run_alice(&queue, session, connections, &source).await
                }
                Err(error) => error,
            };
            said.ended(&ended);
            backoff.pause().await;
        }
    });
    Ok((counts, fault))
}

/// Starts Bob's threads and sessions.
pub(crate) fn bob(
    parts: Parts,
    listeners: Listeners,
    signals: Signals,
    tasks: &mut JoinSet<()>,
) -> Result<Started, DeviceError> {
    let seed = signals.seed().map_err(io::Error::other)?;
    let detector = Arc::new(Detector::new(&parts.link, signals.eve, seed));
    let counts = Arc::clone(&detector.counts);
    let end = BobEnd::new(&parts)?;
    let (queue, fault) = start(parts, end)?;
    tasks.spawn(async move {
        let mut said = Said::default();
        for session in 1.. {
            let ended = match listeners.accept().await {
                Ok(connections) => {
                    said.begun();
                    run_bob(&queue, session, connections, &detector).await
                }
                Err(error) => error,
            };
            said.ended(&ended);
            sleep(RETRY[0]).await;
        }
    });
    Ok((counts, fault))
}

/// Runs a session of Alice's end to its end.
async fn run_alice(
    queue: &Queue<Wiped<f32>>,
    session: u64,
    connections: Connections,
    source: &Arc<Source>,
) -> io::Error {
    let Connections {
        mut quantum,
        classical,
    } = connections;
    let (agreed, begin) = oneshot::channel();
    let (channel, mut frames) = mpsc::channel::<Zeroizing<Vec<u8>>>(FRAMES_AHEAD);
    let sending = async {
        while let Some(octets) = frames.recv().await {
            frame::send(&mut quantum, &octets).await?;
        }
        Ok(())
    };
    let (source, to_protocol) = (Arc::clone(source), queue.clone());
    let pump = move || {
        source.run(begin, &channel, |sent| {
            let what = What::Frame(sent);
            to_protocol.blocking_send(Input { session, what }).is_ok()
        });
    };
    run(queue, session, classical, Some(agreed), sending, pump).await
}

/// Runs a session of Bob's end to its end.
async fn run_bob(
    queue: &Queue<Received>,
    session: u64,
    connections: Connections,
    detector: &Arc<Detector>,
) -> io::Error {
    let Connections {
        mut quantum,
        classical,
    } = connections;
    let (channel, mut frames) = mpsc::channel(FRAMES_AHEAD);
    let receiving = async {
        loop {
            let octets = frame::receive(&mut quantum, QUANTUM_LEN, SILENCE).await?;
            if channel.send(octets).await.is_err() {
                return Ok(());
            }
        }
    };
    let (detector, to_protocol) = (Arc::clone(detector), queue.clone());
    let pump = move || {
        detector.run(&mut frames, |received| {
            let what = What::Frame(received);
            to_protocol.blocking_send(Input { session, what }).is_ok()
        });
    };
    run(queue, session, classical, None, receiving, pump).await
}

/// Carries messages and signals until either connection or the protocol ends the session.
async fn run<F: Send + 'static>(
    queue: &Queue<F>,
    session: u64,
    classical: TcpStream,
    agreed: Option<oneshot::Sender<()>>,
    signals: impl Future<Output = io::Result<()>>,
    pump: impl FnOnce() + Send + 'static,
) -> io::Error {
    let (outgoing, messages) = mpsc::channel(OUTGOING_MAX);
    let hand_over = async |what| queue.send(Input { session, what }).await.is_ok();
    if !hand_over(What::Up { outgoing, agreed }).await {
        return io::Error::other("the protocol has ended");
    }
    if let Err(error) = in_thread("signals", pump) {
        return error;
    }
    let (read, write) = classical.into_split();
    let sending = session::send_messages(write, messages);
    let receiving =
        session::receive_messages(read, async |message| hand_over(What::Message(message)).await);
    let ended = tokio::select! {
        ended = signals => ended,
        ended = sending => ended,
        ended = receiving => ended,
    };
    hand_over(What::Down).await;
    ended.err().unwrap_or_else(|| io::Error::other("this end has closed the session"))
}

/// Starts the thread of the protocol.
fn start<E: End>(parts: Parts, end: E) -> Result<(Queue<E::Frame>, oneshot::Receiver<String>), DeviceError> {
    let (queue, mut inputs) = mpsc::channel::<Input<E::Frame>>(INCOMING_MAX);
    let (tell, fault) = oneshot::channel();
    let protocol = Protocol::new(end, parts);
    in_thread("distill", move || {
        if let Err(reason) = distil(protocol, &mut inputs) {
            // Nobody listens any more: the device ends anyway.
            let _ = tell.send(reason);
        }
    })?;
    Ok((queue, fault))
}

/// Starts a thread that gives way to others.
fn in_thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Linux sets this per thread.
        if let Err(error) = setpriority_process(None, NICE) {
            debug!(%error, "the priority of a thread cannot be lowered");
        }
        work();
    });
    started.map(drop)
}

/// Feeds the protocol until the device ends, or a fault.
fn distil<E: End>(
    mut protocol: Protocol<E>,
    inputs: &mut mpsc::Receiver<Input<E::Frame>>,
) -> Result<(), String> {
    let mut present = 0;
    while let Some(Input { session, what }) = inputs.blocking_recv() {
        let outcome = match what {
            What::Up { outgoing, agreed } => {
                present = session;
                protocol.connect(outgoing, agreed)?
            }
            // Of a session that has ended.
            _ if session != present => continue,
            What::Frame(frame) => protocol.frame(frame)?,
            What::Message(message) => protocol.message(&message)?,
            What::Down => Outcome::Close,
        };
        if outcome == Outcome::Close {
            present = 0;
            protocol.disconnect()?;
        }
    }
    Ok(())
}

