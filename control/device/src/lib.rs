//! One end.
#![forbid(unsafe_code)]
mod key_ids;
mod keys;
pub mod limits;
mod role;
mod stock;
