use super::Pool;
use crate::limits::{HEADROOM, TAILROOM, frame_len_max};

#[test]
fn a_frame_has_head_and_tailroom_and_goes_back() {
    let pool = Pool::new(4, 1500).unwrap();
    let mut frame = pool.frame().unwrap();
    assert!(frame.is_empty());
    let octets = vec![7; frame_len_max(1500)];
    assert!(frame.copy_from(HEADROOM, &octets));
    assert_eq!(frame.bytes(), octets);
    assert_eq!(frame.headroom(), HEADROOM);
    assert!(frame.tailroom() >= TAILROOM);
    assert_eq!(pool.free(), 3);
    drop(frame);
    assert_eq!(pool.free(), 4);
}

#[test]
fn rooms_do_not_overlap() {
    let pool = Pool::new(3, 68).unwrap();
    let mut frames: Vec<_> = (0..3).map(|_| pool.frame().unwrap()).collect();
    for (frame, mark) in frames.iter_mut().zip(1u8..) {
        frame.room_mut().0.fill(mark);
    }
    for (frame, mark) in frames.iter_mut().zip(1u8..) {
        assert!(frame.room_mut().0.iter().all(|&octet| octet == mark));
    }
}

#[test]
fn exhaustion_is_counted_and_heals() {
    let pool = Pool::new(2, 1500).unwrap();
    let first = pool.frame();
    let _second = pool.frame();
    assert!(pool.frame().is_none());
    assert!(pool.frame().is_none());
    assert_eq!(pool.exhausted(), 2);
    drop(first);
    assert!(pool.frame().is_some());
}

#[test]
fn a_frame_outlives_the_handle_of_its_pool() {
    let pool = Pool::new(1, 1500).unwrap();
    let mut frame = pool.frame().unwrap();
    drop(pool);
    assert!(frame.copy_from(HEADROOM, b"still here"));
    assert_eq!(frame.bytes(), b"still here");
}

#[test]
fn the_range_can_grow_into_both_rooms() {
    let pool = Pool::new(1, 1500).unwrap();
    let mut frame = pool.frame().unwrap();
    assert!(frame.copy_from(HEADROOM, &[1; 60]));
    let (room, start, end) = frame.room_mut();
    room[start - 16..start].fill(2);
    room[end..end + 16].fill(3);
    frame.set_range(start - 16, end + 16);
    assert_eq!(frame.len(), 92);
    assert_eq!(
        (frame.bytes()[0], frame.bytes()[16], frame.bytes()[91]),
        (2, 1, 3)
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let pool = Pool::new(1, 68).unwrap();
    let mut frame = pool.frame().unwrap();
    let room_len = frame.room_mut().0.len();
    assert!(!frame.copy_from(HEADROOM, &vec![0; room_len]));
    assert!(frame.is_empty());
    assert!(Pool::new(0, 1500).is_err());
    assert!(Pool::new(1, 67).is_err());
    assert!(Pool::new(1, 65536).is_err());
}

#[test]
#[should_panic(expected = "outside its room")]
fn a_range_outside_the_room_panics() {
    let pool = Pool::new(1, 68).unwrap();
    let mut frame = pool.frame().unwrap();
    let room_len = frame.room_mut().0.len();
    frame.set_range(0, room_len + 1);
}
