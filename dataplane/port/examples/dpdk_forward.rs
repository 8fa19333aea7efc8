//! Forwards frames unchanged from one DPDK device to another and prints frames per second, for
//! comparison with `dpdk-testpmd --forward-mode=io` on the same devices.
//!
//! ```text
//! cargo run --release -p port --features dpdk --example dpdk_forward -- net_null0 net_null1 5
//! ```
//! It uses no huge pages. The third argument is the time in seconds.
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::{env, error::Error, time::Instant};

use port::{
    Burst, Port,
    dpdk::{Dpdk, DpdkConfig, Eal, EalConfig},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [from, to, seconds] = &arguments[..] else {
        return Err("usage: dpdk_forward FROM TO SECONDS".into());
    };
    let eal = Eal::start(&EalConfig {
        hugepages: false,
        ..EalConfig::default()
    })?;
    let mut from = Dpdk::open(eal, DpdkConfig::new(from.parse()?))?;
    let mut to = Dpdk::open(eal, DpdkConfig::new(to.parse()?))?;
    let (start, seconds) = (Instant::now(), seconds.parse::<f64>()?);
    let mut burst = Burst::new();
    while start.elapsed().as_secs_f64() < seconds {
        for _ in 0..1000 {
            from.rx_burst(&mut burst);
            if !burst.is_empty() {
                to.tx_burst(&mut burst);
            }
        }
    }
    let took = start.elapsed().as_secs_f64();
    let (received, sent) = (from.counters(), to.counters());
    println!(
        "{:.2} million frames a second; received {}, sent {}, refused {}",
        sent.tx_frames as f64 / took / 1e6,
        received.rx_frames,
        sent.tx_frames,
        sent.tx_refused
    );
    Ok(())
}
