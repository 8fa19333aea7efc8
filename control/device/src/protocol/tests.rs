use std::fs;
use std::time::Duration;

use distill::bits::Bits;
use distill::estimate::{Corrected, SecretLength};
use distill::protocol::{BlockId, Cause, Closed};
use kme::KeyStore;
use kme::store::EncRequest;
use tempfile::TempDir;

use super::*;
use crate::keys::Names;
use crate::report::DeviceReport;
use crate::role::Role;

/// An end that follows the script of its test.
struct Scripted {
    refuses: bool,
    on_message: Vec<Action>,
    on_disconnect: Vec<Action>,
}

impl End for Scripted {
    type Frame = ();

    const FRAMES_FIRST: bool = true;
    const WAITS: bool = false;

    fn on_connect(&mut self) -> Vec<Action> {
        Vec::new()
    }

    fn on_disconnect(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.on_disconnect)
    }

    fn on_frame(&mut self, _: Numbered<()>) -> Vec<Action> {
        Vec::new()
    }

    fn on_message(&mut self, _: &[u8]) -> Vec<Action> {
        std::mem::take(&mut self.on_message)
    }

    fn has_room(&self) -> bool {
        true
    }

    fn judge(&mut self, _: &BlockReport) -> Judgement {
        Judgement {
            refused: self.refuses.then(|| "it looks odd".to_owned()),
            ..Judgement::default()
        }
    }

    fn refuse(&mut self) -> Vec<Action> {
        vec![lost(1, true), Action::Send(b"abort".to_vec())]
    }

    fn other(session: &Session) -> Incarnation {
        session.bob
    }
}

struct World {
    folder: TempDir,
    keys: Arc<DeviceKeys>,
    view: Arc<View>,
    protocol: Protocol<Scripted>,
    messages: mpsc::Receiver<Vec<u8>>,
}

const POSITION: &str = "link.position";

impl World {
    /// Alice's end, connected, with room for this number of messages.
    async fn connected(room: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, position) = PositionFile::open(&folder.path().join(POSITION), b"x").unwrap();
        let [sae_id, peer_sae_id] = ["sae-a", "sae-b"].map(str::to_owned);
        let [kme_id, peer_kme_id] = ["kme-a", "kme-b"].map(str::to_owned);
        let names = Names {
            sae_id,
            peer_sae_id,
            kme_id,
            peer_kme_id,
        };
        let keys = Arc::new(DeviceKeys::new(names, Role::Alice, Duration::from_secs(60)));
        let view = Arc::new(View::new(position));
        let end = Scripted {
            refuses: false,
            on_message: Vec::new(),
            on_disconnect: Vec::new(),
        };
        let mut protocol = Protocol::new(end, file, Arc::clone(&keys), Arc::clone(&view));
        let (outgoing, messages) = mpsc::channel(room);
        protocol.connect(outgoing, None).await.unwrap();
        Self {
            folder,
            keys,
            view,
            protocol,
            messages,
        }
    }

    async fn carry_out(&mut self, actions: Vec<Action>) -> Result<Outcome, String> {
        self.protocol.end.on_message = actions;
        self.protocol.message(&[]).await
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.messages.try_recv().ok()).collect()
    }

    fn report(&self) -> DeviceReport {
        let mut report = DeviceReport::default();
        self.view.fill(&mut report);
        report
    }
}

fn session(bob: u8) -> Session {
    Session {
        alice: Incarnation([1; 16]),
        bob: Incarnation([bob; 16]),
    }
}

/// A block of two keys.
fn block(number: u64) -> Action {
    Action::Key(DistilledBlock {
        block: BlockId(number),
        session: session(2),
        bits: Bits::whole(Wiped::new((0..16).collect())),
    })
}

fn figures(number: u64) -> Action {
    Action::Report(BlockReport {
        block: BlockId(number),
        estimate: None,
        corrected: Corrected {
            kept_symbols: 3,
            lost_symbols: 1,
            undisclosed_bits: 0,
            further_disclosed_bits: 0,
        },
        secret: SecretLength {
            lgg_bits: 600,
            composable_bits: 0,
        },
        key_bits: 600,
        reserve_bits: 88,
    })
}

