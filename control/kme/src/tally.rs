//! Counts the outcomes of the requests of one KME, for status and tests.

use axum::http::StatusCode;

/// Requests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// 200.
    pub ok: u64,
    /// 400.
    pub bad_request: u64,
    /// 401.
    pub unauthorized: u64,
    /// 404 and 405.
    pub not_found: u64,
    /// 503.
    pub unavailable: u64,
    /// Requests affected by an ordered fault.
    pub faulted: u64,
}

impl Requests {
    pub(crate) fn count(&mut self, status: StatusCode, faulted: bool) {
        self.faulted += u64::from(faulted);
        match status.as_u16() {
            200 => self.ok += 1,
            400 => self.bad_request += 1,
            401 => self.unauthorized += 1,
            404 | 405 => self.not_found += 1,
            503 => self.unavailable += 1,
            // 504 occurs only as an ordered fault and counts as one.
            _ => {}
        }
    }
}
