//! Two ends with a line without delay, workers and KMEs that answer at once.

use std::collections::BTreeMap;
use std::time::Duration;

use secy::SaId;
use wire::{KeyId, MacAddr};

use crate::Rekey;
use crate::action::Action;
use crate::config::Config;
use crate::event::{Event, KeyFailure};
use crate::secret::{Origin, QkdKey, RootSecret};
use crate::shortage_stage::ShortageStage;

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) const MACS: [MacAddr; 2] = [MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2])];

pub(super) type Bend = fn(&mut Vec<u8>);

/// Two ends, a line without delay, and KMEs that answer at once.
pub(super) struct Two {
    pub(super) ends: [Rekey; 2],
    pub(super) now: Duration,
    /// How far the clock of each end is ahead.
    pub(super) ahead: [Duration; 2],
    pub(super) made: u32,
    keys: BTreeMap<KeyId, [u8; 32]>,
    pub(super) kme: Option<KeyFailure>,
    /// `dec_keys` alone.
    pub(super) dec: Option<KeyFailure>,
    pub(super) lookups: Vec<(Duration, KeyId)>,
    pub(super) cut: bool,
    /// Types of frames that are lost.
    pub(super) lost: Vec<u8>,
    /// Treatment of a frame on the line, by the end that sent it and its type.
    pub(super) bend: Option<(usize, u8, Bend)>,
    pub(super) events: [Vec<Event>; 2],
    pub(super) frames: [Vec<Vec<u8>>; 2],
    pub(super) sealing: [Option<SaId>; 2],
    pub(super) receiving: [Vec<SaId>; 2],
}

fn end(config: Config, psk: u8, seed: u8) -> Rekey {
    let mut draw = u64::from(seed);
    let entropy = Box::new(move |out: &mut [u8]| {
        for octet in out {
            draw = draw
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695);
            *octet = draw.to_be_bytes()[1];
        }
    });
    let root = RootSecret::from_slice(&[psk; 32]).expect("32 octets");
    Rekey::new(config, root, entropy).expect("a good configuration")
}

impl Two {
    pub(super) fn new(change: impl Fn(usize, &mut Config), psk: [u8; 2]) -> Self {
        let mut two = Self::made(change, psk);
        two.start();
        two
    }

    /// Not started yet.
    pub(super) fn silent(change: impl Fn(usize, &mut Config)) -> Self {
        Self::made(change, [7, 7])
    }

    fn made(change: impl Fn(usize, &mut Config), psk: [u8; 2]) -> Self {
        let ends = [0, 1].map(|side| {
            let mut config = Config::new(MACS[side]);
            change(side, &mut config);
            end(config, psk[side], 1 + u8::try_from(side).expect("small"))
        });
        Self {
            ends,
            now: ms(0),
            ahead: [ms(0); 2],
            made: 0,
            keys: BTreeMap::new(),
            kme: None,
            dec: None,
            lookups: Vec::new(),
            cut: false,
            lost: Vec::new(),
            bend: None,
            events: [Vec::new(), Vec::new()],
            frames: [Vec::new(), Vec::new()],
            sealing: [None; 2],
            receiving: [Vec::new(), Vec::new()],
        }
    }

    pub(super) fn start(&mut self) {
        for side in 0..2 {
            self.ends[side].on_start(ms(0));
        }
        self.settle();
    }

    pub(super) fn plain() -> Self {
        Self::new(|_, _| {}, [7, 7])
    }

    /// Does everything both ends ask for, until they ask for nothing more.
    pub(super) fn settle(&mut self) {
        while let Some((side, action)) =
            (0..2).find_map(|side| self.ends[side].poll_action().map(|action| (side, action)))
        {
            self.act(side, action);
        }
    }

    fn act(&mut self, side: usize, action: Action) {
        let (now, far) = (self.clock(side), self.clock(1 - side));
        let step = action.step();
        match action {
            Action::Send(frame) => {
                let mut octets = frame.as_bytes().to_vec();
                self.frames[side].push(octets.clone());
                let kind = octets[15];
                match self.bend {
                    Some((from, of, bend)) if (from, of) == (side, kind) => bend(&mut octets),
                    _ => {}
                }
                if !self.cut && !self.lost.contains(&kind) {
                    self.ends[1 - side].on_frame(far, &octets);
                }
            }
            Action::FetchKey => {
                self.made += 1;
                let id = KeyId::new(&format!("key-{}", self.made)).expect("a key_ID");
                let octets = [u8::try_from(self.made % 251).expect("small"); 32];
                self.keys.insert(id, octets);
                let key = QkdKey::from_slice(&octets, Origin::Modelled).expect("32 octets");
                self.ends[side].on_key(now, self.kme.map_or(Ok((id, key)), Err));
            }
            Action::FetchKeyById(id) => {
                self.lookups.push((now, id));
                let answer = match self.kme.or(self.dec) {
                    Some(failure) => Err(failure),
                    None => {
                        let octets = self.keys.remove(&id).expect("asked for once");
                        Ok(QkdKey::from_slice(&octets, Origin::Modelled).expect("32 octets"))
                    }
                };
                self.ends[side].on_key_by_id(now, id, answer);
            }
            Action::InstallTx { id, .. } => self.sealing[side] = Some(id),
            Action::RetireTx { .. } => self.sealing[side] = None,
            Action::InstallRx { id, .. } => self.receiving[side].push(id),
            Action::RetireRx { id, .. } => self.receiving[side].retain(|held| *held != id),
            Action::Event(event) => self.events[side].push(event),
        }
        if let Some(step) = step {
            self.ends[side].on_done(now, step);
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut spins = 0;
        while let Some(wake) = (0..2).filter_map(|side| self.wake(side)).min() {
            if wake > end {
                break;
            }
            spins = if wake > self.now { 0 } else { spins + 1 };
            assert!(spins < 1000, "spins at {:?}", self.now);
            self.now = self.now.max(wake);
            for side in 0..2 {
                self.ends[side].on_time(self.clock(side));
            }
            self.settle();
        }
        self.now = end;
    }

    /// The time that the clock of an end shows.
    pub(super) fn clock(&self, side: usize) -> Duration {
        self.now + self.ahead[side]
    }

    fn wake(&self, side: usize) -> Option<Duration> {
        let wake = self.ends[side].next_wake()?;
        Some(wake.saturating_sub(self.ahead[side]))
    }

    /// The initials of the stages of supply that an end has seen: n, stretched, s(p)arse, …
    pub(super) fn stages(&self, side: usize) -> String {
        let initial = |event: &Event| match event {
            Event::Shortage { to, .. } => Some(match to {
                ShortageStage::Sparse => 'p',
                other => other.name().chars().next()?,
            }),
            _ => None,
        };
        self.events[side].iter().filter_map(initial).collect()
    }

    pub(super) fn seen(&self, side: usize, what: impl Fn(&Event) -> bool) -> usize {
        self.events[side].iter().filter(|event| what(event)).count()
    }
}
