//! A line in memory between two encryptors, controlled by the test. It counts every frame, keeps
//! the last ones, and injects frames on order.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::line_watch::{LineReport, LineWatch};
use lab::site::Site;
use port::mem::{Mem, MemPort};
use port::{Burst, Port};
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY, MACS_LEN};

const NAP: Duration = Duration::from_millis(1);
/// Number of frames of each kind that are kept for each direction.
const KEPT: usize = 2048;

/// The frames that went to one end, without those that the test injected.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Their numbers, and the result of their examination.
    pub line: LineReport,
    /// The last MACsec frames, oldest first.
    pub protected_frames: VecDeque<Vec<u8>>,
    /// The last rekey frames, oldest first.
    pub rekey_frames: VecDeque<Vec<u8>>,
}

/// Makes frames from the one that passes. They arrive directly before it.
type Forge = Box<dyn FnOnce(&[u8]) -> Vec<Vec<u8>> + Send>;

/// An order to the line.
enum Order {
    Inject(Site, Vec<u8>),
    BeforeNext(Site, Forge),
    Tag([u8; 4]),
}

/// The thread of the line.
pub struct Line {
    orders: Sender<Order>,
    seen: Arc<Mutex<[Seen; 2]>>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    pub(crate) fn start(a: Mem, b: Mem) -> Self {
        let (orders, inbox) = channel();
        let seen: Arc<Mutex<[Seen; 2]>> = Arc::default();
        let theirs = Arc::clone(&seen);
        let run = move || {
            let (mut a, mut b) = (a.open().unwrap(), b.open().unwrap());
            run(&mut a, &mut b, &inbox, &theirs);
        };
        let thread = thread::Builder::new()
            .name("line".into())
            .spawn(run)
            .unwrap();
        Self {
            orders,
            seen,
            thread: Some(thread),
        }
    }

    /// Returns the frames that went towards this end until now.
    ///
    /// # Panics
    /// If the line's thread has died.
    #[must_use]
    pub fn seen(&self, towards: Site) -> Seen {
        self.seen.lock().unwrap()[towards.index()].clone()
    }

    /// Injects a frame towards this end.
    ///
    /// # Panics
    /// If the line's thread has died.
    pub fn inject(&self, towards: Site, frame: Vec<u8>) {
        self.orders.send(Order::Inject(towards, frame)).unwrap();
    }

    /// Adds this VLAN tag to every frame from now on, as a switch on the line may do.
    ///
    /// # Panics
    /// If the line's thread has died.
    pub fn tag(&self, tag: [u8; 4]) {
        self.orders.send(Order::Tag(tag)).unwrap();
    }

    /// Injects frames directly before the next protected frame towards this end. They are made from
    /// that frame, whose packet number has not yet arrived there.
    ///
    /// # Panics
    /// If the line's thread has died.
    pub fn before_next(
        &self,
        towards: Site,
        forge: impl FnOnce(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) {
        let order = Order::BeforeNext(towards, Box::new(forge));
        self.orders.send(order).unwrap();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let (gone, _) = channel();
        self.orders = gone;
        if let Some(thread) = self.thread.take() {
            let _said_already = thread.join();
        }
    }
}

fn run(a: &mut MemPort, b: &mut MemPort, inbox: &Receiver<Order>, seen: &Mutex<[Seen; 2]>) {
    let mut forges: [Option<Forge>; 2] = [None, None];
    let mut tag = None;
    let [mut to_a, mut to_b] = [(); 2].map(|()| LineWatch::new(ETHERTYPE_REKEY));
    loop {
        // One lock at a time: each is released at the end of its statement.
        let mut moved = pass(
            b,
            a,
            (&mut seen.lock().unwrap()[0], &mut to_a),
            &mut forges[0],
            tag,
        );
        moved += pass(
            a,
            b,
            (&mut seen.lock().unwrap()[1], &mut to_b),
            &mut forges[1],
            tag,
        );
        match inbox.try_recv() {
            Ok(Order::Inject(Site::A, frame)) => a.copy_tx(&frame),
            Ok(Order::Inject(Site::B, frame)) => b.copy_tx(&frame),
            Ok(Order::BeforeNext(towards, forge)) => forges[towards.index()] = Some(forge),
            Ok(Order::Tag(added)) => tag = Some(added),
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) if moved == 0 => thread::sleep(NAP),
            Err(TryRecvError::Empty) => {}
        }
    }
}

fn pass(
    from: &mut MemPort,
    to: &mut MemPort,
    (seen, watch): (&mut Seen, &mut LineWatch),
    forge: &mut Option<Forge>,
    tag: Option<[u8; 4]>,
) -> usize {
    let mut burst = Burst::new();
    from.rx_burst(&mut burst);
    for frame in &burst {
        let octets = frame.bytes();
        watch.observe(octets);
        match wire::ethertype(octets) {
            Some(ETHERTYPE_MACSEC) => {
                keep(&mut seen.protected_frames, octets);
                if let Some(forge) = forge.take() {
                    for forged in forge(octets) {
                        to.copy_tx(&forged);
                    }
                }
            }
            Some(ETHERTYPE_REKEY) => keep(&mut seen.rekey_frames, octets),
            _ => {}
        }
        match tag.zip(octets.split_at_checked(MACS_LEN)) {
            Some((tag, (addresses, rest))) => to.copy_tx(&[addresses, &tag, rest].concat()),
            None => to.copy_tx(octets),
        }
    }
    seen.line = watch.report();
    burst.len()
}

fn keep(kept: &mut VecDeque<Vec<u8>>, frame: &[u8]) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(frame.to_vec());
}
