//! An interworking KME with a model of its network, and raw TLS peers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kme_api::KeyBytes;
use kme_api::etsi020::{Extension, KeyUuid, Parties, SaeId};
use network::interworking::{Relay, Route, Settings, Side, Withdrawal};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::super::{Domain, InterworkingConfig, InterworkingKme};
use crate::pki::{KmeName, LabPki, make_lab_pki};

pub(super) fn sae(text: &str) -> SaeId {
    SaeId::parse(text).unwrap()
}

pub(super) fn parties(initiator: &str, target: &str) -> Parties {
    Parties::new(sae(initiator), vec![sae(target)]).unwrap()
}

pub(super) fn key_id(number: u64) -> KeyUuid {
    let mut octets = [0; 16];
    octets[8..].copy_from_slice(&number.to_be_bytes());
    KeyUuid::from_bytes(octets)
}

/// 256 bits that differ for each number.
pub(super) fn value(number: u64) -> Arc<KeyBytes> {
    let octets = number.to_be_bytes().repeat(4);
    Arc::new(
        KeyBytes::from_zeroizing(Zeroizing::new(octets))
            .ok()
            .unwrap(),
    )
}

/// Certificates of two KMEs and of a stranger.
pub(super) fn pki() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let kme = |id: &str| KmeName {
        id: id.into(),
        hosts: Vec::new(),
    };
    let pki = LabPki {
        kmes: ["kme-x", "kme-y", "kme-z"].map(kme).into(),
        ..LabPki::default()
    };
    make_lab_pki(dir.path(), &pki).unwrap();
    dir
}

pub(super) fn config(dir: &Path, id: &str, neighbour: &str, port: u16) -> InterworkingConfig {
    InterworkingConfig {
        kme_id: id.into(),
        listen: ([127, 0, 0, 1], 0).into(),
        host: "localhost".into(),
        ca: dir.join("ca.pem"),
        cert: dir.join(format!("{id}.pem")),
        key: dir.join(format!("{id}.key")),
        neighbour_id: neighbour.into(),
        neighbour_url: format!("https://localhost:{port}"),
        synchronous: false,
        timeout: Duration::from_secs(3),
        journal: dir.join(format!("{id}.journal")),
        settings: |callback| {
            // Short, so that a killed KME costs the test no minutes.
            let ms = Duration::from_millis;
            Settings {
                retry_first: ms(50),
                retry_max: ms(500),
                ack_time: ms(1000),
                ..Settings::new(callback)
            }
        },
    }
}

/// Where a key is in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the KME of its SAE, which must not have it yet.
    Kept,
    /// The SAE may fetch it.
    Free,
    /// The SAE has it.
    Taken,
    /// No SAE gets it any more.
    Gone,
}

/// A network in memory. It outlives the interworking KME, which may be killed.
#[derive(Default)]
pub(super) struct Net {
    /// The SAEs of this network.
    pub(super) saes: Vec<&'static str>,
    /// Keys that start here, with their place.
    pub(super) own: Mutex<HashMap<KeyUuid, Place>>,
    /// Keys from the neighbour, with their octets.
    pub(super) foreign: Mutex<HashMap<KeyUuid, (Place, Relay)>>,
    pub(super) kme: Mutex<Weak<InterworkingKme>>,
    /// Tells the SAE at the other end that its peer has a key.
    pub(super) other: Mutex<Weak<Net>>,
    pub(super) this: Mutex<Weak<Net>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Net {
    pub(super) fn new(saes: &[&'static str]) -> Arc<Self> {
        let net = Arc::new(Self {
            saes: saes.to_vec(),
            ..Self::default()
        });
        *lock(&net.this) = Arc::downgrade(&net);
        net
    }

    pub(super) async fn start(
        self: &Arc<Self>,
        config: &InterworkingConfig,
    ) -> Arc<InterworkingKme> {
        let domain = Arc::new(Here(Arc::clone(self), tokio::runtime::Handle::current()));
        let kme = InterworkingKme::start(config, domain).await.unwrap();
        let kme = Arc::new(kme);
        *lock(&self.kme) = Arc::downgrade(&kme);
        kme
    }

    fn with_kme(&self, call: impl FnOnce(&InterworkingKme)) {
        if let Some(kme) = lock(&self.kme).upgrade() {
            call(&kme);
        }
    }

    /// The SAE at the target fetches a key whose name it has from the initiator.
    fn target_takes(&self, key_id: KeyUuid) {
        let mut foreign = lock(&self.foreign);
        let (place, _) = foreign
            .get_mut(&key_id)
            .expect("a released key is at its target");
        assert_eq!(*place, Place::Free, "{key_id}");
        *place = Place::Taken;
    }
}

/// The network as its KME sees it.
struct Here(Arc<Net>, tokio::runtime::Handle);

impl Domain for Here {
    fn route(&self, sae: &SaeId) -> Route {
        match sae.as_str() {
            own if self.0.saes.contains(&own) => Route::Ours,
            "down" => Route::Down,
            "short" => Route::Short,
            "unknown" => Route::Unknown,
            _ => Route::Back,
        }
    }

    fn relay(&self, relay: Relay) {
        let net = Arc::clone(&self.0);
        let key_id = relay.key_id;
        let before = lock(&net.foreign).insert(key_id, (Place::Kept, relay));
        assert!(before.is_none(), "{key_id} is carried twice");
        self.1.spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if let Some((place @ Place::Kept, _)) = lock(&net.foreign).get_mut(&key_id) {
                *place = Place::Free;
            }
            net.with_kme(|kme| kme.on_relayed(key_id, None));
        });
    }

    fn release(&self, key_id: KeyUuid, _: Option<Extension>) {
        let net = Arc::clone(&self.0);
        {
            let mut own = lock(&net.own);
            let place = own.get_mut(&key_id).expect("a key of this network");
            assert_ne!(
                *place,
                Place::Gone,
                "{key_id} is released after its withdrawal"
            );
            if *place != Place::Kept {
                return;
            }
            *place = Place::Free;
        }
        self.1.spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut taken = false;
            if let Some(place @ Place::Free) = lock(&net.own).get_mut(&key_id) {
                *place = Place::Taken;
                taken = true;
            }
            let other = lock(&net.other).upgrade();
            if let Some(other) = other.filter(|_| taken) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                other.target_takes(key_id);
            }
        });
    }

    fn withdraw(&self, side: Side, key_id: KeyUuid) {
        let withdrawal = match side {
            Side::Sent => withdraw(lock(&self.0.own).entry(key_id).or_insert(Place::Gone)),
            Side::Received => match lock(&self.0.foreign).get_mut(&key_id) {
                Some((place, _)) => withdraw(place),
                None => Withdrawal::Done,
            },
        };
        self.0.with_kme(|kme| kme.on_withdrawn(key_id, withdrawal));
    }
}

fn withdraw(place: &mut Place) -> Withdrawal {
    if *place == Place::Taken {
        return Withdrawal::Taken;
    }
    *place = Place::Gone;
    Withdrawal::Done
}

pub(super) fn port(address: SocketAddr) -> u16 {
    address.port()
}
