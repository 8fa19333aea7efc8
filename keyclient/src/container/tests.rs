use kme_api::SecretText;
use kme_api::etsi014::{DeliveredKey, ErrorBody, KeyContainer, KeyIds, KeyRequest, Status};
use proptest::prelude::{any, prop, proptest};
use wire::KeyId;

use super::{Asked, keys, parse};

/// Runs everything that reads a KME's octets. Any input gives a result, never a panic.
fn read_as_everything(octets: &[u8]) -> usize {
    let ids = [KeyId::new("a").unwrap(), KeyId::new("b").unwrap()];
    let any = keys(
        octets,
        Asked::Any {
            number: 2,
            bits: 256,
        },
    );
    let these = keys(octets, Asked::These(&ids));
    let _ = parse::<Status>(octets, "status");
    let _ = parse::<ErrorBody>(octets, "error");
    let _ = parse::<KeyIds>(octets, "key IDs");
    let _ = parse::<KeyRequest>(octets, "key request");
    any.map_or(0, |keys| keys.len()) + these.map_or(0, |keys| keys.len())
}

proptest! {
    #[test]
    fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..2000)) {
        read_as_everything(&octets);
    }

    #[test]
    fn any_text_in_the_place_of_a_key_is_read_without_panic(
        id in ".{0,70}", key in ".{0,70}", extension in ".{0,20}",
    ) {
        let body = serde_json::json!({
            "keys": [{"key_ID": id, "key": key, "key_extension": {"qmacsec_origin": extension}}]
        });
        read_as_everything(body.to_string().as_bytes());
    }

    #[test]
    fn a_good_container_with_a_few_octets_changed_is_read_without_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut body = good().into_bytes();
        assert_eq!(read_as_everything(&body), 4);
        for (at, octet) in changes {
            let at = at.index(body.len());
            body[at] = octet;
        }
        read_as_everything(&body);
        body.truncate(end.index(body.len()));
        read_as_everything(&body);
    }

    #[test]
    fn keys_come_out_as_they_went_in_and_in_the_order_asked(
        wanted in prop::collection::hash_set("[a-z0-9-]{1,40}", 1..20),
        seed in any::<u8>(),
    ) {
        let wanted: Vec<KeyId> = wanted.iter().map(|id| KeyId::new(id).unwrap()).collect();
        let key = |n: usize| {
            let mut key = [seed; 32];
            key[..8].copy_from_slice(&n.to_be_bytes());
            key
        };
        let sent = (0..wanted.len()).rev().map(|n| {
            let key = SecretText::encode(&key(n));
            DeliveredKey::new(wanted[n].as_str(), key, None)
        });
        let container = KeyContainer { keys: sent.collect(), key_container_extension: None };
        let body = serde_json::to_vec(&container).unwrap();
        let got = keys(&body, Asked::These(&wanted)).ok().unwrap();
        assert_eq!(got.len(), wanted.len());
        for (n, got) in got.iter().enumerate() {
            assert_eq!((got.id, got.bytes.expose()), (wanted[n], &key(n)[..]));
        }
    }
}

fn good() -> String {
    let key = |octet: u8| SecretText::encode(&[octet; 32]).expose().to_owned();
    format!(
        r#"{{"keys":[{{"key_ID":"a","key":"{}","key_extension":{{"qmacsec_origin":"modelled"}}}},
            {{"key_ID":"b","key":"{}"}}],"key_container_extension":{{}}}}"#,
        key(1),
        key(2)
    )
}

#[test]
fn a_passport_comes_with_its_key_unless_it_is_too_long() {
    let passport = |text: &str| {
        let key = SecretText::encode(&[1; 32]);
        let mut key = DeliveredKey::new("a", key, Some("modelled"));
        key.key_extension = Some(serde_json::json!({ "qmacsec_passport": { "paths": [text] } }));
        let container = KeyContainer {
            keys: vec![key],
            key_container_extension: None,
        };
        let body = serde_json::to_vec(&container).unwrap();
        let asked = Asked::Any {
            number: 1,
            bits: 256,
        };
        keys(&body, asked).ok().unwrap().remove(0).passport
    };
    assert_eq!(passport("x").as_deref(), Some(r#"{"paths":["x"]}"#));
    assert_eq!(passport(&"x".repeat(crate::limits::PASSPORT_LEN_MAX)), None);
}
