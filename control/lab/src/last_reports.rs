//! The encryptors' last reports, after the hosts have stopped.
//!
//! A worker publishes its counters a moment after it has passed a frame. A report may therefore not
//! count a frame that a host already has. So both reports are requested again while the ends
//! disagree on a frame, for as long as frames may be in flight. The caller decides how to request
//! them.

use std::time::{Duration, Instant};

use super::direction::DirectionVerdict;
use super::lives::Lives;
use super::site::Site;

/// Longest time that frames may be in flight after the hosts have stopped.
pub(super) const DRAIN: Duration = Duration::from_secs(3);
/// Pause between two requests.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Returns the reports of A and B: the first that agree on all frames, or those after [`DRAIN`].
///
/// # Errors
/// The errors of `report`.
pub(super) fn last_reports(
    report: impl Fn(Site) -> Result<Lives, String>,
) -> Result<(Lives, Lives), String> {
    let deadline = Instant::now() + DRAIN;
    loop {
        let (a, b) = (report(Site::A)?, report(Site::B)?);
        let pending = DirectionVerdict::between("", &a, &b).lost > 0
            || DirectionVerdict::between("", &b, &a).lost > 0;
        if !pending || Instant::now() > deadline {
            return Ok((a, b));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}
