use super::*;

#[test]
fn a_frame_says_which_it_is_and_no_two_are_alike() {
    let mut seen = std::collections::HashSet::new();
    for direction in [Direction::AToB, Direction::BToA] {
        for number in 0..2048 {
            let frame = frame(direction, number, 1500);
            assert_eq!(label(&frame), Some((direction, number)));
            assert!(seen.insert(frame));
        }
    }
    assert_eq!(label(&[0; 1500]), None);
    assert_eq!(label(&[]), None);
}

#[test]
fn lengths_are_from_the_shortest_to_the_mtu_with_a_tag() {
    for mtu in [1500, 8996] {
        let lens: Vec<_> = (0..2048)
            .map(|n| frame(Direction::AToB, n, mtu).len())
            .collect();
        assert_eq!(lens.iter().min(), Some(&60));
        assert_eq!(lens.iter().max(), Some(&(14 + mtu + 4)));
        let long = (0..2048).filter(|&n| lens[n as usize] > 14 + mtu);
        assert!(
            long.map(Kind::of)
                .all(|kind| matches!(kind, Kind::Vlan | Kind::TwoTags))
        );
        assert!((0..2048).any(|n| Kind::of(n) == Kind::Vlan && lens[n as usize] == 18 + mtu));
    }
}

#[test]
fn lengths_of_ipv4_and_udp_are_those_of_the_frame() {
    for number in 0..2048 {
        let frame = frame(Direction::BToA, number, 1500);
        let at = match Kind::of(number) {
            Kind::Broadcast | Kind::NotIp => continue,
            Kind::Vlan => 18,
            Kind::TwoTags => 22,
            _ => 14,
        };
        let number_at = |at: usize| usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
        assert_eq!(number_at(at - 2), 0x0800);
        assert_eq!(at + number_at(at + 2), frame.len());
        assert_eq!(number_at(at + 2), number_at(at + 24) + 20);
        let sum: usize = (at..at + 20).step_by(2).map(number_at).sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "checksum of {number}");
    }
}

#[test]
fn every_flow_has_frames_of_every_kind() {
    let all: std::collections::HashSet<_> =
        (0..512).map(|n| (flow(n), Kind::of(n).name())).collect();
    assert_eq!(all.len(), 8 * FLOWS as usize);
}
