//! One node: what comes in, what goes out, and the two calls of ETSI 014.

use std::collections::VecDeque;
use std::time::Duration;

use crate::action::{Action, Refusal};
use crate::block::Block;
use crate::config::{ConfigError, NodeConfig};
use crate::id::{LinkId, NodeId};
use crate::key::{Key, KeyId};
use crate::sae::SaeId;
use crate::status::Status;

/// Fills a buffer with random octets from the operating system's generator.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// A node of the network, without IO.
///
/// `now` is the time since any fixed origin; it never goes back. After each call the driver carries
/// out what [`Self::poll_action`] gives, until it gives nothing, and calls [`Self::on_timer`] no
/// later than [`Self::next_timer`].
pub struct Node {
    config: NodeConfig,
    entropy: Entropy,
    actions: VecDeque<Action>,
}

impl Node {
    /// Creates a node that has no connection and no key yet. Its run, drawn here, tells all others
    /// that it has started anew.
    ///
    /// # Errors
    /// The configuration contradicts itself.
    pub fn new(config: NodeConfig, entropy: Entropy) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config,
            entropy,
            actions: VecDeque::new(),
        })
    }

    /// A block of QKD key has arrived. The other end gets the same bits, sooner or later. `bits`
    /// are copied; the caller wipes its own.
    pub fn on_block(&mut self, now: Duration, link: LinkId, block: Block, bits: &[u8]) {
        let _ = (now, link, block, bits);
    }

    /// The connection to the neighbour at the other end of this link came or went. A connection is
    /// ordered and without gaps; what is under way when it breaks may be lost. A new connection
    /// instead of another is reported as gone, then come.
    pub fn on_link(&mut self, now: Duration, link: LinkId, up: bool) {
        let _ = (now, link, up);
    }

    /// A message came over this link.
    pub fn on_message(&mut self, now: Duration, link: LinkId, octets: &[u8]) {
        let _ = (now, link, octets);
    }

    /// Time has passed.
    pub fn on_timer(&mut self, now: Duration) {
        let _ = now;
    }

    /// The time at which [`Self::on_timer`] is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<Duration> {
        None
    }

    /// The next thing to do for the driver.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Takes keys out of the stock of a pair: each key once, and only those that the target's node
    /// holds. All or none.
    ///
    /// # Errors
    /// The pair has no or too few keys, with the reason.
    pub fn enc_keys(
        &mut self,
        now: Duration,
        initiator: &SaeId,
        target: &SaeId,
        number: usize,
    ) -> Result<Vec<Key>, Refusal> {
        let _ = (now, initiator, target, number);
        Err(Refusal::NoDemand)
    }

    /// Hands the keys of these names to the SAE `caller`, if it is their target and `initiator`
    /// their initiator: each key once. All or none.
    ///
    /// # Errors
    /// One of the keys is not here for this pair.
    pub fn dec_keys(
        &mut self,
        now: Duration,
        caller: &SaeId,
        initiator: &SaeId,
        ids: &[KeyId],
    ) -> Result<Vec<Key>, Refusal> {
        let _ = (now, caller, initiator, ids);
        Err(Refusal::UnknownKey)
    }

    /// Reports the state of the node.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            node: self.config.node,
            run: 0,
            links: Vec::new(),
            pairs: Vec::new(),
            keys_held: 0,
            reachable: Vec::<NodeId>::new(),
        }
    }
}
