use super::{Api, Caller};
use crate::config::{KmeConfig, LinkConfig, SaeIdentity};
use crate::deliveries::{Deliveries, Origin};
use crate::entropy::Entropy;
use crate::link::Link;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_certificate_must_name_one_of_our_saes() {
    let config = KmeConfig {
        kme_id: "kme-a".into(),
        listen: ([127, 0, 0, 1], 0).into(),
        ca: "ca.pem".into(),
        cert: "kme-a.pem".into(),
        key: "kme-a.key".into(),
        sae_ids: vec!["sae-a".into(), "sae-b".into()],
        identity: SaeIdentity::SanDns,
    };
    let supply = Deliveries {
        block_bits: 0,
        block_every: Duration::from_secs(1),
        blocks_at_start: 0,
        origin: Origin::Modelled,
    };
    let link = Link::new(
        std::slice::from_ref(&config),
        LinkConfig::default(),
        supply,
        Entropy::system(),
    )
    .unwrap();
    let api = Api::new(&config, Arc::new(link));
    let caller = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let Caller(sae) = api.caller(&names);
        sae.map(|sae| sae.to_string())
    };
    assert_eq!(caller(&["sae-a"]).as_deref(), Some("sae-a"));
    assert_eq!(
        caller(&["host.example", "sae-b", "sae-b"]).as_deref(),
        Some("sae-b")
    );
    for nobody in [
        &[][..],
        &["kme-a"],
        &["SAE-A"],
        &["sae-a "],
        &["sae-a", "sae-b"],
    ] {
        assert_eq!(caller(nobody), None);
    }
}
