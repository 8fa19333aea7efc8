//! Differences are named; equal settings have none.

use super::LineSettings;

#[test]
fn each_setting_that_differs_is_named_with_both_values() {
    let ours = LineSettings {
        mtu: 1500,
        clear_vlan_tags: 1,
    };
    assert!(ours.differences(ours).is_empty());
    let theirs = LineSettings {
        mtu: 9000,
        clear_vlan_tags: 0,
    };
    let texts: Vec<_> = ours
        .differences(theirs)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "red.mtu is 9000 at the peer and 1500 here",
            "macsec.clear_vlan_tags is 0 at the peer and 1 here"
        ]
    );
}
