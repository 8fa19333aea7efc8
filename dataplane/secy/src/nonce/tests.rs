use super::NonceBase;
use crate::Salt;
use wire::{MacAddr, Pn, Sci, Ssci};

#[test]
fn sci_and_pn() {
    let base = NonceBase::sci(Sci::new(MacAddr([1, 2, 3, 4, 5, 6]), 0x0708));
    let nonce = base.nonce(Pn::new(0xb2c2_8465).unwrap());
    assert_eq!(nonce, [1, 2, 3, 4, 5, 6, 7, 8, 0xb2, 0xc2, 0x84, 0x65]);
}

#[test]
fn ssci_and_pn_under_the_salt() {
    let salt = Salt([
        0xe6, 0x30, 0xe8, 0x1a, 0x48, 0xde, 0x86, 0xa2, 0x1c, 0x66, 0xfa, 0x6d,
    ]);
    let base = NonceBase::xpn(&salt, Ssci(0x7a30_c118));
    let pn = 0xb0df_459c_b2c2_8465_u64;
    let plain = [&0x7a30_c118_u32.to_be_bytes()[..], &pn.to_be_bytes()].concat();
    let want: Vec<u8> = plain.iter().zip(salt.0).map(|(a, b)| a ^ b).collect();
    assert_eq!(base.nonce(Pn::new(pn).unwrap())[..], want);
}
