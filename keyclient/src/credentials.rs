//! PEM files of the configuration: the CA, our certificate, its private key.
//!
//! Every error names the field, the file, what the file contains and the fix.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use crate::config::ClientConfig;
use crate::fault::ConfigError;
use crate::file::{FileError, Opened};
use crate::limits::PEM_OCTETS_MAX;
use crate::own::OwnCertificate;
use crate::pem::{self, Block};

/// The mistakes in the files. Each file is checked independently.
pub(crate) fn mistakes(config: &ClientConfig) -> Vec<ConfigError> {
    let provider = aws_lc_rs::default_provider();
    let certificate = certificate(config).and_then(|(file, chain)| {
        file.check_validity(&chain)?;
        Ok(chain)
    });
    let peer = certificate
        .as_ref()
        .map_or(Ok(()), |chain| another_sae(config, chain));
    let certificate = certificate.map(|_| ());
    let key = private_key(config, &provider).map(|_| ());
    // The match of certificate and key can be checked only if both are valid.
    let pair = match (&certificate, &key) {
        (Ok(()), Ok(())) => ours(config, &provider).map(|_| ()),
        _ => Ok(()),
    };
    let found = [trusted(config).map(|_| ()), certificate, key, pair, peer];
    found.into_iter().filter_map(Result::err).collect()
}

/// Refuses a peer name that is our own name, because a key needs two different SAEs.
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
            fix: "name the SAE at the other end of the line".to_owned(),
        });
    }
    Ok(())
}

/// The CAs whose KMEs we trust.
pub(crate) fn trusted(config: &ClientConfig) -> Result<RootCertStore, ConfigError> {
    let file = PemFile::read("ca", &config.ca)?;
    let mut roots = RootCertStore::empty();
    for (line, certificate) in file.certificates()? {
        roots.add(certificate).map_err(|error| {
            file.wrong(
                format!("line {line}: holds a certificate that is none ({error})"),
                "export this CA again, or remove it",
            )
        })?;
    }
    Ok(roots)
}

/// Our identity: the certificate and the matching private key.
pub(crate) fn ours(
    config: &ClientConfig,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, OwnCertificate), ConfigError> {
    let (file, mut chain) = certificate(config)?;
    let (key_file, key) = private_key(config, provider)?;
    // TLS requires our own certificate first; some tools write the CA first.
    match chain
        .iter()
        .position(|certificate| belongs(certificate, &key))
    {
        Some(own) => chain[..=own].rotate_right(1),
        None => {
            let problem = format!(
                "is not the private key of the first certificate in {}, nor of another one there",
                config.cert.display()
            );
            let fix = "name the key and the certificate of one SAE";
            file.check_validity(&chain)?;
            return Err(key_file.wrong(problem, fix));
        }
    }
    let own = file.check_validity(&chain)?;
    if let Some(flaw) = &own.flaw {
        tracing::warn!("{} (cert): {flaw}", config.cert.display());
    }
    Ok((CertifiedKey::new(chain, key), own))
}

/// True if the certificate contains this public key. Compares the encoded keys, so that X.509
/// version 1 works too, which the TLS library does not read.
fn belongs(certificate: &CertificateDer<'_>, key: &Arc<dyn SigningKey>) -> bool {
    let Some(ours) = key.public_key() else {
        return true; // this key type gives no public key
    };
    let Ok((_, ours)) = SubjectPublicKeyInfo::from_der(&ours) else {
        return true;
    };
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| {
        certificate.public_key().subject_public_key.data == ours.subject_public_key.data
    })
}

/// Reads our certificate and the CA certificates in the same file.
fn certificate(
    config: &ClientConfig,
) -> Result<(PemFile<'_>, Vec<CertificateDer<'static>>), ConfigError> {
    let file = PemFile::read("cert", &config.cert)?;
    let chain = file.certificates()?.into_iter();
    let chain = chain.map(|(_, certificate)| certificate).collect();
    Ok((file, chain))
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

/// A file, and the configuration field that names it.
struct PemFile<'a> {
    field: &'static str,
    path: &'a Path,
    /// Ok if the file may hold a secret.
    private: Result<(), FileError>,
    text: Zeroizing<Vec<u8>>,
}

