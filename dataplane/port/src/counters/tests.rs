use super::PortCounters;

#[test]
fn values_go_there_and_back() {
    let values = core::array::from_fn(|i| i as u64 + 1);
    let counters = PortCounters::from_values(values);
    assert_eq!(counters.values(), values);
    assert_eq!(counters.iter().last(), Some(("buffers_held", 15)));
    assert_eq!(counters.rx_dropped(), 5 + 6 + 7 + 8 + 9);
    assert_eq!(counters.tx_dropped(), 11 + 12 + 13);
}
