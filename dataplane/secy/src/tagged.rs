//! The SecTAG of a black frame after its checks: the SA, the layout of the frame, and the frame
//! before.

use wire::{An, MACS_LEN, OVERHEAD_MAX, SECTAG_LEN_MAX, SHORT_LEN_BOUND};

use crate::limits::PROTECTED_LEN_MAX;

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
    pub(crate) front: [u8; 4],
    pub(crate) sci: [u8; 8],
    pub(crate) tagged: Tagged,
}

/// An SA by the index of its SC. Valid until an SA is retired.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SaIndex {
    pub(crate) sc: u8,
    pub(crate) an: An,
}

impl Before {
    /// Fast path: the frame has the same header as the frame before, except for the PN.
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
