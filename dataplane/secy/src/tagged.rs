//! Reads and checks the SecTAG of a black frame and finds its SA. These are all checks without a
//! key.

use wire::{
    An, Channel, EthernetFrame, ICV_LEN, MACS_LEN, MacAddr, OVERHEAD_MAX, SECTAG_LEN_MAX,
    SHORT_LEN_BOUND, Sci, SecTag, SecTagError, VLAN_TAG_LEN,
};

use crate::limits::PROTECTED_LEN_MAX;
use crate::{Discard, RxScs, ValidateFrames};

/// Octets around the user data of a frame with the SCI in its SecTAG and no tags in clear.
const ENVELOPE_LEN: usize = MACS_LEN + OVERHEAD_MAX;

/// The result for a frame that its SecTAG does not exclude.
pub(crate) enum Checked {
    /// A frame to open.
    Tagged(Tagged),
    /// A frame that is passed on although there is no key for it.
    Unkeyed(Unkeyed),
}

/// The reasons why there is no key for a frame.
pub(crate) enum Unkeyed {
    Untagged,
    Sci(Layout),
    An(Layout),
}

/// The layout of a tagged frame, in octets. All values fit, since no such frame is longer than
/// [`PROTECTED_LEN_MAX`].
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) clear_len: u8,
    pub(crate) sectag_len: u8,
    pub(crate) user_data_len: u16,
}

/// A frame of an installed SA.
#[derive(Clone, Copy)]
pub(crate) struct Tagged {
    pub(crate) pn_low: u32,
    pub(crate) layout: Layout,
    pub(crate) sa: SaIndex,
    pub(crate) encrypted: bool,
    pub(crate) changed: bool,
}

/// The previous frame: most frames have the same SecTAG except for the PN.
pub(crate) struct Before {
    /// EtherType, TCI and AN, SL = 0.
    front: [u8; 4],
    sci: [u8; 8],
    tagged: Tagged,
}

/// An SA by the index of its SC. Valid until an SA is retired.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SaIndex {
    pub(crate) sc: u8,
    pub(crate) an: An,
}

impl Before {
    /// Fast path of `check`: the frame has the same header as the frame before, except for the PN.
    #[inline]
    pub(crate) fn alike(&self, frame: &[u8]) -> Option<Tagged> {
        let (_, tag) = frame.split_first_chunk::<MACS_LEN>()?;
        let &[f0, f1, f2, f3, a, b, c, d, ref sci @ ..] = tag.first_chunk::<SECTAG_LEN_MAX>()?;
        let alike = [f0, f1, f2, f3] == self.front && *sci == self.sci;
        let long =
            (ENVELOPE_LEN + SHORT_LEN_BOUND as usize..=PROTECTED_LEN_MAX).contains(&frame.len());
        let pn_low = u32::from_be_bytes([a, b, c, d]);
        (alike && long).then_some(Tagged {
            pn_low,
            ..self.tagged(frame.len())
        })
    }

    /// The result of [`Self::alike`] for a frame of `len` octets that it has accepted, without the
    /// PN.
    #[inline]
    pub(crate) fn tagged(&self, len: usize) -> Tagged {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "constants, and `alike` checked the length"
        )]
        let layout = Layout {
            clear_len: 0,
            sectag_len: SECTAG_LEN_MAX as u8,
            user_data_len: len.wrapping_sub(ENVELOPE_LEN) as u16,
        };
        Tagged {
            layout,
            ..self.tagged
        }
    }

    /// True if the user data is encrypted.
    #[inline]
    pub(crate) fn encrypted(&self) -> bool {
        self.tagged.encrypted
    }

    /// The SA of the previous frame.
    #[inline]
    pub(crate) fn sa(&self) -> SaIndex {
        self.tagged.sa
    }
}

impl RxScs {
    /// Checks the SecTAG in the order of the standard, and finds the SA of the frame.
    #[inline(never)]
    pub(crate) fn check(&mut self, frame: &[u8]) -> Result<Checked, Discard> {
        let lenient = self.config.validate != ValidateFrames::Strict;
        let view = EthernetFrame::parse(frame).ok_or(Discard::InPktsTooShort)?;
        let tags = view.vlan_tags(usize::from(self.config.clear_vlan_tags));
        let octets = view.after_tags(tags);
        let sectag = match SecTag::parse(octets) {
            Ok(sectag) => sectag,
            Err(SecTagError::Untagged) if lenient => {
                return Ok(Checked::Unkeyed(Unkeyed::Untagged));
            }
            Err(SecTagError::Untagged) => return Err(Discard::InPktsNoTag),
            Err(_) => return Err(Discard::InPktsBadTag),
        };
        let user_data_len = sectag.user_data_len(octets.len());
        if MACS_LEN + sectag.len() + user_data_len + ICV_LEN > PROTECTED_LEN_MAX {
            return Err(Discard::InPktsTooLong);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked: no more than a frame's"
        )]
        let layout = Layout {
            clear_len: (tags * VLAN_TAG_LEN) as u8,
            sectag_len: sectag.len() as u8,
            user_data_len: user_data_len as u16,
        };
        if sectag.encrypted && !sectag.changed {
            return Err(Discard::InPktsForKay);
        }
        // Without a key only unchanged user data is usable.
        let unkeyed = |unkeyed, discard| {
            let useful = lenient && !sectag.changed;
            if useful {
                Ok(Checked::Unkeyed(unkeyed))
            } else {
                Err(discard)
            }
        };
        let Some(sc) = self.find(&sectag, view.src()) else {
            return unkeyed(Unkeyed::Sci(layout), Discard::InPktsNoSci);
        };
        if self.scs[sc].sas[sectag.an.index()].is_none() {
            return unkeyed(Unkeyed::An(layout), Discard::InPktsNotUsingSa);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most RX_SCS_MAX")]
        let sa = SaIndex {
            sc: sc as u8,
            an: sectag.an,
        };
        let SecTag {
            pn_low,
            encrypted,
            changed,
            ..
        } = sectag;
        let tagged = Tagged {
            pn_low,
            layout,
            sa,
            encrypted,
            changed,
        };
        if let (0, 0, Channel::Explicit(sci)) = (tags, sectag.short_len, sectag.channel)
            && let Some(front) = octets.first_chunk()
        {
            self.before = Some(Before {
                front: *front,
                sci: sci.to_bytes(),
                tagged,
            });
        }
        Ok(Checked::Tagged(tagged))
    }

    /// The index of the SC of a frame. If the SecTAG has no SCI: SCB means port 0 of the source
    /// address, ES means port 1. With neither bit it is the only SC (point to point), or if there
    /// are several, port 1 again, as in the Linux kernel. A wrong guess fails at the ICV.
    fn find(&self, sectag: &SecTag, src: MacAddr) -> Option<usize> {
        let sci = match sectag.channel {
            Channel::Explicit(sci) => sci,
            Channel::Implied { scb: true, .. } => Sci::new(src, 0),
            Channel::Implied {
                end_station: false, ..
            } if self.scs.len() == 1 => return Some(0),
            Channel::Implied { .. } => Sci::new(src, 1),
        };
        self.scs.iter().position(|sc| sc.sci == sci)
    }
}
