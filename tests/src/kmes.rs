//! The two KMEs of a link in this process, with fault injection. They can be stopped and started.

use std::net::SocketAddr;
use std::time::Duration;

use kme::entropy::Entropy;
use kme::faults::Faults;
use kme::{Kmes, LinkConfig, Origin, Supply};
use tokio::runtime::{Builder, Runtime};

use crate::record::Record;

use crate::site::{Folder, Site};

/// The KMEs, on a separate runtime.
pub struct TwoKmes {
    runtime: Runtime,
    running: Option<Kmes>,
    addresses: [SocketAddr; 2],
}

impl TwoKmes {
    /// Starts both on free ports.
    ///
    /// # Panics
    /// If they do not start.
    #[must_use]
    pub fn start(folder: &Folder) -> Self {
        Self::start_with(folder, Entropy::system())
    }

    /// Same as [`TwoKmes::start`]. The record contains every key that they deliver.
    ///
    /// # Panics
    /// If they do not start.
    #[must_use]
    pub fn start_recorded(folder: &Folder) -> (Self, Record) {
        let record = Record::default();
        (Self::start_with(folder, record.entropy()), record)
    }

    fn start_with(folder: &Folder, entropy: Entropy) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            // Real KMEs run on other machines, so these must not delay our frames.
            .on_thread_start(|| qmacsec::precedence::give_way_to(&[]))
            .enable_all()
            .build()
            .unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let running = runtime.block_on(start(folder, [any, any], entropy));
        let mut running = running;
        let mut addresses: [SocketAddr; 2] = running.addresses().try_into().unwrap();
        if folder.settings().skip {
            for site in Site::BOTH {
                let id = format!("kme-{}", site.letter());
                let served = runtime.block_on(running.serve_skip(&id, any));
                addresses[site.index()] = served.unwrap().unwrap();
            }
        }
        Self {
            runtime,
            running: Some(running),
            addresses,
        }
    }

    /// Returns the listening address of a site's KME, running or not.
    #[must_use]
    pub fn address(&self, site: Site) -> SocketAddr {
        self.addresses[site.index()]
    }

    /// Returns the fault control of a site's KME.
    ///
    /// # Panics
    /// If they are stopped.
    #[must_use]
    pub fn faults(&self, site: Site) -> Faults {
        let running = self.running.as_ref().expect("the KMEs are up");
        running.faults(&format!("kme-{}", site.letter())).unwrap()
    }

    /// Returns the state of the link and both KMEs; `None` while they are stopped.
    #[must_use]
    pub fn snapshot(&self) -> Option<kme::Snapshot> {
        self.running.as_ref().map(Kmes::snapshot)
    }

    /// Stops both at once, like a power cut.
    pub fn take_down(&mut self) {
        let _inside = self.runtime.enter();
        self.running = None;
    }

    /// Starts both again at their addresses, with new keys.
    ///
    /// # Panics
    /// If they do not start.
    pub fn bring_up(&mut self, folder: &Folder) {
        self.running = Some(self.runtime.block_on(start(
            folder,
            self.addresses,
            Entropy::system(),
        )));
    }
}

async fn start(folder: &Folder, addresses: [SocketAddr; 2], entropy: Entropy) -> Kmes {
    let configs = Site::BOTH.map(|site| folder.kme(site, addresses[site.index()]));
    let supply = Supply {
        block_bits: 1_000_000,
        block_every: Duration::from_secs(10),
        blocks_at_start: 1,
        origin: Origin::Modelled,
    };
    Kmes::start_with(configs.into(), LinkConfig::default(), supply, entropy)
        .await
        .unwrap()
}
