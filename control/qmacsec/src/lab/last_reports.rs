//! The encryptors' last reports, once the hosts have gone quiet.
//!
//! A worker publishes its numbers a moment after it has passed a frame on: a report that is asked for as soon as a host
//! has its last frame may not count it yet. So both are asked for again while one end tells of a frame that the other
//! does not, for as long as frames may be under way. Who does the asking, and over what, is the caller's business.

use std::time::{Duration, Instant};

use super::direction::DirectionVerdict;
use super::lives::Lives;
use super::topology::Site;

/// How long frames may still be under way after the hosts have gone quiet.
pub(super) const DRAIN: Duration = Duration::from_secs(3);
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The reports of A and B: the first that agree on all frames, or those after [`DRAIN`].
///
/// # Errors
/// Those of `report`.
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
