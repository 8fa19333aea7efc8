//! Signals: SIGINT or SIGTERM end a daemon, SIGHUP makes it read its config anew.

use tokio::signal::unix::{Signal, SignalKind, signal as listen};

/// Waits until this process is asked to end.
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
        // Without handlers the signals end the process themselves.
        _ => std::future::pending().await,
    }
}

/// SIGHUP, from now on.
pub(crate) struct Hangup(Option<Signal>);

/// Listens to SIGHUP. Where that is not to be had, `qmacsec reload` does the same.
pub(crate) fn hangup() -> Hangup {
    Hangup(listen(SignalKind::hangup()).ok())
}

impl Hangup {
    /// Waits for the next.
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
