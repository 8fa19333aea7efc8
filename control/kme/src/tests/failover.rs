//! A site with two KMEs on two links: both ends get keys, whatever fault the first KME has.

use std::time::{Duration, Instant};

use keyclient::{ClientConfig, Form, Key, Pace, Protocol, Retry, SourceConfig, Sources};

use super::world::{World, kme, supply};
use crate::faults::{Calls, Fault, Times, Wrong};
use crate::{Kmes, LinkConfig};

const TIMEOUT: Duration = Duration::from_secs(3);
/// Long enough for a TLS handshake on a busy machine.
const PATIENCE: Duration = Duration::from_secs(1);

/// Link 1 belongs to the world. Link 2 has KMEs with the same names and certificates.
struct Sites {
    world: World,
    second: Kmes,
    a: Sources,
    b: Sources,
}

async fn sites(protocol: Protocol) -> Sites {
    let mut world = World::two(supply(1000)).await;
    let configs = vec![
        kme(world.dir(), "kme-a", &["sae-a"]),
        kme(world.dir(), "kme-b", &["sae-b"]),
    ];
    let mut second = Kmes::start(configs, LinkConfig::default(), supply(1000))
        .await
        .unwrap();
    let mut addresses = [world.kmes.addresses(), second.addresses()];
    if protocol == Protocol::Skip {
        for (link, kmes) in [&mut world.kmes, &mut second].into_iter().enumerate() {
            for (end, name) in ["kme-a", "kme-b"].into_iter().enumerate() {
                let listen = ([127, 0, 0, 1], 0).into();
                let address = kmes.serve_skip(name, listen).await.unwrap();
                addresses[link][end] = address.unwrap();
            }
        }
    }
    let sources = |end: usize, own: &str, peer: &str| {
        let source = |link: usize| SourceConfig {
            protocol,
            client: ClientConfig {
                base_url: format!("https://localhost:{}", addresses[link][end].port()),
                kme_id: None,
                peer_sae_id: peer.into(),
                ca: world.file("ca.pem"),
                cert: world.file(&format!("{own}.pem")),
                key: world.file(&format!("{own}.key")),
                timeout: TIMEOUT,
                form: Form::Post,
            },
        };
        let pace = Pace {
            patience: PATIENCE,
            ..Pace::default()
        };
        Sources::new(vec![source(0), source(1)], pace).ok().unwrap()
    };
    let (a, b) = (sources(0, "sae-a", "sae-b"), sources(1, "sae-b", "sae-a"));
    Sites {
        world,
        second,
        a,
        b,
    }
}

impl Sites {
    /// Takes a key from A's KMEs and fetches it by name from B's.
    async fn one_key(&self) -> Key {
        let given = self.a.fresh(256).await.ok().unwrap();
        let taken = self.b.by_id(given.id, 256).await.ok().unwrap();
        assert!(given.bytes.same_as(&taken.bytes));
        given
    }
}

#[tokio::test]
async fn a_faulty_first_kme_of_the_master_costs_time_but_no_key() {
    for protocol in [Protocol::Etsi014, Protocol::Skip] {
        for fault in [
            Fault::Wedge,
            Fault::Latency(Duration::from_secs(5)),
            Fault::RepeatKeys,
            Fault::LoseReply,
            Fault::Exhausted,
            Fault::WrongSize,
            Fault::Answer(Wrong::GatewayTimeout),
            Fault::Answer(Wrong::Unauthorized),
            Fault::Answer(Wrong::Html),
        ] {
            let sites = sites(protocol).await;
            sites.one_key().await;
            let at_a = sites.world.kmes.faults("kme-a").unwrap();
            at_a.order(fault, Calls::EncKeys, Times::Always);
            let mut ids = Vec::new();
            for _ in 0..6 {
                let began = Instant::now();
                ids.push(sites.one_key().await.id);
                let took = began.elapsed();
                assert!(took < TIMEOUT, "{protocol:?} {fault:?}: {took:?}");
            }
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 6, "{fault:?}: no key twice");
            let health = sites.a.health();
            assert!(health[1].active, "{fault:?}: {health:?}");
            let struck = sites.world.kmes.snapshot().kmes[0].requests.faulted;
            let most = match fault {
                Fault::RepeatKeys => 3, // the first of the repeated keys is good
                Fault::Latency(_) => 0, // abandoned before it was counted
                _ => 2,
            };
            assert!(
                struck <= most,
                "{fault:?}: asked {struck} times, to be left after two failures"
            );
        }
    }
}

#[tokio::test]
async fn a_faulty_first_kme_of_the_slave_loses_at_most_the_keys_it_had() {
    for fault in [
        Fault::Wedge,
        Fault::Latency(Duration::from_secs(5)),
        Fault::LoseReply,
        Fault::Answer(Wrong::GatewayTimeout),
    ] {
        let sites = sites(Protocol::Etsi014).await;
        sites.one_key().await;
        let at_b = sites.world.kmes.faults("kme-b").unwrap();
        at_b.order(fault, Calls::DecKeys, Times::Next(1));
        // This key is only on link 1, which fails.
        let lost = sites.a.fresh(256).await.ok().unwrap();
        let began = Instant::now();
        let error = sites.b.by_id(lost.id, 256).await.err().unwrap();
        assert!(began.elapsed() < PATIENCE + TIMEOUT + Duration::from_secs(1));
        assert_eq!(error.retry(), Retry::NextKey, "{fault:?}: {error}");
        // The next key arrives as usual.
        sites.one_key().await;
    }
}

#[tokio::test]
async fn keys_of_either_link_are_found_whichever_the_master_uses() {
    let sites = sites(Protocol::Etsi014).await;
    sites.one_key().await;
    let first = sites.world.kmes.snapshot().counters;
    let at_a = sites.world.kmes.faults("kme-a").unwrap();
    at_a.order(Fault::Exhausted, Calls::EncKeys, Times::Always);
    for _ in 0..4 {
        sites.one_key().await;
    }
    let second = sites.second.snapshot();
    assert_eq!((first.enc_keys, second.counters.enc_keys), (1, 4));
    assert_eq!((second.counters.dec_keys, second.reserved_keys), (4, 0));
    // B asked link 1 only for the first of them, then the link that has the keys.
    assert_eq!(sites.world.kmes.snapshot().kmes[1].requests.bad_request, 1);
}
