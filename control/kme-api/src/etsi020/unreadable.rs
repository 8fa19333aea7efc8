//! The reasons why a message is not understood.

/// The reason why a message is not understood. Quotes nothing of the message, which may hold keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body is not the expected JSON.
    #[error("the body is not the expected JSON: line {line}, column {column}")]
    Json {
        /// Line of the error, from 1.
        line: usize,
        /// Column of the error, from 1.
        column: usize,
    },
    /// A required member is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A member has a value that the standard does not allow, or that exceeds our limits.
    #[error("{member} {problem}")]
    Malformed {
        /// Name of the member.
        member: &'static str,
        /// The problem.
        problem: &'static str,
    },
    /// A void request names no keys and does not confirm that all are meant.
    #[error("key_ids is empty and all_confirmation is not true: no key is voided")]
    Unconfirmed,
}

impl Unreadable {
    pub(super) fn malformed(member: &'static str, problem: &'static str) -> Self {
        Self::Malformed { member, problem }
    }
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self::Json {
            line: error.line(),
            column: error.column(),
        }
    }
}
