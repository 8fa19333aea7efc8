use qmacsec::ledger::{Record, What};

use super::*;

fn entry(direction: &str, origin: &str, root: u32, frames: u64) -> Entry {
    Entry {
        number: 1,
        previous: String::new(),
        what: What::Key(Record {
            encryptor: "site-a".to_owned(),
            direction: direction.to_owned(),
            sender: String::new(),
            key_id: String::new(),
            origin: origin.to_owned(),
            root,
            suite: String::new(),
            an: 0,
            epoch: 1,
            installed_ms: 0,
            first_frame_ms: None,
            last_frame_ms: None,
            frames,
            wiped_ms: 0,
            passport: None,
        }),
        hash: String::new(),
    }
}

#[test]
fn keys_that_carried_frames_are_counted_once_and_by_what_is_in_them() {
    let mut keys = Keys::default();
    keys.add_ledger(&[
        entry("out", "modelled", 0, 7),
        entry("out", "modelled", 1, 7),
        entry("out", "pqc", 2, 7),
        entry("out", "modelled", 1, 0),
        entry("in", "modelled", 1, 7),
    ]);
    assert_eq!((keys.used, keys.of_kme, keys.with_kem), (3, 2, 2));
}

#[test]
fn runs_add_up_and_the_least_depth_stays() {
    let mut keys = Keys::default();
    assert_eq!(keys.to_starve(), None);
    for (taken, depth) in [(10, Some(300)), (10, Some(200)), (0, None)] {
        keys.taken += taken;
        keys.time += Duration::from_secs(5);
        keys.add_depth(depth);
    }
    assert_eq!((keys.taken, keys.depth_min), (20, Some(200)));
    // 20 keys in 15 s; 200 of them.
    assert_eq!(keys.to_starve().map(f64::round), Some(150.0));
}
