//! The input of an engine: frames to seal or open, and the key in raw and expanded form.

use crate::limits::{BURST_MAX, FRAME_LEN_MAX, ICV_LEN};

/// One frame to seal or open in place: `aad | payload | icv`, contiguous.
pub struct Job<'a> {
    /// AAD, payload and the [`ICV_LEN`] octets of the ICV.
    pub frame: &'a mut [u8],
    /// Octets at the front that are authenticated but not encrypted. For integrity only it is
    /// `frame.len() - ICV_LEN`.
    pub aad_len: usize,
    /// 96-bit nonce. When sealing, it must never repeat under one key.
    pub nonce: [u8; 12],
    /// Set by [`BurstKey::open`]: the ICV is right. If it is not, the payload is zeroed.
    pub authentic: bool,
}

impl<'a> Job<'a> {
    /// A job that is not yet done.
    #[must_use]
    pub fn new(frame: &'a mut [u8], aad_len: usize, nonce: [u8; 12]) -> Self {
        Self {
            frame,
            aad_len,
            nonce,
            authentic: false,
        }
    }

    /// True if the lengths satisfy the contract.
    #[inline]
    pub(crate) fn is_sound(&self) -> bool {
        let len = self.frame.len();
        (len <= FRAME_LEN_MAX + ICV_LEN)
            & (self.aad_len <= FRAME_LEN_MAX)
            & (self.aad_len.wrapping_add(ICV_LEN) <= len)
    }

    #[cold]
    fn assert_sound(&self) {
        let len = self.frame.len();
        assert!(
            len <= FRAME_LEN_MAX + ICV_LEN,
            "a frame is longer than FRAME_LEN_MAX"
        );
        assert!(
            self.aad_len <= FRAME_LEN_MAX,
            "the AAD is longer than FRAME_LEN_MAX"
        );
        assert!(
            self.aad_len + ICV_LEN <= len,
            "a frame does not hold its AAD and ICV"
        );
    }

    /// AAD, payload and ICV.
    pub(crate) fn parts(&mut self) -> (&[u8], &mut [u8], &mut [u8; ICV_LEN]) {
        let (rest, icv) = self
            .frame
            .split_last_chunk_mut::<ICV_LEN>()
            .expect("check() found room for the ICV");
        let (aad, payload) = rest.split_at_mut(self.aad_len);
        (aad, payload, icv)
    }
}

/// Asserts the contract of [`Job`] for a whole burst; every engine calls it first.
#[inline]
pub(crate) fn check(burst: &[Job<'_>]) {
    assert!(
        burst.len() <= BURST_MAX,
        "a burst holds at most {BURST_MAX} frames"
    );
    // One branch for all frames. The slow path below finds the exact fault.
    let wrong = burst
        .iter()
        .fold(false, |wrong, job| wrong | !job.is_sound());
    if wrong {
        burst.iter().for_each(Job::assert_sound);
    }
}

/// Asserts the length of a burst.
#[inline]
pub(crate) fn check_len(burst: &[Job<'_>]) {
    assert!(
        burst.len() <= BURST_MAX,
        "a burst holds at most {BURST_MAX} frames"
    );
}

/// An expanded key, which seals and opens bursts. It is zeroized on drop.
pub trait BurstKey: Send {
    /// Encrypts each payload and writes each ICV. At most [`BURST_MAX`] jobs.
    fn seal(&mut self, burst: &mut [Job<'_>]);
    /// Decrypts each payload whose ICV is right, and zeroes the others.
    fn open(&mut self, burst: &mut [Job<'_>]);
}

/// The raw key for an engine to expand.
#[derive(Clone, Copy)]
pub enum RawKey<'a> {
    /// AES-128.
    Aes128(&'a [u8; 16]),
    /// AES-256.
    Aes256(&'a [u8; 32]),
}
