use std::collections::HashSet;

use rand_chacha::rand_core::SeedableRng;

use super::*;

#[test]
fn buffers_are_apart_and_nonces_never_repeat() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // Across windows too: they are sealed under one key.
    let mut nonces = HashSet::new();
    for (len, buffer_len) in [(64, 2048), (1500, 2048), (9000, 9216)] {
        let mut window = Window::new(vec![len; 8], &mut rng);
        for _ in 0..3 {
            let jobs = window.jobs();
            let starts: Vec<_> = jobs.iter().map(|job| job.frame.as_ptr() as usize).collect();
            assert!(
                starts
                    .windows(2)
                    .all(|pair| pair[1] - pair[0] == buffer_len)
            );
            assert_eq!(starts[0] % PAGE, START);
            assert!(
                jobs.iter()
                    .all(|job| job.frame.len() == 28 + len + 16 && job.aad_len == 28)
            );
            assert!(
                jobs.iter().all(|job| nonces.insert(job.nonce)),
                "a nonce came twice"
            );
        }
    }
}

#[test]
fn the_longest_payload_fits() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut window = Window::new(vec![PAYLOAD_MAX, 1], &mut rng);
    let lens: Vec<_> = window.jobs().iter().map(|job| job.frame.len()).collect();
    assert_eq!(lens, [28 + PAYLOAD_MAX + 16, 28 + 1 + 16]);
}
