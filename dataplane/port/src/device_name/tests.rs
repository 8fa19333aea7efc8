use super::DeviceName;

fn name(text: &str) -> DeviceName {
    text.parse().unwrap()
}

#[test]
fn pci_addresses_get_their_domain() {
    assert_eq!(name("3B:00.1").pci(), Some("0000:3b:00.1"));
    let with_arguments = name("0001:3b:00.0,mprq_en=1");
    assert_eq!(with_arguments.pci(), Some("0001:3b:00.0"));
    assert_eq!(with_arguments.devargs(), "0001:3b:00.0,mprq_en=1");
    assert_eq!(with_arguments.interface(), None);
}

#[test]
fn virtual_devices_say_their_interface() {
    let packet = name("net_af_packet0,iface=eth1,framesz=4096");
    assert_eq!((packet.pci(), packet.interface()), (None, Some("eth1")));
    assert_eq!(
        (packet.device(), packet.slot_len()),
        ("net_af_packet0", Some(4096))
    );
    assert_eq!(name("net_af_packet0,iface=eth1").slot_len(), Some(2048));
    assert_eq!(name("net_af_xdp0,iface=eth1").slot_len(), None);
    // net_tap creates its interface, so the interface does not exist before.
    assert_eq!(name("net_tap0,iface=tap7").interface(), None);
}

#[test]
fn what_is_neither_is_refused_with_a_reason() {
    for (text, why) in [
        ("", "octets"),
        ("eth0", "PCI address"),
        ("00:00:3b:00.0", "PCI address"),
        ("3b:00", "PCI address"),
        ("net_tap0 x", "space"),
        ("net_tap0;rm", "PCI address"),
        ("net_af_xdp0", "iface="),
        ("net_af_packet0,qpairs=1", "iface="),
        ("net_af_packet0,iface=eth1,qpairs=2", "joins fragments"),
    ] {
        let error = text.parse::<DeviceName>().unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
}
