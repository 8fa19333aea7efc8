//! Requests of the synchronous mode, whose answer waits until all their keys have ended.

use core::time::Duration;
use std::collections::BTreeMap;

use kme_api::etsi020::{AckContainer, AckStatus, AckedKey, KeyUuid, Parties, Problem, Reason};

use super::Interworking;
use super::action::{Action, Answer, Token};
use super::state::{Event, State};

/// The requests that wait.
#[derive(Default)]
pub(super) struct Waits {
    last: u64,
    open: BTreeMap<Token, Wait>,
    /// A key has changed since the last look.
    changed: bool,
}

/// The demand of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Relay,
    Void,
}

struct Wait {
    asked: Asked,
    parties: Parties,
    keys: Vec<KeyUuid>,
    until: Duration,
}

impl Waits {
    pub(super) fn changed(&mut self) {
        self.changed = true;
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn next_time(&self) -> Option<Duration> {
        self.open.values().map(|wait| wait.until).min()
    }

    pub(super) fn add(
        &mut self,
        asked: Asked,
        parties: Parties,
        keys: Vec<KeyUuid>,
        until: Duration,
    ) -> Token {
        self.last += 1;
        let token = Token(self.last);
        let wait = Wait {
            asked,
            parties,
            keys,
            until,
        };
        self.open.insert(token, wait);
        self.changed = true;
        token
    }
}

impl Interworking {
    /// Answers the requests whose keys have all ended, and those that have waited too long.
    pub(super) fn settle(&mut self, now: Duration) {
        let over = self.waits.next_time().is_some_and(|until| until <= now);
        if !self.waits.changed && !over {
            return;
        }
        self.waits.changed = false;
        let tokens: Vec<_> = self.waits.open.keys().copied().collect();
        for token in tokens {
            let Some(wait) = self.waits.open.get(&token) else {
                continue;
            };
            let answer = match self.ends(wait) {
                Some(acks) => Answer::Done(acks),
                None if wait.until <= now => {
                    let text = "not all keys were done in time; repeat the request, or void them";
                    Answer::Refused(Problem::new(Reason::Timeout, text))
                }
                None => continue,
            };
            let heard = match (&answer, self.waits.open.remove(&token)) {
                (Answer::Done(_), Some(wait)) if wait.asked == Asked::Relay => wait.keys,
                _ => Vec::new(),
            };
            // Nothing else informs the neighbour, so this counts as its acknowledgement.
            for key_id in heard {
                self.apply(now, key_id, Event::Heard, None);
            }
            self.actions.push_back(Action::Answer(token, answer));
        }
    }

    /// The fate of the keys, if each of them has ended.
    fn ends(&self, wait: &Wait) -> Option<Vec<AckContainer>> {
        let mut groups: BTreeMap<AckStatus, Vec<AckedKey>> = BTreeMap::new();
        for key_id in &wait.keys {
            let key = self.keys.get(key_id)?;
            let status = match (wait.asked, key.state) {
                (Asked::Relay, State::Relayed | State::Released) => AckStatus::Relayed,
                (Asked::Relay, State::Failed) => AckStatus::Failed,
                (Asked::Relay, State::Voided) => AckStatus::Voided,
                (Asked::Void, state) if state.is_final() => key.void_status(),
                _ => return None,
            };
            let extension = key
                .extension
                .clone()
                .filter(|_| status == AckStatus::Relayed);
            groups.entry(status).or_default().push(AckedKey {
                key_id: *key_id,
                extension,
            });
        }
        let container = |(status, keys)| AckContainer {
            keys,
            status,
            parties: wait.parties.clone(),
            message: None,
            extension: None,
        };
        Some(groups.into_iter().map(container).collect())
    }
}
