//! The result of asking one KME or both.

use crate::container::Key;
use crate::error::Error;
use crate::fault::KmeFault;

/// The result of one request: at most one key, and the failure of each KME that did not deliver.
#[derive(Default)]
pub(super) struct Round {
    pub(super) key: Option<(usize, Key)>,
    pub(super) errors: Vec<(usize, Error)>,
    pub(super) overtaken: Option<usize>,
}

/// Returns the failure after which a new request has the best chance.
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
    /// Enters one answer. True if the other KME should be asked.
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

    /// Returns the key, or the failure that represents all failures.
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

/// A key that is not (yet) at the KME is no failure of the KME.
pub(super) fn is_not_found(error: &Error) -> bool {
    matches!(
        error,
        Error::Kme {
            fault: KmeFault::KeyNotFound { .. } | KmeFault::KeyRefused { .. },
            ..
        }
    )
}
