//! The JSON of ETSI GS QKD 020 V1.1.1 (June 2026): keys from one KME to another.
//!
//! Each message is parsed into a type that holds only valid values, or is refused with
//! [`Unreadable`]. What we send is strict. What we take is as lenient as the published text leaves
//! room for:
//!
//! - `null` and an empty object count as an extension that is left out.
//! - A UUID may be in upper case. Unknown fields are ignored.
//! - A problem may have `details` (an object, as published) or `detail` (a string, as RFC 9457).
//! - The reason for refusing a void of everything has two published names ([`Problem::names`]).
//! - An element of `key_id_container` is an object with a `key_id`, as the prose says. The schema
//!   puts `properties` beside `items`, so a validator made from it accepts anything.
//!
//! An extension is kept as text, so that it can be passed on unchanged.

mod extension;
mod ids;
mod messages;
mod object;
mod problem;
mod unreadable;

pub use extension::Extension;
pub use ids::{CallbackUrl, KeyUuid, Parties, SaeId};
pub use messages::{
    AckContainer, AckMessage, AckStatus, AckedKey, ExtKey, ExtKeys, Versions, Void, VoidKeys,
    acks_from_json, acks_to_json,
};
pub use problem::{Problem, Reason};
pub use unreadable::Unreadable;

/// Path of the list of versions.
pub const VERSIONS_PATH: &str = "/kmapi/versions";
/// Path to which keys are sent.
pub const EXT_KEYS_PATH: &str = "/kmapi/v1/ext_keys";
/// Path to which acknowledgements are sent, unless the peer names another URL.
pub const ACK_PATH: &str = "/kmapi/v1/ext_keys/ack";
/// Path to which void requests are sent.
pub const VOID_PATH: &str = "/kmapi/v1/ext_keys/void";

/// The version of the interface that these types describe.
pub const VERSION: &str = "v1";
/// The capability of a KME that takes requests without `ack_callback_url`.
pub const SYNCHRONOUS_MODE: &str = "synchronous_mode";

/// Name of the extension that carries the passport of a key: where its bits come from, and the
/// nodes that saw it. A KME that does not know it passes it on. 32473 is the number that RFC 5612
/// keeps for examples: qmacsec has no private enterprise number of its own.
pub const PASSPORT: &str = "E32473_qmacsec_passport";

/// Most characters of an SAE ID.
pub const SAE_ID_MAX: usize = 64;
/// Most characters of `ack_callback_url`.
pub const URL_MAX: usize = 1024;
/// Most characters of a message in an acknowledgement.
pub const MESSAGE_MAX: usize = 4096;
/// Most containers of one acknowledgement, and most keys of one container.
pub const ACKS_MAX: usize = 1024;
/// Most members of an extension object.
pub const EXTENSIONS_MAX: usize = 1024;
/// Most keys of one request. The standard sets no limit.
pub const KEYS_MAX: usize = 256;
/// Most key IDs of one void request. The standard sets no limit.
pub const VOID_KEYS_MAX: usize = 4096;
/// Most target SAEs that are read. The standard sets no limit.
pub const TARGETS_MAX: usize = 64;

#[cfg(test)]
mod tests;
