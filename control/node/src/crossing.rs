//! Keys between this domain and its neighbour, at an interworking node: the node as the network of
//! the KME that speaks ETSI 020.
//!
//! ```text
//!   Node ── Crossing ──▶ run ── Reports ──▶ InterworkingKme ══ 020 ══ KME of the neighbour domain
//!   Node ◀───────────── OurDomain (Domain) ◀───────┘
//! ```

use std::sync::{Arc, OnceLock};

use kme::etsi020::{Domain, InterworkingConfig, Reports};
use kme_api::KeyBytes;
use kme_api::etsi020::{Extension, KeyUuid, PASSPORT, Parties};
use network::interworking::{self, Offer, Relay, Route, Side};
use network::{Beyond, Carry, Crossing, HandedOver, Key, KeyId, KeyValue, Passport, SaeId};
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tracing::warn;
use zeroize::Zeroizing;

use crate::config::{Interworking, Settings};
use crate::core::Core;
use crate::limits::NEIGHBOUR_REQUEST;
use crate::map::Map;
use crate::passport::to_json;

/// The configuration of the KME for the neighbour domain.
pub(crate) fn kme_config(
    settings: &Settings,
    interworking: &Interworking,
    neighbour_id: String,
) -> InterworkingConfig {
    InterworkingConfig {
        kme_id: settings.name.clone(),
        listen: interworking.listen,
        host: interworking.host.clone(),
        ca: interworking.ca.clone(),
        cert: settings.identity.cert.clone(),
        key: settings.identity.key.clone(),
        neighbour_id,
        neighbour_url: format!("https://{}", interworking.neighbour),
        synchronous: interworking.synchronous,
        timeout: NEIGHBOUR_REQUEST,
        journal: interworking.journal.clone(),
        settings: interworking::Settings::new,
    }
}

/// This domain, as its KME for the neighbour domain uses it.
pub(crate) struct OurDomain {
    map: Arc<Map>,
    core: Arc<Core>,
    reports: OnceLock<Reports>,
}

impl OurDomain {
    pub(crate) fn new(map: Arc<Map>, core: Arc<Core>) -> Self {
        Self {
            map,
            core,
            reports: OnceLock::new(),
        }
    }

    /// Passes on what the node reports, until it ends.
    pub(crate) async fn run(self: Arc<Self>, mut crossings: Receiver<Crossing>) {
        while let Some(crossing) = crossings.recv().await {
            if let Some(reports) = self.reports.get() {
                self.report(reports, crossing).await;
            }
        }
    }

    async fn report(&self, reports: &Reports, crossing: Crossing) {
        match crossing {
            Crossing::Came(batch) => {
                if let Some(handed) = self.core.with(|node, _| node.hand_over(batch)) {
                    self.offer(reports, handed).await;
                }
            }
            Crossing::GivenUp(keys) | Crossing::Lost(keys) => {
                keys.into_iter().for_each(|key| reports.void(uuid(key)));
            }
            Crossing::Carried { keys, passport } => {
                let extension = self.extension(&passport);
                for key in keys {
                    reports.on_relayed(uuid(key), extension.clone());
                }
            }
            Crossing::NotCarried { keys, reason } => {
                for key in keys {
                    reports.on_relay_failed(uuid(key), &reason.to_string());
                }
            }
            Crossing::Withdrawn(key, withdrawal) => reports.on_withdrawn(uuid(key), withdrawal),
        }
    }

    /// Hands a batch over. All its keys share one sync of the journal.
    async fn offer(&self, reports: &Reports, handed: HandedOver) {
        let parties = match Parties::new(handed.initiator, vec![handed.target]) {
            Ok(parties) => parties,
            Err(error) => {
                warn!("a batch is not handed over: {error}");
                return handed.keys.iter().for_each(|key| self.withdraw_key(key.id));
            }
        };
        let offer = |key: Key| {
            let value = Zeroizing::new(key.value.expose().to_vec());
            let offer = Offer {
                key_id: uuid(key.id),
                value: Arc::new(KeyBytes::from_zeroizing(value).ok()?),
                parties: parties.clone(),
                extension: self.extension(&key.passport),
                mandatory: None,
                optional: None,
            };
            Some((key.id, reports.offer(offer)))
        };
        // Every key of a node has octets, so none is left out.
        let offered: Vec<_> = handed.keys.into_iter().filter_map(offer).collect();
        for (key, taken) in offered {
            if let Err(error) = taken.await {
                warn!("key {key} is not handed over: {error}");
                self.withdraw_key(key);
            }
        }
    }

    fn withdraw_key(&self, key: KeyId) {
        self.core.with(|node, now| node.withdraw(now, key));
    }

    /// The way of a key through this domain, for the other.
    fn extension(&self, passport: &Passport) -> Option<Extension> {
        Extension::new(PASSPORT, &to_json(passport, &self.map)).ok()
    }

    /// The key as the node carries it; else the reason against it.
    fn carry(relay: &Relay) -> Result<Carry, &'static str> {
        let [target] = relay.parties.targets() else {
            return Err("a key for several targets");
        };
        let octets = relay.value.expose().try_into();
        let octets = octets.map_err(|_| "this domain carries keys of 256 bits")?;
        Ok(Carry {
            initiator: relay.parties.initiator().clone(),
            target: target.clone(),
            id: KeyId(relay.key_id.to_bytes()),
            value: KeyValue::from_octets(octets),
            beyond: beyond(relay.extension.as_ref()),
        })
    }
}

impl Domain for OurDomain {
    fn attach(&self, reports: Reports) {
        if self.reports.set(reports).is_err() {
            warn!("the KME for the neighbour domain was started twice");
        }
    }

    fn route(&self, sae: &SaeId) -> Route {
        if self.map.is_foreign(sae.as_str()) {
            return Route::Back;
        }
        match self.core.with(|node, _| node.reaches(sae)) {
            Some(true) => Route::Ours,
            Some(false) => Route::Down,
            None => Route::Unknown,
        }
    }

    fn relay(&self, relay: Relay) {
        match Self::carry(&relay) {
            Ok(key) => self.core.with(|node, now| node.carry(now, key)),
            Err(why) => {
                if let Some(reports) = self.reports.get() {
                    reports.on_relay_failed(relay.key_id, why);
                }
            }
        }
    }

    fn release(&self, key_id: KeyUuid, extension: Option<Extension>) {
        let beyond = beyond(extension.as_ref());
        let key = KeyId(key_id.to_bytes());
        self.core
            .with(|node, now| node.on_crossed(now, key, beyond));
    }

    fn withdraw(&self, _: Side, key_id: KeyUuid) {
        self.withdraw_key(KeyId(key_id.to_bytes()));
    }
}

fn uuid(key: KeyId) -> KeyUuid {
    KeyUuid::from_bytes(key.0)
}

/// The passport in an extension, if it is JSON of a length that we carry.
fn beyond(extension: Option<&Extension>) -> Option<Beyond> {
    let text = extension?.get(PASSPORT)?;
    serde_json::from_str::<Value>(text).ok()?;
    Beyond::new(text)
}
