use super::*;
use crate::rekey::rig::cores::Cores;

#[test]
fn a_rate_that_is_given_is_not_searched() {
    let rig = Rig::new(PortSetup::Mem, Cores::default()).unwrap();
    let given = Some(40_000.0);
    let rates = Rates::of(Device::Xpn256, given, &rig, PortSetup::Mem, FrameSize::Imix).unwrap();
    assert_eq!(
        (rates.no_drop.lower, rates.partial.upper),
        (40_000.0, 40_000.0)
    );
}
