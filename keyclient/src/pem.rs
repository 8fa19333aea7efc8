//! PEM files as they occur: joined without a newline, with a byte order mark, with text around.
//!
//! A block that is skipped silently means a missing CA, and later an unexplained trust failure. So
//! each block is read, or the error names the line that prevents it.

use core::fmt;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// A line outside of all blocks with this many base64 characters belongs to a broken block.
const STRAY_BASE64: usize = 40;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One PEM block.
pub(crate) struct Block {
    /// The label of its BEGIN line, such as `CERTIFICATE`.
    pub(crate) label: String,
    /// The line where it begins, counted from 1.
    pub(crate) line: usize,
    /// Encrypted as in RFC 1421, as old OpenSSL writes keys.
    pub(crate) encrypted: bool,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// The reason why a file is not valid PEM. Does not quote the file, which may be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) line: usize,
    pub(crate) problem: &'static str,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// All blocks of a file.
pub(crate) fn blocks(file: &[u8]) -> Result<Vec<Block>, Flaw> {
    let text = Text::new(file);
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(begin) = text.marker(at)? {
        let (block, end) = text.block(begin)?;
        blocks.push(block);
        at = end;
    }
    Ok(blocks)
}

/// A file, one character per octet.
struct Text(Zeroizing<Vec<u8>>);

impl Text {
    /// Decodes UTF-16 too, which some Windows shells write.
    fn new(file: &[u8]) -> Self {
        let narrow = |wide: &[u8], from: fn([u8; 2]) -> u16| {
            let (pairs, _) = wide.as_chunks::<2>();
            let mut text = Zeroizing::new(Vec::with_capacity(pairs.len()));
            text.extend(
                pairs
                    .iter()
                    .map(|&pair| u8::try_from(from(pair)).unwrap_or(b'?')),
            );
            Self(text)
        };
        match file {
            [0xff, 0xfe, wide @ ..] => narrow(wide, u16::from_le_bytes),
            [0xfe, 0xff, wide @ ..] => narrow(wide, u16::from_be_bytes),
            [0xef, 0xbb, 0xbf, text @ ..] | text => Self(Zeroizing::new(text.to_vec())),
        }
    }

    /// Finds the next block. Checks the lines before it for broken blocks.
    fn marker(&self, from: usize) -> Result<Option<usize>, Flaw> {
        let mut at = from;
        while at < self.0.len() {
            let end = self.line_end(at);
            let line = self.0.get(at..end).unwrap_or_default();
            if !line.trim_ascii_start().starts_with(b"#") {
                if let Some(begin) = find(line, BEGIN)
                    && find(line, END).is_none_or(|end| begin < end)
                {
                    return Ok(Some(at + begin));
                }
                self.check_stray(at, line)?;
            }
            at = end + 1;
        }
        Ok(None)
    }

    /// Checks a line outside of all blocks.
    fn check_stray(&self, at: usize, line: &[u8]) -> Result<(), Flaw> {
        if find(line, END).is_some() {
            return Err(self.flaw(at, "an END line without its BEGIN line"));
        }
        if damaged_marker(line) {
            return Err(self.flaw(
                at,
                "a damaged BEGIN or END line; it needs five dashes at each side",
            ));
        }
        let line = line.trim_ascii();
        let base64 =
            |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=');
        if line.len() >= STRAY_BASE64 && line.starts_with(b"MI") && line.iter().all(base64) {
            return Err(self.flaw(
                at,
                "base64 that belongs to no block; its BEGIN line is missing",
            ));
        }
        Ok(())
    }

    /// The block whose BEGIN line is at `begin`, and the position after it.
    fn block(&self, begin: usize) -> Result<(Block, usize), Flaw> {
        let (label, body) = self
            .label(begin + BEGIN.len())
            .ok_or_else(|| self.flaw(begin, "a BEGIN line without dashes at its end"))?;
        let rest = self.0.get(body..).unwrap_or_default();
        let end = body
            + find(rest, DASHES).ok_or_else(|| self.flaw(begin, "a block without its END line"))?;
        let rest = self.0.get(end..).unwrap_or_default();
        if !rest.starts_with(END) {
            return Err(self.flaw(begin, "a block without its END line"));
        }
        let (end_label, after) = self
            .label(end + END.len())
            .ok_or_else(|| self.flaw(end, "an END line without dashes at its end"))?;
        if end_label != label {
            return Err(self.flaw(end, "an END line of something else than its BEGIN line"));
        }
        let (encrypted, base64) = self.after_headers(body, end);
        let block = Block {
            label,
            line: self.line(begin),
            encrypted,
            der: if encrypted {
                Zeroizing::default()
            } else {
                self.decode(base64, end)?
            },
        };
        Ok((block, after))
    }

