//! What came of asking one KME, or two.

use crate::container::Key;
use crate::error::Error;
use crate::fault::KmeFault;

/// What one request came to: at most one key, and what each KME did that did not give it.
#[derive(Default)]
pub(super) struct Round {
    pub(super) key: Option<(usize, Key)>,
    pub(super) errors: Vec<(usize, Error)>,
    pub(super) overtaken: Option<usize>,
}

/// The failure after which asking again makes most sense.
pub(super) fn most_hopeful(errors: Vec<(usize, Error)>) -> Error {
    let rank = |error: &Error| match error {
        error if is_not_found(error) => 0,
        Error::Network { .. } => 1,
        Error::Kme {
            fault: KmeFault::Unavailable { .. } | KmeFault::TooMany { .. } | KmeFault::Proxy { .. },
            ..
        } => 2,
        _ => 3,
    };
    let (_, error) = errors
        .into_iter()
        .min_by_key(|(_, error)| rank(error))
        .expect("a round without a key has an error");
    error
}

impl Round {
    /// One answer. True when the other KME is worth asking.
    pub(super) fn enter(&mut self, n: usize, result: Result<Key, Error>) -> bool {
        match result {
            Ok(key) => {
                self.key = Some((n, key));
                false
            }
            Err(error) => {
                let our_own = matches!(error, Error::Bug { .. } | Error::Config(_));
                self.errors.push((n, error));
                !our_own
            }
        }
    }

    /// The key, or the failure that stands for all.
    pub(super) fn answer(
        self,
        failure: impl FnOnce(Vec<(usize, Error)>) -> Error,
    ) -> Result<Key, Error> {
        match self.key {
            Some((_, key)) => Ok(key),
            None => Err(failure(self.errors)),
        }
    }
}

/// A key that is not there (yet) is no failure of the KME.
pub(super) fn is_not_found(error: &Error) -> bool {
    matches!(
        error,
        Error::Kme {
            fault: KmeFault::KeyNotFound { .. } | KmeFault::KeyRefused { .. },
            ..
        }
    )
}
