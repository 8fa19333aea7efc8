//! Certificates for a lab: one CA, and one certificate for each KME and SAE, all EC P-256.
//!
//! KMEs get X.509 v3 with subject alternative names and both server and client use. SAEs get CN =
//! SAE ID and client use. Every known ETSI 014 peer accepts this form. For a lab only: the CA key
//! lies unencrypted beside the certificates, and nothing is revoked. Existing files are kept unless
//! `overwrite` is set. [`make_lab_pki`] creates a new CA, [`add_to_lab_pki`] signs more
//! certificates with an existing CA (`authority`).

mod authority;
mod stage;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use zeroize::Zeroizing;

use authority::Authority;
pub use authority::has_authority;
use stage::Stage;

/// Time by which the start of validity is set back, for clocks that disagree.
const BACKDATED: Duration = Duration::from_secs(3600);
/// Default validity: one year.
pub const VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);

/// The certificates to create.
#[derive(Clone, Debug)]
pub struct LabPki {
    /// KME certificates.
    pub kmes: Vec<KmeName>,
    /// SAE IDs. Each is the common name and the file name of a certificate.
    pub saes: Vec<String>,
    /// Validity from now.
    pub validity: Duration,
    /// Replaces existing files.
    pub overwrite: bool,
}

/// The names of a KME.
#[derive(Clone, Debug)]
pub struct KmeName {
    /// KME ID: the common name, a DNS name among the alternative names, and the file name.
    pub id: String,
    /// Further DNS names and IP addresses. `localhost`, `127.0.0.1` and `::1` are always included.
    pub hosts: Vec<String>,
}

/// The reason why no certificates were created.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A name that is not valid as a file name and a DNS name.
    #[error(
        "{0:?} cannot be the name of a certificate: use 1 to 63 of the characters \
         a-z A-Z 0-9 . _ -, not 'ca', and each name once"
    )]
    Name(String),
    /// A host that is neither an IP address nor a DNS name.
    #[error("host {0:?} is neither an IP address nor a DNS name")]
    Host(String),
    /// The validity is too long or zero.
    #[error("a validity of {0:?} cannot be written into a certificate: use 1 hour to 100 years")]
    Validity(Duration),
    /// A file exists already.
    #[error(
        "{0} exists already: choose an empty directory, allow overwriting, or name the SAE or \
         KME to add to the existing authority"
    )]
    Exists(PathBuf),
    /// A file with a requested name exists already.
    #[error("{0} exists already: choose another name, or allow overwriting to renew it")]
    Taken(PathBuf),
    /// The existing authority cannot sign.
    #[error(
        "{path} cannot sign certificates: {reason}; fix: use another folder for a new authority"
    )]
    Authority {
        /// The path of its certificate or key.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The authority expires before the certificate would.
    #[error(
        "the authority's certificate ends in {} days: ask for a shorter validity, or make a new \
         authority in another folder",
        left.as_secs() / (24 * 3600)
    )]
    OutlivesAuthority {
        /// Time until the authority expires.
        left: Duration,
    },
    /// The file system returned an error.
    #[error("cannot write {path}: {source}")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The certificate could not be created.
    #[error("cannot create the certificate of {name}: {source}")]
    Certificate {
        /// Name of the certificate.
        name: String,
        /// The error of the library.
        source: rcgen::Error,
    },
}

impl Default for LabPki {
    /// KMEs `kme-a` and `kme-b`, SAEs `sae-a` and `sae-b`, one year.
    fn default() -> Self {
        let kme = |id: &str| KmeName {
            id: id.into(),
            hosts: Vec::new(),
        };
        Self {
            kmes: vec![kme("kme-a"), kme("kme-b")],
            saes: vec!["sae-a".into(), "sae-b".into()],
            validity: VALIDITY,
            overwrite: false,
        }
    }
}

/// Writes `ca.pem`, `ca.key`, and `<name>.pem`, `<name>.key` for each KME and SAE into `dir`, which
/// is created if necessary. Returns the written files. Keys have mode 0600.
///
/// # Errors
/// Names and existing files are checked before anything is written.
pub fn make_lab_pki(dir: &Path, pki: &LabPki) -> Result<Vec<PathBuf>, PkiError> {
    let names = check_names(&pki.kmes, &pki.saes)?;
    let (from, until) = span(pki.validity)?;
    if !pki.overwrite
        && let Some(path) = existing(dir, std::iter::once("ca").chain(names))
    {
        return Err(PkiError::Exists(path));
    }
    let leaves = leaves(&pki.kmes, &pki.saes, (from, until))?;
    fs::create_dir_all(dir).map_err(|source| PkiError::Io {
        path: dir.into(),
        source,
    })?;
    let mut stage = Stage::new(pki.overwrite);
    let mut params = ca_params();
    (params.not_before, params.not_after) = (from.into(), until.into());
    let ca = make_ca(dir, params, &mut stage)?;
    for (name, params) in leaves {
        make_leaf(dir, name, &params, &ca, &mut stage)?;
    }
    stage.finish()
}

/// Certificates to sign with an existing authority.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    /// KME certificates.
    pub kmes: Vec<KmeName>,
    /// SAE IDs.
    pub saes: Vec<String>,
    /// Validity from now. Default: [`VALIDITY`], or until the authority expires.
    pub validity: Option<Duration>,
    /// Replaces certificates and keys of these names. The authority stays.
    pub overwrite: bool,
}