    /// The label from `from` to the next dashes in the same line, and the position after them.
    fn label(&self, from: usize) -> Option<(String, usize)> {
        let line = self.0.get(from..self.line_end(from))?;
        let end = find(line, DASHES)?;
        let label = core::str::from_utf8(line.get(..end)?).ok()?;
        Some((label.trim().to_owned(), from + end + DASHES.len()))
    }

    /// Skips the headers of RFC 1421: lines up to an empty one, the first of which has a colon.
    /// Returns whether they name encryption, and the position after them.
    fn after_headers(&self, from: usize, to: usize) -> (bool, usize) {
        let body = self.0.get(from..to).unwrap_or_default();
        if !body.contains(&b':') {
            return (false, from);
        }
        let encrypted = find(body, b"ENCRYPTED").is_some();
        let mut at = from;
        let mut headers = false;
        while at < to {
            let end = self.line_end(at).min(to);
            let line = self.0.get(at..end).unwrap_or_default().trim_ascii();
            at = end + 1;
            if line.is_empty() && headers {
                break;
            }
            headers |= line.contains(&b':');
        }
        (encrypted, at.min(to))
    }

    fn decode(&self, from: usize, to: usize) -> Result<Zeroizing<Vec<u8>>, Flaw> {
        let body = self.0.get(from..to).unwrap_or_default();
        let base64 = |octet: &u8| {
            octet.is_ascii_alphanumeric() || octet.is_ascii_whitespace() || b"+/=".contains(octet)
        };
        if let Some(odd) = body.iter().position(|octet| !base64(octet)) {
            return Err(self.flaw(from + odd, "a character that is not base64"));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(body.len()));
        text.extend(body.iter().filter(|octet| !octet.is_ascii_whitespace()));
        let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let len = BASE64
            .decode_slice(text.as_slice(), &mut der)
            .ok()
            .filter(|len| *len > 0)
            .ok_or_else(|| self.flaw(from, "a block whose base64 is cut or empty"))?;
        der.truncate(len);
        Ok(der)
    }

    /// The end of the line at `at`: its newline, or the end of the file.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.0.get(at..).unwrap_or_default();
        let end = rest.iter().position(|octet| matches!(octet, b'\n' | b'\r'));
        at + end.unwrap_or(rest.len())
    }

    /// The line number of `at`. Lines end with LF, CR LF, or CR alone.
    fn line(&self, at: usize) -> usize {
        let before = self.0.get(..at).unwrap_or_default();
        let count = |octet| before.iter().filter(|&&o| o == octet).count();
        1 + count(b'\n').max(count(b'\r'))
    }

    fn flaw(&self, at: usize, problem: &'static str) -> Flaw {
        let line = self.line(at);
        Flaw { line, problem }
    }
}

/// True if a line outside of all blocks is a remnant of a BEGIN or END line.
fn damaged_marker(line: &[u8]) -> bool {
    const LABEL_ENDS: [&[u8]; 4] = [b"CERTIFICATE", b"REQUEST", b"KEY", b"PKCS7"];
    let starts_with =
        |rest: &[u8], words: &[&[u8]]| words.iter().any(|word| rest.starts_with(word));
    let ends_with = |rest: &[u8], words: &[&[u8]]| words.iter().any(|word| rest.ends_with(word));
    // Five dashes next to the words of a marker.
    let beside_dashes = line
        .windows(DASHES.len())
        .enumerate()
        .filter(|&(_, window)| window == DASHES)
        .any(|(at, _)| {
            let (before, rest) = line.split_at(at);
            let after = rest.get(DASHES.len()..).unwrap_or_default();
            starts_with(after, &[b"BEGI", b"END"]) || ends_with(before, &LABEL_ENDS)
        });
    // Any kind of dash, including those that word processors insert, before the words of a marker.
    let odd_dashes = [&b"BEGIN "[..], b"END "].iter().any(|word| {
        find(line, word).is_some_and(|at| {
            let (before, after) = line.split_at(at);
            let dashed = before
                .last()
                .is_some_and(|&octet| octet == b'-' || octet >= 0x80);
            dashed
                && [&b"CERT"[..], b"KEY", b"PKCS7"]
                    .iter()
                    .any(|word| find(after, word).is_some())
        })
    });
    beside_dashes || odd_dashes
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

#[cfg(test)]
mod tests;
