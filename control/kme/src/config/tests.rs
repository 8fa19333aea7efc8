use super::{KmeConfig, LinkConfig, SaeIdentity, check_kmes};
use std::time::Duration;

fn kme(id: &str, saes: &[&str]) -> KmeConfig {
    KmeConfig {
        kme_id: id.into(),
        listen: ([127, 0, 0, 1], 0).into(),
        ca: "ca.pem".into(),
        cert: "kme.pem".into(),
        key: "kme.key".into(),
        sae_ids: saes.iter().map(|sae| (*sae).to_owned()).collect(),
        identity: SaeIdentity::CommonName,
    }
}

#[test]
fn the_identity_is_read_from_configuration_files() {
    let read = |text: &str| serde_json::from_str::<SaeIdentity>(text).ok();
    assert_eq!(read("\"common-name\""), Some(SaeIdentity::CommonName));
    assert_eq!(read("\"san-dns\""), Some(SaeIdentity::SanDns));
    assert_eq!(read("\"san-uri\""), Some(SaeIdentity::SanUri));
    assert_eq!(read("\"cn\""), None);
}

#[test]
fn every_bad_link_value_is_named() {
    assert_eq!(LinkConfig::default().check(), Ok(()));
    type Break = fn(&mut LinkConfig);
    let cases: [(&str, Break); 10] = [
        ("key_bits", |link| link.key_bits = 100),
        ("key_bits", |link| link.key_bits = 0),
        ("key_bits_min", |link| link.key_bits_min = 56),
        ("key_bits_max", |link| link.key_bits_max = 8192),
        ("key_bits", |link| link.key_bits_max = 128),
        ("keys_per_request_max", |link| link.keys_per_request_max = 0),
        ("keys_per_request_max", |link| {
            link.keys_per_request_max = 129;
        }),
        ("pool_bits_max", |link| link.pool_bits_max = 1024),
        ("pool_bits_max", |link| link.pool_bits_max = u64::MAX),
        ("reserved_life", |link| link.reserved_life = Duration::ZERO),
    ];
    for (field, change) in cases {
        let mut link = LinkConfig::default();
        change(&mut link);
        let error = link.check().unwrap_err();
        assert_eq!(error.field, field, "{error}");
        assert!(!error.fix.is_empty());
    }
}

#[test]
fn a_link_has_one_or_two_kmes_and_two_saes() {
    for good in [
        vec![kme("kme-a", &["sae-a"]), kme("kme-b", &["sae-b"])],
        vec![kme("kme-a", &["sae-a", "sae-b"])],
        vec![
            kme("kme-a", &["sae-a", "sae/with a space"]),
            kme("kme-b", &["sae-b"]),
        ],
    ] {
        assert_eq!(check_kmes(&good), Ok(()));
    }
    let three = ["a", "b", "c"].map(|id| kme(id, &[id]));
    for (field, bad) in [
        ("kme", vec![]),
        ("kme", three.to_vec()),
        (
            "kme_id",
            vec![kme("kme", &["sae-a"]), kme("kme", &["sae-b"])],
        ),
        ("kme_id", vec![kme("", &["sae-a", "sae-b"])]),
        ("sae_ids", vec![kme("kme", &["sae-a"])]),
        ("sae_ids", vec![kme("kme-a", &["sae-a"]), kme("kme-b", &[])]),
        (
            "sae_ids",
            vec![kme("kme-a", &["sae"]), kme("kme-b", &["sae"])],
        ),
        ("sae_ids", vec![kme("kme-a", &["sae-a", "sae\n"])]),
        ("sae_ids", vec![kme("kme-a", &["sae-a", &"x".repeat(257)])]),
    ] {
        assert_eq!(check_kmes(&bad).unwrap_err().field, field);
    }
}
