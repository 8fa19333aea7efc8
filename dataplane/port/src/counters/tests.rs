use super::PortCounters;

#[test]
fn values_go_there_and_back() {
    let values = core::array::from_fn(|i| i as u64 + 1);
    let counters = PortCounters::from_values(values);
    assert_eq!(counters.values(), values);
    assert_eq!(counters.iter().last(), Some(("buffers_held", 17)));
    assert_eq!(counters.rx_dropped(), 5 + 6 + 7 + 8 + 9 + 10 + 11);
    assert_eq!(counters.tx_dropped(), 13 + 14 + 15);
}

#[test]
fn names_of_drops_are_those_of_the_sums() {
    let counters = PortCounters::from_values(core::array::from_fn(|i| 1 << i));
    let sum = |names: &[&str]| -> u64 {
        let named = counters.iter().filter(|(name, _)| names.contains(name));
        named.map(|(_, frames)| frames).sum()
    };
    assert_eq!(sum(&PortCounters::RX_DROPS), counters.rx_dropped());
    assert_eq!(sum(&PortCounters::TX_DROPS), counters.tx_dropped());
    let all: u64 = counters.drops().map(|(_, frames)| frames).sum();
    assert_eq!(all, counters.rx_dropped() + counters.tx_dropped());
}
