//! Shared parts of the tests: frames in buffers, keys, and the two ends of a line.

use gcm::Engine;
use secy::{
    Discard, Protection, RxConfig, RxSa, RxScs, SaId, Sak, Salt, Slot, Suite, TxSa, TxSc,
    TxScConfig,
};
use wire::{An, MacAddr, Pn, Sci, Ssci};

pub(crate) const SRC: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x0a]);
/// Headroom and tailroom that the ports guarantee.
const ROOM: usize = 64;

/// The result for a frame.
pub(crate) type Outcome = Result<Vec<u8>, Discard>;

pub(crate) fn sci(port: u16) -> Sci {
    Sci::new(SRC, port)
}

pub(crate) fn pn(value: u64) -> Pn {
    Pn::new(value).expect("not 0")
}

pub(crate) fn id(an: u8, epoch: u32) -> SaId {
    SaId {
        an: An::new(an).expect("below 4"),
        epoch,
    }
}

/// A frame from [`SRC`] with this number of octets of user data, including the EtherType.
pub(crate) fn frame(user_data_len: usize) -> Vec<u8> {
    let dst = [1, 0x80, 0xc2, 0, 0, 0x0e];
    let user_data = (0..user_data_len).map(|i| if i == 0 { 8 } else { (i * 7) as u8 });
    dst.into_iter().chain(SRC.0).chain(user_data).collect()
}

/// The parameters of an SA, the same at both ends.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    pub(crate) engine: Engine,
    pub(crate) suite: Suite,
    pub(crate) id: SaId,
    pub(crate) ssci: Ssci,
    /// Octet that fills the SAK and the salt.
    pub(crate) fill: u8,
}

impl Key {
    pub(crate) fn new(suite: Suite, fill: u8) -> Self {
        Self {
            engine: Engine::best(),
            suite,
            id: id(0, 1),
            ssci: Ssci(1),
            fill,
        }
    }

    fn sak(&self) -> Sak {
        let octets = vec![self.fill; self.suite.key_len()];
        Sak::from_slice(self.suite, &octets).expect("the suite's length")
    }

    pub(crate) fn tx(&self) -> TxSa {
        let salt = Salt([self.fill; 12]);
        TxSa::new(
            self.id,
            self.suite,
            &self.sak(),
            salt,
            self.ssci,
            self.engine,
        )
    }

    pub(crate) fn rx(&self) -> RxSa {
        let salt = Salt([self.fill; 12]);
        RxSa::new(
            self.id,
            self.suite,
            &self.sak(),
            salt,
            self.ssci,
            self.engine,
        )
    }
}

pub(crate) fn tx_config() -> TxScConfig {
    TxScConfig {
        sci: sci(1),
        explicit_sci: true,
        protection: Protection::Confidentiality,
        clear_vlan_tags: 0,
        frame_len_max: 1546,
    }
}

/// Both ends of one SC under one key.
pub(crate) fn line(key: &Key, tx: TxScConfig, rx: RxConfig) -> (TxSc, RxScs) {
    let (mut tx_sc, mut rx_scs) = (TxSc::new(tx), RxScs::new(rx));
    tx_sc.install(key.tx());
    rx_scs.install(tx.sci, key.rx()).expect("the first SA");
    (tx_sc, rx_scs)
}

/// Passes all frames through `stage` as one burst, and checks the number of discards it returns.
fn through(frames: &[Vec<u8>], stage: impl FnOnce(&mut [Slot<'_>]) -> usize) -> Vec<Outcome> {
    let mut rooms: Vec<Vec<u8>> = frames
        .iter()
        .map(|frame| [&[0xee; ROOM], &frame[..], &[0xee; ROOM]].concat())
        .collect();
    let mut slots: Vec<Slot<'_>> = rooms
        .iter_mut()
        .map(|room| {
            let end = room.len() - ROOM;
            Slot::new(room, ROOM, end)
        })
        .collect();
    let discarded = stage(&mut slots);
    assert_eq!(
        slots.iter().filter(|slot| slot.discard.is_some()).count(),
        discarded
    );
    slots
        .iter()
        .map(|slot| match slot.discard {
            Some(discard) => Err(discard),
            None => Ok(slot.frame().to_vec()),
        })
        .collect()
}

pub(crate) fn protect(tx: &mut TxSc, frames: &[Vec<u8>]) -> Vec<Outcome> {
    let before = *tx.counters();
    let outcomes = through(frames, |slots| tx.protect(slots));
    let after = tx.counters();
    let discards = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!(
        after.passed() - before.passed(),
        (frames.len() - discards) as u64
    );
    assert_eq!(after.discarded() - before.discarded(), discards as u64);
    outcomes
}

pub(crate) fn validate(rx: &mut RxScs, frames: &[Vec<u8>]) -> Vec<Outcome> {
    let before = *rx.counters();
    let outcomes = through(frames, |slots| rx.validate(slots));
    let after = rx.counters();
    let discards = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!(
        after.passed() - before.passed(),
        (frames.len() - discards) as u64
    );
    assert_eq!(after.discarded() - before.discarded(), discards as u64);
    outcomes
}

/// Protects one frame, which must succeed.
pub(crate) fn protect_one(tx: &mut TxSc, frame: &[u8]) -> Vec<u8> {
    protect(tx, &[frame.to_vec()]).remove(0).expect("protected")
}

pub(crate) fn validate_one(rx: &mut RxScs, frame: &[u8]) -> Outcome {
    validate(rx, &[frame.to_vec()]).remove(0)
}
