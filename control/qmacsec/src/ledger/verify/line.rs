//! Checks a capture of the line against the keys of both ledgers: a sender must not use a packet
//! number twice under one key. Copies of the same frame are allowed.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use wire::{
    Channel, ETHERTYPE_MACSEC, ICV_LEN, MacAddr, SECTAG_LEN_MIN, SHORT_LEN_BOUND, Sci, SecTag,
};

use super::channel::Order;
use super::known::{HOUR_MS, Keys};
use super::repeat::{Repeats, Taken};
use super::{Line, Verification, VerifyError};
use crate::capture::{Capture, CaptureError, Frame, Link};
use crate::ledger::reader::Source;

/// Limit of packet-number counters: one for each key and sender's SC.
const COUNTERS_MAX: usize = 1 << 21;
const TOO_MANY_CHANNELS: VerifyError = VerifyError::TooMuch(
    "the capture has more secure channels than fit in memory; fix: give a part of it",
);
/// Limit of hours in which a capture has frames: 15 years.
const HOURS_MAX: usize = 1 << 17;
/// The longest SecTAG, the shortest user data without SL, the ICV.
const PARSED_LEN: usize = 16 + SHORT_LEN_BOUND as usize + ICV_LEN;

/// Reads the capture twice: for its times, then for its frames.
pub(super) fn verify(
    path: &Path,
    sources: &[Source; 2],
    into: &mut Verification,
) -> Result<(), VerifyError> {
    let of_file = |cause| match cause {
        CaptureError::Temporary(error) => VerifyError::Temporary(error),
        cause => VerifyError::Capture {
            path: path.to_path_buf(),
            cause,
        },
    };
    let mut capture = Capture::open(path).map_err(of_file)?;
    let hours = hours(&mut capture)?;
    let keys = Keys::read(sources, &hours)?;
    let mut capture = capture.again().map_err(of_file)?;
    let mut check = Check {
        keys,
        highest: HashMap::new(),
        orders: HashMap::new(),
        repeats: Repeats::new(),
        line: Line::default(),
        octets: Vec::new(),
    };
    loop {
        match capture.next() {
            Ok(Some(frame)) => check.frame(&frame)?,
            Ok(None) => break,
            Err(CaptureError::Io(error)) => return Err(of_file(error.into())),
            Err(error) => {
                check.line.broken = Some(error.to_string());
                break;
            }
        }
    }
    check.line.cut_at = capture.cut();
    check.end(into)
}

/// The hours in which the capture has frames.
fn hours(capture: &mut Capture) -> Result<BTreeSet<u64>, VerifyError> {
    let mut hours = BTreeSet::new();
    // The second reading reports where the file is broken.
    while let Ok(Some(frame)) = capture.next() {
        if let Some(at_ms) = frame.at_ms {
            hours.insert(at_ms / HOUR_MS);
        }
        if hours.len() > HOURS_MAX {
            return Err(VerifyError::TooMuch(
                "the capture has frames in more hours than can be compared with a ledger; fix: \
                 give a part of it",
            ));
        }
    }
    Ok(hours)
}

/// State of the second reading.
struct Check {
    keys: Keys,
    /// The highest packet number so far of each key and SC.
    highest: HashMap<(usize, u16), u64>,
    /// Each SC, in the order of the capture.
    orders: HashMap<Sci, Order>,
    repeats: Repeats,
    line: Line,
    octets: Vec<u8>,
}

