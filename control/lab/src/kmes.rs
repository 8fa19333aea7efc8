//! The two KMEs of a link in this process, with fault injection. They can be stopped and started.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use kme::entropy::Entropy;
use kme::faults::Faults;
use kme::{Deliveries, Kmes, LinkConfig, Origin};
use tokio::runtime::{Builder, Runtime};

use crate::folder::{Folder, kme_id};
use crate::site::Site;

/// The KMEs, on a separate runtime.
pub struct TwoKmes {
    runtime: Runtime,
    running: Option<Kmes>,
    faults: [Faults; 2],
    addresses: [SocketAddr; 2],
}

impl TwoKmes {
    /// Starts both on free ports of the loopback.
    ///
    /// # Errors
    /// They cannot start.
    pub fn start(folder: &Folder) -> io::Result<Self> {
        Self::start_with(folder, Entropy::system(), false)
    }

    /// Same as [`TwoKmes::start`], with this source of key bits. With `skip`, the addresses are
    /// those of SKIP.
    ///
    /// # Errors
    /// They cannot start.
    pub fn start_with(folder: &Folder, entropy: Entropy, skip: bool) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            // Real KMEs run on other machines, so these must not delay our frames.
            .on_thread_start(|| qmacsec::thread_priority::give_way_to(&[]))
            .enable_all()
            .build()?;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (mut running, faults) = runtime.block_on(start(folder, [any, any], entropy))?;
        let listening = running.addresses();
        let mut addresses = [any, any];
        for (site, address) in Site::BOTH.into_iter().zip(&mut addresses) {
            let served = match skip {
                true => runtime.block_on(running.serve_skip(&kme_id(site), any)),
                false => Ok(listening.get(site.index()).copied()),
            };
            *address = served
                .map_err(io::Error::other)?
                .ok_or_else(|| io::Error::other("a KME does not listen"))?;
        }
        Ok(Self {
            runtime,
            running: Some(running),
            faults,
            addresses,
        })
    }

    /// Returns the listening address of a site's KME, running or not.
    #[must_use]
    pub fn address(&self, site: Site) -> SocketAddr {
        self.addresses[site.index()]
    }

    /// Returns the fault control of a site's KME. A KME that starts again has a new one.
    #[must_use]
    pub fn faults(&self, site: Site) -> Faults {
        self.faults[site.index()].clone()
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
    /// # Errors
    /// They cannot start.
    pub fn bring_up(&mut self, folder: &Folder) -> io::Result<()> {
        let started = start(folder, self.addresses, Entropy::system());
        let (running, faults) = self.runtime.block_on(started)?;
        self.running = Some(running);
        self.faults = faults;
        Ok(())
    }
}

async fn start(
    folder: &Folder,
    addresses: [SocketAddr; 2],
    entropy: Entropy,
) -> io::Result<(Kmes, [Faults; 2])> {
    let configs = Site::BOTH.map(|site| folder.kme(site, addresses[site.index()]));
    let supply = Deliveries {
        block_bits: 1_000_000,
        block_every: Duration::from_secs(10),
        blocks_at_start: 1,
        origin: Origin::Modelled,
    };
    let kmes = Kmes::start_with(configs.into(), LinkConfig::default(), supply, entropy)
        .await
        .map_err(io::Error::other)?;
    let faults = |site| {
        let faults = kmes.faults(&kme_id(site));
        faults.ok_or_else(|| io::Error::other("a KME is missing"))
    };
    let faults = [faults(Site::A)?, faults(Site::B)?];
    Ok((kmes, faults))
}
