use super::{RxCounters, TxCounters};
use crate::Discard;

#[test]
fn each_discard_has_the_counter_of_its_name_on_one_side() {
    for discard in Discard::ALL {
        let (mut tx, mut rx) = (TxCounters::default(), RxCounters::default());
        let sides = [tx.of(discard), rx.of(discard)].into_iter().flatten();
        assert_eq!(sides.map(|counter| *counter += 1).count(), 1, "{discard}");
        let named: Vec<_> = tx
            .iter()
            .chain(rx.iter())
            .filter(|&(_, value)| value > 0)
            .collect();
        assert_eq!(named, [(discard.name(), 1)]);
        assert_eq!(tx.discarded() + rx.discarded(), 1);
        assert_eq!(tx.passed() + rx.passed(), 0);
    }
}

#[test]
fn names_are_distinct() {
    let names: std::collections::BTreeSet<_> = TxCounters::NAMES
        .into_iter()
        .chain(RxCounters::NAMES)
        .collect();
    assert_eq!(
        names.len(),
        TxCounters::NAMES.len() + RxCounters::NAMES.len()
    );
}

#[test]
fn values_come_back() {
    let values = core::array::from_fn(|i| i as u64 + 1);
    assert_eq!(RxCounters::from_values(values).values(), values);
    let counters = RxCounters::from_values(values);
    assert_eq!(counters.in_pkts_ok, 1);
    assert_eq!(
        counters.iter().last(),
        Some(("InPktsNotValid", values.len() as u64))
    );
    assert_eq!(counters.passed(), 1 + 2 + 3 + 4 + 5 + 6);
    assert_eq!(counters.discarded(), (9..=18).sum());
}
