use super::{OperState, link_message, link_message::LinkMessage};

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut octets = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
    octets.extend(kind.to_ne_bytes());
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut octets = ((16 + body.len()) as u32).to_ne_bytes().to_vec();
    octets.extend(kind.to_ne_bytes());
    octets.extend([0; 2]);
    octets.extend(7u32.to_ne_bytes());
    octets.extend([0; 4]);
    octets.extend(body);
    octets
}

fn link(attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(3u32.to_ne_bytes());
    body.extend(0x1043u32.to_ne_bytes());
    body.extend([0; 4]);
    body.extend(attributes.concat());
    message(16, &body)
}

#[test]
fn a_message_of_the_kernel_gives_its_figures() {
    let counters: Vec<u8> = (0..25u64).flat_map(|n| (100 + n).to_ne_bytes()).collect();
    let octets = link(&[
        attribute(3, b"eth1\0"),
        attribute(4, &1532u32.to_ne_bytes()),
        attribute(16, &[6]),
        attribute(30, &2u32.to_ne_bytes()),
        attribute(33, &[1]),
        attribute(23, &counters),
    ]);
    let figures = LinkMessage::parse(&octets).unwrap().figures();
    assert_eq!(
        (figures.index, figures.mtu, figures.promiscuity),
        (3, 1532, 2)
    );
    assert!(figures.is_up && figures.has_carrier && figures.is_running);
    assert_eq!(figures.operstate, OperState::Up);
    assert_eq!(figures.rx_frames, 100);
    assert_eq!((figures.rx_errors, figures.rx_dropped), (104, 106));
    assert_eq!((figures.rx_missed, figures.rx_nohandler), (115, 123));
    assert_eq!(link_message::sequence(&octets), Some(7));
}

#[test]
fn a_cut_message_is_an_error_or_has_fewer_figures() {
    let octets = link(&[
        attribute(4, &1532u32.to_ne_bytes()),
        attribute(30, &2u32.to_ne_bytes()),
    ]);
    for len in 0..octets.len() {
        assert!(LinkMessage::parse(&octets[..len]).is_err(), "{len}");
        // The same message with a matching length.
        let mut cut = octets[..len].to_vec();
        if len >= 4 {
            cut[..4].copy_from_slice(&(len as u32).to_ne_bytes());
        }
        if let Ok(message) = LinkMessage::parse(&cut) {
            assert_eq!(message.figures().promiscuity, 0, "{len}");
        }
    }
    // Attributes with a wrong length end the iteration.
    for lie in [0u16, 1, 3, 0xffff] {
        let mut octets = octets.clone();
        octets[32..34].copy_from_slice(&lie.to_ne_bytes());
        let figures = LinkMessage::parse(&octets).unwrap().figures();
        assert_eq!((figures.mtu, figures.promiscuity), (0, 0), "{lie}");
    }
}

#[test]
fn an_error_of_the_kernel_is_its_number() {
    let octets = message(2, &(-libc::ENODEV).to_ne_bytes());
    let error = LinkMessage::parse(&octets).err().unwrap();
    assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    assert!(LinkMessage::parse(&message(99, &[0; 16])).is_err());
}

#[test]
fn a_request_names_the_interface() {
    let octets = link_message::request(9, "eth1");
    assert_eq!(octets.len() % 4, 0);
    assert_eq!(octets[..4], (octets.len() as u32).to_ne_bytes());
    assert_eq!(link_message::sequence(&octets), Some(9));
    assert_eq!(octets[32..36], [9, 0, 3, 0], "length and type");
    assert_eq!(&octets[36..], b"eth1\0\0\0\0");
}
