//! Each capture format gives the same frames and times; unreadable parts are reported by name.

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// A classic pcap: byte order, magic number, link type with its upper bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classic {
    pub(crate) big: bool,
    pub(crate) magic: u32,
    pub(crate) network: u32,
}

pub(crate) const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(crate) const NANOSECONDS: u32 = 0xa1b2_3c4d;
pub(crate) const MODIFIED: u32 = 0xa1b2_cd34;
pub(crate) const ETHERNET: u32 = 1;

/// A frame with its time in microseconds, and its length on the line.
pub(crate) type Sent = (u64, Vec<u8>, usize);

/// Numbers in either byte order.
pub(crate) struct Octets {
    pub(crate) big: bool,
    pub(crate) octets: Vec<u8>,
}

impl Octets {
    pub(crate) fn new(big: bool) -> Self {
        Self {
            big,
            octets: Vec::new(),
        }
    }

    fn u16(&mut self, number: u16) {
        let big = self.big;
        self.octets.extend(if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        });
    }

    fn u32(&mut self, number: u32) {
        let big = self.big;
        self.octets.extend(if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        });
    }

    fn u64(&mut self, number: u64) {
        let big = self.big;
        self.octets.extend(if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        });
    }

    /// A pcapng block around a body.
    fn block(&mut self, kind: u32, body: &[u8]) {
        let len = (12 + body.len().next_multiple_of(4)) as u32;
        self.u32(kind);
        self.u32(len);
        self.octets.extend(body);
        let padding = body.len().next_multiple_of(4) - body.len();
        self.octets.resize(self.octets.len() + padding, 0);
        self.u32(len);
    }

    pub(crate) fn section(&mut self) {
        let mut body = Self::new(self.big);
        body.u32(0x1a2b_3c4d);
        body.u16(1);
        body.u16(0);
        body.u64(u64::MAX);
        self.block(SECTION, &body.octets);
    }

    /// An interface with its options: code and value.
    pub(crate) fn interface(&mut self, link: u16, options: &[(u16, Vec<u8>)]) {
        let mut body = Self::new(self.big);
        body.u16(link);
        body.u16(0);
        body.u32(0);
        for (code, value) in options {
            body.u16(*code);
            body.u16(value.len() as u16);
            body.octets.extend(value);
            body.octets.resize(body.octets.len().next_multiple_of(4), 0);
        }
        self.block(1, &body.octets);
    }

    pub(crate) fn enhanced(&mut self, interface: u32, units: u64, octets: &[u8], len: usize) {
        let mut body = Self::new(self.big);
        body.u32(interface);
        body.u32((units >> 32) as u32);
        body.u32(units as u32);
        body.u32(octets.len() as u32);
        body.u32(len as u32);
        body.octets.extend(octets);
        self.block(6, &body.octets);
    }

    fn i64_value(&self, number: i64) -> Vec<u8> {
        let mut value = Self::new(self.big);
        value.u64(number as u64);
        value.octets
    }
}

const SECTION: u32 = 0x0a0d_0d0a;

pub(crate) fn classic(form: Classic, frames: &[Sent]) -> Vec<u8> {
    let mut file = Octets::new(form.big);
    file.u32(form.magic);
    file.u16(2);
    file.u16(4);
    file.u64(0);
    file.u32(262_144);
    file.u32(form.network);
    for (us, octets, len) in frames {
        file.u32((us / 1_000_000) as u32);
        let scale = if form.magic == NANOSECONDS { 1000 } else { 1 };
        file.u32((us % 1_000_000) as u32 * scale);
        file.u32(octets.len() as u32);
        file.u32(*len as u32);
        if form.magic == MODIFIED {
            file.u64(0x0102_0304_0506_0708);
        }
        file.octets.extend(octets);
    }
    file.octets
}

/// Milliseconds, link type, octets and length of each frame; the place where the file is cut; the
/// reason why it is broken.
type Read = (
    Vec<(Option<u64>, Link, Vec<u8>, usize)>,
    Option<u64>,
    Option<String>,
);

fn read(octets: &[u8]) -> Result<Read, CaptureError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(octets).unwrap();
    let mut capture = Capture::open(file.path())?;
    let first = all(&mut capture);
    let mut again = capture.again()?;
    assert_eq!(all(&mut again), first, "it reads the same twice");
    Ok(first)
}

