use super::{TlsError, sae_names, server_config};
use crate::config::{KmeConfig, SaeIdentity};
use crate::pki::{LabPki, make_lab_pki};
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use std::fs;
use std::path::Path;

fn kme(dir: &Path) -> KmeConfig {
    KmeConfig {
        kme_id: "kme-a".into(),
        listen: ([127, 0, 0, 1], 0).into(),
        ca: dir.join("ca.pem"),
        cert: dir.join("kme-a.pem"),
        key: dir.join("kme-a.key"),
        sae_ids: vec!["sae-a".into(), "sae-b".into()],
        identity: SaeIdentity::CommonName,
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    make_lab_pki(dir, &LabPki::default()).unwrap();
    let good = kme(dir);
    assert!(server_config(&good).is_ok());

    let junk = dir.join("junk.pem");
    fs::write(&junk, "not PEM").unwrap();
    let broken = dir.join("broken.pem");
    fs::write(
        &broken,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let missing = dir.join("missing.pem");
    type Refused = fn(&TlsError) -> bool;
    let cases: [(KmeConfig, &Path, Refused); 6] = [
        (
            KmeConfig {
                ca: missing.clone(),
                ..good.clone()
            },
            &missing,
            |e| matches!(e, TlsError::File { .. }),
        ),
        (
            KmeConfig {
                ca: junk.clone(),
                ..good.clone()
            },
            &junk,
            |e| matches!(e, TlsError::NoCertificate(_)),
        ),
        (
            KmeConfig {
                ca: broken.clone(),
                ..good.clone()
            },
            &broken,
            |e| matches!(e, TlsError::Ca { .. }),
        ),
        (
            KmeConfig {
                cert: good.key.clone(),
                ..good.clone()
            },
            &good.key,
            |e| matches!(e, TlsError::NoCertificate(_)),
        ),
        (
            KmeConfig {
                key: good.cert.clone(),
                ..good.clone()
            },
            &good.cert,
            |e| matches!(e, TlsError::Read { .. }),
        ),
        (
            KmeConfig {
                key: dir.join("kme-b.key"),
                ..good.clone()
            },
            &good.cert,
            |e| matches!(e, TlsError::Pair { .. }),
        ),
    ];
    for (config, path, refused) in cases {
        let error = server_config(&config).unwrap_err();
        assert!(refused(&error), "{error:?}");
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn the_sae_id_is_read_where_configured() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "sae-by-cn");
    params.subject_alt_names = vec![
        SanType::DnsName("one.example".try_into().unwrap()),
        SanType::URI("urn:sae:1".try_into().unwrap()),
        SanType::DnsName("two.example".try_into().unwrap()),
        SanType::Rfc822Name("sae@example".try_into().unwrap()),
    ];
    let cert = params.self_signed(&key).unwrap();
    assert_eq!(
        sae_names(cert.der(), SaeIdentity::CommonName),
        ["sae-by-cn"]
    );
    assert_eq!(
        sae_names(cert.der(), SaeIdentity::SanDns),
        ["one.example", "two.example"]
    );
    assert_eq!(sae_names(cert.der(), SaeIdentity::SanUri), ["urn:sae:1"]);

    let bare = CertificateParams::default();
    let bare = bare.self_signed(&key).unwrap();
    assert!(sae_names(bare.der(), SaeIdentity::SanDns).is_empty());
    assert!(sae_names(&b"junk".as_slice().into(), SaeIdentity::CommonName).is_empty());
}
