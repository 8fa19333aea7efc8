//! `qmacsec pki`: lab certificates and pre-shared secrets.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use kme::pki::{Addition, LabPki, PkiError};

use super::Outcome;
use crate::config::Psk;
use crate::output::outln;

/// Arguments of `qmacsec pki`.
#[derive(clap::Args)]
#[command(after_help = "\
Writes ca.pem, ca.key and NAME.pem, NAME.key for each KME and SAE: X.509 v3, EC P-256, keys with \
mode 0600. If the folder has an authority already, the named KMEs and SAEs are added to it. For a \
lab only: the key of the authority is in the same folder without encryption, and no certificate \
can be revoked.

Examples:
  qmacsec pki --dir pki
  qmacsec pki --dir pki --kme kme-a=10.0.0.1 --kme kme-b=10.0.0.2 --sae sae-a --sae sae-b
  qmacsec pki --dir pki --sae sae-c           one more SAE, with the existing authority
  qmacsec pki --dir pki --sae sae-c --overwrite --validity 90days    the same SAE, renewed
  qmacsec pki --psk pair.psk                  a fresh secret for a pair of encryptors")]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["dir", "psk"]))]
#[group(skip)]
pub struct Args {
    /// Folder for the certificates
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// ID of a KME, with its other names and addresses; default for a new authority: kme-a, kme-b
    #[arg(long = "kme", value_name = "ID[=HOST,...]", requires = "dir")]
    kmes: Vec<String>,
    /// ID of an SAE, which is an encryptor for the KMEs; default for a new authority: sae-a, sae-b
    #[arg(long = "sae", value_name = "ID", requires = "dir")]
    saes: Vec<String>,
    /// Validity of the certificates; default: 365 days, or up to the end of the authority
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, requires = "dir")]
    validity: Option<Duration>,
    /// Replace existing files: those of the given names, or all with the authority
    #[arg(long, requires = "dir")]
    overwrite: bool,
    /// File for a fresh pre-shared secret; an existing file is never replaced
    #[arg(long, value_name = "FILE")]
    psk: Option<PathBuf>,
}

/// Creates the requested files and lists them.
///
/// # Errors
/// An invalid name, a file that exists already, a folder or output that cannot be written.
pub fn main(args: &Args) -> Outcome {
    let mut made = Vec::new();
    if let Some(dir) = &args.dir {
        made.extend(certificates(dir, args)?);
    }
    if let Some(file) = &args.psk {
        Psk::create(file).map_err(|error| format!("{}: {error}", file.display()))?;
        made.push(file.clone());
    }
    // All files are created before the first is listed, so a failed output leaves no partial set.
    for file in made {
        outln!("{}", file.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds to the authority in `dir` if one exists and names are given. Otherwise creates a new
/// authority.
fn certificates(dir: &Path, args: &Args) -> Result<Vec<PathBuf>, PkiError> {
    let kmes: Vec<_> = args.kmes.iter().map(|text| kme_name(text)).collect();
    let saes = args.saes.clone();
    let named = !(kmes.is_empty() && saes.is_empty());
    if named && kme::pki::has_authority(dir) {
        let addition = Addition {
            kmes,
            saes,
            validity: args.validity,
            overwrite: args.overwrite,
        };
        return kme::pki::add_to_lab_pki(dir, &addition);
    }
    let default = LabPki::default();
    let pki = LabPki {
        kmes: if kmes.is_empty() { default.kmes } else { kmes },
        saes: if saes.is_empty() { default.saes } else { saes },
        validity: args.validity.unwrap_or(default.validity),
        overwrite: args.overwrite,
    };
    kme::pki::make_lab_pki(dir, &pki)
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

#[cfg(test)]
mod tests;
