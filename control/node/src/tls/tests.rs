use std::io;

use kme::pki::{KmeName, LabPki, make_lab_pki};
use rustls::{CertificateError, Error};

use super::{Identity, Tls, explain};

#[test]
fn a_node_refuses_the_certificate_of_another_node() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["north", "south"].map(|id| KmeName {
        id: id.to_owned(),
        hosts: Vec::new(),
    });
    let pki = LabPki {
        kmes: names.into(),
        saes: Vec::new(),
        ..LabPki::default()
    };
    make_lab_pki(dir.path(), &pki).unwrap();
    let identity = Identity {
        ca: dir.path().join("ca.pem"),
        cert: dir.path().join("north.pem"),
        key: dir.path().join("north.key"),
    };
    assert!(Tls::load(&identity, "north").is_ok());
    let error = Tls::load(&identity, "south").err().unwrap().to_string();
    assert!(
        error.contains("no such DNS name; fix: issue one with"),
        "{error}"
    );
}

#[test]
fn failures_of_the_handshake_name_the_fix() {
    let text = |error: CertificateError| {
        let error = io::Error::new(io::ErrorKind::InvalidData, Error::InvalidCertificate(error));
        explain(&error, "south")
    };
    assert_eq!(
        text(CertificateError::Expired),
        "the certificate of south has expired; fix: issue a new one for that node, or set this \
         node's clock"
    );
    let other = text(CertificateError::NotValidForName);
    assert!(
        other.starts_with("another node answers at the address of south"),
        "{other}"
    );
    assert_eq!(explain(&io::Error::other("reset"), "south"), "reset");
}
