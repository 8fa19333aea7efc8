//! The fuzz targets, one function each; every claim is an assertion. The fuzzer calls these with
//! its inputs, `cargo test -p tests` with the corpora in `corpus/`.
#![allow(dead_code, reason = "each fuzz target calls one of these")]

use core::time::Duration;

use gcm::{Engine, ICV_LEN, Job, RawKey};
use rekey::{Config, Rekey, RootSecret};
use secy::{RxConfig, RxSa, RxScs, SaId, Sak, Salt, Slot, Suite, ValidateFrames};
use wire::{An, MacAddr, Sci, SecTag, Ssci};

/// A burst of frames cut from `data`: all engines seal it to the same octets, open it again, and
/// detect a flipped bit. First octet: number of frames. Then for each frame two octets of length
/// and one of AAD.
pub(crate) fn gcm_burst(data: &[u8]) {
    let Some((&count, mut rest)) = data.split_first() else {
        return;
    };
    let mut frames = Vec::new();
    for number in 0..usize::from(count % 65) {
        let Some((&[high, low, aad], body)) = rest.split_first_chunk() else {
            break;
        };
        let len = usize::from(u16::from_be_bytes([high, low])) % 2100;
        let (octets, after) = body.split_at(len.min(body.len()));
        rest = after;
        let aad_len = usize::from(aad).min(octets.len());
        let frame = [octets, &[0; ICV_LEN]].concat();
        frames.push((frame, aad_len, [number as u8; 12]));
    }
    let sealed: Vec<Vec<Vec<u8>>> = Engine::available()
        .map(|engine| seal(engine, &frames))
        .collect();
    for other in &sealed[1..] {
        assert_eq!(other, &sealed[0], "engines disagree");
    }
    for engine in Engine::available() {
        let mut key = engine.expand(RawKey::Aes256(&[7; 32]));
        let mut whole = sealed[0].clone();
        let mut spoiled = sealed[0].clone();
        for (number, frame) in spoiled.iter_mut().enumerate() {
            let bit = (usize::from(count) + 131 * number) % (frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
        }
        for (frames_now, authentic) in [(&mut whole, true), (&mut spoiled, false)] {
            let mut jobs: Vec<_> = frames_now
                .iter_mut()
                .zip(&frames)
                .map(|(frame, &(_, aad_len, nonce))| Job::new(frame, aad_len, nonce))
                .collect();
            key.open(&mut jobs);
            assert!(
                jobs.iter().all(|job| job.authentic == authentic),
                "{engine}"
            );
        }
        for ((frame, spoiled), (plain, aad_len, _)) in whole.iter().zip(&spoiled).zip(&frames) {
            let text = plain.len() - ICV_LEN;
            assert_eq!(frame[..text], plain[..text], "{engine}");
            assert!(
                spoiled[*aad_len..text].iter().all(|&octet| octet == 0),
                "{engine}: not wiped"
            );
        }
    }
}

fn seal(engine: Engine, frames: &[(Vec<u8>, usize, [u8; 12])]) -> Vec<Vec<u8>> {
    let mut key = engine.expand(RawKey::Aes256(&[7; 32]));
    let mut sealed: Vec<_> = frames.iter().map(|(frame, ..)| frame.clone()).collect();
    let mut jobs: Vec<_> = sealed
        .iter_mut()
        .zip(frames)
        .map(|(frame, &(_, aad_len, nonce))| Job::new(frame, aad_len, nonce))
        .collect();
    key.seal(&mut jobs);
    sealed
}

/// Octets that parse as a SecTAG are emitted again as the same octets.
pub(crate) fn sectag(data: &[u8]) {
    if let Ok(tag) = SecTag::parse(data) {
        let mut out = [0; 16];
        let len = tag.emit(&mut out);
        assert_eq!(len, tag.len());
        assert_eq!(
            SecTag::parse(&[&out[..len], &data[len.min(data.len())..]].concat()),
            Ok(tag)
        );
    }
}

/// A SecY discards all octets that are not sealed under its key, and counts each frame under one
/// name.
pub(crate) fn validate(data: &[u8]) {
    let sci = Sci::new(MacAddr([2, 0, 0, 0, 0, 1]), 1);
    let id = SaId {
        an: An::ZERO,
        epoch: 1,
    };
    let suite = Suite::GcmAesXpn256;
    let mut rx = RxScs::new(RxConfig {
        replay_window: 64,
        validate: ValidateFrames::Strict,
        clear_vlan_tags: 2,
    });
    let Ok(sak) = Sak::from_slice(suite, &[7; 32]) else {
        return;
    };
    let sa = RxSa::new(id, suite, &sak, Salt([3; 12]), Ssci(1), Engine::RustCrypto);
    assert!(rx.install(sci, sa).is_ok());
    // The octets unchanged, and behind a header that selects the SA.
    let addressed = [
        &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xe5, 0x2c],
        data,
    ]
    .concat();
    for frame in [data, &addressed] {
        let mut room = [&[0; 64], frame, &[0; 64]].concat();
        let end = room.len() - 64;
        let mut burst = [Slot::new(&mut room, 64, end)];
        rx.validate(&mut burst);
        assert!(burst[0].discard.is_some(), "let through: {frame:02x?}");
    }
    assert_eq!(rx.counters().discarded(), 2);
}

