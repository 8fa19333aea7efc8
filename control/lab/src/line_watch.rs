//! Checks the frames of a line without any key.

use wire::{ETHERTYPE_MACSEC, Sci, SecTag};

use super::ping;

/// Limit of SCs that one watch follows. The packet numbers of further SCs are not checked.
const SCS_MAX: usize = 16;

/// Watches the frames of one direction.
pub struct LineWatch {
    rekey_ethertype: u16,
    scs: Vec<Channel>,
    report: LineReport,
}

/// The result of a watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineReport {
    /// All frames.
    pub frames: u64,
    /// Encrypted MACsec frames.
    pub protected: u64,
    /// Frames of the rekey protocol.
    pub rekey: u64,
    /// All other frames, and protected frames that show the lab's marker. There must be none.
    pub cleartext: u64,
    /// Keys in use one after the other, the first ones included.
    pub keys: u64,
    /// Keys whose first frame had a packet number other than 1.
    pub keys_not_from_1: u64,
    /// Skipped packet numbers.
    pub skipped: u64,
    /// Packet numbers that decreased or occurred twice under one key. There must be none.
    pub repeated: u64,
}

/// One secure channel: the AN in use and the packet number expected next.
struct Channel {
    sci: Sci,
    an: wire::An,
    next: u32,
}

impl LineWatch {
    /// Starts a watch that has seen no frame. Frames of this EtherType are those of the rekey
    /// protocol.
    #[must_use]
    pub fn new(rekey_ethertype: u16) -> Self {
        Self {
            rekey_ethertype,
            scs: Vec::with_capacity(SCS_MAX),
            report: LineReport::default(),
        }
    }

    /// Returns the result until now.
    #[must_use]
    pub fn report(&self) -> LineReport {
        self.report
    }

    /// Examines one frame, from the destination address to the end.
    pub fn observe(&mut self, frame: &[u8]) {
        self.report.frames += 1;
        match wire::ethertype(frame) {
            Some(ethertype) if ethertype == self.rekey_ethertype => self.report.rekey += 1,
            Some(ETHERTYPE_MACSEC) => self.observe_macsec(frame),
            _ => self.report.cleartext += 1,
        }
    }

    fn observe_macsec(&mut self, frame: &[u8]) {
        let tag = frame
            .get(wire::MACS_LEN..)
            .and_then(|rest| SecTag::parse(rest).ok());
        let hidden = |tag: &SecTag| tag.encrypted && tag.changed;
        let Some(tag) = tag.filter(hidden).filter(|_| !shows_marker(frame)) else {
            self.report.cleartext += 1;
            return;
        };
        self.report.protected += 1;
        let Some(sci) = tag.sci() else { return };
        self.follow(sci, tag.an, tag.pn_low);
    }

    fn follow(&mut self, sci: Sci, an: wire::An, pn: u32) {
        let Some(channel) = self.scs.iter_mut().find(|channel| channel.sci == sci) else {
            if self.scs.len() < SCS_MAX {
                self.scs.push(Channel {
                    sci,
                    an,
                    next: pn.wrapping_add(1),
                });
                self.report.keys += 1;
                self.report.keys_not_from_1 += u64::from(pn != 1);
            }
            return;
        };
        // The same AN from packet number 1 also means another key: the sender was restarted.
        let new_key = channel.an != an || (pn == 1 && channel.next != 1);
        if new_key {
            channel.an = an;
            self.report.keys += 1;
            self.report.keys_not_from_1 += u64::from(pn != 1);
        } else if pn < channel.next {
            self.report.repeated += 1;
            return;
        } else {
            self.report.skipped += u64::from(pn - channel.next);
        }
        channel.next = pn.wrapping_add(1);
    }
}

fn shows_marker(frame: &[u8]) -> bool {
    memchr::memmem::find(frame, ping::MARKER).is_some()
}
