//! Requests keys from the KMEs and records their answers. `rekey` decides when: one fresh key at a
//! time, and a few that the peer has named. `keyclient` chooses between two KMEs and reloads
//! certificates.
//!
//! `rekey` also decides how to react to a failure. This module only classifies it, logs it once and
//! shows it in the status. A key passes through here and is not stored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use keyclient::{Blame, Complaint, Sources};
use rekey::{KeyFailure, Origin, QkdKey};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Level;
use wire::KeyId;

use super::journal::Line;
use crate::limits;
use crate::status::KmeHealth;

/// Limit of answers that wait for the driver, which makes far fewer requests at a time.
const ANSWERS_MAX: usize = 16;
/// Limit of keys that wait for their use with a passport.
const PASSPORTS_MAX: usize = 32;

/// The answer of a KME.
pub(crate) enum Answer {
    /// To `enc_keys`.
    Fresh(Result<(KeyId, QkdKey), KeyFailure>),
    /// To `dec_keys` of this key.
    ById(KeyId, Result<QkdKey, KeyFailure>),
}

/// The driver's interface to the KMEs of this site.
pub(crate) struct KeyDesk {
    sources: Arc<Sources>,
    /// Ends when this is dropped.
    _tending: JoinSet<()>,
    /// Requests in progress. They end when this is dropped, and their KME answers are lost.
    asking: JoinSet<()>,
    to_driver: mpsc::Sender<(Answer, Outcome)>,
    answers: mpsc::Receiver<(Answer, Outcome)>,
    book: AnswerRecord,
    /// Passports of keys that are not in use yet, oldest first.
    passports: VecDeque<(KeyId, String)>,
}

/// The passport of a key, if it came with one, or the failure.
type Outcome = Result<Option<String>, keyclient::Error>;

/// The answers of the KME so far. Each kind of call has a separate record: a KME that delivers
/// fresh keys but none by their ID is failing, and the working call must not reset the start of the
/// failure.
struct AnswerRecord {
    url: String,
    fresh: Standing,
    by_id: Standing,
    keys: u64,
    failures: u64,
    /// Log lines that were not taken yet.
    lines: Vec<Line>,
}

/// The state of one kind of call.
struct Standing {
    state: State,
    since: Instant,
    last_error: Option<String>,
    /// Start of the time in which no key that the peer named was found.
    doubted: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Ok,
    Failing,
}

impl KeyDesk {
    /// Starts the care for certificates and health. Must be called inside a runtime.
    pub(crate) fn new(sources: Sources) -> Self {
        let sources = Arc::new(sources);
        let tended = Arc::clone(&sources);
        let mut tending = JoinSet::new();
        tending.spawn(async move { tended.tend().await });
        let (to_driver, answers) = mpsc::channel(ANSWERS_MAX);
        let book = AnswerRecord {
            url: sources.active_url(),
            fresh: Standing::new(),
            by_id: Standing::new(),
            keys: 0,
            failures: 0,
            lines: Vec::new(),
        };
        Self {
            sources,
            _tending: tending,
            asking: JoinSet::new(),
            to_driver,
            answers,
            book,
            passports: VecDeque::with_capacity(PASSPORTS_MAX),
        }
    }

    /// Requests a fresh key.
    pub(crate) fn fetch(&mut self) {
        let (sources, to_driver) = (Arc::clone(&self.sources), self.to_driver.clone());
        self.ask(async move {
            let (result, outcome) = taken(sources.fresh(limits::QKD_KEY_BITS).await);
            // Without the driver, the key is not needed.
            let _stopping = to_driver.send((Answer::Fresh(result), outcome)).await;
        });
    }

    /// Requests the key with this name.
    pub(crate) fn fetch_by_id(&mut self, key_id: KeyId) {
        let (sources, to_driver) = (Arc::clone(&self.sources), self.to_driver.clone());
        self.ask(async move {
            let (result, outcome) = taken(sources.by_id(key_id, limits::QKD_KEY_BITS).await);
            let answer = Answer::ById(key_id, result.map(|(_, key)| key));
            let _stopping = to_driver.send((answer, outcome)).await;
        });
    }

    fn ask(&mut self, question: impl Future<Output = ()> + Send + 'static) {
        while self.asking.try_join_next().is_some() {} // these requests are answered
        self.asking.spawn(question);
    }

    /// Waits for the next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        match self.answers.recv().await {
            Some((answer, outcome)) => {
                self.book.url = self.sources.active_url();
                let key_id = match &answer {
                    Answer::Fresh(Ok((key_id, _))) | Answer::ById(key_id, Ok(_)) => Some(*key_id),
                    _ => None,
                };
                let failure = match outcome {
                    Ok(passport) => {
                        self.keep_passport(key_id.zip(passport));
                        None
                    }
                    Err(error) => Some(error),
                };
                self.book.enter(&answer, failure);
                answer
            }
            None => std::future::pending().await, // unreachable: this struct holds a sender
        }
    }

    fn keep_passport(&mut self, passport: Option<(KeyId, String)>) {
        if self.passports.len() == PASSPORTS_MAX {
            self.passports.pop_front();
        }
        self.passports.extend(passport);
    }

    /// Takes the passport of a key that comes into use.
    pub(crate) fn take_passport(&mut self, key_id: &KeyId) -> Option<String> {
        let mut passports = self.passports.iter();
        let place = passports.position(|(of, _)| of == key_id)?;
        self.passports.remove(place).map(|(_, passport)| passport)
    }

    /// Returns the log lines since the last call.
    pub(crate) fn take_lines(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.book.lines)
    }

    pub(crate) fn health(&self) -> KmeHealth {
        let mut health = self.book.health();
        health.url = self.sources.active_url();
        let first = self.sources.health().into_iter().next();
        if let Some(first) = first.filter(|first| !first.active) {
            health.fallback = true;
            health.last_error = first.last_error.or(health.last_error);
        }
        health
    }
}

