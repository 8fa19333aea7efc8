//! The JSON types of ETSI GS QKD 014 ([`etsi014`]) and SKIP ([`skip`]), used by a KME and by its
//! clients alike, of ETSI GS QKD 020 ([`etsi020`]), used between KMEs, and the text of a key in
//! them ([`SecretText`]).
//!
//! Both sides write strictly: the names and case of the standards, and no field that is not set.
//! Each side reads as leniently as it needs to:
//!
//! | type | read by | leniency |
//! |---|---|---|
//! | [`etsi014::Status`] | client | an absent or invalid field reads as 0 or empty |
//! | [`etsi014::KeyContainer`] | client | field names in any case, with or without `_` and `-` |
//! | [`etsi014::Delivery`] | client | the same; malformed keys do not cost the good ones |
//! | [`etsi014::ErrorBody`] | client | any structure that has a message |
//! | [`etsi014::KeyRequest`] | KME | whole numbers in any notation ([`whole`]); extensions of any structure |
//! | [`etsi014::KeyIds`] | KME | none |
//! | [`skip::Capabilities`] | client | absent fields read as empty |
//! | [`skip::SkipKey`] | client | none |
//!
//! Unknown fields are always ignored. For 014 and SKIP this crate does not judge values. The
//! receiver does: the client checks that these are the requested keys, the KME checks that it can
//! serve the request. The types of 020 hold only values that the standard allows.
#![forbid(unsafe_code)]

pub mod etsi014;
pub mod etsi020;
pub mod field_name;
pub mod limits;
mod secret;
pub mod skip;
pub mod whole;

pub use secret::{KeyBytes, KeyTextError, SecretText};
