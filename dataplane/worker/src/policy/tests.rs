use super::{Action, ETHERTYPE_MAC_CONTROL, Line, Policy, PolicyError, Protocol, Rule};
use crate::limits::{POLICY_LINES_MAX, POLICY_RULES_MAX};
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY, MacAddr, MacPattern};

const LLDP: MacAddr = MacAddr([0x01, 0x80, 0xC2, 0, 0, 0x0E]);
const BRIDGE: MacAddr = MacAddr([0x01, 0x80, 0xC2, 0, 0, 0x00]);
const STATION: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 7]);

fn frame(destination: MacAddr, after_source: &[u8]) -> Vec<u8> {
    let mut frame = destination.0.to_vec();
    frame.extend([2, 0, 0, 0, 0, 9]);
    frame.extend(after_source);
    frame.extend([0; 46]);
    frame
}

fn rule(destination: Option<&str>, ethertype: Option<u16>, action: Action) -> Rule {
    Rule {
        destination: destination.map(|text| text.parse().unwrap()),
        ethertype,
        vlan: None,
        action,
    }
}

fn of_red(policy: &mut Policy, frame: &[u8]) -> Action {
    policy.of_red(frame, ETHERTYPE_REKEY)
}

fn bypasses(policy: &mut Policy, frame: &[u8]) -> bool {
    policy.bypasses(frame, ETHERTYPE_REKEY)
}

#[test]
fn the_first_match_decides_and_counts() {
    use Action::{Bypass, Discard, Protect};
    let on_vlan_7 = Rule {
        vlan: Some(7),
        action: Discard,
        ..Rule::default()
    };
    let rules = [
        rule(Some("01:80:c2:00:00:0e"), Some(0x88CC), Protect),
        rule(Some("01:80:c2:00:00:0x"), Some(0x88CC), Bypass),
        rule(Some("01:80:c2:00:00:0e"), None, Discard),
        rule(None, Some(0x86DD), Discard),
        on_vlan_7,
    ];
    let mut policy = Policy::new(&rules, Protect).unwrap();
    let default = policy.lines().count() - 1;
    let line_of = |wanted: Protocol| {
        let mut lines = policy.lines();
        lines
            .position(|(line, _)| line == Line::Protocol(wanted))
            .unwrap()
    };
    let (cfm, stp) = (line_of(Protocol::Cfm), line_of(Protocol::Stp));
    let table: [(Vec<u8>, Action, usize); 16] = [
        (frame(LLDP, &[0x88, 0xCC]), Protect, 1),
        (frame(BRIDGE, &[0x88, 0xCC]), Bypass, 2),
        (frame(LLDP, &[0x08, 0x00]), Discard, 3),
        (frame(STATION, &[0x86, 0xDD]), Discard, 4),
        (frame(STATION, &[0x81, 0, 0, 5, 0x86, 0xDD]), Discard, 4),
        (
            frame(STATION, &[0x88, 0xA8, 0, 6, 0x81, 0, 0, 5, 0x86, 0xDD]),
            Discard,
            4,
        ),
        // The outer tag has the VLAN ID, at any priority.
        (frame(STATION, &[0x81, 0, 0xE0, 7, 0x08, 0]), Discard, 5),
        (
            frame(STATION, &[0x88, 0xA8, 0, 7, 0x81, 0, 0, 9, 0x08, 0]),
            Discard,
            5,
        ),
        (
            frame(STATION, &[0x88, 0xA8, 0, 9, 0x81, 0, 0, 7, 0x08, 0]),
            Protect,
            default,
        ),
        (frame(STATION, &[0x08, 0, 0, 7]), Protect, default),
        // Control protocols have their own lines.
        (frame(STATION, &[0x89, 0x02]), Protect, cfm),
        (frame(BRIDGE, &[0, 38, 0x42, 0x42, 3]), Protect, stp),
        (frame(STATION, &[0x08, 0x00]), Protect, default),
        (frame(BRIDGE, &[0x88, 0x08]), Discard, 0),
        (vec![0x01, 0x80, 0xC2], Protect, default),
        (Vec::new(), Protect, default),
    ];
    let mut expected = [0; POLICY_LINES_MAX];
    for (frame, action, line) in table {
        expected[line] += 1;
        assert_eq!(of_red(&mut policy, &frame), action, "{frame:02x?}");
        assert_eq!(policy.hits().red, expected, "{frame:02x?}");
    }
    assert_eq!(policy.hits().black, [0; POLICY_LINES_MAX]);
}

