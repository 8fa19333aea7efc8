//! The reasons to refuse a request: one variant for each reason, with the status code, and the text
//! of ETSI GS QKD 014 clause 5 where the standard fixes one.

/// A refused request. The text never holds key material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The client certificate names no SAE of this KME.
    #[error("the client certificate names no SAE of this KME")]
    UnknownSae,
    /// The caller was not the slave in the enc_keys call that returned one of these keys.
    #[error("the caller is not the slave SAE of one or more of these keys")]
    NotNamed,
    /// Fixed text of the standard.
    #[error("size shall be a multiple of 8")]
    SizeNotOctets,
    /// Fixed text of the standard.
    #[error("not all extension_mandatory parameters are supported")]
    ExtensionMandatory,
    /// Fixed text of the standard. A key is unknown, already delivered, expired, or not yet here.
    #[error("one or more keys specified are not found on KME")]
    KeysNotFound,
    /// A size that this KME does not deliver.
    #[error("size {bits} is not within {min} to {max} bits")]
    SizeOutOfRange {
        /// Requested size.
        bits: u64,
        /// Smallest size.
        min: u32,
        /// Largest size.
        max: u32,
    },
    /// More keys than a request may name, or none.
    #[error("number {number} is not within 1 to {max} keys per request")]
    NumberOutOfRange {
        /// Requested number.
        number: u64,
        /// Largest number.
        max: u32,
    },
    /// Multicast is not supported: `max_SAE_ID_count` is 0.
    #[error("additional_slave_SAE_IDs names {0} SAE IDs, this KME allows 0 (max_SAE_ID_count)")]
    Multicast(usize),
    /// The SAE in the path is not at the other end of this link.
    #[error("no SAE with the ID in the path is reachable over this link")]
    PeerUnknown,
    /// The JSON, query or path does not fit the method.
    #[error("bad request: {0}")]
    Malformed(String),
    /// `Content-Length` and `Transfer-Encoding` in one request.
    #[error("bad request: it has Content-Length and Transfer-Encoding; send only one of them")]
    LengthTwice,
    /// The pool has enough bits, but keeps them for other SAEs.
    #[error(
        "not enough key material: {wanted_bits} bits wanted, {free_bits} bits free, \
         {kept_bits} more are kept for other SAEs"
    )]
    KeptForOthers {
        /// Bits requested.
        wanted_bits: u64,
        /// Bits in the pool for this SAE.
        free_bits: u64,
        /// Bits in the pool for other SAEs.
        kept_bits: u64,
    },
    /// The pool has fewer bits than requested.
    #[error("not enough key material: {wanted_bits} bits wanted, {stored_bits} bits stored")]
    Exhausted {
        /// Bits requested.
        wanted_bits: u64,
        /// Bits in the pool.
        stored_bits: u64,
    },
    /// The network has no key for this pair of SAEs now, with the reason.
    #[error("not enough key material: {0}")]
    Unavailable(String),
    /// Too many keys have not been fetched by their slave.
    #[error("{0} keys already wait for their slave SAE: no more are reserved")]
    ReservedFull(usize),
    /// The random source of the system failed.
    #[error("the random source failed")]
    Entropy,
}

impl Refusal {
    /// Returns the HTTP status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::UnknownSae | Self::NotNamed => 401,
            Self::SizeNotOctets
            | Self::ExtensionMandatory
            | Self::KeysNotFound
            | Self::SizeOutOfRange { .. }
            | Self::NumberOutOfRange { .. }
            | Self::Multicast(_)
            | Self::PeerUnknown
            | Self::LengthTwice
            | Self::Malformed(_) => 400,
            Self::KeptForOthers { .. }
            | Self::Exhausted { .. }
            | Self::Unavailable(_)
            | Self::ReservedFull(_)
            | Self::Entropy => 503,
        }
    }
}
