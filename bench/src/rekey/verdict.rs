//! PASS, or FAIL and why: of a row, and of a fault.

use core::fmt::{self, Display, Formatter};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Pass,
    /// And what explains it: a counter, most of all.
    Fail(String),
}

impl Verdict {
    /// By all that speaks against it.
    pub(super) fn of(why: &[String]) -> Self {
        if why.is_empty() {
            Self::Pass
        } else {
            Self::Fail(why.join(", "))
        }
    }

    /// In one word, as scripts read it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail(_) => "FAIL",
        }
    }

    /// Why it fails, if it does.
    pub(super) fn why(&self) -> Option<&str> {
        match self {
            Self::Pass => None,
            Self::Fail(why) => Some(why),
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        self.why().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}
