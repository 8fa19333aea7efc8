use super::{LineTag, LineTagWatch, text};

const PRIORITY: LineTag = LineTag {
    tpid: 0x8100,
    tci: 0xa000,
    tags: 1,
    taken_off: true,
};

#[test]
fn the_hint_names_the_tag_and_the_fix() {
    let shown = text(PRIORITY);
    assert!(
        shown.contains("VLAN 0, priority 5") && shown.contains("is removed"),
        "{shown}"
    );
    let two = LineTag {
        tpid: 0x88a8,
        tci: 0x0064,
        tags: 2,
        taken_off: false,
    };
    let shown = text(two);
    for part in [
        "2 VLAN tags",
        "0x88a8, VLAN 100",
        "InPktsNoTag",
        "line_vlan_tags = 2",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let refused = LineTag { tags: 1, ..two };
    assert!(text(refused).contains("line_vlan_tags = 1"));
}

#[test]
fn the_last_kind_of_tag_is_reported() {
    let mut watch = LineTagWatch::default();
    assert_eq!(watch.report(), None);
    let line = watch.on_look(Some(PRIORITY)).expect("a log line");
    assert_eq!(line.text, text(PRIORITY));
    assert!(watch.on_look(None).is_none());
    assert_eq!(watch.report(), Some(text(PRIORITY)));
    let other = LineTag {
        tci: 0x2000,
        ..PRIORITY
    };
    assert!(watch.on_look(Some(other)).is_none());
    assert_eq!(
        watch.report(),
        Some(text(PRIORITY)),
        "another priority is not reported"
    );
    let vlan = LineTag {
        tci: 0x0007,
        ..PRIORITY
    };
    assert!(watch.on_look(Some(vlan)).is_some());
    assert_eq!(watch.report(), Some(text(vlan)));
}
