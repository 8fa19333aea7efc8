//! PEM files of the configuration: the CA, our certificate, its private key.
//!
//! Every mistake is told with the field, the file, what was found in it and how to mend it.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::pem::{PemObject as _, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::{Zeroize as _, Zeroizing};

use crate::config::ClientConfig;
use crate::fault::ConfigError;
use crate::file::{FileError, Opened};
use crate::limits::PEM_OCTETS_MAX;

/// What is wrong with the files, each looked at by itself.
pub(crate) fn mistakes(config: &ClientConfig) -> Vec<ConfigError> {
    let provider = aws_lc_rs::default_provider();
    let certificate = certificate(config).map(|_| ());
    let key = private_key(config, &provider).map(|_| ());
    // Whether the two belong together shows only where each is fine.
    let pair = match (&certificate, &key) {
        (Ok(()), Ok(())) => ours(config, &provider).map(|_| ()),
        _ => Ok(()),
    };
    let peer = self::certificate(config).map_or(Ok(()), |chain| another_sae(config, &chain));
    let found = [trusted(config).map(|_| ()), certificate, key, pair, peer];
    found.into_iter().filter_map(Result::err).collect()
}

/// Who names itself as its peer gets no key: a key is for two.
fn another_sae(config: &ClientConfig, chain: &[CertificateDer<'_>]) -> Result<(), ConfigError> {
    let der = chain.first().map_or(&[][..], AsRef::as_ref);
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Ok(());
    };
    let mut names = certificate.subject().iter_common_name();
    if names.any(|name| name.as_str() == Ok(&config.peer_sae_id)) {
        return Err(ConfigError {
            field: "sae_id",
            value: config.peer_sae_id.clone(),
            problem: format!("is our own name in {}", config.cert.display()),
            mend: "name the SAE at the other end of the line".to_owned(),
        });
    }
    Ok(())
}

/// The CAs whose KMEs we trust.
pub(crate) fn trusted(config: &ClientConfig) -> Result<RootCertStore, ConfigError> {
    let file = PemFile::read("ca", &config.ca)?;
    let mut roots = RootCertStore::empty();
    for certificate in file.certificates()? {
        roots.add(certificate).map_err(|error| {
            file.wrong(
                format!("holds a certificate that is none ({error})"),
                "export the CA anew",
            )
        })?;
    }
    Ok(roots)
}

/// Who we are: certificate and matching private key.
pub(crate) fn ours(
    config: &ClientConfig,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ConfigError> {
    let chain = certificate(config)?;
    let (key_file, key) = private_key(config, provider)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(certified)
        }
        Err(_) => Err(key_file.wrong(
            format!(
                "is not the private key of the first certificate in {}",
                config.cert.display()
            ),
            "name the key and the certificate of one SAE, its own certificate before intermediates",
        )),
    }
}

/// Our certificate, and intermediate ones.
fn certificate(config: &ClientConfig) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let file = PemFile::read("cert", &config.cert)?;
    let chain = file.certificates()?;
    file.check_validity(&chain)?;
    Ok(chain)
}

fn private_key<'a>(
    config: &'a ClientConfig,
    provider: &CryptoProvider,
) -> Result<(PemFile<'a>, Arc<dyn SigningKey>), ConfigError> {
    let file = PemFile::read("key", &config.key)?;
    let der = file.private_key()?;
    if let Err(error) = &file.private {
        return Err(refused(file.field, file.path, error));
    }
    let key = provider.key_provider.load_private_key(der).map_err(|_| {
        file.wrong(
            "holds a private key that cannot be used",
            "use RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, or Ed25519",
        )
    })?;
    Ok((file, key))
}

/// A file, and where it was named.
struct PemFile<'a> {
    field: &'static str,
    path: &'a Path,
    /// Whether a secret may lie in it.
    private: Result<(), FileError>,
    text: Zeroizing<Vec<u8>>,
}

fn refused(field: &'static str, path: &Path, error: &FileError) -> ConfigError {
    ConfigError {
        field,
        value: path.display().to_string(),
        problem: error.to_string(),
        mend: error.fix(path),
    }
}

