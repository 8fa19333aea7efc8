//! Numbers for texts that repeat in the records, so that sorted items are short.

use super::{VerifyError, key};
use crate::ledger::Record;

/// Limit of different texts: suites, origins, senders.
const TEXTS_MAX: usize = 4096;

/// Numbers for texts that repeat.
#[derive(Default)]
pub(super) struct Texts(Vec<String>);

impl Texts {
    fn number(&mut self, text: &str) -> Result<u16, VerifyError> {
        let known = self.0.iter().position(|known| known == text);
        let number = match known {
            Some(number) => number,
            None if self.0.len() < TEXTS_MAX => {
                self.0.push(text.to_owned());
                self.0.len() - 1
            }
            None => {
                return Err(VerifyError::TooMuch(
                    "the ledgers name too many suites, origins and senders to be of one pair",
                ));
            }
        };
        Ok(u16::try_from(number).unwrap_or(u16::MAX))
    }

    pub(super) fn text(&self, number: u16) -> &str {
        self.0.get(usize::from(number)).map_or("", String::as_str)
    }

    /// Encodes a record for sorting, with its key's name first.
    pub(super) fn item(
        &mut self,
        item: &mut Vec<u8>,
        which: usize,
        record: &Record,
    ) -> Result<(), VerifyError> {
        item.clear();
        key::put(item, &record.key_id);
        item.push(which as u8);
        item.push(u8::from(record.direction != "out"));
        item.push(record.an);
        item.extend(record.epoch.to_be_bytes());
        item.extend(record.root.to_be_bytes());
        item.extend(record.frames.to_be_bytes());
        item.extend(record.installed_ms.to_be_bytes());
        for text in [&record.suite, &record.origin, &record.sender] {
            item.extend(self.number(text)?.to_be_bytes());
        }
        Ok(())
    }
}
