//! The rows of `pipeline` and `line`. Their JSON is a promise: scripts read it.

use core::fmt;

use clap::ValueEnum;
use serde::{Serialize, Serializer};

use super::choice;
use crate::device::Device;
use crate::size::FrameSize;
use crate::stats::Spread;

/// Which way frames go through an encryptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Op {
    Protect,
    Validate,
    /// Through two encryptors, red to red.
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    Frames(FrameSize),
    /// One TCP connection of the kernel's.
    Tcp,
}

impl Load {
    pub(crate) fn octets(self) -> Option<usize> {
        match self {
            Self::Frames(size) => size.octets(),
            Self::Tcp => None,
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(size) => size.fmt(f),
            Self::Tcp => f.pad("tcp"),
        }
    }
}

impl Serialize for Load {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Frames(size) => size.serialize(serializer),
            Self::Tcp => serializer.serialize_str("tcp"),
        }
    }
}

/// One device under one load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) bench: &'static str,
    #[serde(rename = "arm", serialize_with = "choice::serialize")]
    pub(crate) device: Device,
    #[serde(serialize_with = "choice::serialize")]
    pub(crate) op: Op,
    pub(crate) port: String,
    pub(crate) size: Load,
    pub(crate) cores: usize,
    /// Million frames a second, of all cores together.
    #[serde(serialize_with = "median")]
    pub(crate) mpps: Spread,
    /// Frames with FCS, or the payload of TCP; by the median.
    pub(crate) gbit_s: f64,
    /// Frames that went in and did not come out as they must.
    pub(crate) lost: u64,
    /// Null where no no-op forwarder was measured.
    pub(crate) percent_of_no_op: Option<f64>,
}

fn median<S: Serializer>(spread: &Spread, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(spread.median)
}

impl Row {
    /// Core time for a frame, ns, by the median.
    pub(crate) fn ns(&self) -> f64 {
        1e3 * self.cores as f64 / self.mpps.median
    }

    /// Where the row is in a chart: TCP and the mix have no place on an axis of sizes.
    pub(crate) fn point(&self) -> Option<(f64, f64)> {
        Some((self.size.octets()? as f64, self.gbit_s))
    }
}

pub(crate) fn met(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
