use super::Pool;
use crate::key_bytes::{KeyBytes, tests::take_wiped};

fn block(octets: &[u8]) -> KeyBytes {
    KeyBytes::new(octets.into())
}

#[test]
fn keys_are_cut_across_blocks_in_order_and_nothing_is_lost() {
    let mut pool = Pool::default();
    pool.add(block(&[1, 2, 3]));
    pool.add(block(&[]));
    pool.add(block(&[4, 5, 6, 7]));
    assert_eq!((pool.octets(), pool.bits()), (7, 56));
    assert_eq!(pool.cut(2).unwrap().expose(), [1, 2]);
    assert_eq!(pool.cut(4).unwrap().expose(), [3, 4, 5, 6]);
    assert!(pool.cut(2).is_none());
    assert_eq!(pool.octets(), 1, "a refused cut takes nothing");
    assert_eq!(pool.cut(1).unwrap().expose(), [7]);
    assert_eq!(pool.octets(), 0);
}

#[test]
fn cut_octets_are_zero_in_their_block() {
    let mut pool = Pool::default();
    pool.add(block(&[9; 8]));
    let key = pool.cut(5).unwrap();
    assert_eq!(pool.blocks[0].bytes.expose(), [0, 0, 0, 0, 0, 9, 9, 9]);
    take_wiped();
    drop(key);
    drop(pool);
    assert_eq!(take_wiped(), [(5, true), (8, true)]);
}
