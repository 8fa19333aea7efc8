//! The open records, for keys in use. The driver feeds it; it has no clock and no file.

use rekey::{Direction, Event, Origin};
use secy::SaId;
use wire::{KeyId, MacAddr};

use super::Record;
use crate::config::EncryptorConfig;

/// Limit of keys in use at the same time: three of each direction, and those that are being
/// retired.
const OPEN_MAX: usize = 16;

/// Open records.
pub(crate) struct Book {
    encryptor: String,
    suite: String,
    local: MacAddr,
    peer: Option<MacAddr>,
    open: Vec<Open>,
}

struct Open {
    direction: Direction,
    id: SaId,
    key_id: KeyId,
    origin: Origin,
    root: u32,
    installed_ms: u64,
    first_frame_ms: Option<u64>,
    last_frame_ms: Option<u64>,
    frames: u64,
    passport: Option<String>,
}

impl Book {
    /// Creates the book for the encryptor of a config.
    pub(crate) fn of(config: &EncryptorConfig, local: MacAddr) -> Self {
        Self::new(&config.encryptor.name, config.macsec.suite.0.name(), local)
    }

    pub(crate) fn new(encryptor: &str, suite: &str, local: MacAddr) -> Self {
        Self {
            encryptor: encryptor.to_owned(),
            suite: suite.to_owned(),
            local,
            peer: None,
            open: Vec::with_capacity(OPEN_MAX),
        }
    }

    /// Enters an event about keys, and the passport of the key if it came with one. Returns a
    /// record when a key's life is over.
    pub(crate) fn on_event(
        &mut self,
        now_ms: u64,
        event: &Event,
        passport: Option<String>,
    ) -> Option<Record> {
        match *event {
            Event::PeerFound { peer, .. } => self.peer = Some(peer),
            Event::Installed {
                direction,
                id,
                key_id,
                origin,
                root,
            } if self.open.len() < OPEN_MAX && self.find(direction, id).is_none() => {
                self.open.push(Open {
                    direction,
                    id,
                    key_id,
                    origin,
                    root,
                    installed_ms: now_ms,
                    first_frame_ms: None,
                    last_frame_ms: None,
                    frames: 0,
                    passport,
                });
            }
            Event::Retired { direction, id } => return self.close(now_ms, direction, id),
            _ => {}
        }
        None
    }

    /// Enters the number of frames that a key has carried so far.
    pub(crate) fn on_frames(&mut self, now_ms: u64, direction: Direction, id: SaId, frames: u64) {
        if let Some(open) = self.find(direction, id).filter(|open| frames > open.frames) {
            open.frames = frames;
            open.first_frame_ms.get_or_insert(now_ms);
            open.last_frame_ms = Some(now_ms);
        }
    }

    fn find(&mut self, direction: Direction, id: SaId) -> Option<&mut Open> {
        self.open
            .iter_mut()
            .find(|open| open.direction == direction && open.id == id)
    }

    fn close(&mut self, now_ms: u64, direction: Direction, id: SaId) -> Option<Record> {
        let place = self
            .open
            .iter()
            .position(|open| open.direction == direction && open.id == id)?;
        let open = self.open.swap_remove(place);
        let (direction, sender) = match direction {
            Direction::Tx => ("out", Some(self.local)),
            Direction::Rx => ("in", self.peer),
        };
        Some(Record {
            encryptor: self.encryptor.clone(),
            direction: direction.to_owned(),
            sender: sender.map_or_else(String::new, |mac| mac.to_string()),
            key_id: open.key_id.to_string(),
            origin: open.origin.name().to_owned(),
            root: open.root,
            suite: self.suite.clone(),
            an: open.id.an.value(),
            epoch: open.id.epoch,
            installed_ms: open.installed_ms,
            first_frame_ms: open.first_frame_ms,
            last_frame_ms: open.last_frame_ms,
            frames: open.frames,
            wiped_ms: now_ms,
            passport: open.passport,
        })
    }
}
