//! Two sites that send each other numbered frames through the boxes between them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use port::packet::{Packet, PacketConfig};
use port::{Burst, Pool, Port, PortError};
use serde_json::{Value, json};

use super::frames::{self, Direction, Kind};

/// Maximum octets in flight in one direction: less than any ring on the way holds. A Linux send
/// socket holds about a dozen frames of 9000 octets.
const UNDER_WAY_OCTETS: usize = 64 << 10;
/// If this many are in flight and none arrives for this time, the next frame is sent anyway.
const IMPATIENCE: Duration = Duration::from_millis(25);
const NAP: Duration = Duration::from_micros(500);

/// The frames to send, and the time to wait for them.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// MTU of the sites' LANs, in octets.
    pub mtu: usize,
    /// Frames in each direction.
    pub frames: u32,
    /// The wait after the last arrival.
    pub wait: Duration,
}

/// One direction: its sender, and the frames that its receiver has seen.
struct Way {
    direction: Direction,
    sent: u32,
    refused: u32,
    arrived: Vec<bool>,
    count: u32,
    twice: u32,
    changed: BTreeMap<Kind, u32>,
    news: Instant,
}

/// Sends frames between the sites at these two interfaces, and reports what arrived. Frames of site
/// A enter a TAP of the guest; those of site B reach it through the TAP `line`.
///
/// # Errors
/// An interface cannot be opened.
pub fn between(interfaces: [&str; 2], line: &str, plan: Plan) -> Result<Value, PortError> {
    let open = |ifname: &str| {
        Packet::open(PacketConfig {
            ifname: ifname.to_owned(),
            ..PacketConfig::default()
        })
    };
    let mut sites = [open(interfaces[0])?, open(interfaces[1])?];
    let taps = [interfaces[0], line];
    let drops_before = taps.map(not_taken);
    let pool = Pool::new(port::limits::POOL_FRAMES, plan.mtu + 8)?;
    let mut ways = [Direction::AToB, Direction::BToA].map(|way| Way::new(way, plan.frames));
    let mut burst = Burst::new();
    while !ways.iter().all(|way| way.is_over(&plan)) {
        let mut moved = false;
        for (from, way) in ways.iter_mut().enumerate() {
            moved |= way.send(&mut sites[from], &pool, &plan);
            sites[1 - from].rx_burst(&mut burst);
            moved |= !burst.is_empty();
            burst
                .drain(..)
                .for_each(|frame| way.take(frame.bytes(), &plan));
        }
        if !moved {
            std::thread::sleep(NAP);
        }
    }
    let [a_to_b, b_to_a] = &ways;
    let told = |way: &Way, from: usize| {
        let not_taken = not_taken(taps[from]) - drops_before[from];
        way.told(not_taken, &sites[1 - from])
    };
    Ok(json!({ "a_to_b": told(a_to_b, 0), "b_to_a": told(b_to_a, 1) }))
}

impl Way {
    fn new(direction: Direction, frames: u32) -> Self {
        Self {
            direction,
            sent: 0,
            refused: 0,
            arrived: vec![false; frames as usize],
            count: 0,
            twice: 0,
            changed: BTreeMap::new(),
            news: Instant::now(),
        }
    }

    fn is_over(&self, plan: &Plan) -> bool {
        let all_sent = self.sent == plan.frames;
        all_sent && (self.count + self.refused == self.sent || self.news.elapsed() > plan.wait)
    }

    /// Sends the next frame if it is due.
    fn send(&mut self, site: &mut Packet, pool: &Pool, plan: &Plan) -> bool {
        let under_way = self.sent - self.refused - self.count;
        let waits = under_way * (plan.mtu as u32 / 2) >= UNDER_WAY_OCTETS as u32
            && self.news.elapsed() < IMPATIENCE;
        if self.sent == plan.frames || waits {
            return false;
        }
        let octets = frames::frame(self.direction, self.sent, plan.mtu);
        let before = site.counters().tx_frames;
        if let Some(mut frame) = pool.frame()
            && frame.copy_from(port::HEADROOM, &octets)
        {
            site.copy_tx(frame.bytes());
        }
        self.refused += u32::from(site.counters().tx_frames == before);
        self.sent += 1;
        self.news = Instant::now();
        true
    }

    fn take(&mut self, octets: &[u8], plan: &Plan) {
        let Some((direction, number)) = frames::label(octets) else {
            return;
        };
        let Some(arrived) = self.arrived.get_mut(number as usize) else {
            return;
        };
        if direction != self.direction {
            return;
        }
        self.news = Instant::now();
        if *arrived {
            self.twice += 1;
        } else if octets == frames::frame(direction, number, plan.mtu) {
            *arrived = true;
            self.count += 1;
        } else {
            *self.changed.entry(Kind::of(number)).or_default() += 1;
        }
    }

    fn told(&self, not_taken: u64, receiver: &Packet) -> Value {
        let missing = (0u32..)
            .zip(&self.arrived)
            .filter(|(_, arrived)| !**arrived);
        let mut lost = BTreeMap::<&str, u32>::new();
        for (number, _) in missing {
            *lost.entry(Kind::of(number).name()).or_default() += 1;
        }
        let heard = |&flow: &u32| {
            let of_flow = (0u32..)
                .zip(&self.arrived)
                .filter(|(n, _)| frames::flow(*n) == flow);
            of_flow.into_iter().any(|(_, arrived)| *arrived)
        };
        let names = self
            .changed
            .iter()
            .map(|(kind, count)| (kind.name(), *count));
        json!({
            "sent": self.sent - self.refused,
            "arrived": self.count,
            "twice": self.twice,
            "changed": names.collect::<BTreeMap<_, _>>(),
            "lost": lost,
            "flows": frames::FLOWS,
            "flows_heard": (0..frames::FLOWS).filter(heard).count(),
            "not_taken_by_the_guest": not_taken,
            "lost_by_the_receiver": receiver.counters().rx_dropped(),
        })
    }
}

/// Frames that a TAP dropped because the guest did not take them.
fn not_taken(interface: &str) -> u64 {
    let table = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let columns = table
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'));
    // Receive has eight columns. Transmit begins with octets, frames, errors, drops.
    let drops = columns.and_then(|columns| columns.split_whitespace().nth(11));
    drops.and_then(|text| text.parse().ok()).unwrap_or(0)
}