impl AnswerRecord {
    /// Enters one answer.
    fn enter(&mut self, answer: &Answer, failure: Option<keyclient::Error>) {
        match &failure {
            None => self.keys += 1,
            Some(_) => self.failures += 1,
        }
        let (call, standing) = match answer {
            Answer::Fresh(_) => ("fresh keys", &mut self.fresh),
            Answer::ById(..) => ("keys by ID", &mut self.by_id),
        };
        let line = match failure {
            None => standing.succeeded(&self.url, call),
            // No KME was asked.
            Some(keyclient::Error::AskedTwice { .. }) => None,
            // The key may be on its way to this KME.
            Some(error) if error.complaint() == Complaint::NotFound => standing.doubted(&error),
            Some(error) => standing.failed(&error),
        };
        self.lines.extend(line);
    }

    /// If both calls fail, reports the one that has failed for longer.
    fn health(&self) -> KmeHealth {
        let rank = |standing: &Standing| match standing.state {
            State::Failing => (2, standing.since.elapsed()),
            State::Ok => (1, standing.since.elapsed()),
            State::Unknown => (0, standing.since.elapsed()),
        };
        let (shown, other) = if rank(&self.by_id) > rank(&self.fresh) {
            (&self.by_id, &self.fresh)
        } else {
            (&self.fresh, &self.by_id)
        };
        KmeHealth {
            url: self.url.clone(),
            fallback: false,
            state: shown.state.name().to_owned(),
            since_ms: u64::try_from(shown.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            last_error: shown
                .last_error
                .as_ref()
                .or(other.last_error.as_ref())
                .cloned(),
            keys: self.keys,
            failures: self.failures,
        }
    }
}

impl Standing {
    fn new() -> Self {
        Self {
            state: State::Unknown,
            since: Instant::now(),
            last_error: None,
            doubted: None,
        }
    }

    fn succeeded(&mut self, url: &str, call: &str) -> Option<Line> {
        let line = (self.state == State::Failing).then(|| {
            let after = self.since.elapsed();
            kme_line(
                Level::INFO,
                format!("KME {url} gives {call} again, after {after:.1?}"),
            )
        });
        self.doubted = None;
        self.turn(State::Ok);
        line
    }

    /// Enters that a key was not found. A late key is normal; it becomes a failure when no key
    /// arrives for a while.
    fn doubted(&mut self, error: &keyclient::Error) -> Option<Line> {
        let since = *self.doubted.get_or_insert_with(Instant::now);
        if since.elapsed() < limits::KEYS_LATE_MAX {
            return None;
        }
        self.failed(error)
    }

    /// Returns a line for a new failure, not for a repeated one.
    fn failed(&mut self, error: &keyclient::Error) -> Option<Line> {
        let text = error.to_string();
        let same = self.last_error.as_ref() == Some(&text) && self.state == State::Failing;
        let level = match error.blame() {
            Blame::Config | Blame::Bug => Level::ERROR,
            _ => Level::WARN,
        };
        self.last_error = Some(text.clone());
        self.turn(State::Failing);
        (!same).then(|| kme_line(level, text))
    }

    fn turn(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.since = Instant::now();
        }
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Failing => "failing",
        }
    }
}

fn kme_line(level: Level, text: String) -> Line {
    let kind = "answers of the KME";
    Line { level, kind, text }
}

/// Splits an answer into the part for the rekey protocol and the part for the record of answers.
fn taken(
    answer: Result<keyclient::Key, keyclient::Error>,
) -> (Result<(KeyId, QkdKey), KeyFailure>, Outcome) {
    match answer {
        Ok(mut key) => {
            let passport = key.passport.take();
            (named(key), Ok(passport))
        }
        Err(error) => (Err(sorted(&error)), Err(error)),
    }
}

/// Converts a key for the rekey protocol.
fn named(key: keyclient::Key) -> Result<(KeyId, QkdKey), KeyFailure> {
    let origin = match key.origin.as_deref() {
        Some("modelled") => Origin::Modelled,
        Some("distilled") => Origin::Distilled,
        _ => Origin::Unlabelled,
    };
    let bytes = QkdKey::from_slice(key.bytes.expose(), origin).map_err(|_| KeyFailure::Unusable)?;
    Ok((key.id, bytes))
}

/// Maps a failure to those of the rekey protocol.
fn sorted(error: &keyclient::Error) -> KeyFailure {
    match error.complaint() {
        Complaint::NoAnswer => KeyFailure::Unreachable,
        Complaint::Unavailable => KeyFailure::Unavailable,
        Complaint::OurCertificate => KeyFailure::CertificateRefused,
        Complaint::ItsCertificate => KeyFailure::Untrusted,
        Complaint::Refusal => KeyFailure::Refused,
        Complaint::NoKeys => KeyFailure::NoKeys,
        Complaint::NotFound => KeyFailure::NotFound,
        Complaint::Nonsense => KeyFailure::Nonsense,
        Complaint::BadKey => KeyFailure::Unusable,
    }
}

#[cfg(test)]
mod tests;
