use std::{
    io::{self, Write},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use super::{PacketDirection, PcapngWriter, Recorder, Tee};
use crate::{Burst, Port, limits, mem};

/// An output that the test can read.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<u8>>>);

impl Write for Shelf {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A block: its type and its body.
type Block = (u32, Vec<u8>);

/// Splits a pcapng into blocks. Checks that both lengths of each block agree.
fn blocks(mut octets: &[u8]) -> Vec<Block> {
    let number = |at: &[u8]| u32::from_ne_bytes(at[..4].try_into().unwrap());
    let mut blocks = Vec::new();
    while !octets.is_empty() {
        let len = number(&octets[4..]) as usize;
        assert_eq!(len % 4, 0);
        assert_eq!(number(&octets[len - 4..]) as usize, len);
        blocks.push((number(octets), octets[8..len - 4].to_vec()));
        octets = &octets[len..];
    }
    blocks
}

#[test]
fn the_format_octet_by_octet() {
    let mut writer = PcapngWriter::new(Vec::new(), "me").unwrap();
    let red = writer.interface("red").unwrap();
    let black = writer.interface("black").unwrap();
    assert_ne!(red, black);
    let time = Duration::new(5, 7);
    writer
        .frame(
            black,
            time,
            Some(PacketDirection::Outbound),
            &[1, 2, 3, 4, 5],
        )
        .unwrap();
    writer.frame(red, time, None, &[]).unwrap();
    let blocks = blocks(&writer.into_inner());
    let kinds: Vec<u32> = blocks.iter().map(|block| block.0).collect();
    assert_eq!(kinds, [0x0a0d_0d0a, 1, 1, 6, 6]);
    let native = |number: u32| number.to_ne_bytes();
    let short = |number: u16| number.to_ne_bytes();
    let pairs = |a: u16, b: u16| [short(a), short(b)].concat();
    assert_eq!(blocks[0].1[..4], native(0x1a2b_3c4d));
    assert_eq!(blocks[0].1[8..16], [0xff; 8]);
    assert_eq!(
        blocks[0].1[16..],
        [&pairs(4, 2)[..], b"me\0\0", &[0; 4]].concat()
    );
    let resolution = [&pairs(9, 1)[..], &[9, 0, 0, 0], &[0; 4]].concat();
    let name = [&pairs(2, 3)[..], b"red\0"].concat();
    assert_eq!(
        blocks[1].1,
        [&pairs(1, 0)[..], &native(0), &name, &resolution].concat()
    );
    let nanoseconds = 5_000_000_007u64;
    let frame = [
        &native(1)[..],
        &native((nanoseconds >> 32) as u32),
        &native(nanoseconds as u32),
        &native(5),
        &native(5),
        &[1, 2, 3, 4, 5, 0, 0, 0],
        &pairs(2, 4),
        &native(2),
        &[0; 4],
    ];
    assert_eq!(blocks[3].1, frame.concat());
    assert_eq!(blocks[4].1.len(), 20);
}

#[test]
fn a_tee_records_both_directions_and_changes_nothing() {
    let shelf = Shelf::default();
    let mut recorder = Recorder::start(shelf.clone(), "test").unwrap();
    let (a, b) = mem::pair(16);
    let mut a = a.open().unwrap();
    let mut tee = Tee::new(b.open().unwrap(), recorder.line("black"));
    a.copy_tx(&[1; 60]);
    a.copy_tx(&[2; 61]);
    let mut burst = Burst::new();
    tee.rx_burst(&mut burst);
    assert_eq!(burst.len(), 2);
    // Frames that were in the burst before are not recorded again.
    tee.rx_burst(&mut burst);
    tee.tx_burst(&mut burst);
    tee.copy_tx(&[3; 62]);
    a.rx_burst(&mut burst);
    assert_eq!(
        burst.iter().map(|f| f.len()).collect::<Vec<_>>(),
        [60, 61, 62]
    );
    let recorded = recorder.finish().unwrap();
    assert_eq!((recorded.written, recorded.dropped), (5, 0));
    let blocks = blocks(&shelf.0.lock().unwrap());
    let frames: Vec<_> = blocks.iter().filter(|(kind, _)| *kind == 6).collect();
    let lens: Vec<u8> = frames.iter().map(|(_, body)| body[12]).collect();
    assert_eq!(lens, [60, 61, 60, 61, 62]);
    let ways: Vec<u8> = frames
        .iter()
        .map(|(_, body)| body[body.len() - 8])
        .collect();
    assert_eq!(ways, [1, 1, 2, 2, 2]);
    // The port works without the recorder.
    tee.copy_tx(&[4; 60]);
    burst.clear();
    a.rx_burst(&mut burst);
    assert_eq!(burst.len(), 1);
    assert_eq!(tee.into_inner().counters().tx_frames, 4);
}

/// Blocks the recorder's thread until it is released.
struct Stuck(mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        // An error means that it is released for good.
        let _ = self.0.recv();
        Ok(octets.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stuck_disk_costs_records_not_time() {
    let (go, wait) = mpsc::channel();
    go.send(()).unwrap();
    let mut recorder = Recorder::start(Stuck(wait), "test").unwrap();
    let mut line = recorder.line("black");
    let frames = [[9u8; 60]; 64];
    let bursts = limits::RECORDER_FRAMES / 64 + 3;
    for _ in 0..bursts {
        line.record(
            PacketDirection::Inbound,
            frames.iter().map(|frame| &frame[..]),
        );
    }
    let dropped = recorder.recorded().dropped;
    assert!((3 * 64 - 2..=3 * 64 + 1).contains(&dropped), "{dropped}");
    drop(go);
    let recorded = recorder.finish().unwrap();
    assert_eq!(recorded.written + recorded.dropped, bursts as u64 * 64);
}

/// A disk that is full after the section header.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 += 1;
        if self.0 > 1 {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(octets.len())
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_reported_at_the_end() {
    let mut recorder = Recorder::start(Full(0), "test").unwrap();
    let mut line = recorder.line("black");
    line.record(PacketDirection::Inbound, [&[1u8; 60][..]].into_iter());
    let error = recorder.finish().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
