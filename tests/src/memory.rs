//! Searches the memory of a process for keys, in every form that a program may leave in memory.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Octets read at a time.
const CHUNK: usize = 1 << 20;
/// Pages that were never touched are full of zeros and are skipped.
const PAGE: usize = 4096;
/// Number of first octets by which each needle is looked up.
const HEAD: usize = 8;
/// Half a key counts as found: the allocator overwrites the beginning of a freed block.
const HALF: usize = 16;
/// Every daemon under test has this secret in its environment: a scan that misses it does not work.
pub const PLANTED: [u8; 32] = *b"\xf3a secret planted by the tests\xf5\xf7";
/// Mappings that only the process itself can read.
const UNREADABLE: [&str; 3] = ["[vvar]", "[vvar_vclock]", "[vsyscall]"];

/// The octets after the head, the number of the secret, and the form.
type Needle = (Vec<u8>, usize, Form);

/// The octet strings to search for.
#[derive(Default)]
pub struct Needles {
    /// Needles by their first octets.
    by_head: HashMap<[u8; HEAD], Vec<Needle>>,
    /// The set of first two octets that occur.
    begins: Vec<bool>,
    longest: usize,
}

/// The encoding of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Raw octets.
    Raw,
    /// Hexadecimal digits, lower case.
    Hex,
    /// Hexadecimal digits, upper case.
    HexCapitals,
    /// Base64. The key begins this many octets after a multiple of three.
    Base64(usize),
}

/// The finds: number and form of each secret, with its places in memory.
pub type Finds = BTreeMap<(usize, Form), Vec<String>>;

/// The planted secret in base64 and in hexadecimal digits of both cases, for an environment.
#[must_use]
pub fn planted() -> String {
    let [lower, capitals] = [false, true].map(|capitals| hex(&PLANTED, capitals));
    let base64 = (0..3).map(|before| STANDARD.encode([&vec![0; before], &PLANTED[..]].concat()));
    format!(
        "{lower} {capitals} {}",
        base64.collect::<Vec<_>>().join(" ")
    )
}

impl Needles {
    /// Prepares the search for these secrets. They are numbered in their order.
    ///
    /// # Panics
    /// If a secret is too short to exclude a find by chance.
    #[must_use]
    pub fn of<S: AsRef<[u8]>>(secrets: &[S]) -> Self {
        let mut needles = Self {
            begins: vec![false; 1 << 16],
            ..Self::default()
        };
        for (number, secret) in secrets.iter().enumerate() {
            for (form, text) in forms(secret.as_ref()) {
                needles.add(number, form, text);
            }
        }
        needles
    }

    fn add(&mut self, number: usize, form: Form, text: Vec<u8>) {
        let (head, rest) = text.split_first_chunk::<HEAD>().unwrap();
        self.longest = self.longest.max(text.len());
        self.begins[usize::from(u16::from_le_bytes([head[0], head[1]]))] = true;
        let known = self.by_head.entry(*head).or_default();
        known.push((rest.to_vec(), number, form));
    }

    /// Searches all readable memory of a process.
    ///
    /// # Errors
    /// If this process may not read it.
    pub fn find_in(&self, pid: u32) -> io::Result<Finds> {
        let mut finds = Finds::new();
        read_all(pid, self.longest, |[_, name], at, octets| {
            self.find_among(octets, |number, form, offset| {
                let place = format!("{name} {:x}", at + offset as u64);
                let places: &mut Vec<_> = finds.entry((number, form)).or_default();
                if !places.contains(&place) {
                    places.push(place);
                }
            });
        })?;
        Ok(finds)
    }

    fn find_among(&self, octets: &[u8], mut found: impl FnMut(usize, Form, usize)) {
        for (page, piece) in octets.chunks(PAGE).enumerate() {
            let (at, overlap) = (page * PAGE, self.longest);
            if piece.iter().all(|&octet| octet == 0) {
                continue;
            }
            // Includes the octets before the page, where a needle may begin.
            let from = at.saturating_sub(overlap);
            let until = octets.len().min(at + PAGE);
            for (start, pair) in (from..until).zip(octets[from..].windows(2)) {
                if self.begins[usize::from(u16::from_le_bytes([pair[0], pair[1]]))]
                    && let Some((head, rest)) = octets[start..].split_first_chunk::<HEAD>()
                    && let Some(known) = self.by_head.get(head)
                {
                    let whole = known.iter().filter(|(text, ..)| rest.starts_with(text));
                    whole.for_each(|(_, number, form)| found(*number, *form, start));
                }
            }
        }
    }
}

/// Reads all readable memory of a process, in pieces that overlap by the given number of octets.
/// Passes on rights and name of the mapping, address, octets.
///
/// # Errors
/// If this process may not read it.
///
/// # Panics
/// If there is less memory than any program has.
pub fn read_all(
    pid: u32,
    overlap: usize,
    mut each: impl FnMut([&str; 2], u64, &[u8]),
) -> io::Result<()> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut buffer = vec![0; CHUNK + overlap];
    let mut total = 0;
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        let name = fields.nth(3).unwrap_or("no name");
        if !rights.starts_with('r') || UNREADABLE.contains(&name) {
            continue;
        }
        let (begin, end) = range.split_once('-').unwrap();
        let [mut at, end] = [begin, end].map(|at| u64::from_str_radix(at, 16).unwrap());
        while at < end {
            let rest = usize::try_from(end - at).unwrap_or(usize::MAX);
            let wanted = rest.min(buffer.len());
            let got = memory.read_at(&mut buffer[..wanted], at).unwrap_or(0);
            if got == 0 {
                // The page was unmapped since, or lies beyond the end of a file.
                at += PAGE as u64;
                continue;
            }
            total += got;
            each([rights, name], at, &buffer[..got]);
            at += if got == rest { got } else { got.min(CHUNK) } as u64;
        }
    }
    assert!(total > 1 << 20, "{pid}: {total} octets are no program");
    Ok(())
}

/// A secret in all its forms, each in two halves. For base64, only the characters that do not
/// depend on the octets around the secret.
fn forms(secret: &[u8]) -> Vec<(Form, Vec<u8>)> {
    assert!(secret.len() >= 2 * HALF, "too short to be told from chance");
    let mut all = Vec::new();
    for half in [&secret[..HALF], &secret[secret.len() - HALF..]] {
        all.push((Form::Raw, half.to_vec()));
        all.push((Form::Hex, hex(half, false).into_bytes()));
        all.push((Form::HexCapitals, hex(half, true).into_bytes()));
    }
    for before in 0..3 {
        let text = STANDARD.encode([&vec![0; before], secret].concat());
        let from = (before * 8).div_ceil(6);
        let until = ((before + secret.len()) * 8) / 6;
        let sure = &text.as_bytes()[from..until];
        for part in [&sure[..HALF], &sure[sure.len() - HALF..]] {
            all.push((Form::Base64(before), part.to_vec()));
        }
    }
    all
}

fn hex(octets: &[u8], capitals: bool) -> String {
    let digits = |octet: &u8| match capitals {
        true => format!("{octet:02X}"),
        false => format!("{octet:02x}"),
    };
    octets.iter().map(digits).collect()
}
