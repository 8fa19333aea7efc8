//! The end of a daemon: SIGINT or SIGTERM.

use tokio::signal::unix::{SignalKind, signal as listen};

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
