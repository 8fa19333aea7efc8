//! SKIP: raw requests, our client, and ETSI GS QKD 014 at the other end of the same store.

use std::time::Duration;

use keyclient::{ClientConfig, Error, Form, KeySource, KmeFault, Protocol, SkipClient};
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{ALL, Answer, Sae, World, error, keys, supply, tls};
use crate::faults::{Calls, Fault, Times, Wrong};

/// Starts two KMEs with a SKIP address each, and a raw client of each.
async fn world(keys: u64) -> (World, Sae, Sae) {
    let mut world = World::two(supply(keys)).await;
    let mut serve = Vec::new();
    for (kme, sae) in [("kme-a", "sae-a"), ("kme-b", "sae-b")] {
        let listen = ([127, 0, 0, 1], 0).into();
        let address = world.kmes.serve_skip(kme, listen).await.unwrap().unwrap();
        let url = format!("https://localhost:{}", address.port());
        serve.push(Sae::new(url, tls(world.dir(), Some(sae), ALL)));
    }
    let b = serve.pop().unwrap();
    (world, serve.pop().unwrap(), b)
}

fn config(world: &World, raw: &Sae, own: &str, peer: &str) -> ClientConfig {
    ClientConfig {
        base_url: raw.url.clone(),
        kme_id: None,
        peer_sae_id: peer.into(),
        ca: world.file("ca.pem"),
        cert: world.file(&format!("{own}.pem")),
        key: world.file(&format!("{own}.key")),
        timeout: Duration::from_secs(5),
        form: Form::Post,
    }
}

/// Returns keyId and key of a reply.
fn key(answer: &Answer) -> (String, String) {
    assert_eq!(answer.0, 200, "{answer:?}");
    let text = |name: &str| answer.1[name].as_str().unwrap().to_owned();
    let fields = answer.1.as_object().unwrap();
    assert_eq!(
        fields.len(),
        2,
        "nothing the draft does not know: {fields:?}"
    );
    (text("keyId"), text("key"))
}

#[tokio::test]
async fn capabilities_name_both_ends() {
    let (_world, a, b) = world(1).await;
    let expected = |own: &str, peer: &str| {
        json!({ "entropy": false, "key": true, "algorithm": "QKD (modelled)",
                "localSystemID": own, "remoteSystemID": [peer] })
    };
    assert_eq!(
        a.get("capabilities").await,
        Answer(200, expected("sae-a", "sae-b"))
    );
    assert_eq!(
        b.get("capabilities").await,
        Answer(200, expected("sae-b", "sae-a"))
    );
}

#[tokio::test]
async fn a_key_is_hexadecimal_and_given_once_to_each_end() {
    let (world, a, b) = world(10).await;
    for (query, digits) in [("", 64), ("&size=128", 32), ("&size=512", 128)] {
        let (id, first) = key(&a.get(&format!("key?remoteSystemID=sae-b{query}")).await);
        assert_eq!((id.len(), first.len()), (32, digits));
        for text in [&id, &first] {
            assert!(
                text.bytes()
                    .all(|o| o.is_ascii_digit() || (b'a'..=b'f').contains(&o))
            );
        }
        // The SAE that took the key cannot fetch it, and no SAE can fetch it in the name of
        // another.
        let mine = a.get(&format!("key/{id}?remoteSystemID=sae-b")).await;
        let gone = error(400, "one or more keys specified are not found on KME");
        assert_eq!(mine, gone);
        assert_eq!(b.get(&format!("key/{id}?remoteSystemID=sae-c")).await, gone);
        let path = format!("key/{id}?remoteSystemID=sae-a");
        assert_eq!(key(&b.get(&path).await), (id, first));
        assert_eq!(b.get(&path).await, gone, "zeroized after delivery");
    }
    assert_eq!(world.kmes.snapshot().reserved_keys, 0);
}

