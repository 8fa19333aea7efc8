//! Carries out what the protocol of `distill` asks for: durable positions, messages, keys for the
//! KME, figures for the status. Bob also watches the figures of his receiver: a block whose
//! estimate may be false gives no key.

use std::collections::VecDeque;
use std::sync::Arc;

use distill::alarm::{BlockFigures, Change, Counted, Watch};
use distill::authentication::{Incarnation, Secret};
use distill::decoder::Engine;
use distill::protocol::{
    Action, Alice, BlockReport, Bob, DistilledBlock, LostBlock, Session, Setup,
};
use distill::source::{Monitor, Received};
use distill::wiped::Wiped;
use qkd::link::Reconciliation;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::key_ids::BlockName;
use crate::keys::DeviceKeys;
use crate::limits::{FRAME_ERROR_RATE, FRAMES_WAITING_MAX};
use crate::link::{FRAME_SYMBOLS, Link};
use crate::position::PositionFile;
use crate::report::{AlarmView, BlockView};
use crate::signals::Numbered;
use crate::view::View;

/// One end of the protocol.
pub(crate) trait End: Send + 'static {
    /// The input of this end from the quantum channel, for one frame.
    type Frame: Send + 'static;

    /// Alice's values of a frame must be here before Bob's message about it. Bob's messages come
    /// first instead: frames wait for their block.
    const FRAMES_FIRST: bool;
    /// This end waits for room in the classical channel; see [`crate::limits::OUTGOING_MAX`].
    const WAITS: bool;

    fn on_connect(&mut self) -> Vec<Action>;
    fn on_disconnect(&mut self) -> Vec<Action>;
    fn on_frame(&mut self, frame: Numbered<Self::Frame>) -> Vec<Action>;
    fn on_message(&mut self, message: &[u8]) -> Vec<Action>;

    /// True if another frame may come.
    fn has_room(&self) -> bool;

    /// Judges the figures of a block, before its key is used.
    fn judge(&mut self, report: &BlockReport) -> Judgement;

    /// Gives up the block that was judged.
    fn refuse(&mut self) -> Vec<Action>;

    /// The other end's run.
    fn other(session: &Session) -> Incarnation;
}

/// The opinion of the watch on a block.
#[derive(Default)]
pub(crate) struct Judgement {
    /// The alarms that stand.
    standing: Vec<AlarmView>,
    /// Alarms that this block raised.
    raised: u64,
    /// The reason why the block must give no key.
    refused: Option<String>,
}

/// Alice.
pub(crate) struct AliceEnd(Alice);

impl AliceEnd {
    pub(crate) fn new(setup: Setup, secret: Secret, position: u64) -> Self {
        let engine = Engine::detect();
        Self(Alice::new(
            setup,
            secret,
            position,
            engine,
            Box::new(random),
        ))
    }
}

impl End for AliceEnd {
    type Frame = Wiped<f32>;

    const FRAMES_FIRST: bool = true;
    const WAITS: bool = false;

    fn on_connect(&mut self) -> Vec<Action> {
        self.0.on_connect()
    }

    fn on_disconnect(&mut self) -> Vec<Action> {
        self.0.on_disconnect()
    }

    fn on_frame(&mut self, frame: Numbered<Wiped<f32>>) -> Vec<Action> {
        self.0.on_sent(frame.number, frame.values)
    }

    fn on_message(&mut self, message: &[u8]) -> Vec<Action> {
        self.0.on_message(message)
    }

    fn has_room(&self) -> bool {
        // The quantum channel is full when Bob takes no more.
        true
    }

    fn judge(&mut self, _: &BlockReport) -> Judgement {
        // She has no receiver. Bob refuses the block.
        Judgement::default()
    }

    fn refuse(&mut self) -> Vec<Action> {
        Vec::new()
    }

    fn other(session: &Session) -> Incarnation {
        session.bob
    }
}

/// Bob, with the watch over his receiver.
pub(crate) struct BobEnd {
    bob: Bob,
    link: Link,
    /// Readings of the receiver for each frame whose block is not finished.
    monitors: VecDeque<Monitor>,
    watch: Watch,
}

impl BobEnd {
    pub(crate) fn new(setup: Setup, secret: Secret, position: u64, link: Link) -> Self {
        let reconciliation = Reconciliation::new(link.efficiency, FRAME_ERROR_RATE)
            .expect("both shares are in range");
        Self {
            bob: Bob::new(setup, secret, position, Box::new(random)),
            monitors: VecDeque::new(),
            watch: Watch::new(&link.channel, &reconciliation, 0.0),
            link,
        }
    }
}