impl Check {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), VerifyError> {
        self.line.frames += 1;
        if let Link::Other(_) = frame.link {
            *self.line.unread.entry(frame.link.to_string()).or_default() += 1;
            return Ok(());
        }
        let Some(payload) = frame.link.payload(frame.octets) else {
            // A complete frame without an EtherType is too short for a SecTAG.
            if frame.octets.len() < frame.len {
                self.line.too_short += 1;
            }
            return Ok(());
        };
        if payload.ethertype != ETHERTYPE_MACSEC {
            return Ok(());
        }
        self.line.protected += 1;
        let Some(at_ms) = frame.at_ms else {
            self.line.untimed += 1;
            return Ok(());
        };
        self.octets.clear();
        self.octets.extend(ETHERTYPE_MACSEC.to_be_bytes());
        self.octets.extend_from_slice(payload.octets);
        let on_line = frame.len.saturating_sub(payload.before) + 2;
        let Some((tag, sci)) = self.tag(on_line, payload.source) else {
            return Ok(());
        };
        let Some(key) = self.keys.find(sci.mac(), tag.an.value(), at_ms) else {
            let sender = self.keys.senders.get(&sci.mac());
            let counter = match sender {
                None => &mut self.line.others,
                Some((from, until)) if (*from..=*until).contains(&at_ms) => {
                    &mut self.line.unknown_keys
                }
                Some(_) => &mut self.line.outside,
            };
            *counter += 1;
            return Ok(());
        };
        self.take(&tag, sci, key, at_ms, on_line)
    }

    /// The SecTAG in `octets`, and the SCI. `None`, and counted, if it is malformed or too short.
    fn tag(&mut self, on_line: usize, source: Option<MacAddr>) -> Option<(SecTag, Sci)> {
        let whole = self.octets.len() >= on_line;
        let parsed = if whole {
            SecTag::parse(&self.octets)
        } else {
            // Zeros replace the octets that were not captured: their content does not matter here.
            let mut padded = [0; PARSED_LEN];
            let len = self.octets.len().min(PARSED_LEN);
            padded[..len].copy_from_slice(&self.octets[..len]);
            SecTag::parse(&padded[..on_line.min(PARSED_LEN)])
        };
        let Ok(tag) = parsed else {
            self.line.malformed += u64::from(whole || self.octets.len() >= SECTAG_LEN_MIN);
            self.line.too_short += u64::from(!whole && self.octets.len() < SECTAG_LEN_MIN);
            return None;
        };
        if self.octets.len() < tag.len() {
            self.line.too_short += 1;
            return None;
        }
        let sci = match tag.channel {
            Channel::Explicit(sci) => Some(sci),
            // The SCI is the source address and port 1.
            Channel::Implied { scb: false, .. } => {
                source.map(|MacAddr([a, b, c, d, e, f])| Sci::from_bytes([a, b, c, d, e, f, 0, 1]))
            }
            Channel::Implied { .. } => None,
        };
        if sci.is_none() {
            self.line.others += 1;
        }
        Some((tag, sci?))
    }

    /// Adds a frame of a known key to the sorter.
    fn take(
        &mut self,
        tag: &SecTag,
        sci: Sci,
        key: usize,
        at_ms: u64,
        on_line: usize,
    ) -> Result<(), VerifyError> {
        // A short frame has padding on the line, but not at every capture point: leave it out.
        let len = match tag.short_len {
            0 => on_line,
            short => tag.len() + usize::from(short) + ICV_LEN,
        };
        self.octets.truncate(len);
        let port = u16::from_be_bytes([sci.to_bytes()[6], sci.to_bytes()[7]]);
        let pn = self.packet_number(key, port, tag.pn_low)?;
        let an = tag.an.value();
        if self.orders.len() > COUNTERS_MAX {
            return Err(TOO_MANY_CHANNELS);
        }
        let visit = self.orders.entry(sci).or_default().on_frame(an, at_ms);
        self.repeats.push(&Taken {
            sci,
            an,
            pn,
            at_ms,
            visit,
            len,
            exact: tag.short_len != 0,
            octets: &self.octets,
        })?;
        Ok(())
    }

    /// The full packet number: with XPN suites the frame carries only the low half.
    fn packet_number(&mut self, key: usize, port: u16, low: u32) -> Result<u64, VerifyError> {
        if !self.keys.keys[key].xpn {
            return Ok(low.into());
        }
        if self.highest.len() > COUNTERS_MAX {
            return Err(TOO_MANY_CHANNELS);
        }
        let highest = self.highest.entry((key, port)).or_insert(0);
        let pn = nearest(*highest, low);
        *highest = (*highest).max(pn);
        Ok(pn)
    }

    fn end(self, into: &mut Verification) -> Result<(), VerifyError> {
        let Self {
            keys,
            repeats,
            mut line,
            ..
        } = self;
        repeats.end(&keys, &mut line, into)?;
        conclude(&line, into);
        into.line = Some(line);
        Ok(())
    }
}

/// The number with this low half that is nearest to the highest one so far.
fn nearest(highest: u64, low: u32) -> u64 {
    const SPAN: u64 = 1 << 32;
    let same = highest & !(SPAN - 1) | u64::from(low);
    if same + SPAN / 2 < highest {
        same.saturating_add(SPAN)
    } else if same > highest + SPAN / 2 && same >= SPAN {
        same - SPAN
    } else {
        same
    }
}

/// Derives the verdict's reasons from the frames that were not checked.
fn conclude(line: &Line, into: &mut Verification) {
    let mut reason = |text: String| into.not_proven.push(text);
    let checked = into.frames;
    let strangers = line.unknown_keys + line.outside + line.others;
    if checked == 0 {
        reason("no frame of the capture was checked".to_owned());
    }
    if strangers > checked {
        reason(format!(
            "{strangers} protected frames of the capture belong to no key of the ledgers, only \
             {checked} do: is it the line of this pair, at this time?"
        ));
    } else if line.unknown_keys > 0 {
        reason(format!(
            "{} protected frames were sent in the time of the ledgers under keys that the ledgers \
             do not contain",
            line.unknown_keys
        ));
    }
    for (link, frames) in &line.unread {
        reason(format!("{frames} frames have {link}, which cannot be read"));
    }
    let others = [
        (
            line.too_short,
            "frames were captured too short to show their packet number",
        ),
        (line.untimed, "protected frames have no time in the capture"),
        (
            line.uncompared,
            "packet numbers occur twice in frames that were captured too short to compare",
        ),
        (
            line.ambiguous,
            "packet numbers occur twice where neither the clocks nor the ANs distinguish keys with \
             the same AN",
        ),
    ];
    for (frames, text) in others.into_iter().filter(|(frames, _)| *frames > 0) {
        reason(format!("{frames} {text}"));
    }
    if let Some(broken) = &line.broken {
        reason(format!("the capture {broken}; the rest was not read"));
    }
    if let Some(at) = line.cut_at {
        into.note(format!(
            "the capture ends inside the record at octet {at}; all whole records before it count"
        ));
    }
    for (frames, text) in [
        (
            line.outside,
            "protected frames are older or newer than the keys of the ledgers",
        ),
        (line.others, "protected frames are of other senders"),
        (line.malformed, "frames have a malformed SecTAG"),
    ] {
        if frames > 0 {
            into.note(format!("{frames} {text}: not checked"));
        }
    }
    if line.trailers > 0 {
        into.note(format!(
            "{} copies differ from the other frame only in its ICV or after it: a tap appends \
             octets (FCS, time)",
            line.trailers
        ));
    }
}
