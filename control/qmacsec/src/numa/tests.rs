use super::{distant, holds};
use std::fs;

#[test]
fn a_core_list_is_read_as_the_system_writes_it() {
    for (core, inside) in [(0, true), (3, true), (4, false), (8, true), (9, false)] {
        assert_eq!(holds("0-3,8\n", core), inside, "{core}");
    }
    assert!(!holds("\n", 0));
}

#[test]
fn a_core_of_another_node_is_distant_but_an_unknown_node_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (interfaces, nodes) = (folder.path().join("net"), folder.path().join("node"));
    let device = interfaces.join("eth1/device");
    fs::create_dir_all(&device).unwrap();
    fs::create_dir_all(nodes.join("node1")).unwrap();
    fs::write(nodes.join("node1/cpulist"), "4-7\n").unwrap();
    for (node, core, expected) in [
        ("1\n", 5, None),
        ("1\n", 2, Some(1)),
        ("-1\n", 2, None),
        ("9\n", 2, None),
    ] {
        fs::write(device.join("numa_node"), node).unwrap();
        assert_eq!(distant((&interfaces, &nodes), "eth1", core), expected);
    }
    assert_eq!(distant((&interfaces, &nodes), "veth0", 2), None);
}
