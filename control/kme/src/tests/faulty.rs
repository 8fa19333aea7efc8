//! Each fault has its documented effect on the calls that it is ordered for, until it is cleared.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::world::{Answer, World, error, keys, not_found, supply, until};
use crate::faults::{Calls, Fault, Faults, Times, Wrong};

/// Keys that SAE A must leave to SAE B: half of the 100, rounded down to keys of the largest size.
const KEPT_FOR_B: u64 = 48;

async fn world() -> (World, Faults) {
    let world = World::two(supply(100)).await;
    let faults = world.kmes.faults("kme-a").unwrap();
    assert!(world.kmes.faults("kme-c").is_none());
    (world, faults)
}

#[tokio::test]
async fn wrong_answers_touch_no_key() {
    let (world, faults) = world().await;
    let html = "<!doctype html><title>Log in</title><p>Please log in.</p>";
    for (wrong, expected) in [
        (Wrong::BadRequest, error(400, "fault ordered: bad request")),
        (Wrong::Unauthorized, Answer(401, Value::Null)),
        (Wrong::NotFound, Answer(404, Value::Null)),
        (Wrong::Unavailable, error(503, "fault ordered: unavailable")),
        (Wrong::GatewayTimeout, Answer(504, Value::Null)),
        (Wrong::Html, Answer(200, html.into())),
    ] {
        faults.order(Fault::Answer(wrong), Calls::EncKeys, Times::Next(1));
        assert_eq!(world.a.get("sae-b/status").await.0, 200);
        assert_eq!(world.a.get("sae-b/enc_keys").await, expected);
    }
    assert_eq!(world.kmes.snapshot().pool_keys, 100);
    assert_eq!(world.kmes.snapshot().kmes[0].requests.faulted, 6);
    world.a.enc("sae-b", 1).await;
}

/// A busy machine answers in less.
const LATENCY: Duration = Duration::from_secs(4);

#[tokio::test]
async fn latency_delays_one_kme_only() {
    let (world, faults) = world().await;
    faults.order(Fault::Latency(LATENCY), Calls::Any, Times::Always);
    let began = Instant::now();
    world.b.enc("sae-a", 1).await;
    assert!(began.elapsed() < LATENCY);
    let began = Instant::now();
    world.a.enc("sae-b", 1).await;
    assert!(began.elapsed() >= LATENCY);
    assert_eq!(world.kmes.snapshot().kmes[0].faults.len(), 1);
    faults.clear();
    let began = Instant::now();
    world.a.enc("sae-b", 1).await;
    assert!(began.elapsed() < LATENCY);
}

#[tokio::test]
async fn a_lost_reply_loses_the_keys() {
    let (world, faults) = world().await;
    faults.order(Fault::LoseReply, Calls::Any, Times::Next(1));
    let lost = world
        .a
        .send(reqwest::Method::GET, "sae-b/enc_keys", "")
        .await;
    assert!(lost.is_err(), "{lost:?}");
    let snapshot = world.kmes.snapshot();
    assert_eq!((snapshot.pool_keys, snapshot.reserved_keys), (99, 1));

    let key = &world.b.enc("sae-a", 1).await[0].0;
    faults.order(Fault::LoseReply, Calls::DecKeys, Times::Next(1));
    let path = format!("sae-b/dec_keys?key_ID={key}");
    assert!(world.a.send(reqwest::Method::GET, &path, "").await.is_err());
    assert_eq!(world.a.get(&path).await, not_found());
}

#[tokio::test]
async fn a_wedged_kme_never_answers_but_still_shuts_down() {
    let (world, faults) = world().await;
    faults.order(Fault::Wedge, Calls::EncKeys, Times::Next(2));
    let call = world.a.get("sae-b/enc_keys");
    assert!(
        tokio::time::timeout(Duration::from_millis(1500), call)
            .await
            .is_err()
    );
    assert_eq!(world.kmes.snapshot().kmes[0].requests.faulted, 1);
    assert_eq!(world.kmes.snapshot().pool_keys, 100);

    let World { kmes, a, .. } = world;
    let stuck =
        tokio::spawn(async move { a.send(reqwest::Method::GET, "sae-b/enc_keys", "").await });
    until(|| faults.in_force().is_empty()).await;
    faults.clear(); // too late for a call that hangs already
    let began = Instant::now();
    kmes.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(8));
    assert!(stuck.await.unwrap().is_err());
}

