//! T1: what is carried without loss, and with half a per cent of it: by our encryptors without rekeying, and by
//! every peer over the same ports.

use std::time::Duration;

use port::Port;
use serde::Serialize;

use super::arms::Arm;
use super::cables::{Place, PortKind};
use super::load::{Hosts, Offer};
use super::ndr::{self, Bounds};
use super::pair::{NEVER, Pair};
use super::{Error, Plan};
use crate::frame_size::FrameSize;
use crate::text::line;

/// Trials of the search: their length, how late the last frame may be sent, where they begin, the most that
/// is tried, how close the bounds come, and what may be lost at the second rate.
const TRIAL: Duration = Duration::from_millis(200);
const TRIAL_BEHIND: Duration = Duration::from_millis(20);
const FIRST: f64 = 50_000.0;
const MOST: f64 = 20e6;
const WIDTH: f64 = 0.05;
const PARTIAL: f64 = 0.005;
/// What short trials find is carried this long, too, or what is less by the width.
const SUSTAINED: Duration = Duration::from_secs(4);
/// Ours, without rekeying.
pub(super) const XPN_256: &str = "xpn-256";

/// The rates of one arm at one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) port: PortKind,
    pub(super) size: FrameSize,
    arm: &'static str,
    /// Without loss, frames a second and direction.
    pub(super) no_drop: Bounds,
    /// The same with half a per cent of loss.
    pub(super) partial: Bounds,
}

/// The rates of our encryptors: those of which loads are per cent. As the plan has it, if it does.
pub(super) fn ours(
    plan: &Plan,
    place: &Place,
    port: PortKind,
    size: FrameSize,
) -> Result<Rates, Error> {
    let (no_drop, partial) = match plan.rate {
        Some(rate) => [(); 2]
            .map(|()| Bounds {
                lower: rate,
                upper: rate,
            })
            .into(),
        None => place.run(move |place| {
            let (_pair, mut hosts) = Pair::start(place.cables()?, NEVER, None)?;
            searched(&mut hosts, size)
        })??,
    };
    Ok(Rates {
        port,
        size,
        arm: XPN_256,
        no_drop,
        partial,
    })
}

/// Those of a peer, whose keys stay.
pub(super) fn of_peer(
    arm: Arm,
    place: &Place,
    port: PortKind,
    size: FrameSize,
) -> Result<Rates, Error> {
    let search = move |place: &Place| arm.between(place.cables()?, |hosts| searched(hosts, size));
    let (no_drop, partial) = place.run(search)??;
    Ok(Rates {
        port,
        size,
        arm: arm.as_str(),
        no_drop,
        partial,
    })
}

fn searched<P: Port>(hosts: &mut Hosts<P>, size: FrameSize) -> Result<(Bounds, Bounds), Error> {
    let mut trial = |rate: f64, time: Duration| {
        let offer = Offer { size, rate, time };
        let run = hosts.carry(offer)?;
        if run.took > offer.time + TRIAL_BEHIND {
            return Ok(1.0); // not even offered
        }
        let offered = 2 * offer.frames();
        let came: usize = run.flows.iter().map(|flow| flow.arrivals.len()).sum();
        Ok::<_, Error>(1.0 - came as f64 / offered.max(1) as f64)
    };
    let mut search = |from: f64, goal: f64| -> Result<Bounds, Error> {
        let mut found = ndr::search(from, MOST, WIDTH, goal, |rate| trial(rate, TRIAL))?;
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

/// T1.
pub(super) fn table(out: &mut String, rates: &[Rates]) {
    line!(
        out,
        "\nT1 NO-DROP RATE, each direction, without rekeying (lower and upper bound of the search)"
    );
    line!(
        out,
        "port           size   arm        NDR_Mpps: lower   upper   NDR_Gbit/s  PDR.5_Mpps: lower   upper"
    );
    for of in rates {
        let mpps = |rate: f64| rate / 1e6;
        line!(
            out,
            "{:<14} {:<6} {:<10} {:>15.4} {:>7.4} {:>12.3} {:>18.4} {:>7.4}",
            of.port.as_str(),
            of.size,
            of.arm,
            mpps(of.no_drop.lower),
            mpps(of.no_drop.upper),
            of.size.gbit_s(mpps(of.no_drop.lower)),
            mpps(of.partial.lower),
            mpps(of.partial.upper),
        );
    }
}

/// Rates in the JSON, under `rates`: lower bounds.
#[derive(Serialize)]
pub(super) struct JsonRates {
    port: &'static str,
    size: FrameSize,
    arm: &'static str,
    ndr_mpps: f64,
    ndr_gbit_s: f64,
    pdr_mpps: f64,
}

impl From<&Rates> for JsonRates {
    fn from(rates: &Rates) -> Self {
        let ndr_mpps = rates.no_drop.lower / 1e6;
        Self {
            port: rates.port.as_str(),
            size: rates.size,
            arm: rates.arm,
            ndr_mpps,
            ndr_gbit_s: rates.size.gbit_s(ndr_mpps),
            pdr_mpps: rates.partial.lower / 1e6,
        }
    }
}

#[cfg(test)]
mod tests;
