//! The load: hosts that send at a constant rate, and a witness of the machine on each core of the
//! frames.

pub(crate) mod hosts;
mod pace;
pub(crate) mod standstill;
mod witness;
