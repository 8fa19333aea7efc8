//! The thread that writes a recording, and its queue.

use std::{
    io::{self, Write},
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crossbeam_queue::ArrayQueue;

use super::{InterfaceId, PacketDirection, PcapngWriter};
use crate::limits;

/// A thread that writes the frames of any number of ports into one pcapng file.
pub struct Recorder {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    lines: usize,
    writer: Option<JoinHandle<io::Result<()>>>,
}

/// The result of a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Frames in the file.
    pub written: u64,
    /// Frames that are not in the file: the queue was full, or writing had failed.
    pub dropped: u64,
}

/// One interface of a recording. It moves to the thread of its port.
pub struct Line {
    number: usize,
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

enum Message {
    Interface(String),
    Frame {
        line: usize,
        time: Duration,
        direction: PacketDirection,
        octets: Vec<u8>,
    },
    Stop,
}

struct Shared {
    /// Buffers that no message uses.
    spare: ArrayQueue<Vec<u8>>,
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Recorder {
    /// Starts the thread. `out` should be buffered; it is flushed whenever the queue is empty.
    ///
    /// # Errors
    /// The first block cannot be written, or the thread cannot be started.
    pub fn start<W: Write + Send + 'static>(out: W, application: &str) -> io::Result<Self> {
        let writer = PcapngWriter::new(out, application)?;
        let (queue, messages) = sync_channel(limits::RECORDER_FRAMES);
        let spare = ArrayQueue::new(limits::RECORDER_FRAMES);
        while spare
            .push(Vec::with_capacity(limits::RECORDER_FRAME_LEN))
            .is_ok()
        {}
        let shared = Arc::new(Shared {
            spare,
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        let writer = thread::Builder::new()
            .name("recorder".into())
            .spawn(move || write_all(writer, &messages, &theirs))?;
        Ok(Self {
            queue,
            shared,
            lines: 0,
            writer: Some(writer),
        })
    }

    /// Adds an interface to the recording.
    pub fn line(&mut self, name: &str) -> Line {
        // It fails only if writing has failed, which `finish` reports.
        let _ = self.queue.send(Message::Interface(name.into()));
        let number = self.lines;
        self.lines += 1;
        Line {
            number,
            queue: self.queue.clone(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The counts until now.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        Recorded {
            written: self.shared.written.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
        }
    }

    /// Writes the queued frames and ends. Later frames are counted as dropped.
    ///
    /// # Errors
    /// Writing failed, now or before.
    pub fn finish(mut self) -> io::Result<Recorded> {
        self.stop()?;
        Ok(self.recorded())
    }

    fn stop(&mut self) -> io::Result<()> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let _ = self.queue.send(Message::Stop);
        writer
            .join()
            .map_err(|_| io::Error::other("the recorder's thread panicked"))?
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

impl Line {
    /// Sends copies of `frames` to the recorder, with one time stamp. Does not wait for a place.
    pub fn record<'a>(
        &mut self,
        direction: PacketDirection,
        frames: impl ExactSizeIterator<Item = &'a [u8]>,
    ) {
        if frames.len() == 0 {
            return;
        }
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        for frame in frames {
            if !self.offer(direction, time, frame) {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn offer(&self, direction: PacketDirection, time: Duration, frame: &[u8]) -> bool {
        let Some(mut octets) = self.shared.spare.pop() else {
            return false;
        };
        octets.clear();
        octets.extend_from_slice(frame);
        let message = Message::Frame {
            line: self.number,
            time,
            direction,
            octets,
        };
        self.queue.try_send(message).is_ok()
    }
}

/// The body of the thread.
fn write_all<W: Write>(
    mut writer: PcapngWriter<W>,
    messages: &Receiver<Message>,
    shared: &Shared,
) -> io::Result<()> {
    let mut interfaces: Vec<InterfaceId> = Vec::new();
    loop {
        let message = match messages.try_recv() {
            Err(TryRecvError::Empty) => {
                writer.flush()?;
                messages.recv().unwrap_or(Message::Stop)
            }
            other => other.unwrap_or(Message::Stop),
        };
        match message {
            Message::Interface(name) => interfaces.push(writer.interface(&name)?),
            Message::Frame {
                line,
                time,
                direction,
                mut octets,
            } => {
                writer.frame(interfaces[line], time, Some(direction), &octets)?;
                shared.written.fetch_add(1, Ordering::Relaxed);
                // There is a place, because the buffer came from this queue.
                let _ = shared.spare.push(mem::take(&mut octets));
            }
            Message::Stop => return writer.flush(),
        }
    }
}
