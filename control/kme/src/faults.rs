//! Fault injection: our KME reproduces misbehaviour of KMEs in the field. Off unless ordered.
//!
//! A fault changes replies, never the rules of the store: even a KME that names a wrong key_ID has
//! removed the right key. Faults of one KME are independent of those of the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One kind of misbehaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answer only after this delay.
    Latency(Duration),
    /// Never answer.
    Wedge,
    /// Send this answer instead of processing the request. No key is touched.
    Answer(Wrong),
    /// Process the request, then close the connection instead of answering: the keys are lost.
    LoseReply,
    /// Report that there are no keys (503).
    Exhausted,
    /// enc_keys: the slave's KME learns of these keys only after this delay.
    LatePropagation(Duration),
    /// enc_keys, dec_keys: name each key with a wrong key_ID.
    WrongKeyId,
    /// enc_keys, dec_keys: send wrong octets under the name of each key.
    WrongKey,
    /// enc_keys, dec_keys: send each key without its last octet.
    WrongSize,
    /// enc_keys, dec_keys: send the first key in place of every other key; send a single key twice.
    DuplicateKeys,
    /// enc_keys: the first call takes keys, and each further call gets the same keys again.
    RepeatKeys,
    /// enc_keys, dec_keys: send the keys in reverse order.
    ReversedOrder,
    /// Add fields that the standard does not define.
    ExtraFields,
    /// status: report the numbers from the time when the fault was ordered.
    StaleStatus,
}

/// A wrong answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// 400 with an Error body.
    BadRequest,
    /// 401 without body.
    Unauthorized,
    /// 404 without body.
    NotFound,
    /// 503 with an Error body.
    Unavailable,
    /// 504 without body.
    GatewayTimeout,
    /// 200 with an HTML page, like a proxy's log-in form.
    Html,
}

/// The calls that a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All three.
    Any,
    /// Get status.
    Status,
    /// Get key.
    EncKeys,
    /// Get key with key IDs.
    DecKeys,
}

/// The number of calls that a fault affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// All calls until cleared.
    Always,
    /// The next calls that it applies to, up to this number.
    Next(u32),
}

/// Orders faults at one KME at run time. A clone orders at the same KME.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Order>>>);

#[derive(Clone, Copy, Debug)]
struct Order {
    fault: Fault,
    calls: Calls,
    times: Times,
}

impl Faults {
    /// Orders a fault; several may be in force together.
    pub fn order(&self, fault: Fault, calls: Calls, times: Times) {
        tracing::warn!(?fault, ?calls, ?times, "fault ordered");
        self.orders().push(Order {
            fault,
            calls,
            times,
        });
    }

    /// Clears all faults.
    pub fn clear(&self) {
        let mut orders = self.orders();
        if !orders.is_empty() {
            tracing::warn!(faults = orders.len(), "faults cleared");
            orders.clear();
        }
    }

    /// Returns the faults in force, in the order of their orders.
    #[must_use]
    pub fn in_force(&self) -> Vec<Fault> {
        self.orders().iter().map(|order| order.fault).collect()
    }

    /// Returns the faults for this call, and counts them down.
    pub(crate) fn take_for(&self, call: Calls) -> Vec<Fault> {
        let mut orders = self.orders();
        let mut struck = Vec::new();
        orders.retain_mut(|order| {
            if order.calls != Calls::Any && order.calls != call {
                return true;
            }
            match &mut order.times {
                Times::Always => struck.push(order.fault),
                Times::Next(0) => return false,
                Times::Next(left) => {
                    struck.push(order.fault);
                    *left -= 1;
                    return *left > 0;
                }
            }
            true
        });
        struck
    }

    fn orders(&self) -> MutexGuard<'_, Vec<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
