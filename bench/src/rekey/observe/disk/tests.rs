use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secy::{Protection, SaId, Sak, Salt, Slot, Suite, TxSa, TxSc, TxScConfig};
use std::time::Duration;
use wire::{An, MacAddr, Sci, Ssci};

use super::*;
use crate::rekey::rig::probe::{Probe, probed};
use crate::size::FrameSize;

const SAK: [u8; SAK_LEN] = [
    0x9c, 0x01, 0xfe, 0x33, 0x7a, 0xd0, 0x12, 0x88, 0x45, 0xee, 0x00, 0x5b, 0xc7, 0x61, 0x9f, 0xa4,
    0x2d, 0xb8, 0x13, 0x70, 0xe6, 0x8a, 0x0f, 0x94, 0x55, 0xcb, 0x3e, 0xd7, 0x26, 0xa1, 0x69, 0xf2,
];

/// Frames of a load as an encryptor protects them under that key, seen on their way to the line;
/// before them one that is not of the load.
fn sealed(suite: Suite) -> Vec<Sealed> {
    let sci = Sci::new(MacAddr([2, 0, 0, 0, 0, 1]), 1);
    let id = SaId {
        an: An::ZERO,
        epoch: 1,
    };
    let mut tx = TxSc::new(TxScConfig {
        sci,
        explicit_sci: true,
        protection: Protection::Confidentiality,
        clear_vlan_tags: 0,
        frame_len_max: 1600,
    });
    let sak = Sak::from_slice(suite, &SAK).expect("32 octets");
    let salt = Salt([7; 12]);
    tx.install(TxSa::new(
        id,
        suite,
        &sak,
        salt,
        Ssci(3),
        gcm::Engine::best(),
    ));
    let [(red, _host), (black, _line)] = [(); 2].map(|()| port::mem::pair(64));
    let probe = Probe::default();
    let open = |end: port::mem::Mem| -> qmacsec::ports::Opener {
        Box::new(move || Ok(Box::new(end.open()?)))
    };
    let [_, black] = probed([open(red), open(black)], &probe, Duration::ZERO);
    let mut black = black().unwrap();
    let frame = |size| frames::templates(FrameSize::Octets(size), 1).swap_remove(0);
    let mut foreign = frame(200);
    foreign[12..14].copy_from_slice(&[0x86, 0xdd]);
    let frames = [foreign, frame(64), frame(1518), frame(512), frame(64)];
    for frame in frames {
        let mut room = vec![0; 1700];
        room[64..][..frame.len()].copy_from_slice(&frame);
        let mut burst = [Slot::new(&mut room, 64, 64 + frame.len())];
        tx.protect(&mut burst);
        assert!(burst[0].discard.is_none());
        black.copy_tx(burst[0].frame());
    }
    probe.take_sealed()
}

fn found(octets: &[u8]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("below");
    fs::create_dir(&below).unwrap();
    fs::write(below.join("file"), octets).unwrap();
    fs::write(folder.path().join("empty"), []).unwrap();
    let sealed = [sealed(Suite::GcmAesXpn256), Vec::new()];
    let mut search = Search::default();
    search.add(folder.path(), &sealed).unwrap();
    assert_eq!((search.saks, search.files), (1, 2));
    assert_eq!(search.octets, octets.len() as u64);
    search.found.len()
}

#[test]
fn a_sak_is_found_in_whichever_form_it_is_written() {
    let hex: String = SAK.iter().map(|octet| format!("{octet:02x}")).collect();
    let mut longer = vec![1, 2];
    longer.extend(SAK);
    longer.extend([3; 9]);
    for form in [
        SAK.to_vec(),
        [b"sak = ".as_slice(), &SAK, b"\n"].concat(),
        format!("{{\"sak\":\"{hex}\"}}").into_bytes(),
        hex.to_uppercase().into_bytes(),
        STANDARD.encode(SAK).into_bytes(),
        format!("key {}", URL_SAFE_NO_PAD.encode(SAK)).into_bytes(),
        STANDARD.encode(&longer).into_bytes(),
        STANDARD.encode(&longer[1..]).into_bytes(),
        STANDARD.encode(&longer[2..]).into_bytes(),
    ] {
        assert_eq!(found(&form), 1, "{}", String::from_utf8_lossy(&form));
    }
}

#[test]
fn what_is_no_sak_is_not_found() {
    let mut other = SAK;
    other[31] ^= 1;
    assert_eq!(found(&other), 0);
    assert_eq!(found(&SAK[..31]), 0);
    assert_eq!(found(STANDARD.encode(other).as_bytes()), 0);
    assert_eq!(found(&[0; 4096]), 0);
}

/// Without an SSCI the counter block is another, and its end the same.
#[test]
fn a_sak_of_the_other_suite_is_found_too() {
    let streams = Streams::of(&[sealed(Suite::GcmAes256)]);
    assert!(streams.has_key_in(&SAK));
    assert!(!streams.has_key_in(&SAK[1..]));
}
