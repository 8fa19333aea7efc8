//! The outside of the test bed of NICs (`scripts/nics`): two sites that send each other numbered
//! frames, and a judge who compares what arrived with what the boxes counted.

pub mod frames;
pub mod judge;
pub mod traffic;
