//! Peers: devices in the same rounds as our encryptors, under the same load, over the same ports.
//!
//! Our own suite without rekeying, `xpn-256`, is in the rounds already: the runs with the interval
//! "off".

use std::time::Duration;

use super::rates::XPN_256;
use crate::rekey::Error;
use crate::rekey::analyse::account::Account;
use crate::rekey::load::hosts::{Hosts, Offer};
use crate::rekey::plan;
use crate::rekey::rig::cabling::{PortKind, Rig};
use crate::rekey::rig::devices::{Device, Devices};
use crate::rekey::rig::drops::{Drops, merge, port_drops};
use crate::rekey::rig::encryptors::NEVER;
use crate::size::FrameSize;

/// A load over one kind of ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) port: PortKind,
    pub(crate) offer: Offer,
    pub(crate) load_percent: u32,
}

impl Cell {
    /// Port, size and load, as rows have them.
    pub(crate) fn key(&self) -> (&'static str, FrameSize, u32) {
        (self.port.as_str(), self.offer.size, self.load_percent)
    }
}

/// One peer under one load, at one interval of its keys or without a change of key.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// `None`: our encryptors without rekeying, which the rows measure.
    device: Option<Device>,
    pub(crate) cell: Cell,
    pub(crate) interval: Option<Duration>,
    pub(crate) account: Account,
    pub(crate) drops: Drops,
}

impl Peer {
    fn new(device: Device, cell: Cell, interval: Option<Duration>) -> Self {
        Self {
            device: Some(device),
            cell,
            interval,
            account: Account::new(interval.unwrap_or(NEVER)),
            drops: Drops::new(),
        }
    }

    /// All peers of a cell; those that change keys, at each of these intervals.
    pub(crate) fn of_cell(devices: &[Device], intervals: &[Duration], cell: Cell) -> Vec<Self> {
        let of = |device: &Device| {
            let device = *device;
            let peer = move |interval| Self::new(device, cell, interval);
            device.intervals(intervals).into_iter().map(peer)
        };
        devices.iter().flat_map(of).collect()
    }

    /// Our encryptors without rekeying, by the account of the rows.
    pub(crate) fn xpn_256(cell: Cell, off: &Account) -> Self {
        Self {
            device: None,
            cell,
            interval: None,
            account: off.clone(),
            drops: Drops::new(),
        }
    }

    /// The name in tables and JSON.
    pub(crate) fn name(&self) -> &'static str {
        self.device.map_or(XPN_256, Device::as_str)
    }

    /// Adds a run of this length, over devices of its own.
    pub(crate) fn measure(&mut self, rig: &Rig, time: Duration) -> Result<(), Error> {
        let Some(device) = self.device else {
            return Ok(());
        };
        let interval = self.interval;
        let offer = Offer {
            time,
            ..self.cell.offer
        };
        let (account, drops) = rig.run(move |rig| run(rig, device, interval, offer))??;
        self.account.merge(&account);
        merge(&mut self.drops, &drops);
        Ok(())
    }
}

fn run(
    rig: &Rig,
    device: Device,
    interval: Option<Duration>,
    offer: Offer,
) -> Result<(Account, Drops), Error> {
    let (devices, ports) = Devices::start(rig.cables()?, device, interval)?;
    let mut hosts = Hosts::open(ports)?;
    let mut account = Account::new(interval.unwrap_or(NEVER));
    for time in plan::slices(offer.time, offer.rate) {
        devices.take_switches();
        let run = hosts.carry(Offer { time, ..offer })?;
        account.add(&run, &devices.take_switches());
    }
    let mut drops = devices.end()?;
    for end in hosts.ends() {
        merge(&mut drops, &port_drops("host", &end.counters()));
    }
    drops.retain(|_, frames| *frames > 0);
    Ok((account, drops))
}

#[cfg(test)]
mod tests;
