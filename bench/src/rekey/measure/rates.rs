//! T1: the rates carried without loss and with half a per cent of it, by our encryptors without
//! rekeying and by each peer over the same ports.

use std::time::Duration;

use port::Port;

use crate::rekey::Error;
use crate::rekey::analyse::ndr::{self, Bounds};
use crate::rekey::load::hosts::{Hosts, Offer};
use crate::rekey::plan::Plan;
use crate::rekey::rig::cabling::{PortKind, Rig};
use crate::rekey::rig::devices::{Device, Devices};
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
/// Our encryptors without rekeying.
pub(crate) const XPN_256: &str = "xpn-256";

/// The rates of one device at one size, frames a second and direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) port: PortKind,
    pub(crate) size: FrameSize,
    pub(crate) device: &'static str,
    pub(crate) no_drop: Bounds,
    /// With half a per cent of loss.
    pub(crate) partial: Bounds,
}

/// The rates of our encryptors, of which loads are per cent; those of the plan, if it has them.
pub(crate) fn ours(
    plan: &Plan,
    rig: &Rig,
    port: PortKind,
    size: FrameSize,
) -> Result<Rates, Error> {
    let (no_drop, partial) = match plan.rate {
        Some(rate) => {
            let bounds = Bounds {
                lower: rate,
                upper: rate,
            };
            (bounds, bounds)
        }
        None => rig.run(move |rig| {
            let (_encryptors, ports) = Encryptors::start(rig.cables()?, NEVER, None)?;
            search(&mut Hosts::open(ports)?, size)
        })??,
    };
    Ok(Rates {
        port,
        size,
        device: XPN_256,
        no_drop,
        partial,
    })
}

/// The rates of a peer, without a change of key.
pub(crate) fn of_peer(
    device: Device,
    rig: &Rig,
    port: PortKind,
    size: FrameSize,
) -> Result<Rates, Error> {
    let (no_drop, partial) = rig.run(move |rig| {
        let (devices, ports) = Devices::start(rig.cables()?, device, None)?;
        let found = search(&mut Hosts::open(ports)?, size)?;
        devices.end()?;
        Ok::<_, Error>(found)
    })??;
    Ok(Rates {
        port,
        size,
        device: device.as_str(),
        no_drop,
        partial,
    })
}

fn search<P: Port>(hosts: &mut Hosts<P>, size: FrameSize) -> Result<(Bounds, Bounds), Error> {
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
            false => Err(Error::NothingCarried(size)),
        }
    };
    let no_drop = search(FIRST, 0.0)?;
    Ok((no_drop, search(no_drop.lower, PARTIAL)?))
}

#[cfg(test)]
mod tests;
