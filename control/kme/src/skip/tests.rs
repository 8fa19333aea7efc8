use super::{asked, key_id, refused};
use crate::refusal::Refusal;

#[test]
fn key_ids_are_taken_with_and_without_hyphens() {
    let stored = "1726e9ae-7623-4fb1-8d12-83d4dca1911e";
    for text in [
        "1726e9ae76234fb18d1283d4dca1911e",
        "1726E9AE76234FB18D1283D4DCA1911E",
        stored,
    ] {
        assert_eq!(key_id(text).unwrap().as_str(), stored);
    }
    for text in ["", "17", "x726e9ae76234fb18d1283d4dca1911e", "../status"] {
        assert!(key_id(text).is_none(), "{text}");
    }
}

#[test]
fn a_query_needs_the_other_end() {
    let asked = |query: &str| asked(&format!("/key?{query}").parse().unwrap());
    let full = asked("size=128&remoteSystemID=sae-b&new=1").ok().unwrap();
    assert_eq!((full.remote.as_str(), full.size), ("sae-b", Some(128)));
    for query in [
        "",
        "size=256",
        "remotesystemid=sae-b",
        "remoteSystemID=b&size=many",
    ] {
        assert!(asked(query).is_err(), "{query}");
    }
}

#[test]
fn refusals_have_the_codes_of_the_draft() {
    let short = Refusal::Exhausted {
        wanted_bits: 256,
        stored_bits: 0,
    };
    for (refusal, status) in [
        (Refusal::UnknownSae, 401),
        (Refusal::NotNamed, 400),
        (Refusal::KeysNotFound, 400),
        (Refusal::SizeNotOctets, 400),
        (Refusal::PeerUnknown, 400),
        (short, 500),
        (Refusal::Entropy, 500),
    ] {
        assert_eq!(refused(&refusal).status(), status, "{refusal}");
    }
}
