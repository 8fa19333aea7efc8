use super::*;
use crate::fixture::parse;
use crate::rekey::rig::cores::Cores;

#[test]
fn a_rate_that_is_given_is_not_searched() {
    let options = parse("--rate 40000 --devices no-op").unwrap();
    let plan = Plan::new(&options);
    let rig = Rig::memory(Cores::default());
    let rates = ours(&plan, &rig, PortKind::Mem, FrameSize::Imix).unwrap();
    assert_eq!(
        (rates.no_drop.lower, rates.partial.upper),
        (40_000.0, 40_000.0)
    );
    assert_eq!(plan.searched_devices().count(), 0);
}