fn refused(field: &'static str, path: &Path, error: &FileError) -> ConfigError {
    ConfigError {
        field,
        value: path.display().to_string(),
        problem: error.to_string(),
        fix: error.fix(path),
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

    /// All certificates, each with the line where it begins.
    fn certificates(&self) -> Result<Vec<(usize, CertificateDer<'static>)>, ConfigError> {
        let mut certificates = Vec::new();
        let mut others = Vec::new();
        for block in self.blocks()? {
            match block.label.as_str() {
                "CERTIFICATE" | "X509 CERTIFICATE" => {
                    certificates.push((block.line, block.der.to_vec().into()));
                }
                // An OpenSSL format: trust settings follow the certificate.
                "TRUSTED CERTIFICATE" => {
                    let certificate = x509_parser::asn1_rs::Any::from_der(&block.der)
                        .map_or(block.der.as_slice(), |(rest, _)| {
                            block.der.strip_suffix(rest).unwrap_or(&block.der)
                        });
                    certificates.push((block.line, certificate.to_vec().into()));
                }
                "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => {
                    return Err(self.wrong(
                        format!("line {}: holds certificates as PKCS#7", block.line),
                        "convert it with `openssl pkcs7 -print_certs -in FILE -out FILE.pem`",
                    ));
                }
                _ => others.push(block.label),
            }
        }
        if !certificates.is_empty() {
            return Ok(certificates);
        }
        Err(match others.first() {
            Some(label) if label.ends_with("CERTIFICATE REQUEST") => self.wrong(
                "holds a certificate request, no certificate",
                "have the CA sign it and name the result",
            ),
            Some(label) if label.ends_with("PRIVATE KEY") => self.wrong(
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
        let blocks = self.blocks()?;
        let certificates = blocks
            .iter()
            .any(|block| block.label.ends_with("CERTIFICATE"));
        let mut keys = blocks
            .iter()
            .filter(|block| block.label.ends_with("PRIVATE KEY"));
        let (key, more) = (keys.next(), keys.count());
        let decrypt = "decrypt it with `openssl pkey -in FILE -out FILE.pem` and protect the file";
        match key {
            Some(_) if more > 0 => {
                Err(self.wrong(format!("holds {} private keys", more + 1), "leave one"))
            }
            Some(key) if key.encrypted || key.label.starts_with("ENCRYPTED") => {
                Err(self.wrong("holds an encrypted private key", decrypt))
            }
            Some(key) if key.label.starts_with("OPENSSH") => Err(self.wrong(
                "holds a private key in the format of OpenSSH",
                "convert a copy with `ssh-keygen -p -m PKCS8 -N '' -f FILE`",
            )),
            // Parsed by content, not by label: tools confuse PKCS#1, SEC1 and PKCS#8.
            Some(key) => match PrivateKeyDer::try_from(key.der.as_slice()) {
                Ok(key) => Ok(key.clone_key()),
                Err(_) => Err(self.wrong(
                    format!("line {}: holds a private key that is none", key.line),
                    "export it again, as PKCS#8: `openssl pkey -in FILE -out FILE.pem`",
                )),
            },
            None if certificates => Err(self.wrong(
                "holds a certificate, no private key",
                "name the key file here and the certificate under cert",
            )),
            None => Err(self.wrong(
                format!("holds no private key ({})", self.looks_like()),
                "name a PEM file with -----BEGIN PRIVATE KEY-----; \
                 convert DER with `openssl pkey -inform der -in FILE -out FILE.pem`",
            )),
        }
    }

    fn blocks(&self) -> Result<Vec<Block>, ConfigError> {
        pem::blocks(&self.text).map_err(|flaw| {
            self.wrong(
                format!("is broken PEM, {flaw}"),
                "copy it again, with its BEGIN and END lines",
            )
        })
    }

    /// Parses our own certificate.
    fn parsed<'b>(
        &self,
        chain: &'b [CertificateDer<'_>],
    ) -> Result<X509Certificate<'b>, ConfigError> {
        let der = chain.first().map_or(&[][..], AsRef::as_ref);
        match X509Certificate::from_der(der) {
            Ok((_, certificate)) => Ok(certificate),
            Err(_) => Err(self.wrong("holds a certificate that is none", "export it again")),
        }
    }

    /// A KME would refuse an invalid certificate anyway, but with a less clear error.
    fn check_validity(&self, chain: &[CertificateDer<'_>]) -> Result<OwnCertificate, ConfigError> {
        let certificate = self.parsed(chain)?;
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            });
        let validity = certificate.validity();
        let fix = "re-issue it, or set this machine's clock right";
        if now > validity.not_after.timestamp() {
            return Err(self.wrong(format!("has expired on {}", validity.not_after), fix));
        }
        if now < validity.not_before.timestamp() {
            return Err(self.wrong(format!("is valid only from {}", validity.not_before), fix));
        }
        Ok(OwnCertificate::new(self.path, &certificate))
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

    fn wrong(&self, problem: impl Into<String>, fix: impl Into<String>) -> ConfigError {
        ConfigError {
            field: self.field,
            value: self.path.display().to_string(),
            problem: problem.into(),
            fix: fix.into(),
        }
    }
}
