//! The cores of this process.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::error::Error;

/// The cores of this process: `first`, or else the last, and then the others.
pub(crate) fn cores(first: Option<usize>) -> Result<Vec<usize>, Error> {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    let mut cores: Vec<usize> = ids.into_iter().map(|id| id.id).rev().collect();
    if let Some(first) = first {
        let place = cores.iter().position(|&core| core == first);
        cores[..=place.ok_or(Error::Core(first))?].rotate_right(1);
    }
    Ok(cores)
}

/// Pins this thread.
pub(crate) fn stay_on(core: usize) -> Result<(), Error> {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    let id = ids.into_iter().find(|id| id.id == core);
    match id.is_some_and(core_affinity::set_for_current) {
        true => Ok(()),
        false => Err(Error::Core(core)),
    }
}

/// Time that a thread has had its core, by its schedstat.
pub(crate) fn core_time(schedstat: &Path) -> io::Result<Duration> {
    let text = std::fs::read_to_string(schedstat)?;
    let ns = text
        .split_whitespace()
        .next()
        .and_then(|ns| ns.parse().ok());
    let unknown = || io::Error::other(format!("{} has no time in it", schedstat.display()));
    Ok(Duration::from_nanos(ns.ok_or_else(unknown)?))
}
