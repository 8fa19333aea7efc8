use std::rc::Rc;

use super::{
    Share, XdpMode,
    socket::piece,
    umem::{Holder, Umem},
};
use crate::limits;

#[test]
fn a_chunk_has_one_holder() {
    let umem = Umem::new_for_tests(4);
    let socket = umem.next_socket();
    let other = umem.next_socket();
    assert_ne!(socket, other);
    let chunk = umem.take(socket).unwrap();
    assert!(
        !umem.pass(chunk.into(), other, Holder::Frame),
        "not of this socket"
    );
    assert!(
        !umem.pass(chunk.into(), Holder::Frame, Holder::Nobody),
        "not of a frame"
    );
    assert!(!umem.pass(4, socket, Holder::Frame), "no such chunk");
    assert!(!umem.pass(u64::MAX, socket, Holder::Frame), "no such chunk");
    assert!(umem.pass(chunk.into(), socket, Holder::Frame));
    assert!(!umem.pass(chunk.into(), socket, Holder::Frame), "not twice");
    drop(umem.frame(chunk));
    assert_eq!(umem.free(), 4);
}

#[test]
fn a_closed_socket_gives_all_back() {
    let umem = Umem::new_for_tests(4);
    let socket = umem.next_socket();
    umem.take(socket).unwrap();
    umem.take(socket).unwrap();
    let frame = umem.frame(umem.take(Holder::Frame).unwrap());
    umem.reclaim(socket);
    assert_eq!(umem.free(), 3);
    drop(frame);
    assert_eq!(umem.free(), 4);
}

#[test]
fn a_frame_is_its_chunk() {
    let umem = Umem::new_for_tests(4);
    let chunk = umem.take(Holder::Frame).unwrap();
    let mut frame = umem.frame(chunk);
    assert!(frame.copy_from(limits::CHUNK_HEADROOM, b"octets"));
    let place = umem.base().as_ptr() as usize + chunk as usize * umem.chunk_len() + 256;
    assert_eq!(frame.bytes().as_ptr() as usize, place);
    let other = Umem::new_for_tests(4);
    let frame = frame.into_room(&other).unwrap_err();
    assert_eq!(frame.bytes(), b"octets");
    assert_eq!(frame.into_room(&umem).unwrap(), (chunk.into(), 256, 262));
    assert_eq!(umem.free(), 3, "the room is ours, not free");
    assert_eq!(
        umem.place(umem.address(chunk.into(), 256)),
        (chunk.into(), 256)
    );
}

#[test]
#[should_panic(expected = "not a frame's")]
fn a_chunk_of_the_kernel_makes_no_frame() {
    let umem = Umem::new_for_tests(4);
    let chunk = umem.take(umem.next_socket()).unwrap();
    let _ = umem.frame(chunk);
}

#[test]
fn ports_of_one_thread_share_by_name() {
    let share = Share::new(limits::CHUNKS_MIN, 1532).unwrap();
    let (a, b) = (share.umem().unwrap(), share.umem().unwrap());
    assert!(Rc::ptr_eq(&a, &b));
    assert_eq!(a.chunk_len(), 2048);
    let other = Share::new(limits::CHUNKS_MIN, 3000)
        .unwrap()
        .umem()
        .unwrap();
    assert!(!Rc::ptr_eq(&a, &other));
    assert_eq!(other.chunk_len(), 4096);
    assert!(Share::new(1, 1500).is_err());
    assert!(Share::new(limits::CHUNKS, 10_000).is_err());
}

#[test]
fn modes_have_names() {
    for name in ["auto", "native", "zerocopy", "skb"] {
        assert_eq!(name.parse::<XdpMode>().unwrap().name(), name);
    }
    assert!("drv".parse::<XdpMode>().unwrap_err().contains("zerocopy"));
}

#[test]
fn a_descriptor_points_into_a_chunk_of_its_socket_or_nowhere() {
    let umem = Umem::new_for_tests(8);
    let socket = umem.next_socket();
    let other = umem.next_socket();
    let descriptor = |addr, len| libc::xdp_desc {
        addr,
        len,
        options: 0,
    };
    let address = |chunk: u32, start| umem.address(chunk.into(), start);

    let chunk = umem.take(socket).unwrap();
    let frame = piece(&umem, socket, &descriptor(address(chunk, 256), 60)).unwrap();
    assert_eq!((frame.headroom(), frame.len()), (256, 60));
    // The kernel reports the chunk again while we hold it.
    assert!(piece(&umem, socket, &descriptor(address(chunk, 256), 60)).is_none());
    drop(frame);
    assert!(piece(&umem, socket, &descriptor(address(chunk, 256), 60)).is_none());

    let theirs = umem.take(other).unwrap();
    assert!(piece(&umem, socket, &descriptor(address(theirs, 256), 60)).is_none());
    for (addr, len) in [
        (8 * 2048, 60),
        (u64::MAX, 60),
        (u64::MAX, u32::MAX),
        (1 << 63, 0),
    ] {
        assert!(piece(&umem, socket, &descriptor(addr, len)).is_none());
    }
    // Outside its chunk: no piece, but the chunk is ours again.
    for (start, len) in [(0, 60), (63, 60), (256, 1793), (256, u32::MAX), (2047, 2)] {
        let chunk = umem.take(socket).unwrap();
        let free = umem.free();
        assert!(piece(&umem, socket, &descriptor(address(chunk, start), len)).is_none());
        assert_eq!(umem.free(), free + 1, "{start} {len}");
    }
    let chunk = umem.take(socket).unwrap();
    assert_eq!(
        piece(&umem, socket, &descriptor(address(chunk, 64), 1984))
            .unwrap()
            .len(),
        1984
    );
}
