use rand_chacha::rand_core::SeedableRng;

use super::*;

#[test]
fn the_mix_is_exact_and_in_random_order() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for burst in [1, 8, 32, 64] {
        let frames = Size::Imix.frames(burst);
        assert!(
            frames >= 32 && frames.is_multiple_of(burst),
            "{burst}: {frames}"
        );
        let lens = Size::Imix.payload_lens(frames, &mut rng);
        let count = |len| lens.iter().filter(|&&l| l == len).count();
        assert_eq!(
            (count(64) * 4, count(64)),
            (count(576) * 7, count(1500) * 7)
        );
        assert!(!lens.is_sorted() && lens != Size::Imix.payload_lens(frames, &mut rng));
    }
    let mean = Size::Imix.mean(|len| len as f64);
    assert!((mean - 4252.0 / 12.0).abs() < 1e-9, "{mean}");
}

#[test]
fn a_window_of_one_size_is_the_burst_or_32_frames_of_smaller_ones() {
    let frames = [1, 8, 32, 64, 20].map(|burst| Size::Octets(64).frames(burst));
    assert_eq!(frames, [32, 32, 32, 64, 40]);
}

#[test]
fn sizes_are_parsed_once() {
    assert_eq!("64".parse(), Ok(Size::Octets(64)));
    assert_eq!("IMIX".parse(), Ok(Size::Imix));
    for wrong in ["0", "-1", "99999", "64B", ""] {
        let error = wrong.parse::<Size>().unwrap_err();
        assert!(error.to_string().contains("octets"), "{error}");
    }
}
