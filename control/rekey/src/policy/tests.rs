use super::{Policy, UnknownPolicy};

#[test]
fn names_and_codes_round_trip() {
    for policy in Policy::ALL {
        assert_eq!(policy.name().parse(), Ok(policy));
        assert_eq!(Policy::from_code(policy.code()), Some(policy));
    }
    assert_eq!("none".parse::<Policy>(), Err(UnknownPolicy));
    assert_eq!((Policy::from_code(0), Policy::from_code(9)), (None, None));
}
