//! Under construction.
#![forbid(unsafe_code)]

pub mod limits;
pub mod model;
mod secret;

pub use secret::{KeyBytes, KeyTextError, SecretText};