#[test]
fn from_the_line_only_what_bypasses_comes_round_the_secy() {
    let rules = [
        rule(None, Some(0x88CC), Action::Bypass),
        rule(None, Some(0x0806), Action::Discard),
    ];
    let mut policy = Policy::new(&rules, Action::Protect).unwrap();
    assert!(bypasses(&mut policy, &frame(LLDP, &[0x88, 0xCC])));
    assert!(bypasses(
        &mut policy,
        &frame(LLDP, &[0x81, 0, 0, 1, 0x88, 0xCC])
    ));
    for after_source in [
        &[0x08, 0x00][..],
        &[0x08, 0x06],
        &[0x88, 0x08],
        &[0x88, 0xE5],
        &[0x88],
    ] {
        assert!(
            !bypasses(&mut policy, &frame(LLDP, after_source)),
            "{after_source:02x?}"
        );
    }
    assert!(!bypasses(&mut policy, &[]));
    assert_eq!(policy.hits().black[..3], [0, 2, 0]);
    assert_eq!(policy.hits().red, [0; POLICY_LINES_MAX]);
}

#[test]
fn no_rule_lets_pass_what_looks_like_ours() {
    // Rules that let everything to this group and everything on this VLAN bypass.
    let on_vlan_5 = Rule {
        vlan: Some(5),
        action: Action::Bypass,
        ..Rule::default()
    };
    let rules = [
        rule(Some("01:80:c2:00:00:0x"), None, Action::Bypass),
        rule(None, Some(ETHERTYPE_REKEY), Action::Bypass),
        on_vlan_5,
    ];
    let mut policy = Policy::new(&rules, Action::Protect).unwrap();
    assert_eq!(
        of_red(&mut policy, &frame(LLDP, &[0x08, 0x00])),
        Action::Bypass
    );
    for ethertype in [ETHERTYPE_MACSEC, ETHERTYPE_REKEY] {
        let [a, b] = ethertype.to_be_bytes();
        for after_source in [
            &[a, b][..],
            &[0x81, 0, 0, 5, a, b],
            &[0x88, 0xA8, 0, 5, 0x81, 0, 0, 5, a, b],
        ] {
            let frame = frame(LLDP, after_source);
            assert_eq!(
                of_red(&mut policy, &frame),
                Action::Protect,
                "{after_source:02x?}"
            );
            assert!(!bypasses(&mut policy, &frame), "{after_source:02x?}");
        }
    }
    let refused = Policy::new(
        &[rule(None, Some(ETHERTYPE_MACSEC), Action::Bypass)],
        Action::Protect,
    );
    assert_eq!(refused, Err(PolicyError::BypassReserved(1)));
}

#[test]
fn mac_control_never_passes_whatever_the_rules_say() {
    for action in [Action::Protect, Action::Bypass] {
        let allow = rule(None, Some(ETHERTYPE_MAC_CONTROL), action);
        let mut policy = Policy::new(&[allow], Action::Protect).unwrap();
        for frame in [
            frame(MacAddr([0x01, 0x80, 0xC2, 0, 0, 1]), &[0x88, 0x08]),
            frame(STATION, &[0x88, 0x08]),
            frame(STATION, &[0x81, 0, 0, 1, 0x88, 0x08]),
        ] {
            assert_eq!(of_red(&mut policy, &frame), Action::Discard);
            assert!(!bypasses(&mut policy, &frame));
        }
        assert_eq!(policy.hits().red[..2], [3, 0]);
    }
}

