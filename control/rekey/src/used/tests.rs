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
