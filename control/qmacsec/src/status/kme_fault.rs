//! Faults of lab KMEs, and the words that order them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One kind of misbehaviour: `wedge`, `repeat`, `lose-replies`, `slow=5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmeFault {
    /// Answer only after this delay.
    Slow(Duration),
    /// Never answer.
    Wedge,
    /// Deliver the same key repeatedly.
    Repeat,
    /// Process the request, then close the connection instead of answering: the keys are lost.
    LoseReplies,
}

impl FromStr for KmeFault {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match (text, text.split_once('=')) {
            ("wedge", _) => Ok(Self::Wedge),
            ("repeat", _) => Ok(Self::Repeat),
            ("lose-replies", _) => Ok(Self::LoseReplies),
            (_, Some(("slow", time))) => humantime::parse_duration(time)
                .map(Self::Slow)
                .map_err(drop),
            _ => Err(()),
        }
    }
}

impl fmt::Display for KmeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(time) => write!(f, "slow={}ms", time.as_millis()),
            Self::Wedge => f.write_str("wedge"),
            Self::Repeat => f.write_str("repeat"),
            Self::LoseReplies => f.write_str("lose-replies"),
        }
    }
}
