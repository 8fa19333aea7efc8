//! The writer checks before each append and sync that its file still has its name and its length.

use std::io;
use std::time::Instant;

use tracing::error;

use super::Writer;
use crate::ledger::entry::{Cut, What};
use crate::ledger::live::Live;
use crate::ledger::{now_ms, segment};

impl Writer {
    /// Begins a new file if the live one was moved, removed, truncated or replaced, and removes
    /// what another process wrote into it.
    pub(super) fn keep_place(&mut self) -> io::Result<()> {
        let now = now_ms();
        let path = self.live.path().display().to_string();
        if let Some(lost) = self.live.lost()? {
            let number = self.live.segment();
            self.live.begin_new_file(now, lost).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("{lost}, and a new file cannot be created: {error}"),
                )
            })?;
            let text = description_of_loss(lost, &self.live);
            let sealed = segment::sealed_name(self.live.path(), number, now);
            error!(
                "ledger {path}: {text}; fix: if you have the file, put it back as {}",
                sealed.display()
            );
            let mut state = self.shared.lock();
            state.health.segment = self.live.segment();
            state.health.entries = self.live.number();
            state.health.replaced = Some((Instant::now(), text));
        }
        let octets = self.live.cut_foreign()?;
        if octets > 0 {
            let number = self.live.number();
            error!(
                "ledger {path}: another process wrote {octets} octets after entry {number}: they \
                 are cut off; fix: let no other process write to this file"
            );
            self.live.append(What::Cut(Cut { octets, at_ms: now }))?;
        }
        Ok(())
    }
}

/// Describes the loss of a live file, in whose place a new one has begun.
pub(super) fn description_of_loss(lost: &str, live: &Live) -> String {
    format!(
        "{lost}: entries up to {} may be missing; a new file begins with entry {}",
        live.number().saturating_sub(1),
        live.number()
    )
}
