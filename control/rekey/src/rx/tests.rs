//! The receiver against a sender that holds the secret and keeps no rule at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secy::{SaId, Suite};
use wire::{An, KeyId, MacAddr, Sci};

use crate::action::{Action, Step};
use crate::announced::{Announced, LineSettings};
use crate::config::Config;
use crate::event::{Event, KeyFailure};
use crate::guards::{Guard, without};
use crate::key_policy::KeyPolicy;
use crate::message::{Body, Envelope, Header, Message, Nonce};
use crate::mutations::world::rng::Rng;
use crate::schedule::{Kcv, MacKey};
use crate::secret::{Origin, QkdKey, RootSecret};
use crate::session_id::SessionId;
use crate::{Rekey, limits};

const US: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const SENDER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const PSK: [u8; 32] = [7; 32];

/// Our end, and what its workers hold.
struct Receiver {
    rekey: Rekey,
    key: MacKey,
    rng: Rng,
    now: Duration,
    ctr: u64,
    us: SessionId,
    /// Given to the workers and not retired with an acknowledgement.
    slots: BTreeMap<u8, SaId>,
    retiring: Vec<SaId>,
    open: Vec<Step>,
    lookups: Vec<KeyId>,
    key_ids: BTreeSet<KeyId>,
    last_epoch: u32,
    /// Highest epoch ever offered.
    top: u32,
    installed: u32,
}

impl Receiver {
    /// In session with the sender.
    fn new(seed: u64) -> Self {
        let mut draw = Rng::new(seed);
        let root = || RootSecret::from_slice(&PSK).expect("32 octets");
        let entropy = Box::new(move |out: &mut [u8]| draw.fill(out));
        let config = Config {
            policy: KeyPolicy::Qkd,
            ..Config::new(US)
        };
        let rekey = Rekey::new(config, root(), entropy).expect("good settings");
        let mut receiver = Self {
            rekey,
            key: root().schedule().0,
            rng: Rng::new(!seed),
            now: Duration::ZERO,
            ctr: 0,
            us: SessionId::NONE,
            slots: BTreeMap::new(),
            retiring: Vec::new(),
            open: Vec::new(),
            lookups: Vec::new(),
            key_ids: BTreeSet::new(),
            last_epoch: 0,
            top: 0,
            installed: 0,
        };
        receiver.rekey.on_start(Duration::ZERO);
        let hello = receiver.drain().expect("no rule is broken yet");
        let hello = hello.expect("the first HELLO");
        receiver.us = hello.header.src;
        let Body::Hello { challenge, .. } = hello.body else {
            panic!("a HELLO")
        };
        let body = Body::Hello {
            challenge: Nonce([1; 16]),
            response: challenge,
            root_check: Kcv::NONE,
            announced: Announced {
                settings: LineSettings {
                    mtu: 1500,
                    clear_vlan_tags: 0,
                },
                ledger: None,
            },
        };
        receiver.say(body, 0).expect("no rule is broken yet");
        receiver
    }

    fn say(&mut self, body: Body, tx_epoch: u32) -> Result<(), String> {
        self.ctr += 1;
        let header = Header {
            policy: KeyPolicy::Qkd,
            root_epoch: 0,
            sci: Sci::new(SENDER, 1),
            tx_scs: 1,
            suite: Suite::GcmAesXpn256,
            src: SessionId([9; 8]),
            dst: self.us,
            ctr: self.ctr,
            tx_epoch,
            rx_epoch: 0,
            rx_held: 0,
            interval: Duration::from_secs(1),
        };
        let ethertype = wire::ETHERTYPE_REKEY;
        let envelope = Envelope {
            destination: US,
            source: SENDER,
            ethertype,
        };
        let frame = Message { header, body }.emit(&envelope, &self.key);
        self.rekey.on_frame(self.now, &frame);
        self.drain().map(|_| ())
    }

