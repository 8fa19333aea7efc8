use rand_chacha::rand_core::SeedableRng;

use super::*;

#[test]
fn the_mix_is_exact_and_in_random_order() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for burst in [1, 8, 32, 64] {
        let frames = PayloadSize::Imix.frames(burst);
        assert!(
            frames >= 32 && frames.is_multiple_of(burst),
            "{burst}: {frames}"
        );
        let lens = PayloadSize::Imix.lens(frames, &mut rng);
        let count = |len| lens.iter().filter(|&&l| l == len).count();
        assert_eq!(
            (count(64) * 4, count(64)),
            (count(576) * 7, count(1500) * 7)
        );
        assert!(!lens.is_sorted() && lens != PayloadSize::Imix.lens(frames, &mut rng));
    }
    let mean = PayloadSize::Imix.mean();
    assert!((mean - 4252.0 / 12.0).abs() < 1e-9, "{mean}");
}

#[test]
fn a_window_of_one_size_is_the_burst_or_32_frames_of_smaller_ones() {
    let frames = [1, 8, 32, 64, 20].map(|burst| PayloadSize::Octets(64).frames(burst));
    assert_eq!(frames, [32, 32, 32, 64, 40]);
}

#[test]
fn sizes_are_parsed_once() {
    assert_eq!("64".parse(), Ok(PayloadSize::Octets(64)));
    assert_eq!("IMIX".parse(), Ok(PayloadSize::Imix));
    for wrong in ["0", "-1", "99999", "64B", ""] {
        let error = wrong.parse::<PayloadSize>().unwrap_err();
        assert!(error.to_string().contains("octets"), "{error}");
    }
}

#[test]
fn sizes_are_with_fcs_and_ports_see_them_without() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    assert_eq!(FrameSize::Octets(64).lens(3, &mut rng), [60; 3]);
    let mut lens = FrameSize::Imix.lens(24, &mut rng);
    lens.sort_unstable();
    assert_eq!(lens, [vec![60; 14], vec![566; 8], vec![1514; 2]].concat());
    assert!((FrameSize::Imix.mean() - 353.8).abs() < 0.05);
}

#[test]
fn texts_that_name_no_size_are_refused() {
    assert_eq!("IMIX".parse(), Ok(FrameSize::Imix));
    assert_eq!("1518".parse(), Ok(FrameSize::Octets(1518)));
    for text in ["63", "9217", "-1", "x", ""] {
        let error = text.parse::<FrameSize>().unwrap_err();
        assert!(error.to_string().contains("64 to 9216"), "{error}");
    }
}
