//! The table of conformance: each request with the status and body that the standard publishes, the
//! traps of its text included.

use serde_json::{Value, json};

use super::world::key_id;

/// The value of the published example.
const VALUE: &str = "wHHVxRwDJs3/bXd38GHP3oe4svTuRpZS0yCC7x4Ly+s=";

pub(super) fn uuid(number: u64) -> String {
    key_id(number).to_string()
}

/// A request for a key of this number.
pub(super) fn keys(number: u64) -> Value {
    json!({
        "keys": [{"key_id": uuid(number), "value": VALUE}],
        "initiator_sae_id": "far",
        "target_sae_ids": ["near"],
        "ack_callback_url": "https://localhost:1/ack"
    })
}

/// `base` with other members; `null` leaves a member out.
pub(super) fn with(mut base: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => drop(base.as_object_mut().unwrap().remove(name)),
            value => base[name] = value.clone(),
        }
    }
    base
}

pub(super) fn sync(base: Value) -> Value {
    with(base, json!({"ack_callback_url": null}))
}

/// A published error: end of the type, title, name of the detail.
pub(super) fn problem(status: u16, kind: &str, title: &str, detail: &str) -> Value {
    json!({
        "type": format!("https://qkd.etsi.org/gs020-interop-kms/{kind}"),
        "status": status,
        "title": title,
        "details": {detail: "…"}
    })
}

/// A body with the text of each detail, which is ours, left out.
pub(super) fn plain(mut body: Value) -> Value {
    if let Some(details) = body.get_mut("details").and_then(Value::as_object_mut) {
        for text in details.values_mut() {
            assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{text}");
            *text = "…".into();
        }
    }
    body
}

pub(super) const VERSIONS: &str = "/kmapi/versions";
pub(super) const KEYS: &str = "/kmapi/v1/ext_keys";
pub(super) const ACK: &str = "/kmapi/v1/ext_keys/ack";
pub(super) const VOID: &str = "/kmapi/v1/ext_keys/void";

pub(super) fn ack(key_id: Value, status: &str) -> Value {
    json!([{"key_id_container": key_id, "ack_status": status, "initiator_sae_id": "near",
            "target_sae_ids": ["far"]}])
}

pub(super) fn void(members: Value) -> Value {
    let base = json!({"key_ids": [], "initiator_sae_id": "far", "target_sae_ids": ["near"]});
    with(base, members)
}

pub(super) fn done(status: &str, numbers: &[u64]) -> Value {
    let ids: Vec<_> = numbers
        .iter()
        .map(|number| json!({"key_id": uuid(*number)}))
        .collect();
    json!([{"key_id_container": ids, "ack_status": status, "initiator_sae_id": "far",
            "target_sae_ids": ["near"]}])
}

