use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyclient::{Neighbour, NeighbourConfig};
use kme_api::etsi020::{CallbackUrl, ExtKeys, Extension, KeyUuid, SaeId};
use network::interworking::{Interworking, Relay, Route, Settings, Side};
use serde_json::json;

use super::super::{Domain, Reports};
use super::{Desk, Journal, Order};
use crate::pki::{LabPki, make_lab_pki};

/// Counts the calls that may follow only after the journal.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Domain for Counting {
    fn attach(&self, _: Reports) {}

    fn route(&self, sae: &SaeId) -> Route {
        if sae.as_str() == "near" {
            Route::Ours
        } else {
            Route::Back
        }
    }

    fn relay(&self, _: Relay) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn release(&self, _: KeyUuid, _: Option<Extension>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn withdraw(&self, _: Side, _: KeyUuid) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn without_a_journal_nothing_is_answered_carried_or_released() {
    let dir = tempfile::tempdir().unwrap();
    make_lab_pki(dir.path(), &LabPki::default()).unwrap();
    let file = |name: &str| dir.path().join(name);
    let neighbour = Neighbour::new(NeighbourConfig {
        url: "https://localhost:1".into(),
        kme_id: "kme-b".into(),
        ca: file("ca.pem"),
        cert: file("kme-a.pem"),
        key: file("kme-a.key"),
        timeout: Duration::from_secs(1),
    });
    let settings = Settings::new(CallbackUrl::parse("https://localhost/ack").unwrap());
    let (domain, journal) = (
        Arc::<Counting>::default(),
        Journal::on_full_disk(&file("journal")),
    );
    let machine = Interworking::new(settings);
    let desk = Desk::new(
        "kme-a",
        machine,
        journal,
        neighbour.unwrap(),
        domain.clone(),
    );
    let (orders, thread) = desk.start().unwrap();
    let body = json!({
        "keys": [{"key_id": "550e8400-e29b-41d4-a716-446655440000", "value": "AAEC"}],
        "initiator_sae_id": "far", "target_sae_ids": ["near"],
        "ack_callback_url": "https://localhost:1/ack"
    });
    let keys = ExtKeys::from_json(body.to_string().as_bytes())
        .ok()
        .unwrap();
    assert_eq!(orders.ask(|to| Order::Keys(keys, to)).await, None);
    let later = orders.ask(|to| Order::Acks(Vec::new(), to)).await;
    assert_eq!(later, None, "the desk has stopped");
    thread.join().unwrap();
    assert_eq!(domain.0.load(Ordering::Relaxed), 0);
}
