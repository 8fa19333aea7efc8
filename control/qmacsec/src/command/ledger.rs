//! `qmacsec ledger verify`: checks that the ledgers of both ends agree on every key, and that the
//! line agrees with them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use ::node::drill::Ledgers;

use super::Outcome;
use crate::ledger::{Line, Source, Verdict, Verification, VerifyError, verify};
use crate::output::outln;
use crate::{limits, output};

/// Origin of a key that came from no KME.
const PQC: &str = "pqc";

/// Arguments of `qmacsec ledger`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare the ledgers of the two ends of a line
    Verify(Verify),
}

/// Arguments of `qmacsec ledger verify`.
#[derive(clap::Args)]
#[command(after_help = "\
Name a ledger by its file; its sealed segments in the same folder belong to it. A folder that \
holds one ledger names it too.

The command checks:
- both hash chains are unbroken;
- neither ledger was rolled back to before an entry that the other end knows;
- each key was used once, in one direction, with the same AN, epoch, suite and origin at both ends;
- the receiver accepted no more frames than the sender protected;
- with a capture of the line: no packet number occurs twice under one key;
- with the ledgers of the nodes: each key was delivered once to each of two SAEs, with the same \
passport, and the ledgers of the relays agree with it.

A copy of a frame is not a second use, even if a tap has appended octets to it.

Captures: pcap (microseconds, nanoseconds, modified) and pcapng, Ethernet or Linux cooked, with \
VLAN tags before the SecTAG, with a snap length of 64 octets or more. Ledgers and captures of any \
length need little memory. Sorting uses a temporary file in TMPDIR, or in /var/tmp.

Exit code: 0 sound; 1 a grave finding, or a file that cannot be read; 2 NOT PROVEN: no grave \
finding, but too little could be checked.

Example:
  qmacsec ledger verify site-a.ledger site-b.ledger --pcap line.pcapng")]
struct Verify {
    /// Ledger of one end
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Ledger of the other end
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Capture of the line between them, pcapng or pcap
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Folder with the ledgers of the nodes that relayed the keys
    #[arg(long, value_name = "FOLDER")]
    network: Option<PathBuf>,
}

/// Verifies and prints the result.
///
/// # Errors
/// A ledger or the capture cannot be read; a ledger's chain is broken.
pub fn main(args: &Args) -> Outcome {
    let Command::Verify(args) = &args.command;
    let mut verification = match verify([&args.a, &args.b], args.pcap.as_deref()) {
        Err(error @ VerifyError::OneEnd(_)) => usage(&error),
        verification => verification?,
    };
    if let Some(folder) = &args.network {
        let checked = compare_with_nodes(folder, [&args.a, &args.b], &mut verification)?;
        outln!("nodes: {checked} keys found in the ledgers of the nodes, under the same passport")?;
    }
    output::write(text(&verification))?;
    Ok(match verification.verdict() {
        Verdict::Sound => ExitCode::SUCCESS,
        Verdict::NotSound => ExitCode::from(limits::EXIT_FAILURE),
        Verdict::NotProven => ExitCode::from(limits::EXIT_NOT_PROVEN),
    })
}

/// Compares the keys of both encryptors with the ledgers of the nodes that relayed them. Returns
/// the number of keys that agree.
fn compare_with_nodes(
    folder: &Path,
    ends: [&Path; 2],
    into: &mut Verification,
) -> Result<u64, Box<dyn std::error::Error>> {
    let nodes = Ledgers::read(folder)?;
    let (findings, _) = nodes.findings();
    for finding in findings {
        into.grave(format!("nodes: {finding}"));
    }
    let mut agree = 0;
    for end in ends {
        for entry in Source::find(end)?.entries()? {
            let entry = entry?;
            let Some(record) = entry.record().filter(|record| record.origin != PQC) else {
                continue;
            };
            match nodes.check_use(&record.key_id, record.passport.as_deref()) {
                Ok(()) => agree += 1,
                Err(problem) => into.grave(format!(
                    "{}: key_ID {}: {problem}",
                    record.encryptor, record.key_id
                )),
            }
        }
    }
    Ok(agree)
}

/// Ends the program as for any other command line that is wrong.
fn usage(error: &VerifyError) -> ! {
    let kind = clap::error::ErrorKind::ValueValidation;
    clap::Error::raw(kind, format!("{error}\n")).exit()
}

fn text(verification: &Verification) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        let _a_string_takes_everything = writeln!(out, "{text}");
    };
    let [a, b] = verification.entries;
    let [a_segments, b_segments] = verification.segments;
    line(format!(
        "chains: {a} and {b} entries in {a_segments} and {b_segments} segments, unbroken"
    ));
    line(format!(
        "keys: {} recorded by both ends, {} by one end only",
        verification.keys, verification.one_sided
    ));
    if verification.heads > 0 {
        line(format!(
            "heads: {} that one end received from the other are in its ledger",
            verification.heads
        ));
    }
    if let Some(capture) = &verification.line {
        line(format!(
            "capture: {} frames, {}",
            capture.frames,
            checked(verification, capture)
        ));
        if capture.copies > 0 {
            line(format!(
                "copies: {} frames are copies of other frames, as far as they were captured",
                capture.copies
            ));
        }
    }
    for finding in &verification.findings {
        let weight = if finding.grave { "GRAVE" } else { "note" };
        line(format!("{weight}: {}", finding.text));
    }
    for (weight, more) in [
        ("GRAVE", verification.more_grave),
        ("note", verification.more_notes),
    ] {
        if more > 0 {
            line(format!("{weight}: {more} more like these"));
        }
    }
    for reason in &verification.not_proven {
        line(format!("not proven: {reason}"));
    }
    let verdict = match verification.verdict() {
        Verdict::Sound => "sound",
        Verdict::NotSound => "NOT SOUND",
        Verdict::NotProven => "NOT PROVEN",
    };
    let frames = match &verification.line {
        Some(capture) => checked(verification, capture),
        None => "without a capture, no frame was checked".to_owned(),
    };
    line(format!(
        "{verdict}: {} keys compared; {frames}",
        verification.keys
    ));
    out
}

/// Returns the number of frames checked, and in total.
fn checked(verification: &Verification, capture: &Line) -> String {
    format!(
        "{} of {} protected frames checked",
        verification.frames, capture.protected
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_shows_how_much_was_checked() {
        let mut verification = Verification {
            keys: 9,
            frames: 7,
            line: Some(Line {
                frames: 12,
                protected: 8,
                ..Line::default()
            }),
            ..Verification::default()
        };
        let last = |verification: &Verification| {
            let text = text(verification);
            text.lines().last().unwrap_or_default().to_owned()
        };
        assert_eq!(
            last(&verification),
            "sound: 9 keys compared; 7 of 8 protected frames checked"
        );
        verification.not_proven.push("a reason".to_owned());
        assert!(text(&verification).contains("\nnot proven: a reason\n"));
        assert!(last(&verification).starts_with("NOT PROVEN: "));
        verification.more_grave = 3;
        assert!(text(&verification).contains("\nGRAVE: 3 more like these\n"));
        assert!(last(&verification).starts_with("NOT SOUND: "));
        verification.line = None;
        assert!(last(&verification).contains("no frame was checked"));
    }
}
