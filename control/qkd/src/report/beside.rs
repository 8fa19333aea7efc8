//! The same link and block with both proofs, and with a trusted and an untrusted receiver.

use crate::block::Proof;
use crate::link::Link;
use crate::receiver::Trust;
use crate::supply::Supply;

/// The key supply of a KME under one proof and one trust assumption.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beside {
    /// The proof.
    pub proof: Proof,
    /// The party that the receiver's loss and noise are attributed to.
    pub trust: Trust,
    /// Average key rate, bit/s.
    pub average_bit_s: f64,
}

impl Beside {
    /// Both proofs, each with a trusted and an untrusted receiver.
    pub(super) fn all(link: &Link, lgg: Proof, composable: Proof) -> [Self; 4] {
        let rate = |(proof, trust)| {
            let link = Link {
                block: link.block.with_proof(proof),
                receiver: link.receiver.with_trust(trust),
                ..*link
            };
            Self {
                proof,
                trust,
                average_bit_s: Supply::of(&link).average_bit_s,
            }
        };
        [
            (lgg, Trust::Trusted),
            (composable, Trust::Trusted),
            (lgg, Trust::Untrusted),
            (composable, Trust::Untrusted),
        ]
        .map(rate)
    }

    /// The short name of the proof.
    #[must_use]
    pub fn proof_name(&self) -> &'static str {
        proof_name(&self.proof)
    }
}

pub(super) fn proof_name(proof: &Proof) -> &'static str {
    match proof {
        Proof::Lgg2010 { .. } => "LGG 2010",
        Proof::Composable { .. } => "composable",
    }
}
