use rand_chacha::rand_core::SeedableRng;

use super::*;

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