fn all(capture: &mut Capture) -> Read {
    let mut frames = Vec::new();
    let broken = loop {
        match capture.next() {
            Ok(Some(frame)) => {
                frames.push((frame.at_ms, frame.link, frame.octets.to_vec(), frame.len));
            }
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    (frames, capture.cut(), broken)
}

fn sent() -> Vec<Sent> {
    vec![
        (1_790_000_000_123_456, vec![1; 60], 60),
        (1_790_000_000_999_999, vec![2; 64], 1514),
        (1_790_000_001_000_000, vec![], 60),
        (1_790_000_002_000_001, vec![3; 77], 77),
    ]
}

fn expected() -> Vec<(Option<u64>, Link, Vec<u8>, usize)> {
    let frame = |(us, octets, len): Sent| (Some(us / 1000), Link::Ethernet, octets, len);
    sent().into_iter().map(frame).collect()
}

#[test]
fn all_six_forms_of_pcap_give_the_same() {
    for magic in [MICROSECONDS, NANOSECONDS, MODIFIED] {
        for big in [false, true] {
            let form = Classic {
                big,
                magic,
                network: ETHERNET,
            };
            let (frames, cut, broken) = read(&classic(form, &sent())).unwrap();
            assert_eq!((frames, cut, broken), (expected(), None, None), "{form:?}");
        }
    }
}

#[test]
fn the_fcs_is_not_part_of_a_frame() {
    let form = Classic {
        big: true,
        magic: MICROSECONDS,
        // The FCS has two 16-bit words, according to the upper bits.
        network: 0x2400_0001,
    };
    let frames = [
        (0, vec![7; 64], 64),
        (0, vec![7; 62], 64),
        (0, vec![7; 40], 64),
    ];
    let (frames, ..) = read(&classic(form, &frames)).unwrap();
    let lengths: Vec<_> = frames
        .iter()
        .map(|frame| (frame.2.len(), frame.3))
        .collect();
    assert_eq!(lengths, [(60, 60), (60, 60), (40, 60)]);
    let mut file = Octets::new(false);
    file.section();
    file.interface(1, &[(13, vec![4])]);
    file.enhanced(0, 0, &[7; 64], 64);
    assert_eq!(read(&file.octets).unwrap().0[0].3, 60);
}

#[test]
fn each_section_of_pcapng_has_its_byte_order_interfaces_and_clocks() {
    let ms = 1_790_000_000_123_u64;
    let mut whole = Vec::new();
    for big in [false, true] {
        let mut file = Octets::new(big);
        let day = file.i64_value(86_400);
        let before = file.i64_value(-86_400);
        file.section();
        // A block of an unknown type.
        file.block(0x8000_1234, &[1, 2, 3, 4, 5]);
        file.interface(1, &[]);
        file.interface(1, &[(2, b"eth0".to_vec()), (9, vec![9])]);
        file.interface(1, &[(9, vec![0x80 | 10])]);
        file.interface(1, &[(9, vec![3]), (14, day)]);
        file.interface(1, &[(9, vec![0]), (14, before)]);
        file.enhanced(0, ms * 1000 + 999, &[1; 60], 60);
        file.enhanced(1, ms * 1_000_000, &[2; 61], 1514);
        file.enhanced(2, (ms << 10).div_ceil(1000), &[3; 62], 62);
        file.enhanced(3, ms - 86_400_000, &[4; 63], 63);
        file.enhanced(4, ms / 1000 + 86_400, &[5; 64], 64);
        whole.extend(file.octets);
        let mut next = Octets::new(!big);
        next.section();
        next.interface(276, &[(9, vec![9])]);
        next.enhanced(0, ms * 1_000_000, &[6; 65], 65);
        whole.extend(next.octets);
    }
    let (frames, cut, broken) = read(&whole).unwrap();
    assert_eq!((cut, broken), (None, None));
    let times: Vec<_> = frames.iter().map(|frame| frame.0.unwrap()).collect();
    let seconds = ms / 1000 * 1000;
    assert_eq!(times, [[ms, ms, ms, ms, seconds, ms]; 2].concat());
    let links: Vec<_> = frames.iter().map(|frame| frame.1).collect();
    let six = [[Link::Ethernet; 5].as_slice(), &[Link::Cooked2]].concat();
    assert_eq!(links, [six.clone(), six].concat());
    assert_eq!((frames[1].2.len(), frames[1].3), (61, 1514));
}

#[test]
fn old_and_simple_packets_are_read() {
    let mut file = Octets::new(true);
    file.section();
    file.interface(1, &[]);
    let mut old = Octets::new(true);
    old.u16(0);
    old.u16(3);
    old.u64(1_790_000_000_123_000);
    old.u32(5);
    old.u32(60);
    old.octets.extend([9; 5]);
    file.block(2, &old.octets);
    let mut simple = Octets::new(true);
    simple.u32(6);
    simple.octets.extend([8; 6]);
    file.block(3, &simple.octets);
    let (frames, ..) = read(&file.octets).unwrap();
    assert_eq!(
        frames,
        [
            (Some(1_790_000_000_123), Link::Ethernet, vec![9; 5], 60),
            (None, Link::Ethernet, vec![8; 6], 6)
        ]
    );
}

#[test]
fn a_file_that_is_not_a_capture_is_named() {
    for (octets, name) in [
        (&b"not a capture"[..], "not a capture"),
        (b"", "shorter"),
        (&[0x1f, 0x8b, 8, 0, 0], "gzip"),
        (&[0x28, 0xb5, 0x2f, 0xfd, 0], "zstd"),
        (b"BZh91AY", "bzip2"),
        (b"PK\x03\x04\x14", "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"snoop\0\0\0", "snoop"),
        (&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0], "header"),
    ] {
        let error = read(octets).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    let form = Classic {
        big: false,
        magic: MICROSECONDS,
        network: ETHERNET,
    };
    let mut huge = classic(form, &sent());
    let at = huge.len();
    huge.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]);
    let (frames, _, broken) = read(&huge).unwrap();
    assert_eq!(frames, expected(), "what is before counts");
    assert!(broken.unwrap().contains(&format!("octet {at}")));
    let mut file = Octets::new(false);
    file.section();
    file.enhanced(0, 0, &[1; 60], 60);
    let (_, _, broken) = read(&file.octets).unwrap();
    assert!(broken.unwrap().contains("interface"));
    assert_eq!(Link::of(101).to_string(), "link type 101 (RAW)");
}

#[test]
fn tags_and_cooked_headers_come_before_the_payload() {
    let payload = |link: Link, frame: &[u8]| {
        let payload = link.payload(frame)?;
        Some((payload.ethertype, payload.octets.to_vec(), payload.source))
    };
    let macs = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    let source = Some(wire::MacAddr([2, 0, 0, 0, 0, 1]));
    let rest = [0x2c, 0, 9, 9];
    let tags: [&[u8]; 5] = [
        &[],
        &[0x81, 0, 0, 5],
        &[0x81, 0, 0xe0, 0],
        &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5],
        &[0x91, 0, 0, 7, 0x91, 0, 0, 5],
    ];
    for tags in tags {
        let tagged = [tags, &[0x88, 0xe5], &rest].concat();
        let wanted = Some((0x88e5, rest.to_vec(), source));
        assert_eq!(
            payload(Link::Ethernet, &[&macs[..], &tagged].concat()),
            wanted
        );
        let cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(
            payload(Link::Cooked, &[&cooked[..], &tagged].concat()),
            wanted
        );
        let cooked = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        let cooked = [&tagged[..2], &cooked[..], &tagged[2..]].concat();
        assert_eq!(payload(Link::Cooked2, &cooked), wanted);
        // The capture ends inside the tags.
        let cut = [&macs[..], &tagged[..tagged.len() - rest.len() - 1]].concat();
        assert_eq!(payload(Link::Ethernet, &cut), None);
    }
}

