//! Compares a ledger with the heads that the other end noted of it.

use std::io;

use super::fields::Fields;
use super::words::time;
use super::{NAMES, Verification, VerifyError};
use crate::ledger::Entry;
use crate::ledger::entry::octets;
use crate::ledger::reader::Source;
use crate::ledger::sort::{Sorted, Sorter};

/// Reads a ledger again to compare it with the heads that the other end noted.
///
/// # Errors
/// The ledger cannot be read, or its chain is broken.
pub(super) fn check(
    source: &Source,
    mut heads: Heads,
    into: &mut Verification,
) -> Result<(), VerifyError> {
    let mut entries = source.entries()?;
    while let Some(entry) = entries.advance()? {
        heads.see(entry, into)?;
    }
    heads.end(into)
}

/// Heads of one ledger that the other end noted, in order of their numbers.
pub(super) struct Heads {
    about: char,
    by: char,
    sorted: Sorted,
    next: Option<Heard>,
    item: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Heard {
    number: u64,
    at_ms: u64,
    hash: [u8; 32],
}

impl Heads {
    /// `None` if the other end noted none.
    pub(super) fn of(sorter: Sorter, about: usize) -> io::Result<Option<Self>> {
        let mut heads = Self {
            about: NAMES[about],
            by: NAMES[1 - about],
            sorted: sorter.sorted()?,
            next: None,
            item: Vec::new(),
        };
        heads.advance()?;
        Ok(heads.next.is_some().then_some(heads))
    }

    fn advance(&mut self) -> io::Result<()> {
        self.next = None;
        if self.sorted.next(&mut self.item)? {
            let mut fields = Fields(&self.item);
            self.next = Some(Heard {
                number: fields.u64(),
                at_ms: fields.u64(),
                hash: fields.0.try_into().unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// Takes the next entry of the ledger that the heads are from.
    fn see(&mut self, entry: &Entry, into: &mut Verification) -> io::Result<()> {
        while let Some(heard) = self.next.filter(|heard| heard.number <= entry.number) {
            // The entry of a head with a smaller number was removed.
            if heard.number == entry.number {
                if octets(&entry.hash) == Some(heard.hash) {
                    into.heads += 1;
                } else {
                    into.grave(format!(
                        "{}: entry {} differs from the one that {} received at {}: the ledger was \
                         rolled back and written again",
                        self.about,
                        entry.number,
                        self.by,
                        time(heard.at_ms)
                    ));
                }
            }
            self.advance()?;
        }
        Ok(())
    }

    /// Reports the heads after the end of the ledger.
    fn end(mut self, into: &mut Verification) -> Result<(), VerifyError> {
        let mut last = None;
        while let Some(heard) = self.next {
            last = Some(heard);
            self.advance()?;
        }
        if let Some(heard) = last {
            into.grave(format!(
                "{}: the ledger does not reach entry {}, which {} received at {}: it was rolled \
                 back or cut",
                self.about,
                heard.number,
                self.by,
                time(heard.at_ms)
            ));
        }
        Ok(())
    }
}
