use zeroize::Zeroize;

use super::{KEM_SECRET_LEN, Kem, KemError, KemSecret, MlKem, PUBLIC_768, TEXT_768};

#[test]
fn both_ends_hold_the_same_two_secrets() {
    let (public, keys) = MlKem.generate().expect("keys");
    let (text, ours) = MlKem.encapsulate(&public).expect("good public keys");
    let theirs = keys.decapsulate(&text).expect("a ciphertext");
    assert_eq!(ours.expose(), theirs.expose());
    assert_ne!(ours.expose()[..32], ours.expose()[32..]);
    let (_, other) = MlKem.encapsulate(&public).expect("good public keys");
    assert!(
        ours.expose()[..32] != other.expose()[..32] && ours.expose()[32..] != other.expose()[32..]
    );
}

#[test]
fn a_bent_ciphertext_gives_another_secret_of_the_same_kem() {
    let (public, keys) = MlKem.generate().expect("keys");
    let (text, ours) = MlKem.encapsulate(&public).expect("good public keys");
    for (at, bent) in [(0, 0..32), (TEXT_768, 32..64)] {
        let mut text = text.clone();
        text[at] ^= 1;
        let theirs = keys.decapsulate(&text).expect("implicit rejection");
        for octets in [0..32, 32..64] {
            let same = ours.expose()[octets.clone()] == theirs.expose()[octets.clone()];
            assert_eq!(same, octets != bent);
        }
    }
}

/// FIPS 203, 7.2: coefficients of a public key are below q.
#[test]
fn a_public_key_out_of_range_is_refused() {
    let (public, _) = MlKem.generate().expect("keys");
    for at in [0, PUBLIC_768] {
        let mut bent = public.clone();
        bent[at..at + 3].fill(0xFF);
        assert_eq!(MlKem.encapsulate(&bent).err(), Some(KemError));
    }
}

#[test]
fn a_secret_can_be_wiped() {
    let mut secret = KemSecret::new(&[5; KEM_SECRET_LEN]);
    secret.zeroize();
    assert_eq!(secret.expose(), &[0; KEM_SECRET_LEN]);
}
