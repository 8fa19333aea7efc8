//! One peer exhausts a resource: silent connections, incomplete requests, all keys. The KME still
//! serves the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::world::{ALL, World, answer, keys, supply, tls};
use crate::limits::{CONNECTIONS_PER_SAE_MAX, KEPT_KEYS_MAX, POOL_BITS_MAX};

/// Number of silent connections held open.
const SILENT: usize = 256;

/// Sends honest requests, each over its own connection. Returns the number of successes and the
/// longest time.
async fn honest(world: &World, requests: usize) -> (usize, Duration) {
    let (mut served, mut slowest) = (0, Duration::ZERO);
    for _ in 0..requests {
        let client = world.client(tls(world.dir(), Some("sae-a"), ALL));
        let began = Instant::now();
        let reply = client.send(Method::GET, "sae-b/status", "").await;
        slowest = slowest.max(began.elapsed());
        served += usize::from(matches!(reply, Ok(reply) if reply.status() == 200));
    }
    (served, slowest)
}

/// Holds `number` silent connections from the client's own address. Reopens each one that the KME
/// closes.
fn silent(world: &World, number: usize) -> (JoinSet<()>, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let address = world.kmes.addresses()[0];
    let (stop, opened) = (Arc::default(), Arc::default());
    let mut all = JoinSet::new();
    for _ in 0..number {
        let (stop, opened): (Arc<AtomicBool>, Arc<AtomicUsize>) =
            (Arc::clone(&stop), Arc::clone(&opened));
        all.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let Ok(mut stream) = TcpStream::connect(address).await else {
                    continue;
                };
                opened.fetch_add(1, Ordering::Relaxed);
                let _ = stream.read(&mut [0]).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    (all, stop, opened)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_block_no_other_client() {
    let world = World::two(supply(1)).await;
    let (mut all, stop, opened) = silent(&world, SILENT);
    while opened.load(Ordering::Relaxed) < SILENT {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Lasts longer than the time limit for a silent connection, so that all of them reconnect.
    let (mut served, mut slowest) = (0, Duration::ZERO);
    for _ in 0..96 {
        let (one, took) = honest(&world, 1).await;
        (served, slowest) = (served + one, slowest.max(took));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let opened = opened.load(Ordering::Relaxed);
    println!("{served} of 96 served, slowest {slowest:?}, beside {opened} silent connections");
    all.shutdown().await;
    assert_eq!(served, 96);
    assert!(opened > SILENT, "the attack went on");
}

#[tokio::test]
async fn a_silent_connection_ends() {
    let world = World::two(supply(1)).await;
    let mut silent = TcpStream::connect(world.kmes.addresses()[0]).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(60), silent.read_u8());
    assert!(read.await.expect("waited for").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incomplete_requests_of_one_sae_block_no_other_client() {
    let world = World::two(supply(1)).await;
    let mut halves = Vec::new();
    for _ in 0..2 * CONNECTIONS_PER_SAE_MAX {
        let mut stream = world.connect("sae-c").await;
        stream
            .write_all(b"GET /api/v1/keys/sae-b/status HTTP/1.1\r\nhost:")
            .await
            .unwrap();
        halves.push(stream);
    }
    let (served, slowest) = honest(&world, 20).await;
    println!("{served} of 20 served beside half requests of another SAE, slowest {slowest:?}");
    assert_eq!(served, 20);
    // The same from the honest SAE itself: the KME closes only its own connections and still serves
    // it.
    for _ in 0..2 * CONNECTIONS_PER_SAE_MAX {
        let mut stream = world.connect("sae-a").await;
        let _ = stream.write_all(b"GET /api").await;
        halves.push(stream);
    }
    let (served, slowest) = honest(&world, 20).await;
    println!("{served} of 20 served beside half requests of the same SAE, slowest {slowest:?}");
    assert_eq!(served, 20);
    // All of them end, at the latest by the time limit for a head.
    let began = Instant::now();
    for stream in &mut halves {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest));
        let _closed_or_reset = read.await.expect("a half request is not waited for");
    }
    println!("the last half request ended after {:?}", began.elapsed());
}

#[tokio::test]
async fn a_served_connection_is_never_closed_to_make_room() {
    use crate::faults::{Calls, Fault, Times};
    let world = World::two(supply(1)).await;
    let faults = world.kmes.faults("kme-a").unwrap();
    faults.order(
        Fault::Latency(Duration::from_secs(2)),
        Calls::Any,
        Times::Next(1),
    );
    let slow = world.client(tls(world.dir(), Some("sae-a"), ALL));
    let served = tokio::spawn(async move {
        let reply = slow.send(Method::GET, "sae-b/status", "").await;
        answer(reply.unwrap()).await.0
    });
    super::world::until(|| faults.in_force().is_empty()).await;
    let mut idle = Vec::new();
    for _ in 0..2 * CONNECTIONS_PER_SAE_MAX {
        idle.push(world.connect("sae-a").await);
    }
    assert_eq!(served.await.unwrap(), 200);
}

#[tokio::test]
async fn one_sae_cannot_drain_the_pool() {
    let whole = POOL_BITS_MAX / 256;
    let world = World::two(supply(whole)).await;
    let began = Instant::now();
    let mut taken = 0;
    loop {
        let reply = world.a.get("sae-b/enc_keys?number=128").await;
        if reply.0 == 503 {
            let message = reply.1["message"].as_str().unwrap();
            println!("after {taken} keys in {:?}: {message}", began.elapsed());
            break;
        }
        taken += keys(&reply).len();
        assert!(taken as u64 <= whole);
    }
    // The share of the other SAE is available, and so is half of the limit for unfetched keys.
    let status = world.b.get("sae-a/status").await.1;
    assert!(status["stored_key_count"].as_u64().unwrap() >= KEPT_KEYS_MAX);
    let mut served = 0;
    while served < KEPT_KEYS_MAX as usize {
        served += keys(&world.b.get("sae-a/enc_keys?number=128").await).len();
    }
    assert_eq!(world.a.get("sae-b/enc_keys").await.0, 503);
}

#[tokio::test]
async fn a_small_pool_leaves_the_other_sae_its_half() {
    let world = World::two(supply(256)).await;
    let mut greedy = 0;
    while world.a.get("sae-b/enc_keys").await.0 == 200 {
        greedy += 1;
    }
    assert_eq!(greedy, 128);
    let refused = world.a.get("sae-b/enc_keys").await;
    let message = "not enough key material: 256 bits wanted, 0 bits free, \
                   32768 more are kept for other SAEs";
    assert_eq!(refused, super::world::error(503, message));
    assert_eq!(world.a.get("sae-b/status").await.1["stored_key_count"], 0);
    assert_eq!(world.b.get("sae-a/status").await.1["stored_key_count"], 128);
    assert_eq!(world.b.enc("sae-a", 128).await.len(), 128);
    assert_eq!(world.kmes.snapshot().pool_keys, 0);
}