/// Writes `<name>.pem` and `<name>.key` for each KME and SAE, signed by the authority in `dir`
/// (`ca.pem`, `ca.key`). Returns the written files. Keys have mode 0600.
///
/// # Errors
/// Names, existing files and the authority are checked before anything is written.
pub fn add_to_lab_pki(dir: &Path, addition: &Addition) -> Result<Vec<PathBuf>, PkiError> {
    let names = check_names(&addition.kmes, &addition.saes)?;
    let (from, mut until) = span(addition.validity.unwrap_or(VALIDITY))?;
    if !addition.overwrite
        && let Some(path) = existing(dir, names.into_iter())
    {
        return Err(PkiError::Taken(path));
    }
    let authority = Authority::read(dir)?;
    if until > authority.until {
        if addition.validity.is_some() {
            let left = authority.until.duration_since(SystemTime::now());
            let left = left.unwrap_or_default();
            return Err(PkiError::OutlivesAuthority { left });
        }
        until = authority.until;
    }
    let mut stage = Stage::new(addition.overwrite);
    for (name, params) in leaves(&addition.kmes, &addition.saes, (from, until))? {
        make_leaf(dir, name, &params, &authority.issuer, &mut stage)?;
    }
    stage.finish()
}

fn check_names<'a>(kmes: &'a [KmeName], saes: &'a [String]) -> Result<Vec<&'a str>, PkiError> {
    let mut seen = vec!["ca"];
    for name in kmes.iter().map(|kme| &kme.id).chain(saes) {
        check_name(name, &mut seen)?;
    }
    Ok(seen.split_off(1))
}

/// Returns the first existing certificate or key with one of these names.
fn existing<'a>(dir: &Path, names: impl Iterator<Item = &'a str>) -> Option<PathBuf> {
    let mut files = names.flat_map(|name| ["pem", "key"].map(|end| file(dir, name, end)));
    files.find(|path| path.symlink_metadata().is_ok())
}

/// Builds the parameters of the certificates to sign, by name.
fn leaves<'a>(
    kmes: &'a [KmeName],
    saes: &'a [String],
    (from, until): (SystemTime, SystemTime),
) -> Result<Vec<(&'a str, CertificateParams)>, PkiError> {
    let mut leaves = Vec::new();
    for kme in kmes {
        leaves.push((kme.id.as_str(), kme_params(kme)?));
    }
    for sae in saes {
        leaves.push((sae.as_str(), sae_params(sae)?));
    }
    for (_, params) in &mut leaves {
        (params.not_before, params.not_after) = (from.into(), until.into());
    }
    Ok(leaves)
}

fn check_name<'a>(name: &'a str, seen: &mut Vec<&'a str>) -> Result<(), PkiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=63).contains(&name.len()) && name.chars().all(allowed);
    if !fits || name.starts_with('.') || seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Err(PkiError::Name(name.into()));
    }
    seen.push(name);
    Ok(())
}

fn span(validity: Duration) -> Result<(SystemTime, SystemTime), PkiError> {
    let hour = Duration::from_secs(3600);
    let now = SystemTime::now();
    let ends = (validity >= hour && validity <= VALIDITY * 100)
        .then(|| now.checked_add(validity))
        .flatten();
    match (now.checked_sub(BACKDATED), ends) {
        (Some(from), Some(until)) => Ok((from, until)),
        _ => Err(PkiError::Validity(validity)),
    }
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "qmacsec lab CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn kme_params(kme: &KmeName) -> Result<CertificateParams, PkiError> {
    let mut params = leaf_params(&kme.id)?;
    for host in ["localhost", "127.0.0.1", "::1"]
        .into_iter()
        .chain(kme.hosts.iter().map(|h| &**h))
    {
        let name = match host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => dns_name(host)?,
        };
        if !params.subject_alt_names.contains(&name) {
            params.subject_alt_names.push(name);
        }
    }
    // In products that relay keys, a KME is also a client of the KME at the other end.
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Ok(params)
}

fn sae_params(sae: &str) -> Result<CertificateParams, PkiError> {
    let mut params = leaf_params(sae)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn leaf_params(name: &str) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![dns_name(name)?];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn dns_name(name: &str) -> Result<SanType, PkiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '*');
    match name.try_into() {
        Ok(text) if !name.is_empty() && name.chars().all(allowed) => Ok(SanType::DnsName(text)),
        _ => Err(PkiError::Host(name.into())),
    }
}

fn make_ca(
    dir: &Path,
    params: CertificateParams,
    stage: &mut Stage,
) -> Result<Issuer<'static, KeyPair>, PkiError> {
    let failed = |source| PkiError::Certificate {
        name: "ca".into(),
        source,
    };
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let cert = params.self_signed(&key).map_err(failed)?;
    write_pair(dir, "ca", &cert.pem(), &key, stage)?;
    Ok(Issuer::new(params, key))
}

fn make_leaf(
    dir: &Path,
    name: &str,
    params: &CertificateParams,
    ca: &Issuer<'_, KeyPair>,
    stage: &mut Stage,
) -> Result<(), PkiError> {
    let failed = |source| PkiError::Certificate {
        name: name.into(),
        source,
    };
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let cert = params.signed_by(&key, ca).map_err(failed)?;
    write_pair(dir, name, &cert.pem(), &key, stage)
}

fn write_pair(
    dir: &Path,
    name: &str,
    cert: &str,
    key: &KeyPair,
    stage: &mut Stage,
) -> Result<(), PkiError> {
    let pem = Zeroizing::new(key.serialize_pem());
    for (end, text, mode) in [("key", pem.as_str(), 0o600), ("pem", cert, 0o644)] {
        stage.add(file(dir, name, end), text, mode)?;
    }
    Ok(())
}

fn file(dir: &Path, name: &str, end: &str) -> PathBuf {
    dir.join(format!("{name}.{end}"))
}

#[cfg(test)]
mod tests;
