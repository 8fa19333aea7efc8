//! The state of the distillation, for the status and the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::report::{AlarmView, BlockCounts, BlockView, DeviceReport};

/// The state, shared by the thread that distils and those who ask.
pub(crate) struct View(Mutex<State>);

#[derive(Default)]
struct State {
    connected: bool,
    blocks: BlockCounts,
    last: Option<BlockView>,
    alarms: Vec<AlarmView>,
    alarms_raised: u64,
    position: u64,
}

impl View {
    pub(crate) fn new(position: u64) -> Self {
        Self(Mutex::new(State {
            position,
            ..State::default()
        }))
    }

    pub(crate) fn connected(&self, connected: bool) {
        self.lock().connected = connected;
    }

    pub(crate) fn position(&self, position: u64) {
        self.lock().position = position;
    }

    pub(crate) fn with_key(&self) {
        self.lock().blocks.with_key += 1;
    }

    pub(crate) fn lost(&self, reason: &str) {
        let mut state = self.lock();
        *state.blocks.lost.entry(reason.to_owned()).or_default() += 1;
    }

    pub(crate) fn estimated(&self, block: BlockView) {
        self.lock().last = Some(block);
    }

    /// Takes the alarms that stand, and the number of those that were just raised.
    pub(crate) fn alarms(&self, standing: Vec<AlarmView>, raised: u64) {
        let mut state = self.lock();
        state.alarms = standing;
        state.alarms_raised += raised;
    }

    /// Enters the state into a report.
    pub(crate) fn fill(&self, report: &mut DeviceReport) {
        let state = self.lock();
        report.connected = state.connected;
        report.blocks = state.blocks.clone();
        report.last = state.last.clone();
        report.alarms = state.alarms.clone();
        report.alarms_raised = state.alarms_raised;
        report.position = state.position;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
