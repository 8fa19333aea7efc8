//! Signals: SIGINT or SIGTERM end a daemon, SIGHUP makes it reload its config.

use tokio::signal::unix::{Signal, SignalKind, signal as listen};

/// Waits for a request to end this process.
pub async fn signal() {
    let both = (
        listen(SignalKind::interrupt()),
        listen(SignalKind::terminate()),
    );
    match both {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without handlers, the signals end the process by default.
        _ => std::future::pending().await,
    }
}

/// Receives SIGHUP from its creation on.
pub(crate) struct Hangup(Option<Signal>);

/// Listens for SIGHUP. If that fails, `qmacsec reload` does the same.
pub(crate) fn hangup() -> Hangup {
    Hangup(listen(SignalKind::hangup()).ok())
}

impl Hangup {
    /// Waits for the next SIGHUP.
    pub(crate) async fn wait(&mut self) {
        let heard = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if heard.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
