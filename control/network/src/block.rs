//! A block of QKD key.

/// One block of key that the QKD devices of a link deliver to both ends.
///
/// Numbers rise over the life of a link, restarts included: both ends get the same bits under the
/// same number, and no number comes twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// Its number on this link.
    pub number: u64,
    /// Where its bits come from.
    pub label: Label,
    /// Failure probability of its security proof.
    pub epsilon: f64,
    /// Estimated excess noise, SNU at the channel input.
    pub excess_noise: f64,
}

/// Where the bits of a block come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// QKD hardware.
    Unlabelled,
    /// The rate comes from formulas, the bits from a random generator.
    Modelled,
    /// The bits come out of simulated quantum signals and post-processing.
    Distilled,
}

impl Label {
    /// The label as logs and reports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unlabelled => "unlabelled",
            Self::Modelled => "modelled",
            Self::Distilled => "distilled",
        }
    }
}
