//! Tests of start, supply and shutdown.

use std::net::TcpListener;
use std::time::Duration;

use super::world::{World, kme, supply, until};
use crate::pki::{LabPki, make_lab_pki};
use crate::{Deliveries, Kmes, LinkConfig, Origin, StartError};

#[tokio::test]
async fn blocks_arrive_while_the_kmes_run() {
    let blocks = Deliveries {
        block_bits: 2560,
        block_every: Duration::from_millis(200),
        blocks_at_start: 1,
        origin: Origin::Modelled,
    };
    let world = World::two(blocks).await;
    let first = world.kmes.snapshot();
    assert_eq!(
        (first.pool_keys, first.pool_bits, first.rate_bps),
        (10, 2560, 12_800.0)
    );
    assert!(first.next_block_in <= Duration::from_millis(200));
    assert_eq!(first.kmes[1].kme_id, "kme-b");
    assert_eq!(first.kmes[1].address, world.kmes.addresses()[1]);
    assert_eq!(world.a.get("sae-b/enc_keys?number=11").await.0, 503);
    until(|| world.kmes.snapshot().pool_keys >= 30).await;
    let later = world.kmes.snapshot();
    assert!(later.counters.blocks >= 3);
    assert_eq!(
        later.pool_keys,
        later.counters.blocks * 10,
        "whole blocks only"
    );
    assert_eq!(world.a.enc("sae-b", 25).await.len(), 25);
}

#[tokio::test]
async fn a_kme_that_cannot_start_gives_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    make_lab_pki(dir.path(), &LabPki::default()).unwrap();
    let start = |kmes| Kmes::start(kmes, LinkConfig::default(), supply(1));
    let good = kme(dir.path(), "kme-a", &["sae-a", "sae-b"]);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut busy = good.clone();
    busy.listen = taken.local_addr().unwrap();
    let error = start(vec![busy.clone()]).await.err().unwrap();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("kme-a") && text.contains(&busy.listen.to_string()),
        "{text}"
    );

    let mut no_cert = good.clone();
    no_cert.cert = dir.path().join("nowhere.pem");
    let error = start(vec![no_cert]).await.err().unwrap();
    assert!(matches!(error, StartError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("nowhere.pem"), "{error}");

    let error = start(vec![kme(dir.path(), "kme-a", &["sae-a"])])
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StartError::Config(_)), "{error}");

    // A second KME that fails to start also closes the port of the first.
    let mut second = kme(dir.path(), "kme-b", &["sae-c"]);
    second.listen = busy.listen;
    let mut first = good.clone();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    first.listen = free;
    assert!(start(vec![first.clone(), second]).await.is_err());
    let alone = start(vec![first]).await.unwrap();
    assert_eq!(alone.addresses(), [free]);
}

#[tokio::test]
async fn shutdown_completes_open_requests_and_accepts_no_more() {
    use crate::faults::{Calls, Fault, Times};
    let World { kmes, a, b, .. } = World::two(supply(5)).await;
    let faults = kmes.faults("kme-a").unwrap();
    faults.order(
        Fault::Latency(Duration::from_millis(500)),
        Calls::Any,
        Times::Next(1),
    );
    let (url, client) = (a.url.clone(), a.client.clone());
    let open = tokio::spawn(async move {
        client
            .get(format!("{url}/sae-b/enc_keys"))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    });
    until(|| faults.in_force().is_empty()).await;
    kmes.shutdown().await;
    assert_eq!(open.await.unwrap(), 200);
    for sae in [a, b] {
        assert!(
            sae.send(reqwest::Method::GET, "sae-b/status", "")
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn dropped_kmes_stop_listening() {
    let World { kmes, a, .. } = World::two(supply(5)).await;
    assert_eq!(a.get("sae-b/status").await.0, 200);
    drop(kmes);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(
        a.send(reqwest::Method::GET, "sae-b/status", "")
            .await
            .is_err()
    );
}
