//! The numbers of free rooms: a stack of fixed size.

use std::cell::Cell;

/// Last in, first out: the room used last is most likely in the cache.
pub(crate) struct FreeList {
    /// The free numbers are below `top`.
    numbers: Box<[Cell<u32>]>,
    top: Cell<usize>,
}

impl FreeList {
    /// A list of all numbers of `0..count`, with 0 on top.
    pub(crate) fn full(count: u32) -> Self {
        let numbers: Box<[_]> = (0..count).rev().map(Cell::new).collect();
        Self {
            top: Cell::new(numbers.len()),
            numbers,
        }
    }

    /// Takes a number.
    #[inline]
    pub(crate) fn pop(&self) -> Option<u32> {
        let top = self.top.get().checked_sub(1)?;
        self.top.set(top);
        self.numbers.get(top).map(Cell::get)
    }

    /// Returns a number. It came from this list, so there is a place for it.
    #[inline]
    pub(crate) fn push(&self, number: u32) {
        let top = self.top.get();
        debug_assert!(
            top < self.numbers.len(),
            "more rooms given back than there are"
        );
        if let Some(place) = self.numbers.get(top) {
            place.set(number);
            self.top.set(top + 1);
        }
    }

    /// Number of free rooms.
    pub(crate) fn len(&self) -> usize {
        self.top.get()
    }
}
