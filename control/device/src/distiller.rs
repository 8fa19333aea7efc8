//! The thread that runs the protocol of one end, and the sessions that feed it.
//!
//! Error correction and hashing take most of a core. They run on this thread, at a low priority, so
//! that neither connections nor the KME wait. It gets messages and frames through two short queues.
//! A session has a number, and what is left of an earlier one is dropped.

use std::io;
use std::sync::Arc;
use std::thread;

use distill::authentication::Secret;
use distill::protocol::Setup;
use distill::source::Received;
use distill::wiped::Wiped;
use rustix::process::setpriority_process;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
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
use crate::signals::{Counts, Detector, Numbered, QUANTUM_LEN, Signals, Source};
use crate::view::View;

/// The parts that both ends need.
pub(crate) struct Parts {
    pub(crate) link: Link,
    pub(crate) setup: Setup,
    pub(crate) secret: Secret,
    pub(crate) position: u64,
    pub(crate) file: PositionFile,
    pub(crate) keys: Arc<DeviceKeys>,
    pub(crate) view: Arc<View>,
}

/// Something of a session, by its number.
struct Of<T>(u64, T);

/// An input of the protocol, besides frames.
enum Control {
    /// Both connections are open.
    Up {
        /// Messages to the other end. When the protocol drops it, the session ends.
        outgoing: mpsc::Sender<Vec<u8>>,
        /// Starts the source when both ends agree.
        agreed: Option<oneshot::Sender<()>>,
    },
    Message(Zeroizing<Vec<u8>>),
    Down,
}

/// The queues to the thread.
struct Queues<F> {
    control: mpsc::Sender<Of<Control>>,
    frames: mpsc::Sender<Of<Numbered<F>>>,
}

/// Their other ends.
struct Inputs<F> {
    control: mpsc::Receiver<Of<Control>>,
    frames: mpsc::Receiver<Of<Numbered<F>>>,
}

/// The counts of the signals, and the reason of a fault when there is one.
type Started = (Arc<Counts>, oneshot::Receiver<String>);

