//! Sessions with signals and threads as in use, and a protocol of one line: Bob tells Alice the
//! number of each frame that he measures.

use std::sync::Mutex;
use std::time::Duration;

use distill::authentication::Incarnation;
use distill::protocol::{Action, BlockReport, CountedProof, Session};
use tokio::time::timeout;

use super::*;
use crate::keys::Names;
use crate::link::LinkSettings;
use crate::protocol::Judgement;
use crate::role::Role;
use crate::signals::Pace;

const SOON: Duration = Duration::from_secs(30);

/// Frames that Alice sent, and those that Bob has named, in their order.
#[derive(Default)]
struct Seen {
    sent: Vec<u64>,
    named: Vec<u64>,
}

struct WatchedAlice(Arc<Mutex<Seen>>);

/// Bob takes this number of frames, then none until the next session.
struct NamingBob {
    room: usize,
    taken: usize,
}

fn agreed() -> Vec<Action> {
    let run = Incarnation([0; 16]);
    let session = Session {
        alice: run,
        bob: run,
    };
    vec![Action::Connected(session)]
}

impl End for WatchedAlice {
    type Frame = Wiped<f32>;

    const FRAMES_FIRST: bool = true;
    const WAITS: bool = false;

    fn on_connect(&mut self) -> Vec<Action> {
        agreed()
    }

    fn on_disconnect(&mut self) -> Vec<Action> {
        Vec::new()
    }

    fn on_frame(&mut self, frame: Numbered<Wiped<f32>>) -> Vec<Action> {
        self.0.lock().unwrap().sent.push(frame.number);
        Vec::new()
    }

    fn on_message(&mut self, message: &[u8]) -> Vec<Action> {
        let number = u64::from_be_bytes(message[..8].try_into().unwrap());
        let mut seen = self.0.lock().unwrap();
        assert!(
            seen.sent.contains(&number),
            "her values of {number} come late"
        );
        seen.named.push(number);
        Vec::new()
    }

    fn has_room(&self) -> bool {
        true
    }

    fn judge(&mut self, _: &BlockReport) -> Judgement {
        Judgement::default()
    }

    fn refuse(&mut self) -> Vec<Action> {
        Vec::new()
    }

    fn other(session: &Session) -> Incarnation {
        session.bob
    }
}

impl End for NamingBob {
    type Frame = Received;

    const FRAMES_FIRST: bool = false;
    const WAITS: bool = true;

    fn on_connect(&mut self) -> Vec<Action> {
        agreed()
    }

    fn on_disconnect(&mut self) -> Vec<Action> {
        self.taken = 0;
        Vec::new()
    }

    fn on_frame(&mut self, frame: Numbered<Received>) -> Vec<Action> {
        self.taken += 1;
        // As long as a real message about a frame.
        let mut message = vec![0; 600 << 10];
        message[..8].copy_from_slice(&frame.number.to_be_bytes());
        vec![Action::Send(message)]
    }

    fn on_message(&mut self, _: &[u8]) -> Vec<Action> {
        Vec::new()
    }

    fn has_room(&self) -> bool {
        self.taken < self.room
    }

    fn judge(&mut self, _: &BlockReport) -> Judgement {
        Judgement::default()
    }

    fn refuse(&mut self) -> Vec<Action> {
        Vec::new()
    }

    fn other(session: &Session) -> Incarnation {
        session.alice
    }
}

fn link() -> Link {
    Link::of(&LinkSettings {
        km: 10.0,
        excess_noise_snu: None,
        block_symbols: Some(1 << 20),
        symbol_rate_baud: None,
        proof: CountedProof::Lgg2010,
    })
    .unwrap()
}

/// A protocol around an end. Its files are of no interest.
fn protocol<E: End>(end: E, role: Role) -> Protocol<E> {
    let folder = tempfile::tempdir().unwrap();
    let (file, position) = PositionFile::open(&folder.path().join("position"), b"x").unwrap();
    let names = Names {
        sae_id: String::new(),
        peer_sae_id: String::new(),
        kme_id: String::new(),
        peer_kme_id: String::new(),
    };
    let keys = Arc::new(DeviceKeys::new(names, role, SOON));
    Protocol::new(end, file, keys, Arc::new(View::new(position)))
}

async fn wait_until(done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, waiting).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_wait_for_a_slow_end_and_a_session_ends_at_both_ends() {
    const ROOM: usize = 40;
    let link = link();
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let any = Channels {
        quantum: any,
        classical: any,
    };
    let listeners = Listeners::bind(&any).await.unwrap();
    let channels = listeners.channels().unwrap();
    let source = Arc::new(Source::new(&link, Pace::Unlimited, [1; 32]));
    let detector = Arc::new(Detector::new(&link, Default::default(), [2; 32]));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (alice, _) = start(protocol(WatchedAlice(Arc::clone(&seen)), Role::Alice)).unwrap();
    let bob = NamingBob {
        room: ROOM,
        taken: 0,
    };
    let (bob, _) = start(protocol(bob, Role::Bob)).unwrap();
    let mut first_of_session = 0;
    for session in 1..=2 {
        let (accepted, connected) = tokio::join!(listeners.accept(), session::connect(&channels));
        let (at_bob, at_alice) = (accepted.unwrap(), connected.unwrap());
        let bob_runs = run_bob(&bob, session, at_bob, &detector);
        let alice_runs = run_alice(&alice, session, at_alice, &source);
        let named = || seen.lock().unwrap().named.len();
        let first = async {
            wait_until(|| named() == ROOM).await;
            // Bob takes no more: the source stops when queues and connections are full.
            let mut sent = source.counts.symbols();
            loop {
                sleep(Duration::from_millis(300)).await;
                match source.counts.symbols() {
                    now if now == sent => break,
                    now => sent = now,
                }
            }
        };
        tokio::select! {
            ended = bob_runs => panic!("Bob's end: {ended}"),
            ended = alice_runs => panic!("Alice's end: {ended}"),
            () = first => {}
        }
        // Both futures are dropped now, as by the loss of the process; the threads must end.
        for (queue, session) in [(&alice.control, session), (&bob.control, session)] {
            queue.send(Of(session, Control::Down)).await.ok().unwrap();
        }
        let mut seen = seen.lock().unwrap();
        let in_order = (first_of_session..).take(ROOM);
        assert!(seen.named.iter().copied().eq(in_order), "{:?}", seen.named);
        first_of_session = source.counts.symbols() / crate::link::FRAME_SYMBOLS as u64;
        seen.named.clear();
    }
}
