use super::{
    AckContainer, AckMessage, AckStatus, AckedKey, CallbackUrl, ExtKey, ExtKeys, Extension,
    KEYS_MAX, KeyUuid, PASSPORT, Parties, Problem, Reason, SaeId, Unreadable, Versions, Void,
    VoidKeys, acks_from_json, acks_to_json,
};
use crate::KeyBytes;
use serde_json::{Value, from_slice, from_str, json, to_value};

const KEY: &str = "550e8400-e29b-41d4-a716-446655440000";
/// The value of the published example.
const VALUE: &str = "wHHVxRwDJs3/bXd38GHP3oe4svTuRpZS0yCC7x4Ly+s=";

fn sae(text: &str) -> SaeId {
    SaeId::parse(text).unwrap()
}

fn parties() -> Parties {
    Parties::new(sae("encryptor1"), vec![sae("encryptor2")]).unwrap()
}

fn request() -> Value {
    json!({
        "keys": [{"key_id": KEY, "value": VALUE}],
        "initiator_sae_id": "encryptor1",
        "target_sae_ids": ["encryptor2"],
        "ack_callback_url": "https://kme1/kmapi/v1/ext_keys/ack"
    })
}

/// The request with another member; `null` is a member that is left out.
fn with(member: &str, value: Value) -> Vec<u8> {
    let mut request = request();
    request[member] = value;
    request.to_string().into_bytes()
}

