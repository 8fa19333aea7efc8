//! Reads a capture of the line (pcapng) and reports what the frames alone can prove.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY, MACS_LEN, SecTag};

const SECTION: u32 = 0x0a0d_0d0a;
const ENHANCED_PACKET: u32 = 6;

/// A captured frame.
pub struct Captured {
    /// Number of the interface in the capture.
    pub interface: u32,
    /// Time since the epoch, in the units of the capture.
    pub time: u64,
    /// The frame from the destination address to the last octet.
    pub frame: Vec<u8>,
}

/// Reads all frames of a capture.
///
/// # Panics
/// If it is not a pcapng file, or is truncated.
#[must_use]
pub fn read(file: &Path) -> Vec<Captured> {
    let octets = fs::read(file).unwrap();
    let mut rest = octets.as_slice();
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let (kind, len) = (word(0), word(4) as usize);
        if frames.is_empty() && rest.len() == octets.len() {
            assert_eq!(
                (kind, word(8)),
                (SECTION, 0x1a2b_3c4d),
                "a pcapng file of this machine's byte order"
            );
        }
        assert!(
            len >= 12 && len <= rest.len() && len.is_multiple_of(4),
            "the capture is cut off"
        );
        assert_eq!(word(len - 4) as usize, len, "a block says its length twice");
        if kind == ENHANCED_PACKET {
            let captured = word(20) as usize;
            assert_eq!(word(20), word(24), "frames are captured whole");
            frames.push(Captured {
                interface: word(8),
                time: u64::from(word(12)) << 32 | u64::from(word(16)),
                frame: rest[28..28 + captured].to_vec(),
            });
        }
        rest = &rest[len..];
    }
    frames
}

/// The frames under one key: the frames of one SC from packet number 1, or from a change of AN, to
/// the next such event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Source address and port of the SCI.
    pub sci: Vec<u8>,
    /// Association number.
    pub an: u8,
    /// First packet number.
    pub first: u32,
    /// Last packet number.
    pub last: u32,
    /// Number of frames.
    pub frames: u64,
    /// Time of the first frame.
    pub since: u64,
}

/// The contents of a capture.
#[derive(Debug, Default)]
pub struct Story {
    /// The keys of each SC in the order of their use.
    pub runs: Vec<Run>,
    /// Rekey frames.
    pub rekey: u64,
    /// Frames that are neither MACsec nor rekey.
    pub clear: u64,
    /// Packet numbers that occurred twice within one run.
    pub repeated: u64,
}

/// Assigns the frames to their runs.
///
/// # Panics
/// If a MACsec frame is malformed or not encrypted.
#[must_use]
pub fn story(frames: &[Captured]) -> Story {
    let mut story = Story::default();
    // By SCI: the index of its present run, and the packet numbers of that run.
    let mut current: BTreeMap<Vec<u8>, (usize, HashSet<u32>)> = BTreeMap::new();
    for Captured { frame, time, .. } in frames {
        match wire::ethertype(frame) {
            Some(ETHERTYPE_REKEY) => story.rekey += 1,
            Some(ETHERTYPE_MACSEC) => {
                let tag = SecTag::parse(&frame[MACS_LEN..]).unwrap();
                assert!(tag.encrypted && tag.changed, "{tag:?}");
                let sci = frame[MACS_LEN + 8..MACS_LEN + 16].to_vec();
                let (an, pn) = (tag.an.value(), tag.pn_low);
                let same = current
                    .get(&sci)
                    .filter(|(run, _)| story.runs[*run].an == an && pn != 1);
                if same.is_none() {
                    let run = Run {
                        sci: sci.clone(),
                        an,
                        first: pn,
                        last: pn,
                        frames: 0,
                        since: *time,
                    };
                    story.runs.push(run);
                    current.insert(sci.clone(), (story.runs.len() - 1, HashSet::new()));
                }
                let (run, numbers) = current.get_mut(&sci).unwrap();
                let run = &mut story.runs[*run];
                run.frames += 1;
                run.last = run.last.max(pn);
                story.repeated += u64::from(!numbers.insert(pn));
            }
            _ => story.clear += 1,
        }
    }
    story
}