    /// Checks what our end asks for; the last frame it sent.
    fn drain(&mut self) -> Result<Option<Message>, String> {
        let mut said = None;
        while let Some(action) = self.rekey.poll_action() {
            self.open.extend(action.step());
            match action {
                Action::InstallRx { id, .. } => {
                    if let Some(old) = self.slots.insert(id.an.value(), id) {
                        return Err(format!("{id} goes over {old}"));
                    }
                    if self.slots.len() > limits::RX_SAS_MAX {
                        return Err(format!("{} rx SAs", self.slots.len()));
                    }
                    if id.epoch <= self.last_epoch {
                        return Err(format!("{id} after epoch {}", self.last_epoch));
                    }
                    self.last_epoch = id.epoch;
                    self.installed += 1;
                }
                Action::RetireRx { id, .. } => self.retiring.push(id),
                Action::Event(Event::Installed { id, key_id, .. })
                    if !self.key_ids.insert(key_id) =>
                {
                    return Err(format!("{id} uses {key_id} again"));
                }
                Action::FetchKeyById(id) => self.lookups.push(id),
                Action::Send(frame) => {
                    let parsed = Message::parse(frame.as_bytes(), 0x88B5, &self.key);
                    said = Some(parsed.map_err(|reject| format!("{reject:?}"))?);
                }
                _ => {}
            }
        }
        Ok(said)
    }

    /// One random thing happens.
    fn step(&mut self) -> Result<(), String> {
        self.now += self.rng.time(Duration::from_millis(300));
        match self.rng.below(6) {
            0 | 1 => self.offer(),
            2 if !self.lookups.is_empty() => {
                let at = self.rng.below(self.lookups.len());
                let id = self.lookups.swap_remove(at);
                let key = || QkdKey::from_slice(&[5; 32], Origin::Modelled).expect("32 octets");
                let late = self.rng.permille(200);
                let answer = if late {
                    Err(KeyFailure::NotFound)
                } else {
                    Ok(key())
                };
                self.rekey.on_key_by_id(self.now, id, answer);
                self.drain().map(|_| ())
            }
            3 | 4 if !self.open.is_empty() => {
                let step = self.open.remove(0);
                if let Step::RetireRx(id) = step {
                    self.retiring.retain(|held| *held != id);
                    self.slots.retain(|_, held| *held != id);
                }
                self.rekey.on_done(self.now, step);
                self.drain().map(|_| ())
            }
            5 if !self.slots.is_empty() => {
                let at = self.rng.below(self.slots.len());
                let id = self.slots.values().nth(at).copied().expect("in bounds");
                self.rekey.on_rx_used(self.now, id);
                self.drain().map(|_| ())
            }
            _ => {
                self.rekey.on_time(self.now);
                self.drain().map(|_| ())
            }
        }
    }

    fn offer(&mut self) -> Result<(), String> {
        let an = An::from_tci(u8::try_from(self.rng.below(4)).expect("small"));
        let around = self.top.saturating_sub(3) + 1;
        let epoch = around + u32::try_from(self.rng.below(6)).expect("small");
        self.top = self.top.max(epoch);
        let id = SaId { an, epoch };
        let key_id = KeyId::new(&format!("key-{}", self.rng.below(200))).expect("a key_ID");
        let tx_epoch = u32::try_from(self.rng.below(8)).expect("small") + around;
        self.say(
            Body::Offer {
                root: 0,
                id,
                key_id,
                origin: Origin::Modelled,
            },
            tx_epoch,
        )
    }
}

/// The rule that a sender without rules makes the receiver break, if any; SAs installed.
fn abuse(seeds: u64) -> Result<u32, String> {
    let mut installed = 0;
    for seed in 0..seeds {
        let mut receiver = Receiver::new(seed);
        for _ in 0..600 {
            receiver
                .step()
                .map_err(|text| format!("seed {seed}: {text}"))?;
        }
        installed += receiver.installed;
    }
    Ok(installed)
}

#[test]
fn rekey_21_to_25_hold_whatever_the_sender_does() {
    let installed = abuse(300).expect("no rule is broken");
    assert!(installed > 1000, "{installed} installs say little");
}

#[test]
fn each_guard_of_the_receiver_is_missed_when_it_is_off() {
    for (guard, complaint) in [
        (Guard::AnFree, "goes over"),
        (Guard::KeyIdOnce, "again"),
        (Guard::EpochGrows, "after epoch"),
        (Guard::RetireBeforeInstall, "goes over"),
    ] {
        let violation = without(&[guard], || abuse(300)).expect_err("a broken rule");
        eprintln!("{guard:?} off: {violation}");
        assert!(violation.contains(complaint), "{guard:?}: {violation}");
    }
}
