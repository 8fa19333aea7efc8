//! The ledger's writer: a separate thread, so that a slow or full disk never blocks the driver.

mod place;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;
use tracing::{error, info, warn};

use super::entry::{Cut, Heard, What, hex};
use super::error::LedgerError;
use super::live::{self, Live};
use super::queue::Queue;
use super::{LedgerOptions, Record, now_ms, owner, segment};
use crate::limits::LEDGER_PACK_NICE;
use rekey::LedgerHead;

/// Time between two attempts to write to a failing disk.
const RETRY: Duration = Duration::from_secs(1);
/// Time between two syncs: a power cut loses at most the entries of this time.
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// A ledger that is being written.
pub struct LedgerFile {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// State shared by the driver and the writer.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    queue: Queue,
    stop: bool,
    health: LedgerHealth,
    head: Option<LedgerHead>,
    /// The writer holds a record that is not in the file yet.
    in_hand: bool,
}

/// State of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerHealth {
    /// Number of the last entry in the file.
    pub entries: u64,
    /// Number of the live segment.
    pub segment: u64,
    /// Records that wait for the disk.
    pub waiting: usize,
    /// Records lost since the start.
    pub lost: u64,
    /// Start of the time in which the disk refuses writes, and the reason.
    pub failing: Option<(Instant, String)>,
    /// Time when the live file was found lost and a new one began, and what happened.
    pub replaced: Option<(Instant, String)>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LedgerFile {
    /// Opens or creates a ledger with the default limits.
    ///
    /// # Errors
    /// Same as [`LedgerFile::open_with`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_with(path, LedgerOptions::default())
    }

    /// Opens or creates the ledger of the encryptor with this name.
    ///
    /// # Errors
    /// Same as [`LedgerFile::open_with`], or the ledger belongs to another encryptor.
    pub fn open_of(
        path: &Path,
        encryptor: &str,
        options: LedgerOptions,
    ) -> Result<Self, LedgerError> {
        owner::refuse_another(path, encryptor)?;
        Self::open_with(path, options)
    }

    /// Opens or creates a ledger. Reads and checks only the end of an existing one, then continues
    /// it.
    ///
    /// # Errors
    /// Unreadable, unwritable, in use, or broken at its end: a broken ledger is not continued.
    pub fn open_with(path: &Path, options: LedgerOptions) -> Result<Self, LedgerError> {
        let opened = live::open(path, options, now_ms())?;
        let (live, cut) = (opened.live, opened.cut);
        let replaced = opened
            .lost
            .map(|lost| (Instant::now(), place::description_of_loss(lost, &live)));
        if let Some((_, text)) = &replaced {
            error!("ledger {}: {text}", path.display());
        }
        let mut queue = Queue::default();
        if cut > 0 {
            error!(
                "ledger {}: {cut} octets after entry {} are not an entry, as after a power cut: \
                 they are cut off",
                path.display(),
                live.number()
            );
            let at_ms = now_ms();
            queue.push(at_ms, What::Cut(Cut { octets: cut, at_ms }));
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue,
                stop: false,
                health: LedgerHealth {
                    entries: live.number(),
                    segment: live.segment(),
                    replaced,
                    ..LedgerHealth::default()
                },
                head: None,
                in_hand: false,
            }),
            changed: Condvar::new(),
        });
        let mut writer = Writer {
            live,
            shared: Arc::clone(&shared),
            in_hand: None,
            synced: Instant::now(),
            packing: None,
            started: Instant::now(),
            seal_failed: false,
        };
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                writer.run();
                writer.stop_packing();
            })
            .map_err(LedgerError::io(path))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Queues a record for the writer.
    pub fn append(&mut self, record: Record) {
        self.push(What::Key(record));
    }

    /// Queues a note of the last entry of the peer's ledger.
    pub fn heard(&mut self, head: &LedgerHead) {
        self.push(What::Heard(Heard {
            number: head.number,
            hash: hex(&head.hash),
            at_ms: now_ms(),
        }));
    }

    fn push(&mut self, what: What) {
        let mut state = self.shared.lock();
        let lost = state.queue.lost();
        state.queue.push(now_ms(), what);
        let first_loss = lost == 0 && state.queue.lost() > 0;
        drop(state);
        self.shared.changed.notify_one();
        if first_loss {
            error!(
                "ledger: too many records wait for the disk: the next keys go unrecorded and are \
                 counted"
            );
        }
    }

    /// Returns the last synced entry: a power cut does not lose it.
    #[must_use]
    pub fn head(&self) -> Option<LedgerHead> {
        self.shared.lock().head
    }

    /// Returns the state of the ledger.
    #[must_use]
    pub fn health(&self) -> LedgerHealth {
        let state = self.shared.lock();
        LedgerHealth {
            waiting: state.queue.len() + usize::from(state.in_hand),
            lost: state.queue.lost(),
            ..state.health.clone()
        }
    }
}