impl End for BobEnd {
    type Frame = Received;

    const FRAMES_FIRST: bool = false;
    const WAITS: bool = true;

    fn on_connect(&mut self) -> Vec<Action> {
        self.bob.on_connect()
    }

    fn on_disconnect(&mut self) -> Vec<Action> {
        self.monitors.clear();
        self.bob.on_disconnect()
    }

    fn on_frame(&mut self, frame: Numbered<Received>) -> Vec<Action> {
        let Received { measured, monitor } = frame.values;
        self.monitors.push_back(monitor);
        self.bob.on_received(frame.number, measured)
    }

    fn on_message(&mut self, message: &[u8]) -> Vec<Action> {
        self.bob.on_message(message)
    }

    fn has_room(&self) -> bool {
        self.bob.waiting_frames() < FRAMES_WAITING_MAX
    }

    fn judge(&mut self, report: &BlockReport) -> Judgement {
        let of_block = self.link.block_frames().min(self.monitors.len());
        let mut monitor = Monitor::default();
        for of_frame in self.monitors.drain(..of_block) {
            monitor.add(&of_frame);
        }
        let frames = |symbols: u64| symbols / FRAME_SYMBOLS as u64;
        let (kept, lost) = (report.corrected.kept_symbols, report.corrected.lost_symbols);
        let lost_frames = Counted {
            count: frames(lost),
            of: frames(kept + lost),
        };
        let estimate = report.estimate.as_ref();
        let figures = BlockFigures::of(estimate, &monitor, &self.link.receiver, lost_frames);
        let changes = self.watch.on_block(&figures);
        for change in &changes {
            warn!("block {}: {change}", report.block.0);
        }
        let raised = changes
            .iter()
            .filter(|alarm| alarm.change == Change::Raised);
        let standing = self.watch.standing();
        Judgement {
            raised: raised.count() as u64,
            standing: standing.into_iter().map(AlarmView::from).collect(),
            refused: self.watch.refuses_key().then(|| {
                let cause = standing.map_or_else(String::new, |alarm| alarm.cause.to_string());
                format!("the watch refuses its estimate: {cause}")
            }),
        }
    }

    fn refuse(&mut self) -> Vec<Action> {
        self.bob.refuse()
    }

    fn other(session: &Session) -> Incarnation {
        session.alice
    }
}

fn random(out: &mut [u8]) {
    getrandom::fill(out).expect("the random source of the system works after its start");
}

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    GoOn,
    Close,
}

/// An end with what it acts on.
pub(crate) struct Protocol<E> {
    end: E,
    file: PositionFile,
    keys: Arc<DeviceKeys>,
    view: Arc<View>,
    outgoing: Option<mpsc::Sender<Vec<u8>>>,
    agreed: Option<oneshot::Sender<()>>,
    /// The other end's last run.
    other: Option<Incarnation>,
    /// The reason why this end gave the present block up.
    refused: Option<String>,
}

impl<E: End> Protocol<E> {
    pub(crate) fn new(end: E, file: PositionFile, keys: Arc<DeviceKeys>, view: Arc<View>) -> Self {
        Self {
            end,
            file,
            keys,
            view,
            outgoing: None,
            agreed: None,
            other: None,
            refused: None,
        }
    }

    /// True if another frame may come.
    pub(crate) fn has_room(&self) -> bool {
        self.end.has_room()
    }

    /// Begins a session.
    pub(crate) async fn connect(
        &mut self,
        outgoing: mpsc::Sender<Vec<u8>>,
        agreed: Option<oneshot::Sender<()>>,
    ) -> Result<Outcome, String> {
        self.outgoing = Some(outgoing);
        self.agreed = agreed;
        let actions = self.end.on_connect();
        self.carry_out(actions).await
    }

    /// Ends the session.
    pub(crate) async fn disconnect(&mut self) -> Result<(), String> {
        self.outgoing = None;
        self.agreed = None;
        self.view.connected(false);
        let actions = self.end.on_disconnect();
        self.carry_out(actions).await?;
        self.refused = None;
        Ok(())
    }

    pub(crate) async fn frame(&mut self, frame: Numbered<E::Frame>) -> Result<Outcome, String> {
        let actions = self.end.on_frame(frame);
        self.carry_out(actions).await
    }