/// A request, and the status and body expected; an empty text for no body.
pub(super) type Row = (&'static str, &'static str, &'static str, Value, u16, Value);

pub(super) fn table() -> Vec<Row> {
    let none = || json!("");
    let missing = || {
        problem(
            400,
            "missing-parameters",
            "missing parameters",
            "missing_parameters",
        )
    };
    let invalid = || {
        problem(
            400,
            "invalid-parameter",
            "Invalid parameter format",
            "malformed_property",
        )
    };
    let routing =
        |status, detail| problem(status, "key-routing-error", "key routing error", detail);
    let general = || {
        problem(
            503,
            "server-side-general-error",
            "server side general error",
            "server_side_general_error",
        )
    };
    let extension = || {
        problem(
            503,
            "unsupported-mandatory-extension",
            "unsupported mandatory extension",
            "unsupported_mandatory_extension",
        )
    };
    let no_void = || {
        problem(
            400,
            "void-request-not-understood",
            "void request not understood",
            "key_voiding_error",
        )
    };
    let no_ack = || {
        problem(
            400,
            "ack-not-understood",
            "ack not understood",
            "ack_not_understood",
        )
    };
    let mut unconfirmed = problem(
        400,
        "no-key-ids-or-confirmation",
        "no key ids or confirmation",
        "no_all_confirmation",
    );
    unconfirmed["details"]["no_key_ids_or_confirmation"] = "…".into();
    let to = |target: &str| with(keys(90), json!({"target_sae_ids": [target]}));
    let escaped =
        |escape: &str| json!({"raw": keys(7).to_string().replace("Ly+s", &format!("Ly{escape}s"))});
    let ids = |ids: Value| void(json!({"key_ids": ids}));
    vec![
        (
            "versions",
            "GET",
            VERSIONS,
            Value::Null,
            200,
            json!({"versions": ["v1"], "capabilities": ["synchronous_mode"]}),
        ),
        (
            "versions are read only",
            "POST",
            VERSIONS,
            json!({}),
            405,
            none(),
        ),
        ("keys are posted", "GET", KEYS, Value::Null, 405, none()),
        (
            "no other path",
            "GET",
            "/kmapi/v2/ext_keys",
            Value::Null,
            404,
            none(),
        ),
        ("asynchronous", "POST", KEYS, keys(1), 202, none()),
        ("repeated", "POST", KEYS, keys(1), 202, none()),
        (
            "synchronous",
            "POST",
            KEYS,
            sync(keys(2)),
            200,
            done("relayed", &[2]),
        ),
        (
            "synchronous, repeated",
            "POST",
            KEYS,
            sync(keys(2)),
            200,
            done("relayed", &[2]),
        ),
        (
            "optional extensions",
            "POST",
            KEYS,
            with(
                keys(3),
                json!({"extension_optional": {"E32473_x": {"a": 1}}}),
            ),
            202,
            none(),
        ),
        (
            "unknown members",
            "POST",
            KEYS,
            with(keys(4), json!({"vendor": 1})),
            202,
            none(),
        ),
        (
            "UUID in upper case",
            "POST",
            KEYS,
            with(
                keys(5),
                json!({"keys": [{"key_id": "ABCDEF00-0000-4000-8000-00000000ABCD", "value": VALUE}]}),
            ),
            202,
            none(),
        ),
        (
            "no padding, short key",
            "POST",
            KEYS,
            with(
                keys(6),
                json!({"keys": [{"key_id": uuid(6), "value": "AAEC"}]}),
            ),
            202,
            none(),
        ),
        (
            "JSON escape in base64",
            "POST",
            KEYS,
            escaped(r"\u002B"),
            202,
            none(),
        ),
        (
            "escape of the broken example",
            "POST",
            KEYS,
            escaped(r"\\u002B"),
            400,
            invalid(),
        ),
        (
            "keys missing",
            "POST",
            KEYS,
            with(keys(90), json!({"keys": null})),
            400,
            missing(),
        ),
        (
            "initiator missing",
            "POST",
            KEYS,
            with(keys(90), json!({"initiator_sae_id": null})),
            400,
            missing(),
        ),
        (
            "targets missing",
            "POST",
            KEYS,
            with(keys(90), json!({"target_sae_ids": null})),
            400,
            missing(),
        ),
        (
            "value missing",
            "POST",
            KEYS,
            with(keys(90), json!({"keys": [{"key_id": uuid(90)}]})),
            400,
            missing(),
        ),
        ("no JSON", "POST", KEYS, json!({"raw": "{"}), 400, invalid()),
        (
            "no object",
            "POST",
            KEYS,
            json!({"raw": "[]"}),
            400,
            invalid(),
        ),
        (
            "no UUID",
            "POST",
            KEYS,
            with(keys(90), json!({"keys": [{"key_id": "1", "value": VALUE}]})),
            400,
            invalid(),
        ),
        (
            "SAE ID with a blank",
            "POST",
            KEYS,
            to("ne ar"),
            400,
            invalid(),
        ),
        (
            "SAE ID of 65 characters",
            "POST",
            KEYS,
            to(&"x".repeat(65)),
            400,
            invalid(),
        ),
        (
            "callback without TLS",
            "POST",
            KEYS,
            with(
                keys(90),
                json!({"ack_callback_url": "http://localhost/ack"}),
            ),
            400,
            invalid(),
        ),
        (
            "extension without PEN",
            "POST",
            KEYS,
            with(keys(90), json!({"extension_optional": {"x": 1}})),
            400,
            invalid(),
        ),
        (
            "unknown target",
            "POST",
            KEYS,
            to("unknown"),
            400,
            routing(400, "target_sae_id_not_recognized"),
        ),
        (
            "no pass-back",
            "POST",
            KEYS,
            to("back"),
            400,
            routing(400, "invalid_routing"),
        ),
        (
            "our SAE as initiator",
            "POST",
            KEYS,
            with(to("back"), json!({"initiator_sae_id": "near"})),
            400,
            routing(400, "invalid_routing"),
        ),
        (
            "two targets",
            "POST",
            KEYS,
            with(keys(90), json!({"target_sae_ids": ["near", "other"]})),
            503,
            routing(503, "no_route_multiple_targets"),
        ),
        (
            "no route now",
            "POST",
            KEYS,
            to("down"),
            503,
            routing(503, "no_known_route"),
        ),
        (
            "no key bits",
            "POST",
            KEYS,
            to("short"),
            503,
            problem(
                503,
                "insufficient-key-material",
                "insufficient key material",
                "insufficient_key_material",
            ),
        ),
        (
            "mandatory extension",
            "POST",
            KEYS,
            with(keys(90), json!({"extension_mandatory": {"E32473_x": 1}})),
            503,
            extension(),
        ),
        (
            "mandatory extension of ETSI's number",
            "POST",
            KEYS,
            with(keys(90), json!({"extension_mandatory": {"E13019_x": 1}})),
            503,
            extension(),
        ),
        (
            "a kept key with an unknown target: no 400",
            "POST",
            KEYS,
            with(keys(1), json!({"target_sae_ids": ["unknown"]})),
            503,
            general(),
        ),
        ("ack of nothing", "POST", ACK, json!([]), 200, none()),
        (
            "ack of an unknown key",
            "POST",
            ACK,
            ack(json!([{"key_id": uuid(99)}]), "relayed"),
            400,
            problem(400, "key-not-present", "key not present", "key_not_present"),
        ),
        (
            "ack that is no array",
            "POST",
            ACK,
            ack(json!([]), "relayed")[0].clone(),
            400,
            no_ack(),
        ),
        (
            "ack with a key_id of another type",
            "POST",
            ACK,
            ack(json!([{"key_id": 1}]), "relayed"),
            400,
            no_ack(),
        ),
        (
            "ack with key IDs outside objects",
            "POST",
            ACK,
            ack(json!([uuid(1)]), "relayed"),
            400,
            no_ack(),
        ),
        (
            "ack with another status",
            "POST",
            ACK,
            ack(json!([]), "failed_to_void"),
            400,
            no_ack(),
        ),
        (
            "ack for other SAEs",
            "POST",
            ACK,
            ack(json!([{"key_id": uuid(1)}]), "relayed"),
            400,
            no_ack(),
        ),
        (
            "void of everything, unconfirmed",
            "POST",
            VOID,
            void(json!({})),
            400,
            unconfirmed.clone(),
        ),
        (
            "void of everything, not confirmed",
            "POST",
            VOID,
            void(json!({"all_confirmation": false})),
            400,
            unconfirmed,
        ),
        (
            "void without key_ids",
            "POST",
            VOID,
            void(json!({"key_ids": null, "all_confirmation": true})),
            400,
            no_void(),
        ),
        (
            "void that is no JSON",
            "POST",
            VOID,
            json!({"raw": "x"}),
            400,
            no_void(),
        ),
        (
            "void of an unknown key",
            "POST",
            VOID,
            ids(json!([uuid(98)])),
            200,
            done("key not present", &[98]),
        ),
        (
            "its key comes too late",
            "POST",
            KEYS,
            sync(keys(98)),
            200,
            done("voided", &[98]),
        ),
        (
            "void of a key",
            "POST",
            VOID,
            ids(json!([uuid(2)])),
            200,
            done("voided", &[2]),
        ),
        (
            "void of a key, asynchronous",
            "POST",
            VOID,
            with(
                ids(json!([uuid(3)])),
                json!({"ack_callback_url": "https://localhost:1/ack"}),
            ),
            202,
            none(),
        ),
        (
            "void of everything of others",
            "POST",
            VOID,
            void(json!({"initiator_sae_id": "farther", "all_confirmation": true})),
            200,
            json!([]),
        ),
    ]
}
