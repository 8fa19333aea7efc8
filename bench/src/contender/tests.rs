use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::window::Window;

/// The contenders of this machine; says which are not there.
fn here() -> Vec<Contender> {
    let find = |name| {
        Contender::find(name)
            .map_err(|absent| eprintln!("not tested: {name}: {absent}"))
            .ok()
    };
    Name::value_variants()
        .iter()
        .copied()
        .filter_map(find)
        .collect()
}

#[test]
fn all_seal_the_same_and_open_each_others_frames() {
    let contenders = here();
    assert!(contenders.len() >= 5, "the crates are always there");
    let key = [7; 32];
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for len in [1, 16, 48, 64, 100, 1500, 9000] {
        let mut window = Window::new(vec![len; 5], &mut rng);
        let plain = window.plain(len).to_vec();
        let mut jobs = window.jobs();
        let mut sealed: Option<Vec<Vec<u8>>> = None;
        for contender in &contenders {
            contender.expand(&key).seal(&mut jobs);
            let now: Vec<_> = jobs.iter().map(|job| job.frame.to_vec()).collect();
            assert!(now.iter().all(|frame| frame[28..28 + len] != plain[28..]));
            assert_eq!(
                &now,
                sealed.get_or_insert_with(|| now.clone()),
                "{}",
                contender.name()
            );
            // The next one opens what this one sealed.
            let opener = &contenders[(contenders
                .iter()
                .position(|c| c.name() == contender.name())
                .unwrap()
                + 1)
                % contenders.len()];
            opener.expand(&key).open(&mut jobs);
            assert!(
                jobs.iter()
                    .all(|job| job.authentic && job.frame[..28 + len] == plain)
            );
        }
    }
}

#[test]
fn all_refuse_a_forged_frame_among_good_ones() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut window = Window::new(vec![64; 3], &mut rng);
    for contender in here() {
        let mut key = contender.expand(&[9; 32]);
        let mut jobs = window.jobs();
        for octet in [0, 28, 28 + 63, 28 + 64, 28 + 64 + 15] {
            key.seal(&mut jobs);
            jobs[1].frame[octet] ^= 1;
            key.open(&mut jobs);
            let authentic: Vec<_> = jobs.iter().map(|job| job.authentic).collect();
            assert_eq!(
                authentic,
                [true, false, true],
                "{} octet {octet}",
                contender.name()
            );
            drop(jobs);
            jobs = window.jobs();
        }
    }
}

#[test]
fn the_library_says_its_version_or_why_it_is_absent() {
    match IpsecMb::load() {
        Ok(library) => assert!(library.build().starts_with("1.3.0 "), "{}", library.build()),
        Err(absent) => {
            eprintln!("ipsec-mb is absent: {absent}");
            assert!(absent.to_string().contains(FILE_NAME));
        }
    }
}

const FILE_NAME: &str = "libIPSec_MB.so.1";

#[test]
fn names_are_those_of_the_json_and_of_the_command_line() {
    for name in Name::value_variants() {
        let json = choice::serialize(name, serde_json::value::Serializer).unwrap();
        assert_eq!(json, name.to_string());
        assert_eq!(Name::from_str(&name.to_string(), false), Ok(*name));
        if let Some(engine) = name.engine() {
            assert_eq!(engine.name(), name.to_string());
        }
    }
}
