use super::*;

/// The sum over a whole header, its own checksum included, is all ones (RFC 1071).
#[test]
fn frames_carry_packets_that_a_router_would_take() {
    for template in templates(FrameSize::Imix, MARK) {
        let packet = &template[ETHERNET.len()..];
        let len = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        assert_eq!((packet[0], len), (0x45, packet.len()));
        let words = packet[..IPV4_LEN].chunks_exact(2);
        let sum: u32 = words
            .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
            .sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
    }
}
