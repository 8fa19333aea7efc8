//! Reading and writing of octets: big-endian, bounded, and strict. Each value has one encoding.

/// Octets that do not follow the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {what} at octet {at}")]
pub struct Malformed {
    /// The field.
    pub what: &'static str,
    /// Where it stands.
    pub at: usize,
}

/// Appends fields to a message.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) octets: Vec<u8>,
}

/// Takes fields off a message.
pub(crate) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) {
        self.octets.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn raw(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Writes a number of elements. Every list of a node is shorter than its limit, so that the
    /// number fits.
    pub(crate) fn count(&mut self, count: usize) {
        self.u16(u16::try_from(count).unwrap_or(u16::MAX));
    }
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn wrong(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }

    /// Takes `len` octets.
    pub(crate) fn raw(&mut self, what: &'static str, len: usize) -> Result<&'a [u8], Malformed> {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let taken = rest.get(..len).ok_or_else(|| self.wrong(what))?;
        self.at += len;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], Malformed> {
        let wrong = self.wrong(what);
        self.raw(what, N)?.try_into().map_err(|_| wrong)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        self.array(what).map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, Malformed> {
        self.array(what).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        self.array(what).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Malformed> {
        self.array(what).map(u64::from_be_bytes)
    }

    /// Takes a number of elements, at most `max`.
    pub(crate) fn count(&mut self, what: &'static str, max: usize) -> Result<usize, Malformed> {
        let wrong = self.wrong(what);
        let count = usize::from(self.u16(what)?);
        if count <= max { Ok(count) } else { Err(wrong) }
    }

    /// Takes a list of at most `max` elements.
    pub(crate) fn list<T>(
        &mut self,
        what: &'static str,
        max: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.count(what, max)?;
        (0..count).map(|_| element(self)).collect()
    }

    /// Accepts the end of the message, and nothing else.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.at == self.octets.len() {
            Ok(())
        } else {
            Err(self.wrong("end"))
        }
    }
}