#[tokio::test]
async fn status_and_both_calls_report_exhaustion() {
    let (world, faults) = world().await;
    let key = &world.b.enc("sae-a", 1).await[0].0;
    faults.order(Fault::Exhausted, Calls::Any, Times::Always);
    assert_eq!(world.a.get("sae-b/status").await.1["stored_key_count"], 0);
    let short = error(
        503,
        "not enough key material: 256 bits wanted, 0 bits stored",
    );
    assert_eq!(world.a.get("sae-b/enc_keys").await, short);
    assert_eq!(world.a.dec("sae-b", &[key]).await, short);
    faults.clear();
    assert_eq!(keys(&world.a.dec("sae-b", &[key]).await).len(), 1);
    let stored = &world.a.get("sae-b/status").await.1["stored_key_count"];
    assert_eq!(stored, 99 - KEPT_FOR_B);
}

#[tokio::test]
async fn a_key_may_be_late_at_the_slave() {
    let (world, faults) = world().await;
    let late = Fault::LatePropagation(Duration::from_millis(1500));
    faults.order(late, Calls::EncKeys, Times::Next(1));
    let given = world.a.enc("sae-b", 1).await;
    assert_eq!(world.b.dec("sae-a", &[&given[0].0]).await, not_found());
    tokio::time::sleep(Duration::from_millis(1600)).await;
    assert_eq!(keys(&world.b.dec("sae-a", &[&given[0].0]).await), given);
}

#[tokio::test]
async fn malformed_containers() {
    let (world, faults) = world().await;
    let enc = "sae-b/enc_keys?number=3";
    let take = async |fault| {
        faults.order(fault, Calls::EncKeys, Times::Next(1));
        world.a.get(enc).await
    };

    let wrong = keys(&take(Fault::WrongKeyId).await);
    assert_eq!(wrong.len(), 3);
    for (id, _) in &wrong {
        assert_eq!(world.b.dec("sae-a", &[id]).await, not_found());
    }

    let short = keys(&take(Fault::WrongSize).await);
    assert!(
        short
            .iter()
            .all(|(_, key)| key.len() == 44 && key.ends_with("==")),
        "31 octets"
    );
    let right = keys(&world.b.dec("sae-a", &[&short[0].0]).await);
    assert!(right[0].1.starts_with(&short[0].1[..40]) && right[0].1 != short[0].1);

    let twice = keys(&take(Fault::DuplicateKeys).await);
    assert_eq!(twice, vec![twice[0].clone(); 3]);

    let Answer(200, extra) = take(Fault::ExtraFields).await else {
        panic!()
    };
    assert_eq!(extra["vendor_extra"], "ignore me");
    assert_eq!(
        extra["keys"][2]["key_ID_extension"],
        json!({ "vendor_extra": 1 })
    );

    let given = world.a.enc("sae-b", 3).await;
    let dec_faults = world.kmes.faults("kme-b").unwrap();
    dec_faults.order(Fault::ReversedOrder, Calls::DecKeys, Times::Next(1));
    let ids: Vec<_> = given.iter().map(|(id, _)| id.as_str()).collect();
    let mut reversed = keys(&world.b.dec("sae-a", &ids).await);
    reversed.reverse();
    assert_eq!(reversed, given);
}

#[tokio::test]
async fn a_kme_repeats_keys() {
    let (world, faults) = world().await;
    let before = world.a.enc("sae-b", 2).await;
    faults.order(Fault::RepeatKeys, Calls::EncKeys, Times::Next(2));
    let first = world.a.enc("sae-b", 2).await;
    assert_eq!(world.a.enc("sae-b", 2).await, first);
    let after = world.a.enc("sae-b", 2).await;
    for given in [before, after, first.clone()] {
        assert!(given == first || (given[0] != first[0] && given[1] != first[1]));
        let ids: Vec<_> = given.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(keys(&world.b.dec("sae-a", &ids).await), given);
    }
    assert_eq!(world.kmes.snapshot().pool_keys, 94);
}

#[tokio::test]
async fn a_stale_status_does_not_change() {
    let (world, faults) = world().await;
    let stored = async || world.a.get("sae-b/status").await.1["stored_key_count"].clone();
    assert_eq!(stored().await, 100 - KEPT_FOR_B);
    faults.order(Fault::StaleStatus, Calls::Status, Times::Always);
    world.a.enc("sae-b", 10).await;
    assert_eq!(stored().await, 100 - KEPT_FOR_B);
    faults.clear();
    assert_eq!(stored().await, 90 - KEPT_FOR_B);
    faults.order(Fault::ExtraFields, Calls::Status, Times::Always);
    let status = world.a.get("sae-b/status").await.1;
    assert_eq!(
        (&status["vendor_extra"], &status["key_size"]),
        (&json!("ignore me"), &json!(256))
    );
}
