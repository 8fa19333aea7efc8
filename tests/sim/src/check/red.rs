//! I3: each frame that reaches red was sent by the other side's LAN, is unchanged, and arrives
//! once. I5 and I10: where faults must not cost frames, all frames arrive in order from the first
//! that arrives.

use std::time::Duration;

use crate::frames::Name;
use crate::limits::TRANSIT;
use crate::plan::Plan;

/// The frames from one worker of one side to the other side.
#[derive(Default)]
struct Flow {
    /// For each frame, the time when it was handed to the red port, and whether it arrived.
    sent: Vec<(Duration, bool)>,
    /// From this number on, no frame may be missing.
    watched: Option<u64>,
    /// The next number due, if watched.
    due: u64,
}

pub(crate) struct Red {
    flows: [Vec<Flow>; 2],
    /// The frame that must have come.
    expected: Vec<u8>,
    gentle: bool,
    latency: Duration,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Red {
    pub(crate) fn new(plan: &Plan) -> Self {
        let flows = plan
            .workers
            .map(|count| (0..count).map(|_| Flow::default()).collect());
        Self {
            flows,
            expected: Vec::new(),
            gentle: plan.gentle,
            latency: plan.latency + plan.skew,
            sent: 0,
            received: 0,
        }
    }

    /// Returns the name of the next frame of a worker.
    pub(crate) fn next(&mut self, now: Duration, side: usize, worker: usize) -> Name {
        self.sent += 1;
        let flow = &mut self.flows[side][worker];
        flow.sent.push((now, false));
        Name {
            side,
            worker,
            number: flow.sent.len() as u64 - 1,
        }
    }

    /// Checks a frame that leaves the red port of `side`.
    pub(crate) fn received(&mut self, side: usize, frame: &[u8]) -> Result<(), String> {
        let Some(name) = Name::of(frame) else {
            return Err(format!("I3: a frame that nobody sent: {frame:02x?}"));
        };
        if name.side == side {
            return Err(format!("I3: {name:?} came back to its own side"));
        }
        let flow = self.flows.get_mut(name.side);
        let flow = flow.and_then(|flows| flows.get_mut(name.worker));
        let slot = usize::try_from(name.number).unwrap_or(usize::MAX);
        let Some(flow) = flow.filter(|flow| slot < flow.sent.len()) else {
            return Err(format!("I3: {name:?} was never sent"));
        };
        name.build(&mut self.expected);
        if frame != self.expected {
            return Err(format!("I3: {name:?} was changed"));
        }
        if flow.sent[slot].1 {
            return Err(format!("I3: {name:?} came twice"));
        }
        flow.sent[slot].1 = true;
        self.received += 1;
        if self.gentle && flow.watched.is_none() {
            flow.watched = Some(name.number);
            flow.due = name.number;
        }
        if flow.watched.is_some_and(|from| name.number >= from) {
            if name.number != flow.due {
                let due = flow.due;
                return Err(format!("I5: {name:?} came, {due} was due"));
            }
            flow.due += 1;
        }
        Ok(())
    }

    /// The line is healthy and both keys are fresh: from now on, no frame may be missing.
    pub(crate) fn watch(&mut self) {
        for flow in self.flows.iter_mut().flatten() {
            if flow.watched.is_none() {
                let next = flow.sent.len() as u64;
                flow.watched = Some(next);
                flow.due = next;
            }
        }
    }

    /// At the end of a run, checks that all frames sent early enough have arrived.
    pub(crate) fn complete(&self, now: Duration) -> Result<(), String> {
        for (side, flows) in self.flows.iter().enumerate() {
            for (worker, flow) in flows.iter().enumerate() {
                let due = usize::try_from(flow.due).unwrap_or(usize::MAX);
                let missing = flow.sent.get(due).filter(|_| flow.watched.is_some());
                if let Some((at, _)) = missing.filter(|sent| sent.0 + self.latency + TRANSIT < now)
                {
                    return Err(format!(
                        "I5: frame {due} of end {side}, worker {worker}, sent at {at:?}, never came"
                    ));
                }
            }
        }
        Ok(())
    }
}
