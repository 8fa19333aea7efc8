//! Reads the numbers in a sorted item.

/// Takes numbers from the front of an item.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((octets, rest)) => {
                self.0 = rest;
                *octets
            }
            None => [0; N],
        }
    }

    pub(super) fn u8(&mut self) -> u8 {
        let [octet] = self.take();
        octet
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.take())
    }
}
