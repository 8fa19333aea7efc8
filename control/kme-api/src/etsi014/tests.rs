use super::{DeliveredKey, ErrorBody, KeyContainer, KeyIdElement, KeyIds, KeyRequest, Status};
use crate::SecretText;
use serde_json::{Value, from_str, json, to_value};

#[test]
fn status_has_the_standards_names() {
    let status = Status {
        source_kme_id: "kme-a".to_owned(),
        target_kme_id: "kme-b".to_owned(),
        master_sae_id: "sae-a".to_owned(),
        slave_sae_id: "sae-b".to_owned(),
        key_size: 256,
        stored_key_count: 25_000,
        max_key_count: 100_000,
        max_key_per_request: 128,
        max_key_size: 1024,
        min_key_size: 64,
        max_sae_id_count: 0,
        status_extension: None,
    };
    let written = json!({
        "source_KME_ID": "kme-a", "target_KME_ID": "kme-b",
        "master_SAE_ID": "sae-a", "slave_SAE_ID": "sae-b",
        "key_size": 256, "stored_key_count": 25_000, "max_key_count": 100_000,
        "max_key_per_request": 128, "max_key_size": 1024, "min_key_size": 64,
        "max_SAE_ID_count": 0
    });
    assert_eq!(to_value(&status).unwrap(), written);
    assert_eq!(serde_json::from_value::<Status>(written).unwrap(), status);
}

#[test]
fn status_of_a_careless_kme_is_read() {
    let text = r#"{"source_KME_ID": 1, "master_SAE_ID": null, "key_size": "256",
        "stored_key_count": -3, "max_key_count": 1e30, "max_key_per_request": [],
        "easy_kme_version": {"a": 1}, "status_extension": ["x"]}"#;
    let status: Status = from_str(text).unwrap();
    assert_eq!(
        (status.source_kme_id.as_str(), status.master_sae_id.as_str()),
        ("1", "")
    );
    assert_eq!(
        (
            status.key_size,
            status.stored_key_count,
            status.max_key_count
        ),
        (256, 0, 0)
    );
    assert!(from_str::<Status>("[1]x").is_err());
    assert!(from_str::<Status>("<html>").is_err());
}

#[test]
fn key_request_writes_only_what_is_set() {
    assert_eq!(to_value(KeyRequest::default()).unwrap(), json!({}));
    let request = KeyRequest {
        number: Some(3),
        size: Some(1024),
        ..KeyRequest::default()
    };
    assert_eq!(
        to_value(request).unwrap(),
        json!({"number": 3, "size": 1024})
    );
    let request = KeyRequest {
        additional_slave_sae_ids: vec!["c".to_owned()],
        ..KeyRequest::default()
    };
    assert_eq!(
        to_value(request).unwrap(),
        json!({"additional_slave_SAE_IDs": ["c"]})
    );
}

#[test]
fn key_request_ignores_what_the_standard_does_not_know() {
    let text = r#"{"number": 2, "additional_target_sae_ids": [], "size": null,
        "extension_mandatory": null, "extension_optional": [{"acme_x": 1}]}"#;
    let request: KeyRequest = from_str(text).unwrap();
    assert_eq!((request.number, request.size), (Some(2), None));
    assert_eq!(request.extension_mandatory, None);
    assert_eq!(request.extension_optional, Some(json!([{"acme_x": 1}])));
    for wrong in [r#"{"number": -1}"#, r#"{"size": "256"}"#] {
        assert!(from_str::<KeyRequest>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn key_ids_are_structured() {
    let ids = KeyIds::new(["a", "B"]);
    let written = json!({"key_IDs": [{"key_ID": "a"}, {"key_ID": "B"}]});
    assert_eq!(to_value(&ids).unwrap(), written);
    assert_eq!(serde_json::from_value::<KeyIds>(written).unwrap(), ids);
    let with_more: KeyIds =
        from_str(r#"{"key_IDs":[{"key_ID":"a","master_SAE_ID":"m","key_ID_extension":{}}]}"#)
            .unwrap();
    assert_eq!(
        with_more.key_ids,
        [KeyIdElement {
            key_id: "a".to_owned(),
            key_id_extension: Some(json!({}))
        }]
    );
    assert!(from_str::<KeyIds>("{}").is_err());
    assert!(from_str::<KeyIds>(r#"{"key_IDs":["a"]}"#).is_err());
}

#[test]
fn key_container_reads_both_spellings_and_writes_one() {
    let container = KeyContainer {
        keys: vec![DeliveredKey::new(
            "k1",
            SecretText::encode(b"abc"),
            Some("modelled"),
        )],
        key_container_extension: None,
    };
    let written = to_value(&container).unwrap();
    assert_eq!(
        written,
        json!({"keys": [{"key_ID": "k1", "key": "YWJj",
                         "key_extension": {"qmacsec_origin": "modelled"}}]})
    );
    for spelling in ["keys", "Keys"] {
        let text = format!(
            r#"{{"vendor":[1,{{}}],"{spelling}":[{{"key":"Y\u0057Jj","key_ID":"k1","x":0}}]}}"#
        );
        let read: KeyContainer = from_str(&text).unwrap();
        assert_eq!(
            (read.keys[0].key_id.as_str(), read.keys[0].key.expose()),
            ("k1", "YWJj")
        );
        assert_eq!(read.keys[0].origin(), None);
    }
}

#[test]
fn a_wrong_type_for_a_key_is_refused() {
    for key in ["17", "null", "[1,2]", "{}", "true"] {
        let text = format!(r#"{{"keys":[{{"key_ID":"k","key":{key}}}]}}"#);
        assert!(from_str::<KeyContainer>(&text).is_err(), "{text}");
    }
}

#[test]
fn the_origin_is_found_in_any_shape_of_extension() {
    let key = |extension: Value| DeliveredKey {
        key_extension: Some(extension),
        ..DeliveredKey::new("k", SecretText::encode(b"abc"), None)
    };
    assert_eq!(
        key(json!({"qmacsec_origin": "distilled"})).origin(),
        Some("distilled")
    );
    assert_eq!(
        key(json!([{"a": 1}, {"qmacsec_origin": "modelled"}])).origin(),
        Some("modelled")
    );
    for other in [
        json!(1),
        json!("modelled"),
        json!([]),
        json!({"qmacsec_origin": 1}),
    ] {
        assert_eq!(key(other).origin(), None);
    }
}

#[test]
fn error_bodies_of_all_kinds_are_read() {
    for (text, message, details) in [
        (r#"{"message":"m"}"#, "m", 0),
        (r#"{"message":"m","details":null}"#, "m", 0),
        (r#"{"message":"m","details":[{"a":1},{"b":2}]}"#, "m", 2),
        (r#"{"message":"m","details":"more"}"#, "m", 1),
        (r#"{"message":7,"code":3}"#, "7", 0),
        (r#"{"detail":"not here"}"#, "not here", 0),
        (r#"{"error":"x","message":"m"}"#, "m", 0),
        ("{}", "", 0),
    ] {
        let body: ErrorBody = from_str(text).unwrap();
        assert_eq!(
            (body.message.as_str(), body.details.len()),
            (message, details),
            "{text}"
        );
    }
    assert!(from_str::<ErrorBody>("\"text\"").is_err());
    assert_eq!(
        to_value(ErrorBody::new("m")).unwrap(),
        json!({"message": "m"})
    );
}
