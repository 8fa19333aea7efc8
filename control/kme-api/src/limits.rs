//! Limits for the length of a key, for both sides.

/// Bits of the longest accepted key: four times the need of the longest SAK, salt and key check
/// value.
pub const KEY_BITS_MAX: u32 = 4096;
/// Octets of the longest accepted key.
pub const KEY_OCTETS_MAX: usize = KEY_BITS_MAX as usize / 8;
/// Characters of the longest key text (base64, padded).
pub const KEY_TEXT_MAX: usize = KEY_OCTETS_MAX.div_ceil(3) * 4;

const _: () = assert!(KEY_BITS_MAX.is_multiple_of(8));