fn lost(number: u64, key_held: bool) -> Action {
    Action::Lost(LostBlock {
        block: BlockId(number),
        cause: Cause::Disconnected,
        key_held,
    })
}

fn fresh(keys: &DeviceKeys) -> usize {
    let request = EncRequest {
        master: "sae-a",
        slave: "sae-b",
        number: None,
        size_bits: None,
        propagation: Duration::ZERO,
    };
    keys.enc_keys(&request).map_or(0, |keys| keys.len())
}

#[tokio::test]
async fn keys_are_given_out_when_the_other_end_holds_them() {
    let mut world = World::connected(8).await;
    let started = vec![Action::Connected(session(2)), figures(1), block(1)];
    assert_eq!(world.carry_out(started).await, Ok(Outcome::GoOn));
    assert_eq!(fresh(&world.keys), 0);
    let shared = vec![Action::Shared(BlockId(1))];
    assert_eq!(world.carry_out(shared).await, Ok(Outcome::GoOn));
    assert_eq!(fresh(&world.keys), 1);
    let report = world.report();
    let last = report.last.unwrap();
    assert_eq!((last.key_bits, last.frame_error_rate), (512, 0.25));
    assert!(report.connected && report.blocks.with_key == 1);
}

#[tokio::test]
async fn a_refused_block_gives_no_key_and_is_not_confirmed() {
    let mut world = World::connected(8).await;
    world.protocol.end.refuses = true;
    let done = vec![block(1), Action::Send(b"done".to_vec()), figures(1)];
    assert_eq!(world.carry_out(done).await, Ok(Outcome::Close));
    assert_eq!(world.sent(), [b"abort"]);
    assert_eq!(world.keys.with(|stock, _| stock.books().distilled_bits), 0);
    let lost = world.report().blocks.lost;
    assert_eq!(lost, [("it looks odd".to_owned(), 1)].into());
}

#[tokio::test]
async fn no_message_leaves_before_its_position_is_durable() {
    let mut world = World::connected(8).await;
    let tagged = |position| vec![Action::Position(position), Action::Send(b"tag".to_vec())];
    world.carry_out(tagged(7)).await.unwrap();
    let path = world.folder.path().join(POSITION);
    assert!(fs::read_to_string(&path).unwrap().ends_with("\n7\n"));
    assert_eq!((world.sent().len(), world.report().position), (1, 7));
    fs::remove_dir_all(world.folder.path()).unwrap();
    let fault = world.carry_out(tagged(9)).await.unwrap_err();
    assert!(fault.contains("cannot be stored"), "{fault}");
    assert!(world.sent().is_empty());
}

#[tokio::test]
async fn alice_ends_the_session_instead_of_waiting_for_room() {
    let mut world = World::connected(2).await;
    let many = (0..3).map(|at| Action::Send(vec![at])).collect();
    assert_eq!(world.carry_out(many).await, Ok(Outcome::Close));
    assert_eq!(world.sent(), [[0], [1]]);
    let closed = vec![Action::Close(Closed::Refused)];
    assert_eq!(world.carry_out(closed).await, Ok(Outcome::Close));
}

#[tokio::test]
async fn another_run_of_the_other_end_voids_what_was_not_given_out() {
    let mut world = World::connected(8).await;
    let started = vec![
        Action::Connected(session(2)),
        block(1),
        Action::Shared(BlockId(1)),
    ];
    world.carry_out(started).await.unwrap();
    let again = vec![Action::Connected(session(2))];
    world.carry_out(again).await.unwrap();
    assert_eq!(world.keys.with(|stock, _| stock.fresh_keys()), 1);
    let other = vec![Action::Connected(session(3))];
    world.carry_out(other).await.unwrap();
    assert_eq!(fresh(&world.keys), 0);
}

#[tokio::test]
async fn a_block_that_the_other_end_never_confirms_is_voided_here() {
    let mut world = World::connected(8).await;
    world.protocol.end.on_disconnect = vec![lost(1, true)];
    world.carry_out(vec![block(1)]).await.unwrap();
    world.protocol.disconnect().await.unwrap();
    let books = world.keys.with(|stock, _| stock.books());
    // The other key is Bob's to give out, and stays.
    assert_eq!((books.voided_bits, books.stocked_bits), (256, 256));
    assert!(!world.report().connected && books.close());
}
