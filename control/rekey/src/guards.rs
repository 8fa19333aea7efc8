//! The protocol's guards by name, so that tests can switch single ones off and see the simulation
//! find it. Without the feature `guards`, and outside the crate's own tests, every guard is on and
//! costs nothing.

/// One check without which the protocol would be unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Switch only after READY (REKEY-20).
    SwitchOnReady,
    /// READY only after all workers acknowledged the install (REKEY-24).
    ReadyAfterInstall,
    /// READY must name exactly the SA and key on offer, with the right check value (REKEY-20).
    ReadyExact,
    /// The key check value alone (REKEY-20).
    ReadyKcv,
    /// A new session of the peer ends all keys of the old one (REKEY-7).
    KeysEndWithSession,
    /// A session is adopted only for the answer to our nonce (REKEY-6).
    AdoptOnAnswer,
    /// A nonce is good for one adoption (REKEY-6).
    NonceOnce,
    /// Two sessions form a pair only once (REKEY-54).
    PairOnce,
    /// A peer that names another session has lost ours (REKEY-55).
    PeerForgets,
    /// Both ends compare their roots (REKEY-56).
    RootsCompared,
    /// The counter of a session only grows (REKEY-9).
    FrameOnce,
    /// OFFER and READY belong to the agreed sessions (REKEY-8).
    SameSessions,
    /// An abandoned offer's AN is offered again (REKEY-18).
    SameAn,
    /// An offer never takes the AN of an SA in use (REKEY-23).
    AnFree,
    /// A `key_ID` is used once (REKEY-22).
    KeyIdOnce,
    /// Old epochs are ignored (REKEY-21).
    EpochGrows,
    /// The key to replace is gone from all workers before the next is installed (REKEY-25).
    RetireBeforeInstall,
    /// The previous rx SA is kept for the grace time (REKEY-26).
    Grace,
    /// The switch is announced, so that a quiet line rotates too (REKEY-27).
    Announce,
    /// A tx SA ends at its hard limit (REKEY-28).
    HoldLimit,
    /// An rx SA ends at its hard limit (REKEY-29).
    RxHoldLimit,
    /// A sender stops using a key that its receiver reports as dropped (REKEY-48).
    HeldTold,
    /// A pending rx SA ends with the active one (REKEY-29).
    PendingEndsToo,
    /// Keys from the root alone are not used before QKD keys have been short for long (REKEY-52).
    AloneAfterHold,
    /// Keys from the root alone are not used where the policy does not allow them (REKEY-52).
    AloneByPolicy,
    /// Session ids are part of the key's context (REKEY-33).
    SessionsInContext,
    /// Frames carrying our own SCI are dropped (REKEY-12).
    NotOwnFrame,
    /// No offer before the first KEM exchange of a session, where the policy wants one (REKEY-41).
    RootFirst,
    /// A root comes into force only when both ends have proved it (REKEY-45).
    RootConfirmed,
    /// The epoch of a root only grows (REKEY-42).
    RootEpochGrows,
    /// A new session begins with the pre-shared secret (REKEY-47).
    RootEndsWithSession,
    /// A root that is no more in force is erased (REKEY-46).
    RootErased,
}

/// The way in which a test makes a root differ from that of the other end.
#[cfg(any(test, feature = "guards"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The end loses its roots.
    Forgotten,
    /// The root in force is a different one of the same epoch.
    Other,
    /// The root in force has a higher epoch.
    Ahead,
}

#[cfg(any(test, feature = "guards"))]
thread_local! {
    static OFF: core::cell::RefCell<Vec<Guard>> = const { core::cell::RefCell::new(Vec::new()) };
}

/// Whether a guard is on: always.
#[cfg(not(any(test, feature = "guards")))]
#[inline]
pub(crate) const fn on(_: Guard) -> bool {
    true
}

/// Whether a guard is on: unless a test switched it off on this thread.
#[cfg(any(test, feature = "guards"))]
pub(crate) fn on(guard: Guard) -> bool {
    OFF.with_borrow(|off| !off.contains(&guard))
}

/// Switches guards off while `f` runs.
#[cfg(any(test, feature = "guards"))]
pub fn without<T>(guards: &[Guard], f: impl FnOnce() -> T) -> T {
    OFF.with_borrow_mut(|off| off.extend_from_slice(guards));
    let result = f();
    OFF.with_borrow_mut(Vec::clear);
    result
}
