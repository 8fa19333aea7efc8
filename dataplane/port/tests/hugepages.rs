//! DPDK with huge pages, as on an appliance. The machine must provide them: the test does not
//! reserve any. It is a separate test binary, because EAL starts once per process.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy knows functions with #[test] only, not the rest of a test"
)]

use port::{
    Burst, Port,
    dpdk::{Dpdk, DpdkConfig, Eal, EalConfig},
    limits::{DPDK_MEMORY_MB_MIN, MBUFS_MIN},
};

const FREE: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";

#[test]
fn frames_live_in_huge_pages_and_leave_no_file() {
    let free = std::fs::read_to_string(FREE).unwrap_or_default();
    let free: usize = free.trim().parse().unwrap_or(0);
    if 2 * free < DPDK_MEMORY_MB_MIN {
        println!(
            "skipped: {free} free huge pages, {} are needed: {FREE}",
            DPDK_MEMORY_MB_MIN / 2
        );
        return;
    }
    let eal = Eal::start(&EalConfig {
        memory_mb: DPDK_MEMORY_MB_MIN,
        ..EalConfig::default()
    })
    .unwrap();
    let open = |name: &str| {
        let mut config = DpdkConfig::new(name.parse().unwrap());
        config.mbufs = MBUFS_MIN;
        Dpdk::open(eal, config).unwrap()
    };
    let (mut red, mut black) = (open("net_null0"), open("net_null1"));
    let start = red.mbufs_free();
    let mut burst = Burst::new();
    for _ in 0..1000 {
        red.rx_burst(&mut burst);
        black.tx_burst(&mut burst);
    }
    assert_eq!(black.counters().tx_frames, 64_000);
    assert_eq!(red.mbufs_free(), start);
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    assert!(
        maps.contains("KernelPageSize:     2048 kB"),
        "no huge page is in use"
    );
    let in_files = |line: &&str| line.contains("hugetlbfs") || line.contains("/dev/hugepages/");
    assert_eq!(maps.lines().find(in_files), None);
}