#[test]
fn discard_may_be_the_default_and_protocols_follow_it() {
    let mut policy = Policy::new(
        &[rule(None, Some(0x0800), Action::Protect)],
        Action::Discard,
    )
    .unwrap();
    assert_eq!(
        of_red(&mut policy, &frame(STATION, &[0x08, 0x00])),
        Action::Protect
    );
    assert_eq!(
        of_red(&mut policy, &frame(STATION, &[0x08, 0x06])),
        Action::Discard
    );
    assert_eq!(
        of_red(&mut policy, &frame(LLDP, &[0x88, 0xCC])),
        Action::Discard
    );
    assert_eq!(
        Policy::new(&[], Action::Bypass),
        Err(PolicyError::BypassByDefault)
    );
}

#[test]
fn a_bad_rule_is_named() {
    let protect = |destination, ethertype| rule(destination, ethertype, Action::Protect);
    let good = protect(None, Some(0x0800));
    let many = [good; POLICY_RULES_MAX + 1];
    let full = Policy::new(&many[1..], Action::Protect).unwrap();
    assert_eq!(full.lines().count(), POLICY_LINES_MAX);
    let no_vlan = Rule {
        vlan: Some(4095),
        ..Rule::default()
    };
    let station = MacPattern::exactly(STATION);
    let table: [(&[Rule], PolicyError, &str); 5] = [
        (
            &many,
            PolicyError::TooManyRules(25),
            "policy has 25 rules: at most 24",
        ),
        (
            &[good, protect(None, None)],
            PolicyError::NamesNothing(2),
            "policy rule 2 names neither destination, EtherType nor VLAN: name one, or set the default",
        ),
        (
            &[protect(Some("02:00:00:00:00:07"), None)],
            PolicyError::NotGroup {
                rule: 1,
                destination: station,
            },
            "policy rule 1: destination 02:00:00:00:00:07 is no group address",
        ),
        (
            &[protect(None, Some(0x05FF))],
            PolicyError::NotEtherType {
                rule: 1,
                ethertype: 0x05FF,
            },
            "policy rule 1: 0x05ff is no EtherType: they start at 0x0600",
        ),
        (
            &[no_vlan],
            PolicyError::NotVlan {
                rule: 1,
                vlan: 4095,
            },
            "policy rule 1: 4095 is no VLAN: 0 to 4094",
        ),
    ];
    for (rules, error, text) in table {
        let refused = Policy::new(rules, Action::Protect).unwrap_err();
        assert_eq!((refused, refused.to_string().as_str()), (error, text));
    }
}

#[test]
fn lines_have_names_in_the_order_of_the_hits() {
    let everything = Rule {
        destination: Some("01:80:c2:00:00:0x".parse().unwrap()),
        ethertype: Some(0x88CC),
        vlan: Some(7),
        action: Action::Bypass,
    };
    let rules = [
        everything,
        rule(Some("01:80:c2:00:00:0e"), None, Action::Protect),
        rule(None, Some(0x86DD), Action::Discard),
    ];
    let policy = Policy::new(&rules, Action::Protect).unwrap();
    let lines: Vec<_> = policy
        .lines()
        .map(|(line, action)| format!("{line}: {}", action.name()))
        .collect();
    let expected = [
        "mac-control: discard",
        "01:80:c2:00:00:0x 0x88cc vlan 7: bypass",
        "01:80:c2:00:00:0e: protect",
        "0x86dd: discard",
        "eapol: protect",
        "slow: protect",
        "lldp: protect",
        "cfm: protect",
        "ptp: protect",
        "stp: protect",
        "default: protect",
    ];
    assert_eq!(lines, expected);
    let bypasses: Vec<_> = policy.bypasses_of().collect();
    assert_eq!(bypasses, [Line::Rule(everything)]);
    assert_eq!(Policy::default().bypasses_of().count(), 0);
    for protocol in Protocol::ALL {
        assert_eq!(protocol.name().parse(), Ok(protocol));
    }
    assert!("pause".parse::<Protocol>().is_err());
}
