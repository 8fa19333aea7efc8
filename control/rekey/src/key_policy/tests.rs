use super::{KeyPolicy, UnknownPolicy};

#[test]
fn names_and_codes_round_trip() {
    for policy in KeyPolicy::ALL {
        assert_eq!(policy.name().parse(), Ok(policy));
        assert_eq!(KeyPolicy::from_code(policy.code()), Some(policy));
    }
    assert_eq!("none".parse::<KeyPolicy>(), Err(UnknownPolicy));
    assert_eq!(
        (KeyPolicy::from_code(0), KeyPolicy::from_code(9)),
        (None, None)
    );
}
