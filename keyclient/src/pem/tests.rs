use proptest::prelude::{any, prop, proptest};

use super::{Flaw, blocks};

const ONE: &str = "-----BEGIN CERTIFICATE-----\nMIIBAAAA\nAAAB\n-----END CERTIFICATE-----\n";
const TWO: &str = "-----BEGIN CERTIFICATE-----\nMIIBAAAA\nAAAC\n-----END CERTIFICATE-----\n";

/// The label and line of each block.
fn read(text: impl AsRef<[u8]>) -> Result<Vec<(String, usize)>, Flaw> {
    let blocks = blocks(text.as_ref())?;
    Ok(blocks
        .into_iter()
        .map(|block| (block.label, block.line))
        .collect())
}

fn lines(text: impl AsRef<[u8]>) -> Vec<usize> {
    let read = read(text).unwrap();
    assert!(read.iter().all(|(label, _)| label == "CERTIFICATE"));
    read.into_iter().map(|(_, line)| line).collect()
}

#[test]
fn every_block_is_read_however_blocks_are_joined() {
    assert_eq!(lines(format!("{ONE}{TWO}")), [1, 5]);
    assert_eq!(lines(format!("{}{TWO}", ONE.trim_end())), [1, 4]);
    assert_eq!(lines(format!("{} {TWO}", ONE.trim_end())), [1, 4]);
    assert_eq!(lines(format!("{ONE}\u{feff}{TWO}")), [1, 5]);
    assert_eq!(lines(format!("\u{feff}{ONE}\n\n{TWO}")), [1, 7]);
    assert_eq!(lines(format!("{ONE}{TWO}").replace('\n', "\r\n")), [1, 5]);
    assert_eq!(lines(format!("{ONE}{TWO}").replace('\n', "\r")), [1, 5]);
    assert_eq!(lines(format!("{ONE}{TWO}").replace('\n', "\n\t  ")), [1, 5]);
    assert_eq!(lines(format!("{ONE}{TWO}").replace('\n', " ")), [1, 1]);
    let wide = |from: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let text = format!("\u{feff}{ONE}{TWO}");
        text.encode_utf16().flat_map(from).collect()
    };
    assert_eq!(lines(wide(u16::to_le_bytes)), [1, 5]);
    assert_eq!(lines(wide(u16::to_be_bytes)), [1, 5]);
}

#[test]
fn text_and_other_blocks_around_are_no_matter() {
    let text = format!(
        "Bag Attributes\n    localKeyID: 54 69\nsubject=CN = x\nGlobal Root\n==========================================\n\
         # -----BEGIN CERTIFICATE-----\n# out of use\n# -----END CERTIFICATE-----\n{ONE}the end -- of it"
    );
    assert_eq!(lines(text), [9]);
    let other = ONE.replace("CERTIFICATE", "X509 CRL");
    let read = read(format!("{ONE}{other}{TWO}")).unwrap();
    let labels: Vec<_> = read.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["CERTIFICATE", "X509 CRL", "CERTIFICATE"]);
}

#[test]
fn what_cannot_be_read_is_named_by_its_line() {
    let flaw = |text: &str| read(text).err().unwrap_or_else(|| panic!("{text}"));
    for (text, line, words) in [
        (format!("{ONE}{}", &TWO[..40]), 5, "without its END"),
        (format!("{ONE}{}", &TWO[28..]), 7, "without its BEGIN"),
        (format!("{}{TWO}", &ONE[..40]), 1, "without its END"),
        (
            ONE.replace("BEGIN CERTIFICATE-----", "BEGIN CERTIFICATE"),
            1,
            "dashes at its end",
        ),
        (
            format!("{ONE}{}", TWO.replace("-----", "----")),
            5,
            "five dashes",
        ),
        (
            format!("{ONE}{}", TWO.replace("-----", "\u{2014}")),
            5,
            "five dashes",
        ),
        (
            format!("{ONE}\n{}", TWO.replace("-----END", "----END")),
            6,
            "without its END",
        ),
        (
            ONE.replace("END CERTIFICATE", "END PRIVATE KEY"),
            4,
            "something else",
        ),
        (ONE.replace("AAAB", "AA!B"), 3, "not base64"),
        (ONE.replace("AAAB", "> AAAB"), 3, "not base64"),
        (ONE.replace('\n', "\\n"), 1, "not base64"),
        (ONE.replace("AAAB", "A"), 1, "cut or empty"),
        (ONE.replace("MIIBAAAA\nAAAB\n", ""), 1, "cut or empty"),
        (
            format!("{ONE}MII{}\n", "A".repeat(61)),
            5,
            "belongs to no block",
        ),
    ] {
        let flaw = flaw(&text);
        assert!(
            flaw.line == line && flaw.problem.contains(words),
            "{text}\n{flaw}"
        );
    }
}

#[test]
fn headers_are_skipped_and_encryption_is_seen() {
    let plain = ONE.replace("-----\nMII", "-----\nComment: a\n  b\n\nMII");
    let plain = blocks(plain.as_bytes()).unwrap();
    assert_eq!(
        plain[0].der.as_slice(),
        blocks(ONE.as_bytes()).unwrap()[0].der.as_slice()
    );
    let key = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB\n-----END RSA PRIVATE KEY-----\n";
    assert!(blocks(key.as_bytes()).unwrap()[0].encrypted && !plain[0].encrypted);
}

proptest! {
    #[test]
    fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = blocks(&octets);
    }
}

#[test]
fn no_block_is_lost_without_a_word() {
    // After any edit of two certificates, both are read, or there is an error. The longest cut is
    // shorter than an END line and the next BEGIN line.
    let text = format!("{ONE}{TWO}");
    for from in 0..text.len() {
        for to in from..text.len().min(from + 40) {
            for by in [
                "", "-", "-----", " ", "A", "AAAA", "BEGIN ", "\n", "\r\n", "-\n-", "END",
            ] {
                let damaged = format!("{}{by}{}", &text[..from], &text[to..]);
                if let Ok(blocks) = blocks(damaged.as_bytes()) {
                    assert_eq!(blocks.len(), 2, "{damaged}");
                }
            }
        }
    }
}
