//! `qmacsec pki`: lab certificates, and pre-shared secrets.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Outcome;
use crate::limits;
use crate::output::outln;

/// Arguments of `qmacsec pki`.
#[derive(clap::Args)]
#[command(after_help = "\
Writes ca.pem, ca.key and NAME.pem, NAME.key for each KME and SAE: X.509 v3, EC P-256, keys mode 0600.
For a lab: the authority's key lies unencrypted beside the certificates, and nothing can be revoked.

Examples:
  qmacsec pki --dir pki
  qmacsec pki --dir pki --kme kme-a=10.0.0.1 --kme kme-b=10.0.0.2 --sae sae-a --sae sae-b
  qmacsec pki --psk pair.psk                  a fresh secret for a pair of encryptors")]
#[group(id = "what", required = true, multiple = true, args = ["dir", "psk"])]
pub struct Args {
    /// Folder for the certificates
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// A KME, with further names and addresses it is reached by
    #[arg(long = "kme", value_name = "ID[=HOST,...]", default_values = ["kme-a", "kme-b"], requires = "dir")]
    kmes: Vec<String>,
    /// An SAE (an encryptor, as the KMEs know it)
    #[arg(long = "sae", value_name = "ID", default_values = ["sae-a", "sae-b"], requires = "dir")]
    saes: Vec<String>,
    /// How long the certificates are valid
    #[arg(long, value_name = "TIME", default_value = "365days", value_parser = humantime::parse_duration)]
    validity: Duration,
    /// Replace files that are there
    #[arg(long)]
    overwrite: bool,
    /// File for a fresh pre-shared secret (never replaced)
    #[arg(long, value_name = "FILE")]
    psk: Option<PathBuf>,
}

/// Makes what was asked for and lists the files.
///
/// # Errors
/// A name that cannot be, a file that is there, a folder or output that cannot be written.
pub fn main(args: &Args) -> Outcome {
    let mut made = Vec::new();
    if let Some(dir) = &args.dir {
        let pki = kme::pki::LabPki {
            kmes: args.kmes.iter().map(|text| kme_name(text)).collect(),
            saes: args.saes.clone(),
            validity: args.validity,
            overwrite: args.overwrite,
        };
        made.extend(kme::pki::make_lab_pki(dir, &pki)?);
    }
    if let Some(file) = &args.psk {
        write_psk(file).map_err(|error| format!("{}: {error}", file.display()))?;
        made.push(file.clone());
    }
    // All files are made before the first is named: output that fails leaves no half of them.
    for file in made {
        outln!("{}", file.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn kme_name(text: &str) -> kme::pki::KmeName {
    let (id, hosts) = text.split_once('=').unwrap_or((text, ""));
    kme::pki::KmeName {
        id: id.to_owned(),
        hosts: hosts
            .split(',')
            .filter(|host| !host.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}

/// Writes a fresh secret into a new file that only its owner may read.
pub(crate) fn write_psk(file: &Path) -> io::Result<()> {
    let mut octets = Zeroizing::new([0; limits::PSK_LEN_MIN]);
    getrandom::fill(octets.as_mut_slice())?;
    let mut text = Zeroizing::new(String::with_capacity(2 * octets.len() + 1));
    for octet in octets.iter() {
        for digit in [octet >> 4, octet & 0xf] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0')); // a nibble is a digit
        }
    }
    text.push('\n');
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    file.write_all(text.as_bytes())
}
