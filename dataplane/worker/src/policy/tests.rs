use super::{Action, ETHERTYPE_MAC_CONTROL, Policy, PolicyError, Rule};
use crate::limits::POLICY_RULES_MAX;
use wire::MacAddr;

const LLDP: MacAddr = MacAddr([0x01, 0x80, 0xC2, 0, 0, 0x0E]);
const STATION: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 7]);

fn frame(destination: MacAddr, after_source: &[u8]) -> Vec<u8> {
    let mut frame = destination.0.to_vec();
    frame.extend([2, 0, 0, 0, 0, 9]);
    frame.extend(after_source);
    frame.extend([0; 46]);
    frame
}

fn rule(destination: Option<MacAddr>, ethertype: Option<u16>, action: Action) -> Rule {
    Rule {
        destination,
        ethertype,
        action,
    }
}

#[test]
fn the_first_match_decides_and_counts() {
    let rules = [
        rule(Some(LLDP), Some(0x88CC), Action::Protect),
        rule(Some(LLDP), None, Action::Discard),
        rule(None, Some(0x86DD), Action::Discard),
    ];
    let mut policy = Policy::new(&rules, Action::Protect).unwrap();
    // (frame, admitted, line of the table)
    let table: [(Vec<u8>, bool, usize); 9] = [
        (frame(LLDP, &[0x88, 0xCC]), true, 1),
        (frame(LLDP, &[0x08, 0x00]), false, 2),
        (frame(STATION, &[0x86, 0xDD]), false, 3),
        (
            frame(STATION, &[0x81, 0x00, 0x00, 0x05, 0x86, 0xDD]),
            false,
            3,
        ),
        (
            frame(STATION, &[0x88, 0xA8, 0, 6, 0x81, 0x00, 0, 5, 0x86, 0xDD]),
            false,
            3,
        ),
        (frame(STATION, &[0x88, 0xCC]), true, 4),
        (frame(STATION, &[0x08, 0x00]), true, 4),
        (frame(LLDP, &[0x88, 0x08]), false, 0),
        (vec![0x01, 0x80, 0xC2], true, 4),
    ];
    let mut expected = [0; crate::limits::POLICY_HITS];
    for (frame, admitted, line) in table {
        expected[line] += 1;
        assert_eq!(policy.admit(&frame), admitted, "{frame:02x?}");
        assert_eq!(*policy.hits(), expected, "{frame:02x?}");
    }
}

#[test]
fn mac_control_never_passes_whatever_the_rules_say() {
    let allow = rule(None, Some(ETHERTYPE_MAC_CONTROL), Action::Protect);
    let mut policy = Policy::new(&[allow], Action::Protect).unwrap();
    assert!(!policy.admit(&frame(MacAddr([0x01, 0x80, 0xC2, 0, 0, 1]), &[0x88, 0x08])));
    assert!(!policy.admit(&frame(STATION, &[0x88, 0x08])));
    assert!(!policy.admit(&frame(STATION, &[0x81, 0, 0, 1, 0x88, 0x08])));
    assert_eq!(policy.hits()[..2], [3, 0]);
}

#[test]
fn discard_may_be_the_default() {
    let mut policy = Policy::new(
        &[rule(None, Some(0x0800), Action::Protect)],
        Action::Discard,
    )
    .unwrap();
    assert!(policy.admit(&frame(STATION, &[0x08, 0x00])));
    assert!(!policy.admit(&frame(STATION, &[0x08, 0x06])));
    let mut none = Policy::new(&[], Action::Discard).unwrap();
    assert!(!none.admit(&frame(STATION, &[0x08, 0x06])));
    assert_eq!(none.hits()[..2], [0, 1]);
}

#[test]
fn a_bad_rule_is_named() {
    let protect = |destination, ethertype| rule(destination, ethertype, Action::Protect);
    let good = protect(None, Some(0x0800));
    let many = [good; POLICY_RULES_MAX + 1];
    assert!(Policy::new(&many[1..], Action::Protect).is_ok());
    let table: [(&[Rule], PolicyError, &str); 4] = [
        (
            &many,
            PolicyError::TooManyRules(15),
            "policy has 15 rules: at most 14",
        ),
        (
            &[good, protect(None, None)],
            PolicyError::NamesNothing(2),
            "policy rule 2 names neither destination nor EtherType: name one, or set the default",
        ),
        (
            &[protect(Some(STATION), None)],
            PolicyError::NotGroup {
                rule: 1,
                destination: STATION,
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
    ];
    for (rules, error, text) in table {
        let refused = Policy::new(rules, Action::Protect).unwrap_err();
        assert_eq!((refused, refused.to_string().as_str()), (error, text));
    }
}

#[test]
fn lines_have_names_in_the_order_of_the_hits() {
    let rules = [
        rule(Some(LLDP), Some(0x88CC), Action::Discard),
        rule(Some(LLDP), None, Action::Protect),
        rule(None, Some(0x86DD), Action::Discard),
    ];
    let policy = Policy::new(&rules, Action::Protect).unwrap();
    let lines: Vec<_> = policy
        .lines()
        .map(|(line, action)| (line.to_string(), action == Action::Discard))
        .collect();
    let expected = [
        ("mac-control", true),
        ("01:80:c2:00:00:0e 0x88cc", true),
        ("01:80:c2:00:00:0e", false),
        ("0x86dd", true),
        ("default", false),
    ];
    assert_eq!(
        lines,
        expected.map(|(name, discard)| (name.to_string(), discard))
    );
}
