//! A description of our certificate, as a KME operator needs it when the KME refuses it.

use core::fmt;
use std::path::{Path, PathBuf};

use x509_parser::prelude::{X509Certificate, X509Version};

/// The description of our certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The file of the certificate.
    pub file: PathBuf,
    /// Subject, issuer and end of validity.
    pub identity: String,
    /// The reason why a KME may refuse it, although we can use it.
    pub flaw: Option<&'static str>,
}

impl OwnCertificate {
    pub(crate) fn new(file: &Path, certificate: &X509Certificate<'_>) -> Self {
        Self {
            file: file.to_owned(),
            identity: format!(
                "{}, issued by {}, valid until {}",
                certificate.subject(),
                certificate.issuer(),
                certificate.validity().not_after
            ),
            flaw: flaw(certificate),
        }
    }
}

impl fmt::Display for OwnCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (cert: {}", self.file.display(), self.identity)?;
        if let Some(flaw) = self.flaw {
            write!(f, "; {flaw}")?;
        }
        f.write_str(")")
    }
}

fn flaw(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    if certificate.version() != X509Version::V3 {
        return Some(
            "it is X.509 version 1, which many servers do not take; have it issued as version 3",
        );
    }
    if let Ok(Some(usage)) = certificate.extended_key_usage()
        && !usage.value.client_auth
        && !usage.value.any
    {
        return Some("its extended key usage does not name clientAuth; have it issued for clients");
    }
    if let Ok(Some(usage)) = certificate.key_usage()
        && !usage.value.digital_signature()
    {
        return Some("its key usage does not allow digitalSignature; have it issued for clients");
    }
    certificate
        .is_ca()
        .then_some("it is the certificate of a CA; have one issued for this SAE")
}
