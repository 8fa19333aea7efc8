//! Tests of status codes, bodies, methods and forms, with plain HTTP requests.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, World, answer, error, keys, not_found, supply};
use crate::{LinkConfig, SaeIdentity};

#[tokio::test]
async fn each_refusal_has_its_code_and_text() {
    let World { kmes, a, b, .. } = &World::two(supply(2)).await;
    let key = &a.enc("sae-b", 1).await[0].0;
    let enc = "sae-b/enc_keys";
    let many = r#"{"key_ID":"x"},"#.repeat(128) + r#"{"key_ID":"x"}"#;
    let too_many = format!(r#"{{"key_IDs":[{many}]}}"#);
    for (body, message) in [
        (r#"{"size":100}"#, "size shall be a multiple of 8"),
        (r#"{"size":56}"#, "size 56 is not within 64 to 4096 bits"),
        (
            r#"{"number":0}"#,
            "number 0 is not within 1 to 128 keys per request",
        ),
        (
            r#"{"number":129}"#,
            "number 129 is not within 1 to 128 keys per request",
        ),
        (
            r#"{"extension_mandatory":[{"x_y":1}]}"#,
            "not all extension_mandatory parameters are supported",
        ),
        (
            r#"{"additional_slave_SAE_IDs":["sae-c"]}"#,
            "additional_slave_SAE_IDs names 1 SAE IDs, this KME allows 0 (max_SAE_ID_count)",
        ),
        ("[]", "bad request: the body must be a JSON object"),
    ] {
        assert_eq!(a.post(enc, body).await, error(400, message), "{body}");
    }
    let no_peer = error(
        400,
        "no SAE with the ID in the path is reachable over this link",
    );
    for path in [
        "sae-c/enc_keys",
        "sae-a/enc_keys",
        "sae-a/status",
        "SAE-B/status",
        "/status",
    ] {
        assert_eq!(a.get(path).await, no_peer, "{path}");
    }
    let range = |number| {
        error(
            400,
            &format!("number {number} is not within 1 to 128 keys per request"),
        )
    };
    assert_eq!(
        b.post("sae-a/dec_keys", r#"{"key_IDs":[]}"#).await,
        range(0)
    );
    assert_eq!(b.post("sae-a/dec_keys", &too_many).await, range(129));
    assert_eq!(b.dec("sae-a", &[key, "unknown"]).await, not_found());
    assert_eq!(b.dec("sae-c", &[key]).await, not_found());
    let short = error(
        503,
        "not enough key material: 512 bits wanted, 256 bits stored",
    );
    assert_eq!(a.get("sae-b/enc_keys?number=2").await, short);
    let big = format!(r#"{{"x":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(a.post(enc, &big).await.0, 400);
    // None of these requests touched a key.
    assert_eq!(keys(&b.dec("sae-a", &[key]).await).len(), 1);
    assert_eq!(
        (kmes.snapshot().pool_keys, kmes.snapshot().reserved_keys),
        (1, 0)
    );
}

#[tokio::test]
async fn a_401_has_no_body() {
    let world = World::two(supply(2)).await;
    let key = &world.a.enc("sae-b", 1).await[0].0;
    let stranger = world.client(super::world::tls(
        world.dir(),
        Some("sae-c"),
        super::world::ALL,
    ));
    let kme_itself = world.client(super::world::tls(
        world.dir(),
        Some("kme-b"),
        super::world::ALL,
    ));
    for response in [
        stranger
            .send(Method::GET, "sae-b/status", "")
            .await
            .unwrap(),
        stranger
            .send(Method::POST, "sae-b/enc_keys", "{")
            .await
            .unwrap(),
        kme_itself
            .send(Method::GET, "sae-b/enc_keys", "")
            .await
            .unwrap(),
        world
            .a
            .send(Method::GET, &format!("sae-b/dec_keys?key_ID={key}"), "")
            .await
            .unwrap(),
    ] {
        assert_eq!(response.headers()["content-length"], "0");
        assert!(response.headers().get("content-type").is_none());
        assert_eq!(answer(response).await, Answer(401, Value::Null));
    }
    assert_eq!(world.kmes.snapshot().kmes[0].requests.unauthorized, 4);
}

#[tokio::test]
async fn get_and_post_forms_do_the_same() {
    let World { a, b, .. } = &World::two(supply(20)).await;
    for (path, body, number, chars) in [
        ("sae-b/enc_keys", None, 1, 44),
        ("sae-b/enc_keys", Some(""), 1, 44),
        ("sae-b/enc_keys", Some("{}"), 1, 44),
        ("sae-b/enc_keys?number=2", None, 2, 44),
        ("sae-b/enc_keys?size=64", None, 1, 12),
        ("sae-b/enc_keys", Some(r#"{"number":2,"size":128}"#), 2, 24),
        (
            "sae-b/enc_keys",
            Some(r#"{"additional_target_sae_ids":[],"x":{}}"#),
            1,
            44,
        ),
        ("sae%2Db/enc_keys", None, 1, 44),
        ("sae%2db/enc_keys/", None, 1, 44),
        ("sae-b/enc_keys/?number=2", None, 2, 44),
        ("sae-b/enc_keys?number=2.0&size=64.0", None, 2, 12),
        ("sae-b/enc_keys", Some(r#"{"number":1.0}"#), 1, 44),
        (
            "sae-b/enc_keys/",
            Some(r#"{"number":1e0,"size":256.0}"#),
            1,
            44,
        ),
    ] {
        let given = match body {
            None => a.get(path).await,
            Some(body) => a.post(path, body).await,
        };
        let given_keys = keys(&given);
        assert_eq!(given_keys.len(), number, "{path} {body:?}");
        assert!(
            given_keys.iter().all(|(_, key)| key.len() == chars),
            "{path} {body:?}"
        );
        assert_eq!(
            given.1["keys"][0]["key_extension"],
            json!({ "qmacsec_origin": "modelled" })
        );
        for (id, key) in given_keys {
            // UUIDs compare without regard to case.
            let path = format!("sae-a/dec_keys?key_ID={}", id.to_uppercase());
            assert_eq!(keys(&b.get(&path).await), [(id.clone(), key)]);
            let path = path.replace("dec_keys?", "dec_keys/?");
            assert_eq!(b.get(&path).await, not_found());
        }
    }
}

#[tokio::test]
async fn other_paths_are_404_and_other_methods_405_and_take_no_key() {
    let World { kmes, a, .. } = &World::two(supply(3)).await;
    for path in [
        "",
        "sae-b",
        "sae-b/keys",
        "sae-b/status//",
        "sae-b/enc_keys/x",
    ] {
        assert_eq!(a.get(path).await, Answer(404, Value::Null), "{path}");
    }
    for (method, path, allow) in [
        (Method::HEAD, "sae-b/enc_keys", "GET, POST"),
        (Method::HEAD, "sae-b/enc_keys/", "GET, POST"),
        (Method::DELETE, "sae-b/enc_keys", "GET, POST"),
        (Method::PUT, "sae-b/dec_keys", "GET, POST"),
        (Method::OPTIONS, "sae-b/dec_keys", "GET, POST"),
        (Method::HEAD, "sae-b/status", "GET"),
        (Method::POST, "sae-b/status", "GET"),
    ] {
        let response = a.send(method.clone(), path, "").await.unwrap();
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(response.headers()["allow"], allow);
    }
    let snapshot = kmes.snapshot();
    assert_eq!((snapshot.pool_keys, snapshot.reserved_keys), (3, 0));
    assert_eq!(snapshot.kmes[0].requests.not_found, 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_sides_ask_at_the_same_time() {
    const ROUNDS: usize = 60;
    const EACH: u32 = 3;
    let World { kmes, a, b, .. } = &World::two(supply(10_000)).await;
    // Two tasks on each side take keys, and fetch at once the keys that the other side took.
    let lane =
        async |own: &super::world::Sae, own_id: &str, peer: &super::world::Sae, peer_id: &str| {
            let mut all = Vec::new();
            for _ in 0..ROUNDS {
                let given = own.enc(peer_id, EACH).await;
                let ids: Vec<_> = given.iter().map(|(id, _)| id.as_str()).collect();
                assert_eq!(keys(&peer.dec(own_id, &ids).await), given);
                all.extend(given);
            }
            all
        };
    let lanes = async {
        tokio::join!(
            lane(a, "sae-a", b, "sae-b"),
            lane(b, "sae-b", a, "sae-a"),
            lane(a, "sae-a", b, "sae-b"),
            lane(b, "sae-b", a, "sae-a"),
        )
    };
    let (one, two, three, four) = tokio::time::timeout(Duration::from_secs(60), lanes)
        .await
        .expect("wedged");
    let all = [one, two, three, four].concat();
    let taken = all.len();
    assert_eq!(taken, 4 * ROUNDS * EACH as usize);
    let ids: HashSet<_> = all.iter().map(|(id, _)| id).collect();
    let texts: HashSet<_> = all.iter().map(|(_, key)| key).collect();
    assert_eq!(
        (ids.len(), texts.len()),
        (taken, taken),
        "a key was given twice"
    );
    let snapshot = kmes.snapshot();
    assert_eq!(snapshot.pool_keys, 10_000 - taken as u64);
    assert_eq!(snapshot.counters.delivered_bits, taken as u64 * 256);
    assert_eq!(snapshot.reserved_keys, 0);
}

#[tokio::test]
async fn the_link_sets_sizes_and_the_certificate_field() {
    let link = LinkConfig {
        key_bits: 128,
        key_bits_max: 512,
        keys_per_request_max: 2,
        reserved_life: Duration::from_millis(200),
        ..LinkConfig::default()
    };
    let world = World::with(supply(10), link, SaeIdentity::SanDns).await;
    let given = world.a.enc("sae-b", 2).await;
    assert_eq!(given[0].1.len(), 24);
    assert_eq!(world.a.get("sae-b/enc_keys?number=3").await.0, 400);
    assert_eq!(world.a.get("sae-b/enc_keys?size=520").await.0, 400);
    // 8 of 20 keys are kept for the other SAE: its half, rounded down to keys of the largest size.
    assert_eq!(world.a.get("sae-b/status").await.1["stored_key_count"], 10);
    assert_eq!(world.kmes.snapshot().pool_keys, 18);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(world.b.dec("sae-a", &[&given[0].0]).await, not_found());
    assert_eq!(world.kmes.snapshot().counters.expired_keys, 2);
}

#[tokio::test]
async fn an_sae_id_may_be_a_uri() {
    let world = World::named("urn:example:b/1 %").await;
    let path = "urn:example:b%2F1%20%25";
    let status = world.a.get(&format!("{path}/status/")).await;
    assert_eq!(status.1["slave_SAE_ID"], "urn:example:b/1 %");
    assert_eq!(
        keys(&world.a.get(&format!("{path}/enc_keys")).await).len(),
        1
    );
    assert_eq!(world.a.get("urn:example:b/status").await.0, 400);
}
