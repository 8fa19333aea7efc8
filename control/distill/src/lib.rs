//! Distillation of secret keys from the signals of continuous-variable QKD, as two ends do it: no
//! network and no clock in here.
#![forbid(unsafe_code)]

pub mod alarm;
pub mod authentication;
pub mod bits;
pub mod code;
pub mod confirmation;
pub mod decoder;
pub mod estimate;
pub mod eve;
pub mod protocol;
pub mod rotation;
pub mod source;
pub mod toeplitz;
pub mod wiped;
