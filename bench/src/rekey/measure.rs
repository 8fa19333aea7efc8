//! The measurement: trials of encryptors and peers, in interleaved rounds.

pub(crate) mod faults;
pub(crate) mod peers;
pub(crate) mod rates;
pub(crate) mod rounds;
pub(crate) mod trial;
