//! The books: how many keys came in, and what became of them.

use super::state::{Side, State};

/// Keys of both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Keys that our network handed over for the neighbour.
    pub sent: Account,
    /// Keys that the neighbour handed over for our network.
    pub received: Account,
}

/// Keys of one direction. `taken` is always the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Keys taken over.
    pub taken: u64,
    /// Keys that SAEs of both domains may have.
    pub released: u64,
    /// Keys that were voided.
    pub voided: u64,
    /// Keys that were refused or could not be relayed.
    pub failed: u64,
    /// Keys whose end is not known yet.
    pub held: u64,
}

impl Account {
    /// True if each key taken over has exactly one place.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.taken == self.released + self.voided + self.failed + self.held
    }

    fn place(&mut self, state: State) -> &mut u64 {
        match state {
            State::Released => &mut self.released,
            State::Voided => &mut self.voided,
            State::Failed => &mut self.failed,
            _ => &mut self.held,
        }
    }
}

impl Books {
    /// The account of one direction.
    #[must_use]
    pub fn side(&self, side: Side) -> &Account {
        match side {
            Side::Sent => &self.sent,
            Side::Received => &self.received,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut Account {
        match side {
            Side::Sent => &mut self.sent,
            Side::Received => &mut self.received,
        }
    }

    pub(super) fn enter(&mut self, side: Side, state: State) {
        let account = self.side_mut(side);
        account.taken += 1;
        *account.place(state) += 1;
    }

    pub(super) fn change(&mut self, side: Side, from: State, to: State) {
        let account = self.side_mut(side);
        *account.place(from) -= 1;
        *account.place(to) += 1;
    }
}
