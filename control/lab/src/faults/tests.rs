use std::time::Duration;

use qmacsec::status::KmeFault;

use super::{Kill, KmeTrouble, Target, Trouble, Victim};
use crate::site::Site;

#[test]
fn what_the_help_shows_is_understood() {
    let second = Duration::from_secs(1);
    let trouble: KmeTrouble = "slow=5s@10s+60s".parse().expect("a trouble");
    assert_eq!(trouble.what, Trouble::Fault(KmeFault::Slow(second * 5)));
    assert_eq!((trouble.at, trouble.time), (second * 10, Some(second * 60)));
    let at = |s| trouble.covers(second * s);
    assert_eq!([at(9), at(10), at(69), at(70)], [false, true, true, false]);
    for (text, what) in [
        ("down@1s", Trouble::Down),
        ("wedge@1s", Trouble::Fault(KmeFault::Wedge)),
        ("repeat@1s", Trouble::Fault(KmeFault::Repeat)),
        ("lose-replies@1s", Trouble::Fault(KmeFault::LoseReplies)),
    ] {
        let trouble: KmeTrouble = text.parse().expect(text);
        assert_eq!((trouble.what, trouble.time), (what, None));
    }
    let kill: Kill = "kmes@3s".parse().expect("a kill");
    assert_eq!(kill.at, second * 3);
    assert_eq!(kill.who, Target::Process(Victim::Kmes));
    let kill: Kill = "b@3s".parse().expect("a kill");
    assert_eq!(kill.who, Target::Process(Victim::Encryptor(Site::B)));
    let kill: Kill = "moon@3s".parse().expect("a kill");
    assert_eq!(kill.who, Target::Node("moon".to_owned()));
}

#[test]
fn what_is_not_is_named_with_its_fix() {
    for text in [
        "",
        "down",
        "up@3s",
        "down@x",
        "slow@3s",
        "slow=x@3s",
        "down@3s+",
        "wedge=1s@3s",
    ] {
        let error = text.parse::<KmeTrouble>().expect_err(text);
        assert!(error.contains("like down@10s+60s"), "{error}");
    }
    for text in ["", "@3s", "a", "a@", "a@b"] {
        assert!(text.parse::<Kill>().is_err(), "{text}");
    }
}
