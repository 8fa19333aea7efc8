//! The guards of the relay by name, so that tests can switch single ones off and see the simulation
//! find it. Without the feature `guards`, every guard is on and costs nothing.

/// One check without which the relay would be unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The sender uses each octet of its key once.
    PadOnce,
    /// The receiver accepts key only after that of all messages before.
    PadRises,
    /// A message with a wrong tag is dropped.
    Tag,
    /// Key is used only after the neighbour has reported that it has the block.
    BlockAtBothEnds,
    /// The rest of a pool is dropped when the neighbour has restarted.
    PoolEndsWithRun,
    /// On each connection, both ends drop the blocks that the other does not have any more.
    BlocksCompared,
    /// No pair uses more of a link than its share.
    FairShare,
    /// Keys come into stock only after the ACK.
    StockAfterAck,
    /// The far node proves that it has the same bits.
    Confirmation,
    /// A batch that was voided stays voided, whatever comes later.
    VoidedForever,
    /// The stock ends when the far node has restarted.
    StockEndsWithRun,
    /// The stock ends before the far node drops its keys.
    StockAge,
    /// A key leaves the stock when it is handed out.
    EncOnce,
    /// A key leaves the far node when it is handed out.
    DecOnce,
    /// Only the target of a key gets it at the far node.
    TargetOnly,
    /// A batch that came before is not taken again.
    BatchOnce,
    /// Two paths have no common relay.
    Disjoint,
    /// A neighbour with another topology is refused.
    SameTopology,
    /// The ACK of a batch for the neighbour domain waits until that domain has all its keys.
    CrossedFirst,
    /// Keys that their origin has given up are voided in the neighbour domain, too.
    GivenUpBeyond,
    /// A key that its origin has given up is with no SAE, also if its nodes have forgotten it.
    GivenUpForever,
    /// Keys of the neighbour domain whose target's node has restarted are voided in both domains.
    LostBeyond,
    /// Whether an SAE has a key is answered by the node that may have given it.
    AskHolder,
    /// A key that was taken back before it came is not taken when it comes.
    WithdrawnForever,
}

#[cfg(feature = "guards")]
thread_local! {
    static OFF: core::cell::RefCell<Vec<Guard>> = const { core::cell::RefCell::new(Vec::new()) };
}

/// Whether a guard is on: always.
#[cfg(not(feature = "guards"))]
#[inline]
pub(crate) const fn on(_: Guard) -> bool {
    true
}

/// Whether a guard is on: unless a test switched it off on this thread.
#[cfg(feature = "guards")]
pub(crate) fn on(guard: Guard) -> bool {
    OFF.with_borrow(|off| !off.contains(&guard))
}

/// Switches guards off while `f` runs.
#[cfg(feature = "guards")]
pub fn without<T>(guards: &[Guard], f: impl FnOnce() -> T) -> T {
    OFF.with_borrow_mut(|off| off.extend_from_slice(guards));
    let result = f();
    OFF.with_borrow_mut(Vec::clear);
    result
}
