//! Reads an existing CA to sign more certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{Issuer, KeyPair, PublicKeyData};
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use super::{PkiError, file};

/// An authority and its key.
pub(super) struct Authority {
    pub(super) issuer: Issuer<'static, KeyPair>,
    /// End of its certificate, and so of every certificate that it signs.
    pub(super) until: SystemTime,
}

/// True if the certificate or key of an authority exists in `dir`.
#[must_use]
pub fn has_authority(dir: &Path) -> bool {
    ["pem", "key"]
        .iter()
        .any(|end| file(dir, "ca", end).symlink_metadata().is_ok())
}

impl Authority {
    pub(super) fn read(dir: &Path) -> Result<Self, PkiError> {
        let (cert_path, key_path) = (file(dir, "ca", "pem"), file(dir, "ca", "key"));
        let refuse = |path: &PathBuf, reason: String| PkiError::Authority {
            path: path.clone(),
            reason,
        };
        let text = fs::read(&cert_path).map_err(|e| refuse(&cert_path, e.to_string()))?;
        let pem = Pem::iter_from_buffer(&text).next();
        let pem = pem.ok_or_else(|| refuse(&cert_path, "it holds no certificate".into()))?;
        let pem = pem.map_err(|e| refuse(&cert_path, e.to_string()))?;
        let cert = pem
            .parse_x509()
            .map_err(|e| refuse(&cert_path, e.to_string()))?;
        if !cert.is_ca() {
            let reason = "it is not the certificate of an authority".into();
            return Err(refuse(&cert_path, reason));
        }
        let ends = u64::try_from(cert.validity().not_after.timestamp()).unwrap_or(0);
        let until = UNIX_EPOCH + Duration::from_secs(ends);
        if until <= SystemTime::now() {
            return Err(refuse(&cert_path, "it has expired".into()));
        }
        let text = fs::read_to_string(&key_path).map(Zeroizing::new);
        let text = text.map_err(|e| refuse(&key_path, e.to_string()))?;
        let key = KeyPair::from_pem(&text).map_err(|e| refuse(&key_path, e.to_string()))?;
        if key.der_bytes() != &*cert.public_key().subject_public_key.data {
            let reason = "it is not the key of the certificate ca.pem".into();
            return Err(refuse(&key_path, reason));
        }
        let issuer = Issuer::from_ca_cert_der(&pem.contents.as_slice().into(), key)
            .map_err(|e| refuse(&cert_path, e.to_string()))?;
        Ok(Self { issuer, until })
    }
}
