use super::{Loss, Pieces};
use crate::{Pool, limits::frame_len_max};

#[test]
fn pieces_become_a_frame() {
    let pool = Pool::new(1, 9000).unwrap();
    let mut pieces = Pieces::new(Some(pool.clone()));
    for _ in 0..3 {
        assert!(pieces.is_between());
        assert!(pieces.add(&[1; 4000], false).is_none());
        assert!(!pieces.is_between());
        assert!(pieces.add(&[2; 4000], false).is_none());
        let frame = pieces.add(&[3; 100], true).unwrap().unwrap();
        assert_eq!(
            frame.bytes(),
            [&[1; 4000][..], &[2; 4000], &[3; 100]].concat()
        );
    }
    assert_eq!(pool.free(), 1);
}

#[test]
fn a_frame_that_fails_fails_once() {
    let pool = Pool::new(1, 1500).unwrap();
    let mut pieces = Pieces::new(Some(pool.clone()));
    assert!(pieces.add(&[1; 1000], false).is_none());
    assert!(pieces.add(&[1; 1000], false).is_none());
    assert_eq!(
        pieces.add(&[1; 10], true).unwrap().err(),
        Some(Loss::TooLong)
    );
    assert!(pieces.add(&[1; 10], false).is_none());
    assert!(pieces.fail(false).is_none());
    assert_eq!(
        pieces.add(&[1; 10], true).unwrap().err(),
        Some(Loss::Malformed)
    );
    assert_eq!(pieces.fail(true).unwrap().err(), Some(Loss::Malformed));
    let held = pieces
        .add(&vec![1; frame_len_max(1500)], true)
        .unwrap()
        .unwrap();
    assert_eq!(
        pieces.add(&[1; 60], true).unwrap().err(),
        Some(Loss::NoBuffer)
    );
    drop(held);
    assert!(pieces.add(&[1; 60], true).unwrap().is_ok());
    assert_eq!(
        Pieces::new(None).add(&[1; 60], true).unwrap().err(),
        Some(Loss::TooLong)
    );
}
