//! Key material: as text in a reply (base64 in ETSI GS QKD 014, hex in SKIP), and as octets for its
//! user.
//!
//! Neither type can be printed, cloned or compared by accident, and both are wiped when dropped.
//! They do not wipe the copies in the read buffers of TLS and HTTP. Those are freed with the
//! connection, after each call.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD};
use core::fmt;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use subtle::ConstantTimeEq as _;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::limits::{KEY_OCTETS_MAX, KEY_TEXT_MAX};

/// Text of a key from a reply.
pub struct SecretText(Zeroizing<String>);

/// Octets of a key, from 1 to [`KEY_OCTETS_MAX`].
pub struct KeyBytes(Zeroizing<Vec<u8>>);

/// The reason why a text is not a key. Reveals only the kind of fault, nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// The text is empty.
    #[error("the key is empty")]
    Empty,
    /// More than [`KEY_OCTETS_MAX`] octets.
    #[error("the key is longer than {KEY_OCTETS_MAX} octets")]
    TooLong,
    /// Not base64.
    #[error("the key is not base64 (RFC 4648)")]
    NotBase64,
    /// Not a sequence of pairs of hexadecimal digits.
    #[error("the key is not hexadecimal")]
    NotHex,
}

/// Padding is optional, because some KMEs omit it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl SecretText {
    /// A text as received. It is moved, not copied.
    pub(crate) fn received(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// True if both texts are equal. The comparison takes constant time.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }

    /// Encodes a key for a key container: standard alphabet, padded.
    #[must_use]
    pub fn encode(key: &[u8]) -> Self {
        // Reserve room for the whole text: a growing string would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(key.len().div_ceil(3) * 4));
        STANDARD.encode_string(key, &mut text);
        Self(text)
    }

    /// Decodes the base64 text.
    ///
    /// # Errors
    /// The text is empty, too long, or not base64.
    pub fn decode(&self) -> Result<KeyBytes, KeyTextError> {
        if self.0.is_empty() {
            return Err(KeyTextError::Empty);
        }
        // Some KMEs send base64 in lines, or in the URL-safe alphabet.
        let digits = self.0.bytes().filter(|octet| !octet.is_ascii_whitespace());
        let mut text = Zeroizing::new([0; KEY_TEXT_MAX]);
        let mut len = 0;
        for octet in digits {
            let digit = text.get_mut(len).ok_or(KeyTextError::TooLong)?;
            *digit = match octet {
                b'-' => b'+',
                b'_' => b'/',
                octet => octet,
            };
            len += 1;
        }
        let text = text.get(..len).unwrap_or_default();
        let mut octets = Zeroizing::new(vec![0; base64::decoded_len_estimate(len)]);
        let len = LENIENT
            .decode_slice(text, &mut octets)
            .map_err(|_| KeyTextError::NotBase64)?;
        octets.truncate(len);
        KeyBytes::from_zeroizing(octets)
    }

    /// Encodes a key for SKIP: lower-case hexadecimal digits.
    #[must_use]
    pub fn encode_hex(key: &[u8]) -> Self {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let mut text = Zeroizing::new(String::with_capacity(key.len() * 2));
        for octet in key {
            text.push(DIGITS[usize::from(octet >> 4)]);
            text.push(DIGITS[usize::from(octet & 15)]);
        }
        Self(text)
    }

    /// Decodes the hexadecimal text.
    ///
    /// # Errors
    /// The text is empty, too long, or not hexadecimal.
    pub fn decode_hex(&self) -> Result<KeyBytes, KeyTextError> {
        if self.0.is_empty() {
            return Err(KeyTextError::Empty);
        }
        if self.0.len() > KEY_OCTETS_MAX * 2 {
            return Err(KeyTextError::TooLong);
        }
        let digit = |octet: u8| char::from(octet).to_digit(16);
        let (pairs, rest) = self.0.as_bytes().as_chunks::<2>();
        if !rest.is_empty() {
            return Err(KeyTextError::NotHex);
        }
        let mut octets = Zeroizing::new(Vec::with_capacity(pairs.len()));
        for &[high, low] in pairs {
            let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                return Err(KeyTextError::NotHex);
            };
            octets.push((high << 4 | low) as u8);
        }
        KeyBytes::from_zeroizing(octets)
    }

    /// The text, to be sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl KeyBytes {
    /// Takes the octets of a key.
    ///
    /// # Errors
    /// There are none, or too many.
    pub fn from_zeroizing(octets: Zeroizing<Vec<u8>>) -> Result<Self, KeyTextError> {
        match octets.len() {
            0 => Err(KeyTextError::Empty),
            1..=KEY_OCTETS_MAX => Ok(Self(octets)),
            _ => Err(KeyTextError::TooLong),
        }
    }

    /// The octets.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The octets, if there are exactly `N`.
    #[must_use]
    pub fn expose_array<const N: usize>(&self) -> Option<&[u8; N]> {
        self.0.as_slice().try_into().ok()
    }

    /// Length in bits, the unit of the standard.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.0.len() * 8
    }

    /// True if both keys are equal. The comparison takes constant time.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

// Both types hold only a `Zeroizing`, which wipes the whole capacity on drop.
impl ZeroizeOnDrop for SecretText {}
impl ZeroizeOnDrop for KeyBytes {}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Takes the text without an unwiped copy in between.
struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text of a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText(Zeroizing::new(text.to_owned())))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<SecretText, E> {
        Ok(SecretText(Zeroizing::new(text)))
    }
}

#[cfg(test)]
mod tests;
