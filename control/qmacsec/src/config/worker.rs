//! `[worker]`: the use of the machine by the frame workers.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::ConfigError;
use crate::limits;

/// The behaviour of a worker without work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Idle {
    /// Spin for a short time, then sleep until a frame arrives.
    #[default]
    Adaptive,
    /// Never sleep: for cores that have no other work.
    Busy,
}

/// `[worker]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Worker {
    /// Number of workers. Each handles both directions and has its own transmit SC.
    pub count: usize,
    /// Pins each worker to a core; needs one core for each worker. Default: the system chooses the
    /// cores.
    pub cores: Vec<usize>,
    /// Idle policy.
    pub idle: Idle,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            count: 1,
            cores: Vec::new(),
            idle: Idle::default(),
        }
    }
}

impl Worker {
    /// Converts to the type of the workers.
    pub(crate) fn idle(&self) -> worker::Idle {
        match self.idle {
            Idle::Adaptive => worker::Idle::default(),
            Idle::Busy => worker::Idle::Busy,
        }
    }

    /// Checks that a machine with this number of cores has room for these workers.
    ///
    /// # Errors
    /// Busy workers would leave no core to the rest of the system.
    pub fn fits(&self, file: &Path, cores: usize) -> Result<(), ConfigError> {
        self.idle().check(self.count, cores).map_err(|error| {
            ConfigError::new(file, "worker.idle", error.to_string())
                .value("\"busy\"")
                .fix("idle = \"adaptive\", or fewer workers than cores")
        })
    }

    pub(super) fn check(&self, file: &Path) -> Result<(), ConfigError> {
        if !(1..=limits::WORKERS_MAX).contains(&self.count) {
            return Err(ConfigError::new(file, "worker.count", "is out of range")
                .value(self.count)
                .fix(format!("1 to {}", limits::WORKERS_MAX)));
        }
        let different: BTreeSet<_> = self.cores.iter().collect();
        let fits = different.len() == self.count && self.cores.len() == self.count;
        if !self.cores.is_empty() && !fits {
            return Err(ConfigError::new(
                file,
                "worker.cores",
                format!("does not name a core for each of {} workers", self.count),
            )
            .value(format!("{:?}", self.cores))
            .fix("as many different cores as worker.count says, or none"));
        }
        Ok(())
    }
}