impl Drop for LedgerFile {
    /// Waiting entries are written before the process ends, if the disk accepts them.
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _died_already = thread.join();
        }
    }
}

/// The thread that writes.
struct Writer {
    live: Live,
    shared: Arc<Shared>,
    /// An entry that left the queue and is not in the file yet.
    in_hand: Option<What>,
    synced: Instant,
    /// The thread that packs sealed segments.
    packing: Option<Packing>,
    started: Instant,
    /// A failure to seal is logged already.
    seal_failed: bool,
}

/// The packing thread, and its stop flag.
struct Packing {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

/// The next step of the writer.
enum Next {
    Write,
    Sync,
    End,
}

impl Writer {
    fn run(&mut self) {
        self.remove_oldest(now_ms());
        self.pack();
        loop {
            match self.next() {
                Next::Write => {
                    if let Err(error) = self.write() {
                        self.fails(&error);
                        if self.shared.lock().stop {
                            return self.give_up();
                        }
                        self.wait_for_the_disk();
                    }
                }
                Next::Sync => self.sync(),
                Next::End => return self.sync(),
            }
        }
    }

    /// Waits for work.
    fn next(&mut self) -> Next {
        if self.in_hand.is_some() {
            return Next::Write;
        }
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        loop {
            if let Some(what) = state.queue.pop() {
                self.in_hand = Some(what);
                state.in_hand = true;
                return Next::Write;
            }
            if state.stop {
                return Next::End;
            }
            if !self.live.is_unsynced() {
                state = wait(shared.changed.wait(state));
                continue;
            }
            let left = SYNC_EVERY.saturating_sub(self.synced.elapsed());
            if left.is_zero() {
                return Next::Sync;
            }
            state = wait(shared.changed.wait_timeout(state, left)).0;
        }
    }

    /// Writes the entry in hand; seals a full segment first.
    fn write(&mut self) -> io::Result<()> {
        self.keep_place()?;
        self.seal_if_full();
        let Some(what) = &self.in_hand else {
            return Ok(());
        };
        self.live.append(what.clone())?;
        self.in_hand = None;
        let mut state = self.shared.lock();
        state.in_hand = false;
        state.health.entries = self.live.number();
        drop(state);
        self.recovers();
        if self.synced.elapsed() >= SYNC_EVERY {
            self.sync();
        }
        Ok(())
    }

    /// Marks the disk as working.
    fn recovers(&self) {
        let mut state = self.shared.lock();
        let Some((since, _)) = state.health.failing.take() else {
            return;
        };
        let (waiting, lost) = (state.queue.len(), state.queue.lost());
        drop(state);
        info!(
            "ledger {}: the disk takes records again after {:.1?}; {waiting} records wait, {lost} \
             are lost since the start",
            self.live.path().display(),
            since.elapsed()
        );
    }

    fn fails(&self, cause: &io::Error) {
        let mut state = self.shared.lock();
        let begins = state.health.failing.is_none();
        let (since, _) = state
            .health
            .failing
            .take()
            .unwrap_or_else(|| (Instant::now(), String::new()));
        state.health.failing = Some((since, cause.to_string()));
        drop(state);
        if begins {
            error!(
                "ledger {}: {cause}: keys go unrecorded until the disk takes records again; fix: \
                 make space there",
                self.live.path().display()
            );
        }
    }

