//! An encryptor in this process, run like `qmacsec run`, but over ports of the caller.

use std::io;
use std::path::PathBuf;
use std::thread::{Builder, JoinHandle};

use port::mem::Mem;
use port::{Port, PortError};
use qmacsec::config::EncryptorConfig;
use qmacsec::ports::{Opener, Ports};
use tokio::sync::oneshot;

use crate::site::Site;

/// The life of an encryptor, to be run on its thread.
pub type Life = Box<dyn FnOnce() -> Result<(), String>>;

/// One encryptor in this process. When dropped, it sends BYE and ends.
pub struct Encryptor {
    end: Option<oneshot::Sender<()>>,
    crash: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Encryptor {
    /// Starts an encryptor with this config over these ports.
    ///
    /// # Errors
    /// The config cannot be read, or the system refuses a thread.
    pub fn start(site: Site, ports: Ports, file: PathBuf) -> io::Result<Self> {
        Self::start_within(site, ports, file, |run| run())
    }

    /// Starts an encryptor; `within` runs its whole life, on its thread.
    ///
    /// # Errors
    /// Same as [`Encryptor::start`].
    pub fn start_within(
        site: Site,
        ports: Ports,
        file: PathBuf,
        within: impl FnOnce(Life) -> Result<(), String> + Send + 'static,
    ) -> io::Result<Self> {
        let config = EncryptorConfig::read(&file).map_err(io::Error::other)?;
        let (end, ended) = oneshot::channel::<()>();
        let (crash, crashed) = oneshot::channel::<()>();
        // A separate thread and runtime, as in the daemon.
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            let stop = async {
                let _either_way = ended.await;
            };
            runtime.block_on(async {
                tokio::select! {
                    outcome = qmacsec::encryptor::run(&config, &file, ports, stop) => {
                        outcome.map_err(|error| error.to_string())
                    }
                    Ok(()) = crashed => Ok(()),
                }
            })
        };
        let thread = Builder::new()
            .name(format!("encryptor-{}", site.letter()))
            .spawn(move || within(Box::new(work)))?;
        Ok(Self {
            end: Some(end),
            crash: Some(crash),
            thread: Some(thread),
        })
    }

    /// Ends it: it sends BYE and wipes its keys.
    ///
    /// # Errors
    /// It could not start, or it failed.
    pub fn finish(mut self) -> Result<(), String> {
        self.end()
    }

    /// Stops it at once, as a crash does: without a BYE. Its workers end with it.
    pub fn kill(mut self) {
        if let Some(crash) = self.crash.take() {
            let _ended_already = crash.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }

    /// Returns the reason why it has ended by itself, if it has.
    pub fn ended(&mut self) -> Option<String> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        Some(match thread.join() {
            Ok(Ok(())) => "it ended without a reason".to_owned(),
            Ok(Err(reason)) => reason,
            Err(_) => "it panicked".to_owned(),
        })
    }

    fn end(&mut self) -> Result<(), String> {
        drop(self.end.take());
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        thread.join().map_err(|_| "an encryptor died".to_owned())?
    }
}

impl Drop for Encryptor {
    fn drop(&mut self) {
        let _nobody_asks = self.end();
    }
}

/// Opens one end of a cable in memory on the thread that uses it.
#[must_use]
pub fn opener(end: Mem) -> Opener {
    Box::new(move || -> Result<Box<dyn Port>, PortError> { Ok(Box::new(end.open()?)) })
}
