//! The part of the NIC test bed (`scripts/nics`) outside the guest: two sites that send each other
//! numbered frames, and a judge that compares what arrived with the counters of the boxes.

pub mod frames;
pub mod judge;
pub mod traffic;
