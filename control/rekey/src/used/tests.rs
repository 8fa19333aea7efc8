use super::UsedKeyIds;
use crate::limits::USED_KEY_IDS;
use wire::KeyId;

#[test]
fn rekey_22_a_key_id_is_taken_once_and_memory_is_bounded() {
    let mut used = UsedKeyIds::default();
    let key_id = |n: usize| KeyId::new(&format!("key-{n}")).expect("a key_ID");
    for n in 0..USED_KEY_IDS + 10 {
        assert!(used.take(key_id(n)));
        assert!(!used.take(key_id(n)));
    }
    assert_eq!(
        (used.set.len(), used.order.len()),
        (USED_KEY_IDS, USED_KEY_IDS)
    );
    assert!(!used.take(key_id(USED_KEY_IDS)));
}

#[test]
fn rekey_59_a_key_that_never_came_is_not_used() {
    let mut used = UsedKeyIds::default();
    let key_id = KeyId::new("key").expect("a key_ID");
    assert!(used.take(key_id) && !used.take(key_id));
    used.release(key_id);
    used.release(key_id);
    assert!(used.set.is_empty() && used.order.is_empty());
    assert!(used.take(key_id) && !used.take(key_id));
}
