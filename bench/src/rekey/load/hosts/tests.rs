use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use port::mem::{self, MemConfig, MemPort};

use super::*;

/// Two hosts whose cables meet: what one sends the other receives.
fn hosts() -> Hosts<MemPort> {
    let config = MemConfig {
        capacity: 4096,
        mtu: 1600,
        ..MemConfig::default()
    };
    let (a, b) = mem::pair_with(config);
    Hosts::new([a.open().unwrap(), b.open().unwrap()], Cores::default()).unwrap()
}

/// A clock that a busy machine does not stop: each look at it takes 1 us.
#[derive(Clone, Default)]
struct Simulated(Arc<AtomicU64>);

impl Simulated {
    fn pass(&self, time: Duration) -> Duration {
        let ns = time.as_nanos() as u64;
        Duration::from_nanos(self.0.fetch_add(ns, Ordering::Relaxed) + ns)
    }

    /// The run starts now.
    fn carry<P: Port>(&self, hosts: &mut Hosts<P>, offer: Offer) -> Run {
        self.0.store(0, Ordering::Relaxed);
        hosts.carry_by(offer, |_| self.pass(Duration::from_micros(1)), || ())
    }
}

fn offer(rate: f64, ms: u64) -> Offer {
    Offer {
        size: FrameSize::Imix,
        rate,
        time: Duration::from_millis(ms),
    }
}

#[test]
fn what_is_due_is_sent_and_all_of_it_arrives() {
    let run = Simulated::default().carry(&mut hosts(), offer(20_000.0, 200));
    assert_eq!(run.sent, [4000; 2]);
    for flow in &run.flows {
        assert_eq!(flow.arrivals.len(), 4000);
        assert_eq!((flow.duplicated, flow.reordered, flow.changed), (0, 0, 0));
        assert_eq!(flow.lost(4000).count(), 0);
    }
}

#[test]
fn frames_of_another_run_do_not_count() {
    let (mut hosts, clock) = (hosts(), Simulated::default());
    let first = clock.carry(&mut hosts, offer(1_000.0, 50));
    let stale = frames::templates(FrameSize::Octets(64), frames::mark(1))[0].clone();
    hosts.ends[0].copy_tx(&stale);
    let second = clock.carry(&mut hosts, offer(1_000.0, 50));
    assert_eq!(first.flows[0].arrivals.len(), 50);
    assert_eq!(second.flows[0].arrivals.len(), 50);
    assert_eq!(second.flows[0].duplicated, 0);
    assert_eq!(second.flows[0].received(), 51, "but it came");
}

#[test]
fn numbers_tell_lost_doubled_and_disordered_frames() {
    let mut flow = Flow::new(6);
    for number in [0, 1, 3, 3, 2] {
        flow.arrive(number, 10);
    }
    flow.arrive(1_000_000, 10);
    assert_eq!(flow.lost(6).collect::<Vec<_>>(), [4, 5]);
    assert_eq!((flow.duplicated, flow.reordered, flow.changed), (1, 1, 1));
}

/// The time of a frame counts from when it was due, also when the sender was late itself.
#[test]
fn a_late_sender_makes_late_frames() {
    struct Slow<P> {
        port: P,
        bursts: u32,
        clock: Simulated,
    }
    impl<P: Port> Port for Slow<P> {
        fn rx_burst(&mut self, into: &mut Burst) {
            self.port.rx_burst(into);
        }
        fn tx_burst(&mut self, from: &mut Burst) {
            self.bursts += 1;
            if self.bursts == 100 {
                self.clock.pass(Duration::from_millis(20));
            }
            self.port.tx_burst(from);
        }
        fn copy_tx(&mut self, frame: &[u8]) {
            self.port.copy_tx(frame);
        }
        port::forward!(self => self.port);
    }
    let (a, b) = mem::pair(1024);
    let clock = Simulated::default();
    let ends = [a, b].map(|end| Slow {
        port: end.open().unwrap(),
        bursts: 0,
        clock: clock.clone(),
    });
    let mut hosts = Hosts::new(ends, Cores::default()).unwrap();
    let run = clock.carry(&mut hosts, offer(10_000.0, 200));
    let late = run.flows[0]
        .arrivals
        .iter()
        .filter(|arrival| arrival.late_ns > 5_000_000);
    // 20 ms without a frame are 200 frames; those due in the first 15 ms of them are later than 5.
    assert!(
        late.count() >= 140,
        "the stall shows in every frame that it held up"
    );
}
