//! DPDK pools are deleted with the last port and the last frame of the process, and with them the
//! mbufs that a driver has kept. A separate test binary, so that no other test holds a port
//! meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    reason = "clippy knows functions with #[test] only, not the rest of a test; namespaces of other tests"
)]

use port::{
    Port, PortError,
    dpdk::{Dpdk, DpdkConfig, Eal, EalConfig},
    limits::MBUFS_MIN,
};

#[path = "interfaces/namespace.rs"]
mod namespace;

const VETH: [&str; 2] = [
    "link add a0 numrxqueues 1 type veth peer name b0 numrxqueues 1",
    "link set b0 up",
];

/// More openings than a pool would last for: `net_af_xdp` keeps 2048 mbufs each time.
#[test]
fn what_a_closed_device_keeps_is_not_lost() {
    let mut free = None;
    for _ in 0..8 {
        namespace::run("what_a_closed_device_keeps_is_not_lost", &VETH, || {
            let mut port = match open() {
                Ok(port) => port,
                Err(error) => {
                    assert!(free.is_none(), "{error}");
                    println!("skipped: {error}"); // without root
                    return;
                }
            };
            assert_eq!(*free.get_or_insert(port.mbufs_free()), port.mbufs_free());
            port.copy_tx(&[0xff; 60]);
            assert_eq!(port.counters().tx_frames, 1);
        });
    }
}

fn open() -> Result<Dpdk, PortError> {
    let eal = Eal::start(&EalConfig {
        hugepages: false,
        ..EalConfig::default()
    })?;
    let mut config = DpdkConfig::new("net_af_xdp0,iface=a0".parse().unwrap());
    config.mbufs = MBUFS_MIN;
    Dpdk::open(eal, config)
}
