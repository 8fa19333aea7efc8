//! The named guards of the receive side. The simulation can switch one off and check that the fault
//! is detected. Without the feature `guards` every guard is on and costs nothing.

/// A check without which a replayed frame would reach red.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// PNs below the lowest acceptable one are late (802.1AE 10.6.2).
    ReplayWindow,
    /// Each PN inside the window is accepted once. This goes beyond the standard, which accepts
    /// every copy.
    ReplayBitmap,
}

/// True if a guard is on: always.
#[cfg(not(feature = "guards"))]
#[inline]
pub(crate) const fn on(_: Guard) -> bool {
    true
}

#[cfg(feature = "guards")]
thread_local! {
    static OFF: core::cell::Cell<Option<Guard>> = const { core::cell::Cell::new(None) };
}

/// True if a guard is on: unless it is switched off on this thread.
#[cfg(feature = "guards")]
pub(crate) fn on(guard: Guard) -> bool {
    OFF.get() != Some(guard)
}

/// Switches a guard off while `f` runs.
#[cfg(feature = "guards")]
pub fn without<T>(guard: Guard, f: impl FnOnce() -> T) -> T {
    OFF.set(Some(guard));
    let result = f();
    OFF.set(None);
    result
}
