//! The identity of a session.

use core::fmt;

/// Random per start of a process; 0 is no session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(pub(crate) [u8; 8]);

impl SessionId {
    pub(crate) const NONE: Self = Self([0; 8]);
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}
