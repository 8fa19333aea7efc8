//! Nonces: 802.1AE 14.5 (SCI and PN) and 14.7 (SSCI and PN, XORed with the salt).

use wire::{Pn, Sci, Ssci};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Salt;

#[cfg(test)]
mod tests;

/// The nonce of an SA without the PN. In both forms the PN is XORed into the low 64 bits. The salt
/// is secret, so this is wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct NonceBase {
    high: [u8; 4],
    low: u64,
}

impl NonceBase {
    /// XPN suites: (SSCI || PN) XOR salt.
    pub(crate) fn xpn(salt: &Salt, ssci: Ssci) -> Self {
        let [a, b, c, d, low @ ..] = salt.0;
        let high = u32::from_be_bytes([a, b, c, d]) ^ ssci.0;
        Self {
            high: high.to_be_bytes(),
            low: u64::from_be_bytes(low),
        }
    }

    /// Other suites: SCI || PN. Their PN has 32 bits, so it never reaches the port number of the
    /// SCI.
    pub(crate) fn sci(sci: Sci) -> Self {
        let [a, b, c, d, e, f, g, h] = sci.to_bytes();
        Self {
            high: [a, b, c, d],
            low: u64::from_be_bytes([e, f, g, h, 0, 0, 0, 0]),
        }
    }

    /// The nonce of one frame.
    #[inline]
    pub(crate) fn nonce(&self, pn: Pn) -> [u8; 12] {
        let [a, b, c, d] = self.high;
        let [e, f, g, h, i, j, k, l] = (self.low ^ pn.value()).to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }
}
