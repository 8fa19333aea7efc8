//! DPDK ports, if the program is built with the feature `dpdk`. Otherwise the config refuses them
//! before this module is used.

use port::{Port, PortError};

use crate::config::EncryptorConfig;

pub(super) use built::{Wanted, wanted};

/// Opens a port on the thread that will use it.
pub(super) fn open(wanted: Option<Wanted>, mtu: usize) -> Result<Box<dyn Port>, PortError> {
    match wanted {
        Some(wanted) => wanted.open(mtu),
        None => Err(PortError::Dpdk {
            what: "this program is built without DPDK; fix: cargo build --features dpdk".to_owned(),
            source: std::io::ErrorKind::Unsupported.into(),
        }),
    }
}

#[cfg(feature = "dpdk")]
mod built {
    use port::DeviceName;
    use port::dpdk::{Dpdk, DpdkConfig, Eal, EalConfig};

    use super::{EncryptorConfig, Port, PortError};

    /// One DPDK port from the config.
    #[derive(Clone)]
    pub(in crate::ports) struct Wanted {
        eal: Eal,
        config: DpdkConfig,
    }

    /// Returns red and black if they are DPDK ports. In that case starts DPDK.
    pub(in crate::ports) fn wanted(
        config: &EncryptorConfig,
    ) -> Result<[Option<Wanted>; 2], PortError> {
        let devices = [&config.red.device, &config.black.device]
            .map(|device| device.as_ref().map(|device| &device.0));
        if devices == [None, None] {
            return Ok([None, None]);
        }
        let on_pci = devices.into_iter().flatten();
        let on_pci = on_pci.filter(|device| device.pci().is_some());
        let eal = Eal::start(&EalConfig {
            memory_mb: config.dpdk.memory_mb,
            hugepages: config.dpdk.hugepages,
            pci: on_pci.map(|device| device.devargs().to_owned()).collect(),
        })?;
        let wanted = |device: &DeviceName| Wanted {
            eal,
            config: DpdkConfig {
                mbufs: config.dpdk.mbufs,
                ..DpdkConfig::new(device.clone())
            },
        };
        Ok(devices.map(|device| device.map(wanted)))
    }

    impl Wanted {
        /// Returns the address of the device, which need not be open.
        pub(in crate::ports) fn mac(&self) -> Result<[u8; 6], PortError> {
            Dpdk::mac_of(self.eal, &self.config.device)
        }

        /// Returns the queue of one of several workers.
        #[expect(clippy::cast_possible_truncation, reason = "at most WORKERS_MAX")]
        pub(in crate::ports) fn part(&self, worker: usize, workers: usize) -> Self {
            let mut part = self.clone();
            (part.config.queue, part.config.queues) = (worker as u16, workers as u16);
            part
        }

        pub(super) fn open(self, mtu: usize) -> Result<Box<dyn Port>, PortError> {
            let config = DpdkConfig {
                mtu_min: mtu,
                ..self.config
            };
            Ok(Box::new(Dpdk::open(self.eal, config)?))
        }
    }
}

#[cfg(not(feature = "dpdk"))]
mod built {
    use super::{EncryptorConfig, Port, PortError};

    /// Has no value: the program is built without DPDK.
    #[derive(Clone)]
    pub(in crate::ports) enum Wanted {}

    pub(in crate::ports) fn wanted(_: &EncryptorConfig) -> Result<[Option<Wanted>; 2], PortError> {
        Ok([None, None])
    }

    impl Wanted {
        pub(in crate::ports) fn mac(&self) -> Result<[u8; 6], PortError> {
            match *self {}
        }

        pub(in crate::ports) fn part(&self, _worker: usize, _workers: usize) -> Self {
            match *self {}
        }

        pub(super) fn open(self, _mtu: usize) -> Result<Box<dyn Port>, PortError> {
            match self {}
        }
    }
}