proptest! {
    #[test]
    fn all_whole_records_of_a_cut_file_count(
        part in 0.0..1.0_f64,
        big: bool,
        ng: bool,
    ) {
        let sent = sent();
        let (mut ends, octets) = if ng {
            let mut file = Octets::new(big);
            file.section();
            file.interface(1, &[]);
            let mut ends = vec![file.octets.len()];
            for (us, octets, len) in &sent {
                file.enhanced(0, *us, octets, *len);
                ends.push(file.octets.len());
            }
            (ends, file.octets)
        } else {
            let form = Classic { big, magic: MICROSECONDS, network: ETHERNET };
            let mut ends = vec![24];
            ends.extend(sent.iter().scan(24, |at, frame| {
                *at += 16 + frame.1.len();
                Some(*at)
            }));
            (ends, classic(form, &sent))
        };
        let first = ends.remove(0);
        let cut = first + ((octets.len() - first) as f64 * part) as usize;
        let (frames, cut_at, broken) = read(&octets[..cut]).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count();
        prop_assert_eq!(&frames[..], &expected()[..whole]);
        let begins = if whole == 0 { first } else { ends[whole - 1] };
        prop_assert_eq!(cut_at, (cut > begins).then_some(begins as u64));
        prop_assert_eq!(broken, None);
    }

    #[test]
    fn no_octets_cause_a_panic(
        mut octets in proptest::collection::vec(any::<u8>(), 0..400),
        form in 0..3_u8,
    ) {
        let front: &[u8] = match form {
            0 => &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            1 => &[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a],
            _ => &[],
        };
        octets.splice(0..0, front.iter().copied());
        let _whatever_it_is = read(&octets);
    }
}

#[test]
fn an_input_without_an_end_is_refused() {
    for (path, kind) in [("/dev/zero", "a device"), ("/dev", "a folder")] {
        let error = Capture::open(Path::new(path)).err().unwrap();
        assert!(error.to_string().contains(kind), "{error}");
    }
    // Another format is refused at its beginning.
    let error = Capture::copied(io::repeat(0), u64::MAX).err().unwrap();
    assert!(matches!(error, CaptureError::NoCapture(_)), "{error}");
    let form = Classic {
        big: false,
        magic: MICROSECONDS,
        network: ETHERNET,
    };
    let capture = classic(form, &[(1000, vec![7; 60], 60)]);
    let mut whole = Capture::copied(capture.as_slice(), capture.len() as u64).unwrap();
    assert_eq!(whole.next().unwrap().unwrap().len, 60);
    assert!(whole.next().unwrap().is_none());
    let endless = io::Read::chain(capture.as_slice(), io::repeat(0));
    let error = Capture::copied(endless, 3_000_000_000 >> 10).err().unwrap();
    assert!(error.to_string().contains("or no end"), "{error}");
}
