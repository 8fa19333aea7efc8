//! Applies a new policy while frames flow: `qmacsec reload`, or SIGHUP.
//!
//! The whole config is read and checked. Only the policy can change at run time. If anything else
//! has changed, nothing is applied, and the answer names the keys that need a restart. The workers
//! swap the table between two bursts. The answer follows when all of them have done so.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tracing::{info, warn};

use super::Driver;
use super::fleet::PolicyOrder;
use crate::config::{Document, EncryptorConfig};
use crate::status::{Asker, Done};

/// The config file, and the policies that are not in force yet.
pub(super) struct Reload {
    file: PathBuf,
    /// The running config; its policy may have changed since.
    running: Document,
    /// Policies in progress, the oldest first.
    waiting: Vec<Waiting>,
}

/// A policy that not all workers apply yet.
struct Waiting {
    order: PolicyOrder,
    begun: Instant,
    /// The connection to answer; none after a signal.
    asker: Option<Asker>,
}

impl Reload {
    pub(super) fn new(config: &EncryptorConfig, file: &Path) -> Self {
        Self {
            file: file.to_path_buf(),
            running: config.document.clone(),
            waiting: Vec::new(),
        }
    }

    /// Reads the present config, if this encryptor can apply it without a restart.
    fn read(&self) -> Result<EncryptorConfig, String> {
        let new = EncryptorConfig::read(&self.file).map_err(|error| error.to_string())?;
        let restart = self.running.needs_restart(&new.document);
        if restart.is_empty() {
            return Ok(new);
        }
        Err(format!(
            "{}: only [policy] can change while the encryptor runs; these keys need a restart: \
             {}\n  fix: restart, or restore their old values",
            self.file.display(),
            restart.join(", ")
        ))
    }
}

/// Logs a warning for each rule that lets frames bypass the protection.
pub(crate) fn warn_of_bypass(policy: &worker::Policy) {
    for line in policy.bypasses_of() {
        warn!(
            "policy: {line} BYPASSES: these frames cross the line in clear, and anyone on the line \
             can send such frames into the site"
        );
    }
}

impl Driver {
    /// Handles SIGHUP.
    pub(super) fn on_hangup(&mut self) {
        info!("SIGHUP: reading {} again", self.reload.file.display());
        self.reload(None);
    }

    /// Applies the policy of the present config, or nothing. The answer follows at once after a
    /// mistake, otherwise when all workers apply the policy.
    pub(super) fn reload(&mut self, asker: Option<Asker>) {
        let begun = Instant::now();
        match self.reload.read() {
            Ok(new) => {
                warn_of_bypass(&new.policy.table);
                let order = self.fleet.set_policy(new.policy.table);
                self.reload.waiting.push(Waiting {
                    order,
                    begun,
                    asker,
                });
            }
            Err(text) => {
                warn!("the config is not applied, and the policy stays unchanged: {text}");
                let refused = Done {
                    text,
                    ..Done::default()
                };
                asker.into_iter().for_each(|asker| asker.answer(&refused));
            }
        }
    }

    /// Answers the requests for policies that all workers now apply.
    pub(super) fn on_policies(&mut self) {
        let Self { fleet, reload, .. } = self;
        let followed = |waiting: &mut Waiting| fleet.follows(&waiting.order);
        for waiting in reload.waiting.extract_if(.., followed) {
            let took_ms = waiting.begun.elapsed().as_secs_f64() * 1e3;
            info!("the policy of the config is in force, {took_ms:.1} ms after the request");
            let done = Done {
                done: true,
                text: "the policy of the config is in force".to_owned(),
                workers: fleet.count(),
                took_ms,
            };
            waiting
                .asker
                .into_iter()
                .for_each(|asker| asker.answer(&done));
        }
    }
}
