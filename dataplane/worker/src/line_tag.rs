//! VLAN tags that the line puts in front of our frames.
//!
//! ```text
//! sent       DA SA             88E5 …      or rekey frame
//! received   DA SA 8100 TCI    88E5 …      a switch of the line has added a tag
//! validated  DA SA             88E5 …
//! ```
//! Some lines add a priority tag (VLAN 0) or the tag of their own VLAN, and do not remove it at the
//! other end. The tag is not authenticated and has no meaning for the site. So it is taken off
//! before the frame is classified, as a Linux kernel does for received MACsec frames. Tags that the
//! sender leaves in clear on purpose (`clear_vlan_tags`) stay.
//!
//! A frame with more tags stays unchanged, and the SecY drops it as InPktsNoTag. In both cases the
//! outer tag is kept for the status, which shows the cause.

use port::Frame;
use wire::{ETHERTYPE_MACSEC, EthernetFrame, MACS_LEN, VLAN_TAG_LEN};

use crate::limits::VLAN_TAGS_SEEN_MAX;

/// The tags in front of the last frame of the pair that arrived with more tags than were sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineTag {
    /// TPID of the outer tag: 0x8100, or 0x88A8.
    pub tpid: u16,
    /// Priority, DEI and VLAN of the outer tag.
    pub tci: u16,
    /// The number of tags in front of the frame's own EtherType.
    pub tags: u8,
    /// The line's tags were taken off. If not, there were too many and the frame was dropped.
    pub taken_off: bool,
}

/// Removes the line's tags from received frames.
pub(crate) struct LineTags {
    /// The number of tags that the line may add.
    line_max: usize,
    /// The number of tags that the sender may leave in clear in front of a SecTAG.
    clear_max: usize,
    last: Option<LineTag>,
}

impl LineTag {
    /// VLAN ID, 0 for a priority tag.
    #[must_use]
    pub const fn vlan(self) -> u16 {
        self.tci & 0x0FFF
    }

    /// Priority code point.
    #[must_use]
    pub const fn priority(self) -> u16 {
        self.tci >> 13
    }

    /// Encodes it as one word for the statistics; never 0.
    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.tpid) << 32
            | u64::from(self.tci) << 16
            | u64::from(self.tags) << 8
            | u64::from(self.taken_off)
    }

    /// Decodes that word; 0 is none.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "takes apart what to_word joined"
    )]
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        (word != 0).then_some(Self {
            tpid: (word >> 32) as u16,
            tci: (word >> 16) as u16,
            tags: (word >> 8) as u8,
            taken_off: word & 1 == 1,
        })
    }
}

impl LineTags {
    pub(crate) fn new(line_max: u8, clear_max: u8) -> Self {
        Self {
            line_max: line_max.into(),
            clear_max: clear_max.into(),
            last: None,
        }
    }

    /// The last tags seen.
    pub(crate) fn last(&self) -> Option<LineTag> {
        self.last
    }

    /// Removes the line's tags from a frame of the pair. Returns true if it removed some. Called
    /// only for frames that begin with a VLAN tag, which is rare.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_off(&mut self, frame: &mut Frame, rekey_ethertype: u16) -> bool {
        let Some(view) = EthernetFrame::parse(frame.bytes()) else {
            return false;
        };
        let tags = view.vlan_tags(VLAN_TAGS_SEEN_MAX);
        let ethertype = view.ethertype_after_tags(VLAN_TAGS_SEEN_MAX);
        // The sender puts no tag in front of a rekey frame.
        let sent = match ethertype {
            ETHERTYPE_MACSEC => self.clear_max,
            _ if ethertype == rekey_ethertype => 0,
            _ => return false,
        };
        let added = tags.saturating_sub(sent);
        if added == 0 {
            return false; // indistinguishable from the sender's tag
        }
        let taken_off = added <= self.line_max;
        let outer = view.after_tags(0);
        let field = |at| {
            outer
                .get(at..at + 2)
                .map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
        };
        self.last = Some(LineTag {
            tpid: field(0),
            tci: field(2),
            tags: u8::try_from(tags).unwrap_or(u8::MAX),
            taken_off,
        });
        if taken_off {
            remove_outer(frame, added * VLAN_TAG_LEN);
        }
        taken_off
    }
}

/// Moves the addresses back over the `len` octets that follow them.
fn remove_outer(frame: &mut Frame, len: usize) {
    let (room, start, end) = frame.room_mut();
    room[start..end].copy_within(..MACS_LEN, len);
    frame.set_range(start + len, end);
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
