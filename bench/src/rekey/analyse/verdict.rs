//! PASS, or FAIL and why: of a row, and of a fault.

use core::fmt::{self, Display, Formatter};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Pass,
    /// With the reason, and the counter that explains it.
    Fail(String),
}

impl Verdict {
    /// FAIL with all of these reasons; PASS without any.
    pub(crate) fn of(reasons: &[String]) -> Self {
        match reasons.is_empty() {
            true => Self::Pass,
            false => Self::Fail(reasons.join(", ")),
        }
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail(_) => "FAIL",
        }
    }

    pub(crate) fn why(&self) -> Option<&str> {
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
