//! The Ethernet view: addresses, EtherType, VLAN tags. A frame here does not include the FCS.

use crate::{MACS_LEN, MacAddr};

#[cfg(test)]
mod tests;

/// EtherType (TPID) of a customer VLAN tag, IEEE 802.1Q.
pub const ETHERTYPE_C_TAG: u16 = 0x8100;
/// EtherType (TPID) of a service VLAN tag, IEEE 802.1ad.
pub const ETHERTYPE_S_TAG: u16 = 0x88A8;
/// Octets of a VLAN tag.
pub const VLAN_TAG_LEN: usize = 4;
/// Octets of the shortest frame that has a view: two addresses and an EtherType.
pub const ETHERNET_LEN_MIN: usize = MACS_LEN + 2;

/// A frame of at least [`ETHERNET_LEN_MIN`] octets. Its accessors never panic.
#[derive(Clone, Copy)]
pub struct EthernetFrame<'a> {
    addresses: &'a [u8; MACS_LEN],
    after_source: &'a [u8],
}

impl<'a> EthernetFrame<'a> {
    /// Checks the length; `None` if the frame is too short to have an EtherType.
    #[inline]
    #[must_use]
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let (addresses, after_source) = frame.split_first_chunk::<MACS_LEN>()?;
        if after_source.len() < 2 {
            None
        } else {
            Some(Self {
                addresses,
                after_source,
            })
        }
    }

    /// Destination address.
    #[inline]
    #[must_use]
    pub fn dst(&self) -> MacAddr {
        let [a, b, c, d, e, f, ..] = *self.addresses;
        MacAddr([a, b, c, d, e, f])
    }

    /// Source address.
    #[inline]
    #[must_use]
    pub fn src(&self) -> MacAddr {
        let [.., a, b, c, d, e, f] = *self.addresses;
        MacAddr([a, b, c, d, e, f])
    }

    /// The first EtherType: that of the outermost VLAN tag if there is one.
    #[inline]
    #[must_use]
    pub fn ethertype(&self) -> u16 {
        be16(self.after_source).unwrap_or(0) // `parse` ensures at least two octets
    }

    /// The VLAN ID of the outer tag, 0 to 4095; `None` if the frame has no tag.
    #[inline]
    #[must_use]
    pub fn vlan(&self) -> Option<u16> {
        const VLAN_BITS: u16 = 0x0FFF;
        let tci = be16(self.after_source.get(2..)?)?;
        self.tag_at(0).then_some(tci & VLAN_BITS)
    }

    /// The number of VLAN tags at the front, counted up to `max`. A tag counts only if an EtherType
    /// follows it, so the octets after the counted tags are never empty.
    #[inline]
    #[must_use]
    pub fn vlan_tags(&self, max: usize) -> usize {
        (0..max).take_while(|&tags| self.tag_at(tags)).count()
    }

    /// The octets after the source address and the first `tags` VLAN tags, starting with the
    /// EtherType. Empty if the frame is shorter than that.
    #[inline]
    #[must_use]
    pub fn after_tags(&self, tags: usize) -> &'a [u8] {
        self.after_source
            .get(tags.saturating_mul(VLAN_TAG_LEN)..)
            .unwrap_or(&[])
    }

    /// The EtherType after all VLAN tags that [`EthernetFrame::vlan_tags`] counts up to `max`.
    #[inline]
    #[must_use]
    pub fn ethertype_after_tags(&self, max: usize) -> u16 {
        be16(self.after_tags(self.vlan_tags(max))).unwrap_or(0) // an EtherType follows each tag
    }

    #[inline]
    fn tag_at(&self, tags: usize) -> bool {
        let octets = self.after_tags(tags);
        octets.len() >= VLAN_TAG_LEN + 2
            && matches!(be16(octets), Some(ETHERTYPE_C_TAG | ETHERTYPE_S_TAG))
    }
}

/// The first EtherType of a frame; `None` if the frame is too short to have one.
#[inline]
#[must_use]
pub fn ethertype(frame: &[u8]) -> Option<u16> {
    be16(frame.get(MACS_LEN..)?)
}

#[inline]
fn be16(octets: &[u8]) -> Option<u16> {
    octets
        .first_chunk::<2>()
        .map(|two| u16::from_be_bytes(*two))
}
