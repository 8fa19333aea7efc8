//! `[worker]`: how the frame workers use the machine.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::ConfigError;
use crate::limits;

/// What a worker does when there is nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Idle {
    /// Spin a little, then sleep until a frame comes.
    #[default]
    Adaptive,
    /// Never sleep: for cores that have nothing else to do.
    Busy,
}

/// `[worker]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Worker {
    /// Workers, each for both directions, each with a transmit SC of its own.
    pub count: usize,
    /// Pin each worker to a core: as many as there are workers. Default: wherever the system puts them.
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
    /// As the workers know it.
    pub(crate) fn idle(&self) -> worker::Idle {
        match self.idle {
            Idle::Adaptive => worker::Idle::default(),
            Idle::Busy => worker::Idle::Busy,
        }
    }

    /// Whether a machine with so many cores has room for these workers.
    ///
    /// # Errors
    /// Busy workers would leave nothing to the rest of the system.
    pub fn fits(&self, file: &Path, cores: usize) -> Result<(), ConfigError> {
        self.idle().check(self.count, cores).map_err(|error| {
            ConfigError::new(file, "worker.idle", error.to_string())
                .value("\"busy\"")
                .mend("idle = \"adaptive\", or fewer workers than cores")
        })
    }

    pub(super) fn check(&self, file: &Path) -> Result<(), ConfigError> {
        if !(1..=limits::WORKERS_MAX).contains(&self.count) {
            return Err(ConfigError::new(file, "worker.count", "is out of range")
                .value(self.count)
                .mend(format!("1 to {}", limits::WORKERS_MAX)));
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
            .mend("as many different cores as worker.count says, or none"));
        }
        Ok(())
    }
}
