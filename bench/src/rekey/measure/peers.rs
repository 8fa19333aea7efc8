//! Peers: devices in the same rounds as our encryptors, under the same load, over the same ports.
//!
//! Our own suite without rekeying, `xpn-256`, is in the rounds already: the runs with the interval
//! "off".

use std::time::Duration;

use crate::device::Device;
use crate::drops::{Drops, merge, port_drops};
use crate::harness::error::Error;
use crate::rekey::analyse::account::Account;
use crate::rekey::analyse::row::Cell;
use crate::rekey::load::hosts::{Hosts, Offer};
use crate::rekey::plan;
use crate::rekey::rig::cabling::{Cables, Rig};
use crate::rekey::rig::devices::{self, Devices};
use crate::rekey::rig::encryptors::NEVER;

/// One peer under one load, at one interval of its keys or without a change of key.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) device: Device,
    pub(crate) cell: Cell,
    pub(crate) interval: Option<Duration>,
    pub(crate) account: Account,
    pub(crate) drops: Drops,
}

impl Peer {
    /// All peers of a cell; those that change keys, at each of these intervals.
    pub(crate) fn of_cell(devices: &[Device], intervals: &[Duration], cell: Cell) -> Vec<Self> {
        let of = |&device: &Device| {
            let peer = move |interval: Option<Duration>| Self {
                device,
                cell,
                interval,
                account: Account::new(interval.unwrap_or(NEVER)),
                drops: Drops::new(),
            };
            devices::intervals(device, intervals).into_iter().map(peer)
        };
        devices.iter().flat_map(of).collect()
    }

    /// Our encryptors without rekeying, by the account of the rows.
    pub(crate) fn xpn_256(cell: Cell, off: &Account) -> Self {
        Self {
            device: Device::Xpn256,
            cell,
            interval: None,
            account: off.clone(),
            drops: Drops::new(),
        }
    }

    /// Adds a run of this length, over devices of its own.
    pub(crate) fn measure(&mut self, rig: &Rig, time: Duration) -> Result<(), Error> {
        rig.run(|cables| self.carry(cables, time))
    }

    fn carry(&mut self, cables: Cables, time: Duration) -> Result<(), Error> {
        let (devices, ports) = Devices::start(cables, self.device, self.interval)?;
        let mut hosts = Hosts::open(ports)?;
        let offer = self.cell.offer;
        for time in plan::slices(time, offer.rate) {
            devices.take_switches();
            let run = hosts.carry(Offer { time, ..offer })?;
            self.account.add(&run, &devices.take_switches());
        }
        merge(&mut self.drops, &devices.end()?);
        for end in hosts.ends() {
            merge(&mut self.drops, &port_drops("host", &end.counters()));
        }
        self.drops.retain(|_, frames| *frames > 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