impl<'a> PemFile<'a> {
    fn read(field: &'static str, path: &'a Path) -> Result<Self, ConfigError> {
        let read = || {
            let opened = Opened::open(path, PEM_OCTETS_MAX)?;
            Ok((opened.private(), opened.contents()?))
        };
        let (private, text) = read().map_err(|error| refused(field, path, &error))?;
        Ok(Self {
            field,
            path,
            private,
            text,
        })
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
        let mut certificates = Vec::new();
        let mut others = Vec::new();
        self.sections(|kind, der| match kind {
            SectionKind::Certificate => certificates.push(CertificateDer::from(der)),
            other => others.push(other),
        })?;
        if !certificates.is_empty() {
            return Ok(certificates);
        }
        Err(match others.first() {
            Some(SectionKind::Csr) => self.wrong(
                "holds a certificate request, no certificate",
                "have the CA sign it and name the result",
            ),
            Some(
                SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey,
            ) => self.wrong(
                "holds a private key, no certificate",
                "name the certificate here and the key file under key",
            ),
            _ => self.wrong(
                format!("holds no certificate ({})", self.looks_like()),
                "name a PEM file with -----BEGIN CERTIFICATE-----; \
                 convert DER with `openssl x509 -inform der -in FILE -out FILE.pem`",
            ),
        })
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, ConfigError> {
        let mut keys = Vec::new();
        let mut certificates = 0;
        self.sections(|kind, mut der| match kind {
            SectionKind::Certificate => certificates += 1,
            kind => match PrivateKeyDer::from_pem(kind, core::mem::take(&mut der)) {
                Some(key) => keys.push(key),
                None => der.zeroize(),
            },
        })?;
        let found = keys.len();
        let key = keys.pop();
        for mut unused in keys {
            unused.zeroize();
        }
        match (key, found) {
            (Some(key), 1) => Ok(key),
            (Some(mut key), _) => {
                key.zeroize();
                Err(self.wrong(format!("holds {found} private keys"), "leave one"))
            }
            (None, _) if self.contains(b"ENCRYPTED") => Err(self.wrong(
                "holds an encrypted private key",
                "decrypt it with `openssl pkey -in FILE -out FILE.pem` and protect the file",
            )),
            (None, _) if certificates > 0 => Err(self.wrong(
                "holds a certificate, no private key",
                "name the key file here and the certificate under cert",
            )),
            (None, _) => Err(self.wrong(
                format!("holds no private key ({})", self.looks_like()),
                "name a PEM file with -----BEGIN PRIVATE KEY-----; \
                 convert DER with `openssl pkey -inform der -in FILE -out FILE.pem`",
            )),
        }
    }

    /// Each section of the file, in order.
    fn sections(&self, mut each: impl FnMut(SectionKind, Vec<u8>)) -> Result<(), ConfigError> {
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&self.text) {
            // The error quotes the file, which may be a key.
            let (kind, der) = section.map_err(|_| {
                self.wrong(
                    "is broken PEM",
                    "copy it anew, with its BEGIN and END lines",
                )
            })?;
            each(kind, der);
        }
        Ok(())
    }

    /// A KME would refuse it anyway, but with fewer words.
    fn check_validity(&self, chain: &[CertificateDer<'_>]) -> Result<(), ConfigError> {
        let der = chain
            .first()
            .map_or(&[][..], |certificate| certificate.as_ref());
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return Err(self.wrong("holds a certificate that is none", "export it anew"));
        };
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            });
        let validity = certificate.validity();
        let mend = "re-issue it, or set this machine's clock right";
        if now > validity.not_after.timestamp() {
            return Err(self.wrong(format!("has expired on {}", validity.not_after), mend));
        }
        if now < validity.not_before.timestamp() {
            return Err(self.wrong(format!("is valid only from {}", validity.not_before), mend));
        }
        Ok(())
    }

    fn looks_like(&self) -> &'static str {
        match self.text.first() {
            None => "it is empty",
            Some(0x30) => "it looks like DER or PKCS#12",
            Some(_) if self.contains(b"-----BEGIN ") => "it is PEM of something else",
            Some(_) => "it is no PEM",
        }
    }

    fn contains(&self, words: &[u8]) -> bool {
        self.text.windows(words.len()).any(|window| window == words)
    }

    fn wrong(&self, problem: impl Into<String>, mend: impl Into<String>) -> ConfigError {
        ConfigError {
            field: self.field,
            value: self.path.display().to_string(),
            problem: problem.into(),
            mend: mend.into(),
        }
    }
}
