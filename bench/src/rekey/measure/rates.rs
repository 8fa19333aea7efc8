//! T1: the rates carried without loss and with half a per cent of it, by our encryptors without
//! rekeying and by each peer over the same ports.

use std::time::Duration;

use crate::device::Device;
use crate::harness::error::Error;
use crate::ports::PortSetup;
use crate::rekey::analyse::ndr::{self, Bounds};
use crate::rekey::load::hosts::{Hosts, Offer};
use crate::rekey::rig::cabling::{HostPorts, Rig};
use crate::rekey::rig::devices::Devices;
use crate::rekey::rig::encryptors::{Encryptors, NEVER};
use crate::size::FrameSize;

/// Length of a trial, and how late its last frame may be sent.
const TRIAL: Duration = Duration::from_millis(200);
const TRIAL_BEHIND: Duration = Duration::from_millis(20);
/// The first rate, the highest rate, how close the bounds converge, and the loss at the second
/// rate.
const FIRST: f64 = 50_000.0;
const HIGHEST: f64 = 20e6;
const WIDTH: f64 = 0.05;
const PARTIAL: f64 = 0.005;
/// The rate found by short trials, or a lower one, is also carried for this long.
const SUSTAINED: Duration = Duration::from_secs(4);

/// The rates of one device at one size, frames a second and direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) port: PortSetup,
    pub(crate) size: FrameSize,
    pub(crate) device: Device,
    pub(crate) no_drop: Bounds,
    pub(crate) partial: Bounds,
}

impl Rates {
    /// The rates of a device without a change of key; `given` instead of a search, if it is given.
    /// `xpn-256` are our encryptors.
    pub(crate) fn of(
        device: Device,
        given: Option<f64>,
        rig: &Rig,
        port: PortSetup,
        size: FrameSize,
    ) -> Result<Self, Error> {
        let [no_drop, partial] = match given {
            Some(rate) => {
                let (lower, upper) = (rate, rate);
                [Bounds { lower, upper }; 2]
            }
            None if device == Device::Xpn256 => rig.run(|cables| {
                let (_encryptors, ports) = Encryptors::start(cables, NEVER, None)?;
                search(ports, size)
            })?,
            None => rig.run(|cables| {
                let (devices, ports) = Devices::start(cables, device, None)?;
                let found = search(ports, size)?;
                devices.end()?;
                Ok(found)
            })?,
        };
        Ok(Self {
            port,
            size,
            device,
            no_drop,
            partial,
        })
    }
}

fn search(ports: HostPorts, size: FrameSize) -> Result<[Bounds; 2], Error> {
    let mut hosts = Hosts::open(ports)?;
    let mut trial = |rate: f64, time: Duration| {
        let offer = Offer { size, rate, time };
        let run = hosts.carry(offer)?;
        if run.took > offer.time + TRIAL_BEHIND {
            return Ok(1.0); // the hosts did not even offer it
        }
        let offered = 2 * offer.frames();
        let received: usize = run.flows.iter().map(|flow| flow.arrivals.len()).sum();
        Ok::<_, Error>(1.0 - received as f64 / offered.max(1) as f64)
    };
    let mut search = |from: f64, goal: f64| -> Result<Bounds, Error> {
        let mut found = ndr::search(from, HIGHEST, WIDTH, goal, |rate| trial(rate, TRIAL))?;
        while found.lower >= 1.0 && trial(found.lower, SUSTAINED)? > goal {
            found.upper = found.lower;
            found.lower /= 1.0 + WIDTH;
        }
        match found.lower >= 1.0 {
            true => Ok(found),
            false => Err(Error::NothingCarried(size.to_string())),
        }
    };
    let no_drop = search(FIRST, 0.0)?;
    Ok([no_drop, search(no_drop.lower, PARTIAL)?])
}

#[cfg(test)]
mod tests;
