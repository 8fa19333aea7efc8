//! Test certificates, created at run time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyclient::{ClientConfig, Form};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

use crate::lab::Kme;

/// A CA and the files of one SAE.
pub(crate) struct Pki {
    pub(crate) dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
    ca: CertificateDer<'static>,
}

/// The certificate chain and key that a KME presents.
pub(crate) struct Shown {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// Sets the mode that a private key file must have.
pub(crate) fn private(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::named("lab CA")
    }

    pub(crate) fn named(ca: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, ca);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        let pki = Self {
            dir,
            ca: ca.der().clone(),
            issuer: Issuer::new(params, key),
        };
        pki.write(
            "sae",
            Self::leaf("sae-a", &[], ExtendedKeyUsagePurpose::ClientAuth),
        );
        pki
    }

    pub(crate) fn leaf(
        name: &str,
        san: &[&str],
        usage: ExtendedKeyUsagePurpose,
    ) -> CertificateParams {
        let san: Vec<String> = san.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(san).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        params
    }

    /// Parameters of a correct KME certificate.
    pub(crate) fn kme_params() -> CertificateParams {
        Self::leaf(
            "kme-a",
            &["localhost", "127.0.0.1"],
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    pub(crate) fn issue(&self, params: &CertificateParams) -> Shown {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Shown {
            chain: vec![certificate.der().clone()],
            key,
        }
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub(crate) fn write(&self, name: &str, params: CertificateParams) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        let file = self.path(&format!("{name}.key"));
        std::fs::write(&file, key.serialize_pem()).unwrap();
        private(&file);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        roots
    }

    pub(crate) fn config(&self, kme: &Kme) -> ClientConfig {
        ClientConfig {
            base_url: format!("https://{}", kme.address),
            kme_id: None,
            peer_sae_id: "sae-b".to_owned(),
            ca: self.path("ca.pem"),
            cert: self.path("sae.pem"),
            key: self.path("sae.key"),
            timeout: Duration::from_secs(5),
            form: Form::Post,
        }
    }
}
