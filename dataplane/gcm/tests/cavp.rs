//! Tests every engine with cases of NIST's Cryptographic Algorithm Validation Program.

#![allow(
    clippy::unwrap_used,
    reason = "clippy knows functions with #[test] only, not the rest of a test"
)]

use gcm::{BurstKey, Engine, ICV_LEN, Job, RawKey};

const CASES: &str = include_str!("../vectors/cavp.txt");

struct Case {
    key: Vec<u8>,
    nonce: [u8; 12],
    aad: Vec<u8>,
    plain: Vec<u8>,
    /// Ciphertext and ICV.
    sealed: Vec<u8>,
}

fn octets(hex: &str) -> Vec<u8> {
    let digits = hex.trim_matches('-').as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn cases() -> Vec<Case> {
    let lines = CASES.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<_> = line.split(' ').map(octets).collect();
            let [key, nonce, aad, plain, cipher, tag] = fields.try_into().unwrap();
            let nonce = nonce.try_into().unwrap();
            Case {
                key,
                nonce,
                aad,
                plain,
                sealed: [cipher, tag].concat(),
            }
        })
        .collect()
}

fn expand(engine: Engine, key: &[u8]) -> Box<dyn BurstKey> {
    match key.len() {
        16 => engine.expand(RawKey::Aes128(key.try_into().unwrap())),
        _ => engine.expand(RawKey::Aes256(key.try_into().unwrap())),
    }
}

#[test]
fn every_engine_agrees_with_nist() {
    let cases = cases();
    assert_eq!(cases.len(), 750);
    for engine in Engine::available() {
        for (number, case) in cases.iter().enumerate() {
            let mut key = expand(engine, &case.key);
            let sealed = [&case.aad[..], &case.sealed].concat();
            let mut frame = [&case.aad[..], &case.plain, &[0; ICV_LEN]].concat();
            key.seal(&mut [Job::new(&mut frame, case.aad.len(), case.nonce)]);
            assert_eq!(frame, sealed, "{engine}, case {number}: seal");

            let mut job = [Job::new(&mut frame, case.aad.len(), case.nonce)];
            key.open(&mut job);
            assert!(job[0].authentic, "{engine}, case {number}: open");
            assert_eq!(frame[case.aad.len()..][..case.plain.len()], case.plain);
        }
    }
}
