//! The SecY through its public API: what goes in as octets, what comes out.

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
