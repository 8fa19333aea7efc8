//! The times at which attacks begin and end.

use std::str::FromStr;
use std::time::Duration;

use super::{Attack, AttackError};

/// Most entries of a schedule.
const MOST_ENTRIES: usize = 64;

/// Attacks with their times: `ATTACK@TIME[+TIME]`, several with commas between them. The first time
/// is the begin, since the start of the transmission; the second is the duration. Without it the
/// attack goes on.
///
/// One attack acts at a time: of those whose time it is, the one that began last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule(Vec<Entry>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    attack: Attack,
    begin: Duration,
    end: Duration,
}

/// A text that is no schedule.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// The attack of an entry is none.
    #[error("`{entry}`: {error}")]
    Attack {
        /// The entry.
        entry: String,
        /// The reason.
        error: AttackError,
    },
    /// An entry has no begin.
    #[error("`{entry}` has no begin: write NAME=VALUE@TIME[+TIME], such as loss-tap=0.2@20s+10s")]
    Begin {
        /// The entry.
        entry: String,
    },
    /// A time is none.
    #[error("`{entry}`: `{text}` is no time: write a number with its unit, such as 20s or 2m")]
    Time {
        /// The entry.
        entry: String,
        /// The given text.
        text: String,
    },
    /// There are too many entries.
    #[error("{given} attacks are too many: give at most {MOST_ENTRIES}")]
    Count {
        /// Entries that were given.
        given: usize,
    },
}

impl Schedule {
    /// The attack at a time since the start of the transmission: symbols divided by symbol rate.
    pub fn at(&self, time: Duration) -> Option<Attack> {
        let due = |entry: &&Entry| entry.begin <= time && time < entry.end;
        let last = self.0.iter().filter(due).max_by_key(|entry| entry.begin);
        last.map(|entry| entry.attack)
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let given = text.split(',').count();
        if given > MOST_ENTRIES {
            return Err(ScheduleError::Count { given });
        }
        text.split(',')
            .map(entry)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn entry(text: &str) -> Result<Entry, ScheduleError> {
    let time = |part: &str| {
        humantime::parse_duration(part).map_err(|_| ScheduleError::Time {
            entry: text.into(),
            text: part.into(),
        })
    };
    let (attack, times) = text
        .split_once('@')
        .ok_or_else(|| ScheduleError::Begin { entry: text.into() })?;
    let attack = attack.parse().map_err(|error| ScheduleError::Attack {
        entry: text.into(),
        error,
    })?;
    let (begin, duration) = match times.split_once('+') {
        Some((begin, duration)) => (time(begin)?, time(duration)?),
        None => (time(times)?, Duration::MAX),
    };
    Ok(Entry {
        attack,
        begin,
        end: begin.saturating_add(duration),
    })
}

#[cfg(test)]
mod tests;
