//! The pieces of work whose instructions are counted.

use core::hint::black_box;

use gcm::{Engine, ICV_LEN, Job, RawKey};
use secy::{
    Protection, RxConfig, RxSa, RxScs, SaId, Sak, Salt, Slot, Suite, TxSa, TxSc, TxScConfig,
    ValidateFrames,
};
use wire::{An, MacAddr, Sci, SecTag, Ssci};

/// Payloads in octets, and frames of a burst. Long frames have enough to do one by one, and
/// stepping through them takes time.
const BURSTS: [(usize, usize); 3] = [(64, 32), (256, 32), (1500, 8)];
const KEY: [u8; 32] = [0x11; 32];
const TAGS: usize = 32;
const HEADROOM: usize = 64;
const ROOM_LEN: usize = 2048;
const MACS_LEN: usize = 12;
/// Octets that are authenticated only: destination, source, SecTAG with SCI.
const AAD_LEN: usize = 28;

/// Separates the name of the engine from the work of the SecY.
pub(crate) const WITH_SECY: &str = "+secy ";
/// The work of the SecY, and the share of the engine in it.
pub(crate) const SHARES: [(&str, &str); 2] = [("protect", "seal"), ("validate", "open")];

/// The name of a piece of work, and its number of frames.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// `vaes512 seal 64`
    pub name: String,
    /// Frames that are worked on.
    pub frames: u32,
}

/// Which engine's instructions are counted, beside everything that has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selection {
    /// Only `vaes512`, and the SecY over it.
    Vaes512,
    /// The others, the SecY over the portable one, and the wire views.
    Others,
}

/// Counts the instructions of a piece of work, which it does.
pub type Counter<'a> = &'a mut dyn FnMut(&Piece, &mut dyn FnMut());

/// Does all pieces of the selection, always in the same order; the first does nothing. Each piece
/// is done once before it is counted, so that work at the start of a program does not count.
pub fn run(selection: Selection, counter: Counter<'_>) {
    piece(counter, "nothing".to_owned(), 1, &mut || ());
    let (engines, under_secy): (&[Engine], Engine) = match selection {
        Selection::Vaes512 => (&[Engine::Vaes512], Engine::Vaes512),
        Selection::Others => (&[Engine::AwsLc, Engine::RustCrypto], Engine::RustCrypto),
    };
    for &engine in engines {
        for (size, burst) in BURSTS {
            engine_alone(engine, size, burst, counter);
        }
    }
    // The share of the SecY does not depend on the length of a frame.
    let (size, burst) = BURSTS[0];
    with_secy(under_secy, size, burst, counter);
    if selection == Selection::Others {
        sectag(counter);
    }
}

fn piece(counter: Counter<'_>, name: String, frames: usize, work: &mut dyn FnMut()) {
    let frames = u32::try_from(frames).expect("a burst is small");
    counter(&Piece { name, frames }, work);
}

fn engine_alone(engine: Engine, size: usize, burst: usize, counter: Counter<'_>) {
    let mut rooms = vec![[8_u8; ROOM_LEN]; burst];
    let mut jobs = Vec::with_capacity(burst);
    for (pn, room) in (1..).zip(&mut rooms) {
        let nonce = [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, pn];
        let frame = &mut room[HEADROOM..][..AAD_LEN + size + ICV_LEN];
        jobs.push(Job::new(frame, AAD_LEN, nonce));
    }
    let mut key = engine.expand(RawKey::Aes256(&KEY));
    key.seal(&mut jobs);
    key.open(&mut jobs);
    piece(counter, format!("{engine} seal {size}"), burst, &mut || {
        key.seal(&mut jobs);
    });
    piece(counter, format!("{engine} open {size}"), burst, &mut || {
        key.open(&mut jobs);
    });
    assert!(
        jobs.iter().all(|job| job.authentic),
        "{engine} refuses what it sealed"
    );
}

fn with_secy(engine: Engine, size: usize, burst: usize, counter: Counter<'_>) {
    let suite = Suite::GcmAesXpn256;
    let sci = Sci::new(MacAddr([2, 0, 0, 0, 0, 1]), 1);
    let id = SaId {
        an: An::ZERO,
        epoch: 1,
    };
    let sak = Sak::from_slice(suite, &KEY).expect("32 octets");
    let mut tx = TxSc::new(TxScConfig {
        sci,
        explicit_sci: true,
        protection: Protection::Confidentiality,
        clear_vlan_tags: 0,
        frame_len_max: 1546,
    });
    tx.install(TxSa::new(id, suite, &sak, Salt([7; 12]), Ssci(1), engine));
    let mut rx = RxScs::new(RxConfig {
        replay_window: 1024,
        validate: ValidateFrames::Strict,
        clear_vlan_tags: 0,
    });
    rx.install(
        sci,
        RxSa::new(id, suite, &sak, Salt([7; 12]), Ssci(1), engine),
    )
    .expect("the first SA");
    let mut rooms = vec![[8_u8; ROOM_LEN]; burst];
    let mut counted = [false, true];
    for counted in &mut counted {
        let frame = |room| Slot::new(room, HEADROOM, HEADROOM + MACS_LEN + size);
        let mut slots: Vec<Slot<'_>> = rooms.iter_mut().map(|room| frame(&mut room[..])).collect();
        if *counted {
            let name = format!("{engine}{WITH_SECY}{} {size}", SHARES[0].0);
            piece(counter, name, burst, &mut || {
                tx.protect(&mut slots);
            });
            let name = format!("{engine}{WITH_SECY}{} {size}", SHARES[1].0);
            piece(counter, name, burst, &mut || {
                rx.validate(&mut slots);
            });
        } else {
            tx.protect(&mut slots);
            rx.validate(&mut slots);
        }
        assert!(
            slots.iter().all(|slot| slot.discard.is_none()),
            "a frame was discarded"
        );
    }
}

fn sectag(counter: Counter<'_>) {
    let mut octets = [8_u8; 128];
    let tag = SecTag {
        an: An::ZERO,
        encrypted: true,
        changed: true,
        channel: wire::Channel::Explicit(Sci::new(MacAddr([2, 0, 0, 0, 0, 1]), 1)),
        short_len: 0,
        pn_low: 7,
    };
    tag.emit(&mut octets);
    let mut emit = || {
        for _ in 0..TAGS {
            black_box(black_box(&tag).emit(black_box(&mut octets)));
        }
    };
    emit();
    piece(counter, "wire SecTag::emit".to_owned(), TAGS, &mut emit);
    let parse = || {
        for _ in 0..TAGS {
            black_box(SecTag::parse(black_box(&octets))).expect("just emitted");
        }
    };
    parse();
    piece(counter, "wire SecTag::parse".to_owned(), TAGS, &mut || {
        parse();
    });
}

/// The function that callgrind looks for.
#[inline(never)]
pub fn measured(work: &mut dyn FnMut()) {
    work();
    // Without something behind it the call would be a jump, and the function never returned from.
    black_box(());
}