#[tokio::test]
async fn refusals_have_the_codes_of_the_draft_and_touch_no_key() {
    let (world, a, _b) = world(1).await;
    for (path, status) in [
        ("key", 400),
        ("key?size=256", 400),
        ("key?remoteSystemID=sae-b&size=many", 400),
        ("key?remoteSystemID=sae-b&size=100", 400),
        ("key?remoteSystemID=sae-b&size=65536", 400),
        ("key?remoteSystemID=nobody", 400),
        ("key?remoteSystemID=sae-a", 400),
        ("key/not-a-key?remoteSystemID=sae-b", 400),
        ("key/00000000000000000000000000000000", 400),
        ("key/", 404),
        ("keys", 404),
        ("entropy", 404),
        ("api/v1/keys/sae-b/enc_keys", 404),
        ("", 404),
    ] {
        assert_eq!(a.get(path).await.0, status, "{path}");
    }
    for method in [Method::POST, Method::HEAD, Method::DELETE] {
        for path in ["capabilities", "key?remoteSystemID=sae-b", "key/x"] {
            let response = a.send(method.clone(), path, "").await.unwrap();
            assert_eq!(response.status(), 405, "{method} {path}");
        }
    }
    let stranger = Sae::new(a.url.clone(), tls(world.dir(), Some("sae-c"), ALL));
    assert_eq!(
        stranger.get("key?remoteSystemID=sae-b").await,
        Answer(401, Value::Null)
    );
    let nobody = Sae::new(a.url.clone(), tls(world.dir(), None, ALL));
    assert!(nobody.send(Method::GET, "capabilities", "").await.is_err());
    assert_eq!(world.kmes.snapshot().pool_keys, 1);

    key(&a.get("key?remoteSystemID=sae-b").await);
    let empty = error(
        500,
        "not enough key material: 256 bits wanted, 0 bits stored",
    );
    assert_eq!(a.get("key?remoteSystemID=sae-b").await, empty);
}

#[tokio::test]
async fn one_end_may_speak_skip_and_the_other_etsi_014() {
    let (world, a, b) = world(10).await;
    let (id, hex) = key(&a.get("key?remoteSystemID=sae-b").await);
    let uuid = uuid::Uuid::parse_str(&id).unwrap().hyphenated().to_string();
    let taken = keys(&world.b.dec("sae-a", &[&uuid]).await).remove(0).1;
    let text: keyclient::SecretText = serde_json::from_value(taken.into()).unwrap();
    let octets = text.decode().ok().unwrap();
    assert_eq!(
        keyclient::SecretText::encode_hex(octets.expose()).expose(),
        hex
    );

    let (uuid, _) = world.a.enc("sae-b", 1).await.remove(0);
    key(&b.get(&format!("key/{uuid}?remoteSystemID=sae-a")).await);
}

#[tokio::test]
async fn our_client_gets_the_same_key_at_both_ends_and_recognises_the_faults() {
    let (world, raw_a, raw_b) = world(100).await;
    let source = |raw, own, peer| {
        KeySource::new(Protocol::Skip, config(&world, raw, own, peer))
            .ok()
            .unwrap()
    };
    let (a, b) = (
        source(&raw_a, "sae-a", "sae-b"),
        source(&raw_b, "sae-b", "sae-a"),
    );
    for (master, slave) in [(&a, &b), (&b, &a)] {
        for bits in [128, 256] {
            assert!(master.probe().await.is_ok());
            let given = master.fresh(bits).await.ok().unwrap();
            let taken = slave.by_id(&given.id, bits).await.ok().unwrap();
            assert!(given.bytes.same_as(&taken.bytes));
            assert_eq!(taken.bytes.bits(), bits as usize);
            let gone = slave.by_id(&given.id, bits).await.err().unwrap();
            assert!(
                matches!(
                    gone,
                    Error::Kme {
                        fault: KmeFault::KeyNotFound { .. },
                        ..
                    }
                ),
                "{gone}"
            );
        }
    }

    let at_a = world.kmes.faults("kme-a").unwrap();
    for (fault, words) in [
        (Fault::Answer(Wrong::GatewayTimeout), "504"),
        (Fault::Answer(Wrong::Html), "HTML"),
        (Fault::Exhausted, "500"),
        (Fault::WrongSize, "248 bits"),
        (Fault::LoseReply, "broke"),
    ] {
        at_a.order(fault, Calls::EncKeys, Times::Next(1));
        let error = a.fresh(256).await.err().unwrap().to_string();
        assert!(error.contains(words), "{fault:?}: {error}");
        assert!(a.fresh(256).await.is_ok(), "after {fault:?}");
    }
    let late = Fault::LatePropagation(Duration::from_millis(300));
    at_a.order(late, Calls::EncKeys, Times::Next(1));
    let key = a.fresh(256).await.ok().unwrap();
    assert!(b.by_id(&key.id, 256).await.is_err());
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(b.by_id(&key.id, 256).await.is_ok());
}

#[tokio::test]
async fn an_unknown_kme_serves_no_skip_and_the_wrong_ca_is_refused() {
    let (mut world, a, _b) = world(1).await;
    let listen = ([127, 0, 0, 1], 0).into();
    assert!(
        world
            .kmes
            .serve_skip("kme-z", listen)
            .await
            .unwrap()
            .is_none()
    );
    let wrong = ClientConfig {
        kme_id: Some("kme-b".into()),
        ..config(&world, &a, "sae-a", "sae-b")
    };
    let error = SkipClient::new(wrong)
        .ok()
        .unwrap()
        .key(256)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, Error::Certificate { .. }), "{error}");
}
