use std::collections::BTreeSet;

use node::drill::KnownPair;

use super::*;

#[test]
fn the_text_says_what_the_attacker_knows_and_what_he_still_needs() {
    let pair = KnownPair {
        initiator: "sae-a".to_owned(),
        target: "sae-d".to_owned(),
        keys: 2,
        first_ms: 1000,
        last_ms: 4000,
    };
    let sak = |root| Sak {
        encryptor: "site-a".to_owned(),
        key_id: "k".to_owned(),
        from_ms: 1000,
        until_ms: 4000,
        frames: 500,
        root,
    };
    let report = Report {
        drill: Drill {
            nodes: vec!["b".to_owned()],
            keys: 9,
            keys_of_owned_sites: 3,
            keys_known: 2,
            keys_with_one_share_known: 1,
            pairs: vec![pair],
            known: BTreeSet::new(),
        },
        saks: vec![sak(0), sak(1)],
        what_if: Vec::new(),
        findings: Vec::new(),
    };
    let text = text(&report);
    for words in [
        "attacker at     b",
        "9 delivered",
        "3 end at these nodes",
        "2 known",
        "sae-a to sae-d: 2 keys within 3.0 s",
        "2 from known keys: 1000 frames in 6.0 s",
        "pre-shared secret (1 SAKs), or that and ML-KEM (1)",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