/// A frame without the secret changes only the counters of a rekey end.
pub(crate) fn rekey_frame(data: &[u8]) {
    let Ok(root) = RootSecret::from_slice(&[9; 32]) else {
        return;
    };
    let mut next = 0_u8;
    let entropy = Box::new(move |octets: &mut [u8]| {
        for octet in octets {
            next = next.wrapping_add(37);
            *octet = next;
        }
    });
    let config = Config::new(MacAddr([2, 0, 0, 0, 0, 1]));
    let Ok(mut end) = Rekey::new(config, root, entropy) else {
        return;
    };
    end.on_start(Duration::ZERO);
    while end.poll_action().is_some() {}
    let now = Duration::from_millis(1);
    // The octets unchanged, and behind the header of a rekey frame.
    let framed = [
        &[1, 0x80, 0xc2, 0, 0, 3, 2, 0, 0, 0, 0, 2, 0x88, 0xb5],
        data,
    ]
    .concat();
    for frame in [data, &framed] {
        end.on_frame(now, frame);
        while let Some(action) = end.poll_action() {
            assert!(
                action.step().is_none(),
                "an unauthentic frame gave an order to the workers"
            );
        }
    }
    let counters = end.status(now).counters;
    assert_eq!((counters.received, counters.accepted), (2, 0));
}

/// Any octets parse as an ETSI 014 reply or are refused. A parsed reply can be written and parsed
/// again.
pub(crate) fn etsi014_json(data: &[u8]) {
    use kme_api::etsi014::{ErrorBody, KeyContainer, KeyIds, KeyRequest, Status};
    macro_rules! again {
        ($kind:ty) => {
            if let Ok(value) = serde_json::from_slice::<$kind>(data) {
                let text = serde_json::to_vec(&value).expect("what was read can be written");
                assert!(
                    serde_json::from_slice::<$kind>(&text).is_ok(),
                    "cannot be read again"
                );
            }
        };
    }
    again!(Status);
    again!(KeyRequest);
    again!(KeyIds);
    again!(KeyContainer);
    again!(ErrorBody);
}

/// Any octets parse as an ETSI 020 message or are refused. A parsed message is written as one that
/// reads the same.
pub(crate) fn etsi020_json(data: &[u8]) {
    use kme_api::etsi020::{ExtKeys, Problem, Versions, Void, acks_from_json, acks_to_json};
    if let Ok(keys) = ExtKeys::from_json(data) {
        let text = keys.to_json().expect("what was read can be written");
        let again = ExtKeys::from_json(&text);
        let again = again.expect("what was written can be read");
        assert_eq!(again.parties, keys.parties);
        assert_eq!(again.optional, keys.optional);
        assert_eq!(again.mandatory, keys.mandatory);
        assert_eq!(again.callback, keys.callback);
        assert_eq!(again.keys.len(), keys.keys.len());
        for (again, key) in again.keys.iter().zip(&keys.keys) {
            assert_eq!(again.key_id, key.key_id);
            assert_eq!(again.extension, key.extension);
            assert!(again.value.same_as(&key.value), "other bits");
        }
    }
    if let Ok(acks) = acks_from_json(data) {
        let text = acks_to_json(&acks).expect("what was read can be written");
        assert_eq!(acks_from_json(&text), Ok(acks));
    }
    if let Ok(void) = Void::from_json(data) {
        let text = void.to_json().expect("what was read can be written");
        assert_eq!(Void::from_json(&text), Ok(void));
    }
    if let Ok(problem) = serde_json::from_slice::<Problem>(data) {
        let text = serde_json::to_vec(&problem).expect("what was read can be written");
        assert!(
            serde_json::from_slice::<Problem>(&text).is_ok(),
            "cannot be read again"
        );
    }
    if let Ok(versions) = serde_json::from_slice::<Versions>(data) {
        let text = serde_json::to_vec(&versions).expect("what was read can be written");
        assert_eq!(serde_json::from_slice(&text).ok(), Some(versions));
    }
}