#[test]
fn the_published_example_is_read_and_written_as_published() {
    let text = [
        &format!(r#"{{"keys":[{{"key_id":"{KEY}","value":"{VALUE}","extension":"#),
        r#"{"E32473_extension1":"s","E32473_extension2":{"property1":10111,"property2":2.50}}}],"#,
        r#""initiator_sae_id":"encryptor1","target_sae_ids":["encryptor2","encryptor3"],"#,
        r#""ack_callback_url":"https://kme1/kmapi/v1/ext_keys/ack","#,
        r#""extension_mandatory":{"E32473_route_type":"direct"},"#,
        r#""extension_optional":{"E32473_z":1e400,"E32473_a":[ 1, 2 ]}}"#,
    ]
    .concat();
    let keys = ExtKeys::from_json(text.as_bytes()).ok().unwrap();
    assert_eq!(keys.keys[0].value.bits(), 256);
    // To the octet: order, numbers and blanks of extensions stay as they came.
    assert_eq!(String::from_utf8_lossy(&keys.to_json().unwrap()), text);
}

#[test]
fn an_escape_of_json_is_ordinary_and_one_of_a_broken_example_is_no_base64() {
    let written = |value: &str| {
        let text = request().to_string().replace(VALUE, value);
        ExtKeys::from_json(text.as_bytes()).map(|keys| keys.keys[0].value.bits())
    };
    assert_eq!(written(&VALUE.replace('+', r"\u002B")), Ok(256));
    let refused = Unreadable::Malformed {
        member: "value",
        problem: "is not base64 (RFC 4648) of 1 to 512 octets",
    };
    assert_eq!(
        written(&VALUE.replace('+', r"\\u002B")),
        Err(refused.clone())
    );
    assert_eq!(written(""), Err(refused));
}

#[test]
fn requests_that_are_not_of_the_standard_are_refused() {
    let missing = |member| Unreadable::Missing(member);
    for (member, error) in [
        ("keys", missing("keys")),
        ("initiator_sae_id", missing("initiator_sae_id")),
        ("target_sae_ids", missing("target_sae_ids")),
    ] {
        assert_eq!(
            ExtKeys::from_json(&with(member, Value::Null)).err(),
            Some(error)
        );
    }
    let key = |id: &str| json!({"key_id": id, "value": VALUE});
    let many: Vec<_> = (0..=KEYS_MAX)
        .map(|n| key(&format!("{n:08}{}", &KEY[8..])))
        .collect();
    for (member, value) in [
        ("keys", json!([])),
        ("keys", json!(many)),
        ("keys", json!([key(KEY), key(&KEY.to_uppercase())])),
        ("keys", json!([key("550e8400e29b41d4a716446655440000")])),
        ("keys", json!([{"key_id": KEY, "value": "A"}])),
        ("initiator_sae_id", json!("")),
        ("initiator_sae_id", json!("x".repeat(65))),
        ("initiator_sae_id", json!("with blank")),
        ("initiator_sae_id", json!("100%")),
        ("target_sae_ids", json!([])),
        ("target_sae_ids", json!(["encryptor1"])),
        ("target_sae_ids", json!(["b", "b"])),
        ("ack_callback_url", json!("http://kme1/ack")),
        ("ack_callback_url", json!("kme1/ack")),
        ("ack_callback_url", json!("https://")),
        ("ack_callback_url", json!("https://user@kme1/ack")),
        (
            "ack_callback_url",
            json!(format!("https://kme1/{}", "x".repeat(1024))),
        ),
        ("extension_optional", json!({"vendor": 1})),
        ("extension_optional", json!({"E_x": 1})),
        ("extension_mandatory", json!({"E32473_": 1})),
        ("extension_mandatory", json!({"E+1_x": 1})),
    ] {
        let error = ExtKeys::from_json(&with(member, value.clone())).err();
        let named = matches!(error, Some(Unreadable::Malformed { .. }));
        assert!(named, "{member}: {value}: {error:?}");
    }
    for body in [
        "",
        "[]",
        "{",
        "[[],\"a\",[\"b\"]]",
        "{\"keys\":\"wHHVxRwD\"}",
    ] {
        let error = ExtKeys::from_json(body.as_bytes()).err();
        assert!(
            matches!(
                error,
                Some(Unreadable::Json { .. } | Unreadable::Missing(_))
            ),
            "{body}"
        );
        assert!(
            !format!("{error:?}").contains("wHH"),
            "quotes what may be a key"
        );
    }
}

#[test]
fn what_the_standard_leaves_open_is_taken() {
    let upper = json!([{"key_id": KEY.to_uppercase(), "value": VALUE, "vendor": 1}]);
    let keys = ExtKeys::from_json(&with("keys", upper)).ok().unwrap();
    assert_eq!(keys.keys[0].key_id.to_string(), KEY);
    for (member, value) in [
        ("ack_callback_url", Value::Null),
        ("extension_optional", json!({})),
        ("extension_optional", Value::Null),
        ("unknown", json!([1])),
        (
            "initiator_sae_id",
            json!("urn:sae:a%2Fb/c?d#[e]@!$&'()*+,;=-._~"),
        ),
    ] {
        assert!(ExtKeys::from_json(&with(member, value)).is_ok(), "{member}");
    }
}

proptest::proptest! {
    /// The text of keys is written into a buffer that never grows, since a grown one leaves copies
    /// behind: `to_json` asserts it.
    #[test]
    fn requests_of_any_size_are_written_at_once_and_read_again(
        sizes in proptest::collection::vec(1_usize..=512, 1..20),
        names in proptest::collection::btree_set("E[0-9]{1,6}_\\PC{1,9}|E1_[\\x00-\\x20\"]{1,9}", 0..6),
        text in "\\PC{0,99}",
        targets in proptest::collection::btree_set("[a-z%2F:/?#@!$&'()*+,;=]{1,64}", 1..5),
    ) {
        let targets: Vec<_> = targets.iter().filter_map(|id| SaeId::parse(id).ok()).collect();
        proptest::prop_assume!(!targets.is_empty());
        let extension = names.iter().fold(None, |extension: Option<Extension>, name| {
            Extension::with(extension.as_ref(), name, &text).ok()
        });
        let key = |(n, size): (usize, &usize)| ExtKey {
            key_id: KeyUuid::from_bytes([n as u8; 16]),
            value: KeyBytes::from_zeroizing(vec![7; *size].into()).ok().unwrap().into(),
            extension: extension.clone(),
        };
        let keys = ExtKeys {
            keys: sizes.iter().enumerate().map(key).collect(),
            parties: Parties::new(sae("initiator"), targets).unwrap(),
            callback: CallbackUrl::parse("https://kme1/ack").ok(),
            mandatory: extension.clone(),
            optional: extension.clone(),
        };
        let written = keys.to_json().unwrap();
        let read = ExtKeys::from_json(&written).ok().unwrap();
        proptest::prop_assert_eq!(&read.optional, &extension);
        proptest::prop_assert_eq!(&read.parties, &keys.parties);
        let read_sizes: Vec<_> = read.keys.iter().map(|key| key.value.bits() / 8).collect();
        proptest::prop_assert_eq!(read_sizes, sizes);
    }
}

#[test]
fn a_member_is_added_to_an_extension_and_the_others_stay_as_they_are() {
    let mut request = request();
    request["extension_optional"] = json!({"E1_a": 2.5, PASSPORT: "old", "E1_z": [1]});
    let keys = ExtKeys::from_json(request.to_string().as_bytes())
        .ok()
        .unwrap();
    let extension = Extension::with(keys.optional.as_ref(), PASSPORT, &"new").unwrap();
    let expected = json!({"E1_a": 2.5, "E1_z": [1], PASSPORT: "new"});
    assert_eq!(to_value(&extension).unwrap(), expected);
    assert_eq!(extension.get(PASSPORT), Some("\"new\""));
    assert!(Extension::new("qmacsec_passport", &1).is_err());
}

#[test]
fn acknowledgements_are_arrays_of_objects() {
    let ack = AckContainer {
        keys: vec![AckedKey {
            key_id: KeyUuid::parse(KEY).unwrap(),
            extension: Extension::new("E32473_path", &["x", "y"]).ok(),
        }],
        status: AckStatus::FailedToVoid,
        parties: parties(),
        message: Some(AckMessage::new(&"m".repeat(5000))),
        extension: None,
    };
    let written = acks_to_json(std::slice::from_ref(&ack)).unwrap();
    let expected = json!([{
        "key_id_container": [{"key_id": KEY, "extension": {"E32473_path": ["x", "y"]}}],
        "ack_status": "failed to void",
        "initiator_sae_id": "encryptor1",
        "target_sae_ids": ["encryptor2"],
        "message": "m".repeat(4096)
    }]);
    assert_eq!(from_slice::<Value>(&written).unwrap(), expected);
    assert_eq!(acks_from_json(&written), Ok(vec![ack]));

    let changed = |member: &str, value: Value| {
        let mut acks = expected.clone();
        acks[0][member] = value;
        acks_from_json(acks.to_string().as_bytes())
    };
    for status in ["relayed", "failed", "voided", "key not present"] {
        assert_eq!(
            to_value(changed("ack_status", json!(status)).unwrap()[0].status).unwrap(),
            status
        );
    }
    let key = json!({"key_id": KEY});
    for (member, value) in [
        ("ack_status", json!("failed_to_void")),
        ("ack_status", Value::Null),
        ("message", json!("m".repeat(4097))),
        // A validator made from the published schema accepts these three.
        ("key_id_container", json!([{"key_id": 7}])),
        ("key_id_container", json!([{"extension": {"E1_a": 1}}])),
        ("key_id_container", json!({"key_id": KEY})),
        ("key_id_container", json!([[KEY]])),
        ("key_id_container", json!([KEY])),
        ("key_id_container", json!(vec![key; 1025])),
    ] {
        assert!(changed(member, value.clone()).is_err(), "{member}: {value}");
    }
    assert!(
        acks_from_json(expected[0].to_string().as_bytes()).is_err(),
        "an object alone"
    );
    assert!(
        acks_from_json(
            json!(vec![expected[0].clone(); 1025])
                .to_string()
                .as_bytes()
        )
        .is_err()
    );
    assert_eq!(acks_from_json(b"[]"), Ok(Vec::new()));
}

#[test]
fn a_void_of_everything_needs_its_confirmation() {
    let read = |ids: Value, all: Value| {
        let body = json!({"key_ids": ids, "initiator_sae_id": "encryptor1",
                          "target_sae_ids": ["encryptor2"], "all_confirmation": all});
        Void::from_json(body.to_string().as_bytes()).map(|void| void.keys)
    };
    let key = KeyUuid::parse(KEY).unwrap();
    assert_eq!(read(json!([]), json!(true)), Ok(VoidKeys::All));
    for all in [json!(false), Value::Null] {
        assert_eq!(read(json!([]), all), Err(Unreadable::Unconfirmed));
    }
    for all in [json!(true), json!(false), Value::Null] {
        assert_eq!(
            read(json!([KEY, KEY.to_uppercase()]), all),
            Ok(VoidKeys::These(vec![key]))
        );
    }
    assert_eq!(
        read(Value::Null, json!(true)),
        Err(Unreadable::Missing("key_ids"))
    );
    for (keys, expected) in [
        (
            VoidKeys::All,
            json!({"key_ids": [], "all_confirmation": true}),
        ),
        (VoidKeys::These(vec![key]), json!({"key_ids": [KEY]})),
    ] {
        let void = Void {
            keys,
            parties: parties(),
            callback: None,
            extension: None,
        };
        let mut written: Value = from_slice(&void.to_json().unwrap()).unwrap();
        assert_eq!(Void::from_json(&void.to_json().unwrap()), Ok(void));
        let object = written.as_object_mut().unwrap();
        assert_eq!(object.remove("initiator_sae_id"), Some(json!("encryptor1")));
        assert_eq!(object.remove("target_sae_ids"), Some(json!(["encryptor2"])));
        assert_eq!(written, expected);
    }
}

#[test]
fn versions_tell_the_mode() {
    let ours = json!({"versions": ["v1"], "capabilities": ["synchronous_mode"]});
    assert_eq!(to_value(Versions::ours()).unwrap(), ours);
    let other: Versions = from_str(r#"{"versions":["v2","v1"],"extension":{"E1_a":1}}"#).unwrap();
    assert!(other.has_ours() && !other.has_synchronous_mode());
}

#[test]
fn problems_are_written_as_published_and_read_as_both() {
    let problem = Problem::new(Reason::UnsupportedExtension, "E1_x");
    let written = json!({
        "type": "https://qkd.etsi.org/gs020-interop-kms/unsupported-mandatory-extension",
        "status": 503,
        "title": "unsupported mandatory extension",
        "details": {"unsupported_mandatory_extension": "E1_x"}
    });
    assert_eq!(to_value(&problem).unwrap(), written);
    let read: Problem = from_str(&written.to_string()).unwrap();
    assert!(read == problem && read.names(Reason::UnsupportedExtension));

    let both = to_value(Problem::new(Reason::VoidUnconfirmed, "t")).unwrap()["details"].clone();
    assert_eq!(
        both,
        json!({"no_all_confirmation": "t", "no_key_ids_or_confirmation": "t"})
    );
    for (body, reason) in [
        (
            json!({"details": {"no_all_confirmation": "x"}}),
            Reason::VoidUnconfirmed,
        ),
        (
            json!({"details": {"no_key_ids_or_confirmation": "x"}}),
            Reason::VoidUnconfirmed,
        ),
        (
            json!({"type": "https://qkd.etsi.org/gs020-interop-kms/key-not-present"}),
            Reason::KeyNotPresent,
        ),
    ] {
        let read: Problem = from_str(&body.to_string()).unwrap();
        assert!(read.names(reason) && !read.names(Reason::Timeout), "{body}");
    }
    let rfc: Problem = from_str(r#"{"detail": "d", "status": "400", "title": null}"#).unwrap();
    assert_eq!(rfc.details, [("detail".to_owned(), "d".to_owned())]);
    assert!(from_str::<Problem>("[]").is_err());
}

#[test]
fn a_callback_url_keeps_host_and_path() {
    let url = CallbackUrl::parse("https://kme1:8443/a/b?c=d").unwrap();
    assert_eq!(to_value(&url).unwrap(), "https://kme1:8443/a/b?c=d");
}
