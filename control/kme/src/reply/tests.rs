use super::{keys, refused, room, wrong};
use crate::Origin;
use crate::faults::{Fault, Wrong};
use crate::key_bytes::KeyBytes;
use crate::refusal::Refusal;
use crate::store::StoredKey;
use axum::response::Response;
use serde_json::{Value, json as value};
use wire::KeyId;

fn key(id: &str, octets: &[u8]) -> StoredKey {
    StoredKey {
        extension: serde_json::Map::new(),
        id: KeyId::new(id).unwrap(),
        bytes: KeyBytes::new(octets.into()),
    }
}

fn text(response: Response) -> String {
    let body = axum::body::to_bytes(response.into_body(), 1 << 20);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    String::from_utf8(runtime.block_on(body).unwrap().to_vec()).unwrap()
}

fn container(faults: &[Fault]) -> Value {
    let two = vec![key("one", &[0xff; 8]), key("two", &[0; 8])];
    serde_json::from_str(&text(keys(two, Origin::Modelled, faults))).unwrap()
}

fn ids(faults: &[Fault]) -> Vec<String> {
    let container = container(faults);
    let keys = container["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["key_ID"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_key_container_has_the_form_of_the_standard() {
    let label = value!({ "qmacsec_origin": "modelled" });
    let expected = value!({ "keys": [
        { "key_ID": "one", "key": "//////////8=", "key_extension": label },
        { "key_ID": "two", "key": "AAAAAAAAAAA=", "key_extension": label },
    ]});
    assert_eq!(container(&[]), expected);
    let response = keys(Vec::new(), Origin::Modelled, &[]);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[test]
fn further_fields_of_a_key_stand_beside_its_origin_and_in_the_room_for_the_text() {
    let mut key = key("one", &[0; 8]);
    let path = value!(["a".repeat(300), "b"]);
    key.extension
        .insert("qmacsec_path".to_owned(), path.clone());
    let room = room(std::slice::from_ref(&key));
    let text = text(keys(vec![key], Origin::Modelled, &[]));
    assert!(text.len() <= room, "{} > {room}", text.len());
    let container: Value = serde_json::from_str(&text).unwrap();
    let expected = value!({ "qmacsec_origin": "modelled", "qmacsec_path": path });
    assert_eq!(container["keys"][0]["key_extension"], expected);
}

#[test]
fn each_fault_changes_the_reply_as_documented() {
    assert_eq!(ids(&[Fault::ReversedOrder]), ["two", "one"]);
    assert_eq!(ids(&[Fault::DuplicateKeys]), ["one", "one"]);
    let wrong_ids = ids(&[Fault::WrongKeyId]);
    assert!(wrong_ids.iter().all(|id| id.len() == 36) && wrong_ids[0] != wrong_ids[1]);
    assert_eq!(
        container(&[Fault::WrongSize])["keys"][0]["key"],
        "/////////w=="
    );
    assert_eq!(
        container(&[Fault::WrongKey])["keys"][0]["key"],
        "AAAAAAAAAAA="
    );
    let extra = container(&[Fault::ExtraFields]);
    assert_eq!(extra["vendor_extra"], "ignore me");
    assert_eq!(extra["keys"][1]["key_ID_extension"]["vendor_extra"], 1);
    assert_eq!(extra["keys"][1]["key"], "AAAAAAAAAAA=");
}

#[test]
fn the_text_of_keys_never_outgrows_its_buffer() {
    for (number, len) in [(1, 8), (1, 32), (128, 8), (128, 13), (128, 512)] {
        let uuid = "00000000-0000-4000-8000-000000000000";
        let make = || {
            (0..number)
                .map(|_| key(uuid, &vec![7; len]))
                .collect::<Vec<_>>()
        };
        let faults = [Fault::ExtraFields];
        let room = room(&make());
        let used = text(keys(make(), Origin::Modelled, &faults)).len();
        assert!(
            used <= room,
            "{number} keys of {len} octets: {used} octets, room for {room}"
        );
    }
}

#[test]
fn refusals_have_their_code_and_an_error_body_but_401() {
    let malformed = Refusal::Malformed("x".into());
    let range = Refusal::SizeOutOfRange {
        bits: 8,
        min: 64,
        max: 4096,
    };
    let exhausted = Refusal::Exhausted {
        wanted_bits: 256,
        stored_bits: 0,
    };
    for (refusal, status, message) in [
        (Refusal::SizeNotOctets, 400, "size shall be a multiple of 8"),
        (
            Refusal::KeysNotFound,
            400,
            "one or more keys specified are not found on KME",
        ),
        (
            Refusal::ExtensionMandatory,
            400,
            "not all extension_mandatory parameters are supported",
        ),
        (malformed, 400, "bad request: x"),
        (range, 400, "size 8 is not within 64 to 4096 bits"),
        (
            exhausted,
            503,
            "not enough key material: 256 bits wanted, 0 bits stored",
        ),
    ] {
        let response = refused(&refusal);
        assert_eq!(response.status(), status);
        assert_eq!(text(response), value!({ "message": message }).to_string());
    }
    for refusal in [Refusal::UnknownSae, Refusal::NotNamed] {
        let response = refused(&refusal);
        assert_eq!(response.status(), 401);
        assert_eq!(text(response), "");
    }
}

#[test]
fn wrong_answers() {
    for (answer, status, empty) in [
        (Wrong::BadRequest, 400, false),
        (Wrong::Unauthorized, 401, true),
        (Wrong::NotFound, 404, true),
        (Wrong::Unavailable, 503, false),
        (Wrong::GatewayTimeout, 504, true),
        (Wrong::Html, 200, false),
    ] {
        let response = wrong(answer);
        assert_eq!(response.status(), status);
        let html = response
            .headers()
            .get("content-type")
            .is_some_and(|kind| kind.to_str().unwrap().starts_with("text/html"));
        assert_eq!(html, answer == Wrong::Html);
        assert_eq!(text(response).is_empty(), empty);
    }
}