/// Starts Alice's threads and sessions.
pub(crate) fn alice(
    parts: Parts,
    channels: Channels,
    signals: &Signals,
    tasks: &mut JoinSet<()>,
) -> io::Result<Started> {
    let seed = signals.seed().map_err(io::Error::other)?;
    let source = Arc::new(Source::new(&parts.link, signals.pace, seed));
    let counts = Arc::clone(&source.counts);
    let end = AliceEnd::new(parts.setup, parts.secret, parts.position);
    let protocol = Protocol::new(end, parts.file, parts.keys, parts.view);
    let (queues, fault) = start(protocol)?;
    tasks.spawn(async move {
        let (mut backoff, mut said) = (Backoff::new(), Said::default());
        for session in 1.. {
            let ended = match session::connect(&channels).await {
                Ok(connections) => {
                    said.begun();
                    run_alice(&queues, session, connections, &source).await
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
) -> io::Result<Started> {
    let seed = signals.seed().map_err(io::Error::other)?;
    let detector = Arc::new(Detector::new(&parts.link, signals.eve, seed));
    let counts = Arc::clone(&detector.counts);
    let end = BobEnd::new(parts.setup, parts.secret, parts.position, parts.link);
    let protocol = Protocol::new(end, parts.file, parts.keys, parts.view);
    let (queues, fault) = start(protocol)?;
    tasks.spawn(async move {
        let mut said = Said::default();
        for session in 1.. {
            let ended = match listeners.accept().await {
                Ok(connections) => {
                    said.begun();
                    run_bob(&queues, session, connections, &detector).await
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
    queues: &Queues<Wiped<f32>>,
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
    let sending = async move {
        while let Some(octets) = frames.recv().await {
            frame::send(&mut quantum, &octets).await?;
        }
        Ok(())
    };
    let (source, protocol) = (Arc::clone(source), queues.frames.clone());
    let pump = move || {
        source.run(begin, &channel, |sent| {
            protocol.blocking_send(Of(session, sent)).is_ok()
        });
    };
    run(
        &queues.control,
        session,
        classical,
        Some(agreed),
        sending,
        pump,
    )
    .await
}

/// Runs a session of Bob's end to its end.
async fn run_bob(
    queues: &Queues<Received>,
    session: u64,
    connections: Connections,
    detector: &Arc<Detector>,
) -> io::Error {
    let Connections {
        mut quantum,
        classical,
    } = connections;
    let (channel, mut frames) = mpsc::channel(FRAMES_AHEAD);
    let receiving = async move {
        loop {
            let octets = frame::receive(&mut quantum, QUANTUM_LEN, SILENCE).await?;
            if channel.send(octets).await.is_err() {
                return Ok(());
            }
        }
    };
    let (detector, protocol) = (Arc::clone(detector), queues.frames.clone());
    let pump = move || {
        detector.run(&mut frames, |received| {
            protocol.blocking_send(Of(session, received)).is_ok()
        });
    };
    run(&queues.control, session, classical, None, receiving, pump).await
}

/// Carries messages and signals until either connection or the protocol ends the session.
async fn run(
    control: &mpsc::Sender<Of<Control>>,
    session: u64,
    classical: TcpStream,
    agreed: Option<oneshot::Sender<()>>,
    signals: impl Future<Output = io::Result<()>>,
    pump: impl FnOnce() + Send + 'static,
) -> io::Error {
    let (outgoing, messages) = mpsc::channel(OUTGOING_MAX);
    let up = Control::Up { outgoing, agreed };
    if control.send(Of(session, up)).await.is_err() {
        return io::Error::other("the protocol has ended");
    }
    if let Err(error) = in_thread("signals", pump) {
        return error;
    }
    let (mut read, write) = classical.into_split();
    let receiving = async {
        loop {
            let message = Control::Message(session::receive_message(&mut read).await?);
            if control.send(Of(session, message)).await.is_err() {
                return Ok(());
            }
        }
    };
    // Queued messages go first: the last one may tell why the session ends. When the protocol waits
    // for room, it goes on as soon as these end here.
    let ended = tokio::select! {
        ended = session::send_messages(write, messages) => ended,
        ended = signals => ended,
        ended = receiving => ended,
    };
    // Without its thread the device is about to end.
    let _ = control.send(Of(session, Control::Down)).await;
    ended
        .err()
        .unwrap_or_else(|| io::Error::other("this end has closed the session"))
}

/// Starts the thread of the protocol.
fn start<E: End>(
    protocol: Protocol<E>,
) -> io::Result<(Queues<E::Frame>, oneshot::Receiver<String>)> {
    let (control, messages) = mpsc::channel(INCOMING_MAX);
    let (frames, sent) = mpsc::channel(FRAMES_AHEAD);
    let inputs = Inputs {
        control: messages,
        frames: sent,
    };
    let (tell, fault) = oneshot::channel();
    // Only to wait for two queues: it has neither IO nor timers.
    let runtime = Builder::new_current_thread().build()?;
    in_thread("distill", move || {
        if let Err(reason) = runtime.block_on(distil(protocol, inputs)) {
            // Nobody listens any more: the device ends anyway.
            let _ = tell.send(reason);
        }
    })?;
    Ok((Queues { control, frames }, fault))
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

/// The next input.
enum Next<F> {
    Control(Of<Control>),
    Frame(Of<Numbered<F>>),
}

impl<F> Inputs<F> {
    /// Waits for the next input; frames only if there is room for them. `None`: the device ends.
    async fn next(&mut self, frames_first: bool, room: bool) -> Option<Next<F>> {
        let Self { control, frames } = self;
        if frames_first {
            tokio::select! {
                biased;
                frame = frames.recv() => frame.map(Next::Frame),
                next = control.recv() => next.map(Next::Control),
            }
        } else {
            tokio::select! {
                biased;
                next = control.recv() => next.map(Next::Control),
                frame = frames.recv(), if room => frame.map(Next::Frame),
            }
        }
    }
}

/// Feeds the protocol until the device ends, or a fault.
async fn distil<E: End>(
    mut protocol: Protocol<E>,
    mut inputs: Inputs<E::Frame>,
) -> Result<(), String> {
    let mut present = 0;
    while let Some(next) = inputs.next(E::FRAMES_FIRST, protocol.has_room()).await {
        match next {
            Next::Frame(frame) => take_frame(&mut protocol, &mut present, frame).await?,
            Next::Control(control) => {
                // A message is about a frame that came before it: this frame may have come since.
                while E::FRAMES_FIRST
                    && let Ok(frame) = inputs.frames.try_recv()
                {
                    take_frame(&mut protocol, &mut present, frame).await?;
                }
                take_control(&mut protocol, &mut present, control).await?;
            }
        }
    }
    Ok(())
}

async fn take_frame<E: End>(
    protocol: &mut Protocol<E>,
    present: &mut u64,
    Of(session, frame): Of<Numbered<E::Frame>>,
) -> Result<(), String> {
    if session != *present {
        return Ok(());
    }
    match protocol.frame(frame).await? {
        Outcome::GoOn => Ok(()),
        Outcome::Close => close(protocol, present).await,
    }
}

async fn take_control<E: End>(
    protocol: &mut Protocol<E>,
    present: &mut u64,
    Of(session, control): Of<Control>,
) -> Result<(), String> {
    let outcome = match control {
        Control::Up { outgoing, agreed } => {
            *present = session;
            protocol.connect(outgoing, agreed).await?
        }
        _ if session != *present => return Ok(()),
        Control::Message(message) => protocol.message(&message).await?,
        Control::Down => Outcome::Close,
    };
    match outcome {
        Outcome::GoOn => Ok(()),
        Outcome::Close => close(protocol, present).await,
    }
}

async fn close<E: End>(protocol: &mut Protocol<E>, present: &mut u64) -> Result<(), String> {
    *present = 0;
    protocol.disconnect().await
}

#[cfg(test)]
mod tests;