    /// Returns after a delay, or at once when the ledger must end.
    fn wait_for_the_disk(&self) {
        let until = Instant::now() + RETRY;
        let mut state = self.shared.lock();
        while !state.stop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = wait(self.shared.changed.wait_timeout(state, left)).0;
        }
    }

    fn give_up(&mut self) {
        let state = self.shared.lock();
        let lost = state.queue.len() + usize::from(state.in_hand);
        drop(state);
        error!(
            "ledger {}: the disk did not take the last {lost} records: they are lost",
            self.live.path().display()
        );
        self.sync();
    }

    fn sync(&mut self) {
        self.synced = Instant::now();
        if !self.live.is_unsynced() {
            return;
        }
        match self.keep_place().and_then(|()| self.live.sync()) {
            Ok(head) => {
                self.shared.lock().head = head;
                if self.in_hand.is_none() {
                    self.recovers();
                }
            }
            Err(error) => self.fails(&error),
        }
    }

    fn seal_if_full(&mut self) {
        let now = now_ms();
        if !self.live.is_full(now) {
            return;
        }
        let path = self.live.path().display().to_string();
        match self.live.seal(now) {
            Ok(()) => {
                self.seal_failed = false;
                let mut state = self.shared.lock();
                state.health.segment = self.live.segment();
                state.health.entries = self.live.number();
                drop(state);
                info!(
                    "ledger {path}: segment {} is sealed",
                    self.live.segment() - 1
                );
                self.remove_oldest(now);
                self.pack();
            }
            // The segment continues. The next write shows whether the disk is full.
            Err(error) if !self.seal_failed => {
                self.seal_failed = true;
                warn!("ledger {path}: {error}: the segment cannot be sealed and continues");
            }
            Err(_) => {}
        }
    }

    fn remove_oldest(&mut self, now: u64) {
        if self.live.oldest_that_go().is_ok_and(|gone| gone.is_empty()) {
            return;
        }
        // Packing would bring back a segment that is removed at the same time.
        self.stop_packing();
        match self.live.remove_oldest(now) {
            Ok(0) => {}
            Ok(gone) => warn!(
                "ledger {}: the {gone} oldest segments are removed because of \
                 encryptor.ledger_max_size",
                self.live.path().display()
            ),
            Err(error) => warn!(
                "ledger {}: {error}: the oldest segments cannot be removed",
                self.live.path().display()
            ),
        }
    }

    /// Packs sealed segments in a separate thread, one at a time.
    fn pack(&mut self) {
        if self
            .packing
            .as_ref()
            .is_some_and(|packing| !packing.thread.is_finished())
        {
            return;
        }
        let path = self.live.path().to_path_buf();
        let begin = self.started + self.live.pack_after();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let pack = move || {
            let stopped_by_now = || stopped.load(Ordering::Relaxed);
            while !stopped_by_now() && Instant::now() < begin {
                thread::park_timeout(begin.saturating_duration_since(Instant::now()));
            }
            // Linux sets this per thread. If it fails, packing only takes more of the core.
            let _as_it_was = setpriority_process(None, LEDGER_PACK_NICE);
            let sealed = segment::sealed(&path).unwrap_or_default();
            for plain in sealed.iter().filter(|sealed| !sealed.packed) {
                if stopped_by_now() {
                    return;
                }
                if let Err(error) = segment::pack(plain, &stopped) {
                    warn!(
                        "ledger {}: {error}: the segment stays unpacked",
                        plain.path.display()
                    );
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("ledger-pack".to_owned());
        // Without the thread, segments need more space, but nothing is lost.
        let thread = thread.spawn(pack).ok();
        self.packing = thread.map(|thread| Packing { thread, stop });
    }

    /// A segment that is only partly packed is packed after the next start.
    fn stop_packing(&mut self) {
        if let Some(Packing { thread, stop }) = self.packing.take() {
            stop.store(true, Ordering::Relaxed);
            thread.thread().unpark();
            let _died_already = thread.join();
        }
    }
}

/// Ignores a poisoned lock: each change of the state is one step, so the state is valid after a
/// panic.
fn wait<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}
