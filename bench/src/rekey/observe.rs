//! Observation of a run: counters, keys, switches, sham switches, files.

pub(crate) mod accounting;
pub(crate) mod disk;
pub(crate) mod keys;
pub(crate) mod sham;
pub(crate) mod switches;
