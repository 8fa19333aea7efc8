//! Tests of the SecY through its public API: octets in, octets out.

mod any_octets;
mod bursts;
mod discards;
mod exhaustion;
mod flipped_bits;
mod line;
mod modes;
mod padding;
mod vectors;
mod xpn;
