use super::{EncCall, key_id_from_query, key_ids_from_body};
use crate::refusal::Refusal;
use proptest::prelude::*;

fn call(number: Option<u64>, size_bits: Option<u64>) -> Result<EncCall, Refusal> {
    Ok(EncCall { number, size_bits })
}

fn is_malformed<T>(result: Result<T, Refusal>) -> bool {
    matches!(result, Err(Refusal::Malformed(_)))
}

#[test]
fn enc_keys_bodies() {
    for (body, expected) in [
        ("", call(None, None)),
        (" \r\n", call(None, None)),
        ("{}", call(None, None)),
        (r#"{"number":3,"size":1024}"#, call(Some(3), Some(1024))),
        (r#"{"number":null,"size":null}"#, call(None, None)),
        // One client sends the multicast field under its own name.
        (
            r#"{"number":1,"additional_target_sae_ids":[]}"#,
            call(Some(1), None),
        ),
        (
            r#"{"additional_slave_SAE_IDs":[],"extension_mandatory":[]}"#,
            call(None, None),
        ),
        (r#"{"extension_optional":[{"x_a":1}]}"#, call(None, None)),
        // JSON has only one number type.
        (r#"{"number":1.0}"#, call(Some(1), None)),
        (r#"{"number":2e0,"size":256.0}"#, call(Some(2), Some(256))),
        (r#"{"size":2.56E2}"#, call(None, Some(256))),
        (r#"{"size":1e3}"#, call(None, Some(1000))),
        (r#"{"number":-0.0}"#, call(Some(0), None)),
        // Optional extensions are ignored in any form, mandatory ones refused in any form.
        (r#"{"extension_optional":{"x_a":1}}"#, call(None, None)),
        (r#"{"extension_optional":"x"}"#, call(None, None)),
        (r#"{"extension_mandatory":null}"#, call(None, None)),
        (
            r#"{"extension_mandatory":{"x_a":1}}"#,
            Err(Refusal::ExtensionMandatory),
        ),
        (
            r#"{"extension_mandatory":["x_a"]}"#,
            Err(Refusal::ExtensionMandatory),
        ),
        (
            r#"{"extension_mandatory":[{"x_a":1}]}"#,
            Err(Refusal::ExtensionMandatory),
        ),
        (
            r#"{"additional_slave_SAE_IDs":["c"]}"#,
            Err(Refusal::Multicast(1)),
        ),
    ] {
        assert_eq!(EncCall::from_body(body.as_bytes()), expected, "{body}");
    }
    for body in [
        "[]",
        "null",
        "{",
        "{}{}",
        "keys please",
        "\u{feff}{}",
        r#"{"number":"3"}"#,
        r#"{"number":-1}"#,
        r#"{"number":1.5}"#,
        r#"{"number":"1.0"}"#,
        r#"{"number":true}"#,
        r#"{"number":[1]}"#,
        r#"{"number":-1.0}"#,
        r#"{"number":1e-1}"#,
        r#"{"number":1e300}"#,
        r#"{"number":1e999}"#,
        r#"{"number":1.}"#,
        r#"{"number":01}"#,
        r#"{"number":NaN}"#,
        r#"{"number":1,"number":2}"#,
        r#"{"number":18446744073709551616}"#,
        r#"{"additional_slave_SAE_IDs":"c"}"#,
    ] {
        assert!(is_malformed(EncCall::from_body(body.as_bytes())), "{body}");
    }
    assert!(is_malformed(EncCall::from_body(b"{\"\xff\":1}")));
    let deep = "[".repeat(10_000);
    assert!(is_malformed(EncCall::from_body(
        format!("{{\"x\":{deep}").as_bytes()
    )));
}

#[test]
fn enc_keys_queries() {
    let query = |query: &str| EncCall::from_query(&format!("/x{query}").parse().unwrap());
    assert_eq!(query(""), call(None, None));
    assert_eq!(query("?number=3&size=1024"), call(Some(3), Some(1024)));
    assert_eq!(query("?size=64&colour=red"), call(None, Some(64)));
    assert_eq!(query("?number=1.0&size=2.56e2"), call(Some(1), Some(256)));
    assert_eq!(query("?&number=1&"), call(Some(1), None));
    for bad in [
        "?number=",
        "?number=x",
        "?number=-1",
        "?number=1&number=2",
        "?size=2.5",
        "?size=1e99",
        "?size=%22256%22",
        "?additional_slave_SAE_IDs=c",
        "?extension_mandatory=x",
    ] {
        assert!(is_malformed(query(bad)), "{bad}");
    }
}

#[test]
fn dec_keys_bodies() {
    let ids = |body: &str| {
        key_ids_from_body(body.as_bytes(), 2)
            .map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let one = r#"{"key_IDs":[{"key_ID":"490A382D-af","master_SAE_ID":"a","key_ID_extension":{}}]}"#;
    assert_eq!(ids(one), Ok(vec!["490a382d-af".to_owned()]));
    let range = |number| Err(Refusal::NumberOutOfRange { number, max: 2 });
    assert_eq!(ids(r#"{"key_IDs":[]}"#), range(0));
    assert_eq!(
        ids(r#"{"key_IDs":[{"key_ID":"a"},{"key_ID":"b"},{"key_ID":"c"}]}"#),
        range(3)
    );
    for wrong in ["", " ", "schlüssel", &"x".repeat(65)] {
        let body = format!(r#"{{"key_IDs":[{{"key_ID":"{wrong}"}}]}}"#);
        assert_eq!(ids(&body), Err(Refusal::KeysNotFound));
    }
    for body in [
        "",
        "{}",
        r#"{"key_IDs":["a"]}"#,
        r#"{"key_IDs":[{"key_id":"a"}]}"#,
        r#"{"key_IDs":{}}"#,
    ] {
        assert!(is_malformed(ids(body)), "{body}");
    }
}

#[test]
fn dec_keys_queries_name_exactly_one_key() {
    let query = |query: &str| key_id_from_query(&format!("/x{query}").parse().unwrap());
    assert_eq!(query("?key_ID=AB-1").unwrap()[0].as_str(), "ab-1");
    for bad in ["", "?key_ID=a&key_ID=b", "?key_id=a"] {
        assert!(is_malformed(query(bad)), "{bad}");
    }
    assert_eq!(query("?key_ID="), Err(Refusal::KeysNotFound));
}

#[test]
fn quotes_of_the_client_are_shortened() {
    let body = format!(r#"{{"number":"{}"}}"#, "x".repeat(10_000));
    let Err(Refusal::Malformed(text)) = EncCall::from_body(body.as_bytes()) else {
        panic!()
    };
    assert!(text.chars().count() <= crate::limits::QUOTE_CHARS_MAX);
}

proptest! {
    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = EncCall::from_body(&body);
        let _ = key_ids_from_body(&body, 128);
    }

    #[test]
    fn no_json_panics(body in concat!(
        r#"\{("(number|size|key_IDs|x)":"#,
        r#"(\[\{"key_ID":"[a-f0-9-]{0,70}"\}\]|-?[0-9]{1,25}|"[a-z]*"|null)){0,2}\}"#,
    )) {
        let _ = EncCall::from_body(body.as_bytes());
        let _ = key_ids_from_body(body.as_bytes(), 128);
    }
}