    pub(crate) async fn message(&mut self, message: &[u8]) -> Result<Outcome, String> {
        let actions = self.end.on_message(message);
        self.carry_out(actions).await
    }

    /// Carries out actions in their order. An error ends the device.
    async fn carry_out(&mut self, mut actions: Vec<Action>) -> Result<Outcome, String> {
        let mut outcome = Outcome::GoOn;
        let refused = actions
            .iter()
            .any(|action| matches!(action, Action::Report(report) if self.report(report)));
        if refused {
            // No other action may confirm the block.
            actions = self.end.refuse();
            outcome = Outcome::Close;
        }
        for action in actions {
            match action {
                Action::Position(position) => self.position(position)?,
                Action::Send(message) => {
                    if !self.send(message).await {
                        outcome = Outcome::Close;
                    }
                }
                Action::Connected(session) => self.connected(&session),
                Action::Key(block) => self.key(&block),
                Action::Shared(block) => {
                    self.view.with_key();
                    self.keys.with(|stock, now| stock.confirm(now, block.0));
                }
                Action::Lost(block) => self.lost(&block),
                Action::Report(_) => {}
                Action::Close(reason) => {
                    info!("this end closes the session: {reason}");
                    outcome = Outcome::Close;
                }
            }
        }
        Ok(outcome)
    }

    /// A bit of the secret must not be used before its position is durable.
    fn position(&mut self, position: u64) -> Result<(), String> {
        self.file.store(position).map_err(|error| {
            format!("the position in the pre-shared secret cannot be stored: {error}")
        })?;
        self.view.position(position);
        Ok(())
    }

    /// Sends a message. False: there is no connection any more.
    async fn send(&mut self, message: Vec<u8>) -> bool {
        let Some(outgoing) = &self.outgoing else {
            return false;
        };
        if E::WAITS {
            outgoing.send(message).await.is_ok()
        } else {
            outgoing.try_send(message).is_ok()
        }
    }

    fn connected(&mut self, session: &Session) {
        let other = E::other(session);
        if self.other.is_some_and(|before| before != other) {
            info!("the other end has started again: keys that were not given out are void");
            self.keys.with(|stock, now| stock.peer_restarted(now));
        }
        self.other = Some(other);
        self.view.connected(true);
        if let Some(agreed) = self.agreed.take() {
            // Without its thread the session is about to end.
            let _ = agreed.send(());
        }
    }

    fn key(&mut self, block: &DistilledBlock) {
        let name = BlockName {
            alice: block.session.alice.0,
            bob: block.session.bob.0,
            number: block.block.0,
        };
        let words = block.bits.words();
        let mut octets = Zeroizing::new(Vec::with_capacity(size_of_val(words)));
        for word in words {
            octets.extend_from_slice(&word.to_le_bytes());
        }
        self.keys.with(|stock, now| stock.add(now, &name, &octets));
    }

    fn lost(&mut self, block: &LostBlock) {
        let reason = self.refused.take();
        let reason = reason.unwrap_or_else(|| block.cause.to_string());
        warn!("block {} is lost: {reason}", block.block.0);
        self.view.lost(&reason);
        if block.key_held {
            self.keys.with(|stock, _| stock.give_up(block.block.0));
        }
    }

    /// Shows the figures of a block. True if it must give no key.
    fn report(&mut self, report: &BlockReport) -> bool {
        let judgement = self.end.judge(report);
        let pair = |of: distill::estimate::Measured| [of.value, of.deviation];
        let estimate = report.estimate.as_ref();
        let (kept, lost) = (report.corrected.kept_symbols, report.corrected.lost_symbols);
        // A block without key goes its way.
        let refused = judgement.refused.is_some() && report.key_bits > 0;
        let block = BlockView {
            number: report.block.0,
            transmittance: estimate.map_or([0.0; 2], |of| pair(of.transmittance())),
            excess_noise_snu: estimate.map_or([0.0; 2], |of| pair(of.excess_noise_snu())),
            frame_error_rate: lost as f64 / (kept + lost).max(1) as f64,
            lgg_bits: report.secret.lgg_bits,
            composable_bits: report.secret.composable_bits,
            key_bits: match refused {
                true => 0,
                false => report.key_bits.saturating_sub(report.reserve_bits),
            },
        };
        info!("{}", block.text());
        self.view.estimated(block);
        self.view.alarms(judgement.standing, judgement.raised);
        self.refused = judgement.refused.filter(|_| refused);
        refused
    }
}

#[cfg(test)]
mod tests;
