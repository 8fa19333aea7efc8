//! The key desk with real KMEs: two links, so that each site has a KME and a fallback.

use std::path::Path;
use std::time::{Duration, Instant};

use keyclient::{ClientConfig, Form, Pace, Protocol, SourceConfig, Sources};
use kme::faults::{Calls, Fault, Times};
use kme::pki::{LabPki, make_lab_pki};
use kme::{Deliveries, KmeConfig, Kmes, LinkConfig, SaeIdentity};
use rekey::{KeyFailure, QkdKey};
use wire::KeyId;

use super::{Answer, KeyDesk, Standing, State};
use crate::limits;

async fn link(pki: &Path) -> Kmes {
    let kme = |id: &str, sae: &str| KmeConfig {
        kme_id: id.into(),
        listen: ([127, 0, 0, 1], 0).into(),
        ca: pki.join("ca.pem"),
        cert: pki.join(format!("{id}.pem")),
        key: pki.join(format!("{id}.key")),
        sae_ids: vec![sae.into()],
        identity: SaeIdentity::CommonName,
    };
    let supply = Deliveries {
        block_bits: 256 * 1000,
        block_every: Duration::from_secs(3600),
        blocks_at_start: 1,
        origin: kme::Origin::Modelled,
    };
    let kmes = vec![kme("kme-a", "sae-a"), kme("kme-b", "sae-b")];
    Kmes::start(kmes, LinkConfig::default(), supply)
        .await
        .unwrap()
}

fn desk(pki: &Path, links: &[&Kmes], end: usize) -> KeyDesk {
    let (own, peer) = [("sae-a", "sae-b"), ("sae-b", "sae-a")][end];
    let source = |link: &&Kmes| SourceConfig {
        protocol: Protocol::Etsi014,
        client: ClientConfig {
            base_url: format!("https://localhost:{}", link.addresses()[end].port()),
            kme_id: None,
            peer_sae_id: peer.into(),
            ca: pki.join("ca.pem"),
            cert: pki.join(format!("{own}.pem")),
            key: pki.join(format!("{own}.key")),
            timeout: Duration::from_secs(3),
            form: Form::Post,
        },
    };
    let pace = Pace {
        patience: Duration::from_millis(700),
        ..Pace::default()
    };
    KeyDesk::new(
        Sources::new(links.iter().map(source).collect(), pace)
            .ok()
            .unwrap(),
    )
}

async fn fresh(desk: &mut KeyDesk) -> Result<(KeyId, QkdKey), KeyFailure> {
    desk.fetch();
    match desk.answer().await {
        Answer::Fresh(result) => result,
        Answer::ById(..) => panic!("the answer to another question"),
    }
}

async fn by_id(desk: &mut KeyDesk, id: KeyId) -> Result<QkdKey, KeyFailure> {
    desk.fetch_by_id(id);
    match desk.answer().await {
        Answer::ById(of, result) if of == id => result,
        _ => panic!("the answer to another question"),
    }
}

#[tokio::test]
async fn with_a_fallback_only_the_status_shows_a_broken_kme() {
    let folder = tempfile::tempdir().unwrap();
    make_lab_pki(folder.path(), &LabPki::default()).unwrap();
    let (first, second) = (link(folder.path()).await, link(folder.path()).await);
    let mut a = desk(folder.path(), &[&first, &second], 0);
    let mut b = desk(folder.path(), &[&first, &second], 1);
    for fault in [None, Some(Fault::Wedge)] {
        if let Some(fault) = fault {
            let faults = first.faults("kme-a").unwrap();
            faults.order(fault, Calls::EncKeys, Times::Always);
        }
        for _ in 0..3 {
            let (id, _key) = fresh(&mut a).await.ok().unwrap();
            assert!(by_id(&mut b, id).await.is_ok());
            // The key was delivered, so no KME is asked for it again.
            assert_eq!(by_id(&mut b, id).await.err(), Some(KeyFailure::NotFound));
        }
    }
    let at_b = b.health();
    assert_eq!(
        (at_b.state.as_str(), at_b.keys),
        ("ok", 6),
        "asking twice is not the KME's fault"
    );
    let health = a.health();
    let port = second.addresses()[0].port().to_string();
    assert_eq!(
        (health.state.as_str(), health.failures, health.keys),
        ("ok", 0, 6)
    );
    assert!(
        health.fallback && health.url.ends_with(&port),
        "{}",
        health.url
    );
    let error = health.last_error.unwrap();
    assert!(error.contains("no answer within"), "{error}");
}

#[tokio::test]
async fn without_a_fallback_failures_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    make_lab_pki(folder.path(), &LabPki::default()).unwrap();
    let first = link(folder.path()).await;
    let mut a = desk(folder.path(), &[&first], 0);
    let faults = first.faults("kme-a").unwrap();
    for (fault, expected) in [
        (Fault::Exhausted, KeyFailure::NoKeys),
        (Fault::LoseReply, KeyFailure::Unreachable),
        (Fault::WrongSize, KeyFailure::Unusable),
    ] {
        faults.order(fault, Calls::EncKeys, Times::Next(1));
        assert_eq!(fresh(&mut a).await.err(), Some(expected), "{fault:?}");
        assert_eq!(a.health().state, "failing");
        assert!(fresh(&mut a).await.is_ok());
        assert_eq!(a.health().state, "ok");
    }
    faults.order(Fault::RepeatKeys, Calls::EncKeys, Times::Always);
    assert!(fresh(&mut a).await.is_ok());
    assert_eq!(fresh(&mut a).await.err(), Some(KeyFailure::Unusable));
}

#[test]
fn late_keys_are_not_a_failure_but_missing_keys_are() {
    let late = keyclient::Error::AskedTwice {
        id: KeyId::new("a").unwrap(),
    };
    let mut standing = Standing::new();
    standing.succeeded("kme", "keys by ID");
    standing.doubted(&late);
    assert!(standing.state == State::Ok && standing.last_error.is_none());
    // No key has arrived for a while.
    standing.doubted = Instant::now().checked_sub(limits::KEYS_LATE_MAX);
    standing.doubted(&late);
    assert!(standing.state == State::Failing && standing.last_error.is_some());
    // After one key arrives, the next may be late again.
    standing.succeeded("kme", "keys by ID");
    standing.doubted(&late);
    assert!(standing.state == State::Ok);
}
