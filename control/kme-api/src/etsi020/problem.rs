//! Errors as the standard publishes them: the shape of RFC 9457, with `details`.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{SerializeMap as _, SerializeStruct as _, Serializer};
use serde::{Deserialize as DeriveDeserialize, Serialize};
use serde_json::Value;

use super::object::Object;

/// Start of every `type`.
const TYPES: &str = "https://qkd.etsi.org/gs020-interop-kms/";

/// The reasons that the standard publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Required members are missing.
    MissingParameters,
    /// A member has a wrong value.
    InvalidParameter,
    /// No KME is known for a target SAE.
    TargetNotRecognized,
    /// The route leads straight back to the caller.
    InvalidRouting,
    /// A void request is not understood.
    VoidNotUnderstood,
    /// A void request names no keys and does not confirm that all are meant.
    VoidUnconfirmed,
    /// An acknowledgement is not understood.
    AckNotUnderstood,
    /// An acknowledged key is not known.
    KeyNotPresent,
    /// The caller is not the expected KME.
    Unauthorized,
    /// The request did not arrive completely in time, or was not done in time.
    Timeout,
    /// This KME cannot answer.
    ServerSideError,
    /// Keys for several targets cannot be carried.
    NoRouteToSeveral,
    /// A target is known, but no route leads to it now.
    NoKnownRoute,
    /// Not enough key material to relay the keys.
    InsufficientKeyMaterial,
    /// A mandatory extension is not known.
    UnsupportedExtension,
}

/// A published reason: status, end of the type, title, name of the detail.
struct Row(u16, &'static str, &'static str, &'static str);

impl Reason {
    fn row(self) -> Row {
        match self {
            Self::MissingParameters => Row(
                400,
                "missing-parameters",
                "missing parameters",
                "missing_parameters",
            ),
            Self::InvalidParameter => Row(
                400,
                "invalid-parameter",
                "Invalid parameter format",
                "malformed_property",
            ),
            Self::TargetNotRecognized => Row(
                400,
                "key-routing-error",
                "key routing error",
                "target_sae_id_not_recognized",
            ),
            Self::InvalidRouting => Row(
                400,
                "key-routing-error",
                "key routing error",
                "invalid_routing",
            ),
            Self::VoidNotUnderstood => Row(
                400,
                "void-request-not-understood",
                "void request not understood",
                "key_voiding_error",
            ),
            Self::VoidUnconfirmed => Row(
                400,
                "no-key-ids-or-confirmation",
                "no key ids or confirmation",
                "no_all_confirmation",
            ),
            Self::AckNotUnderstood => Row(
                400,
                "ack-not-understood",
                "ack not understood",
                "ack_not_understood",
            ),
            Self::KeyNotPresent => {
                Row(400, "key-not-present", "key not present", "key_not_present")
            }
            Self::Unauthorized => Row(401, "unauthorized", "unauthorized", "unauthorized"),
            Self::Timeout => Row(408, "timeout", "timeout", "timeout"),
            Self::ServerSideError => Row(
                503,
                "server-side-general-error",
                "server side general error",
                "server_side_general_error",
            ),
            Self::NoRouteToSeveral => Row(
                503,
                "key-routing-error",
                "key routing error",
                "no_route_multiple_targets",
            ),
            Self::NoKnownRoute => Row(
                503,
                "key-routing-error",
                "key routing error",
                "no_known_route",
            ),
            Self::InsufficientKeyMaterial => Row(
                503,
                "insufficient-key-material",
                "insufficient key material",
                "insufficient_key_material",
            ),
            Self::UnsupportedExtension => Row(
                503,
                "unsupported-mandatory-extension",
                "unsupported mandatory extension",
                "unsupported_mandatory_extension",
            ),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.row().0
    }

    /// The names under which the detail is published. The prose and the example of the standard
    /// disagree about one of them.
    fn details(self) -> impl Iterator<Item = &'static str> {
        let other = (self == Self::VoidUnconfirmed).then_some("no_key_ids_or_confirmation");
        core::iter::once(self.row().3).chain(other)
    }
}

/// An error body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// `type`: a URI that names the kind of problem.
    pub kind: String,
    /// `status`, if the body has it.
    pub status: Option<u16>,
    /// A short summary.
    pub title: String,
    /// Details by name. A `detail` of RFC 9457 is kept under this name.
    pub details: Vec<(String, String)>,
}

impl Problem {
    /// Creates the body for a published reason. `text` says what is wrong here.
    #[must_use]
    pub fn new(reason: Reason, text: &str) -> Self {
        let Row(status, kind, title, _) = reason.row();
        // Both published names of a detail are sent, since a peer may look for either.
        let details = reason
            .details()
            .map(|name| (name.to_owned(), text.to_owned()));
        Self {
            kind: format!("{TYPES}{kind}"),
            status: Some(status),
            title: title.to_owned(),
            details: details.collect(),
        }
    }

    /// True if the body gives this reason, under any of its published names.
    #[must_use]
    pub fn names(&self, reason: Reason) -> bool {
        let mut names = reason.details();
        names.any(|name| self.details.iter().any(|(detail, _)| detail == name))
            || self.details.is_empty() && self.kind == format!("{TYPES}{}", reason.row().1)
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Details<'a>(&'a [(String, String)]);
        impl Serialize for Details<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(self.0.len()))?;
                for (name, text) in self.0 {
                    map.serialize_entry(name, text)?;
                }
                map.end()
            }
        }
        let mut body = serializer.serialize_struct("Problem", 4)?;
        body.serialize_field("type", &self.kind)?;
        if let Some(status) = &self.status {
            body.serialize_field("status", status)?;
        }
        body.serialize_field("title", &self.title)?;
        body.serialize_field("details", &Details(&self.details))?;
        body.end()
    }
}

/// Members of any type, so that a careless body costs no more than the member itself.
#[derive(DeriveDeserialize)]
struct Loose {
    #[serde(rename = "type", default)]
    kind: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    title: Value,
    #[serde(default)]
    details: Value,
    #[serde(default)]
    detail: Value,
}

impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(loose) = Object::<Loose>::deserialize(deserializer)?;
        let text = |value: Value| match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let mut details = Vec::new();
        match loose.details {
            Value::Object(members) => {
                details.extend(members.into_iter().map(|(name, value)| (name, text(value))));
            }
            Value::Null => {}
            other => details.push(("details".to_owned(), text(other))),
        }
        if !loose.detail.is_null() {
            details.push(("detail".to_owned(), text(loose.detail)));
        }
        let status = loose
            .status
            .as_u64()
            .and_then(|status| u16::try_from(status).ok());
        Ok(Self {
            kind: text(loose.kind),
            status,
            title: text(loose.title),
            details,
        })
    }
}
