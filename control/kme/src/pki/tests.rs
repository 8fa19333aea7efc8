use super::{Addition, KmeName, LabPki, PkiError, add_to_lab_pki, has_authority, make_lab_pki};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Version;

fn names(dir: &Path) -> Vec<String> {
    let entry =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(entry).collect();
    names.sort();
    names
}

fn pem(dir: &Path, name: &str) -> Pem {
    let text = fs::read(dir.join(name)).unwrap();
    Pem::iter_from_buffer(&text).next().unwrap().unwrap()
}

#[test]
fn files_and_their_modes() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("new/pki");
    let mut written = make_lab_pki(&dir, &LabPki::default()).unwrap();
    written.sort();
    let expected = [
        "ca.key",
        "ca.pem",
        "kme-a.key",
        "kme-a.pem",
        "kme-b.key",
        "kme-b.pem",
        "sae-a.key",
        "sae-a.pem",
        "sae-b.key",
        "sae-b.pem",
    ];
    assert_eq!(names(&dir), expected);
    assert_eq!(written, expected.map(|name| dir.join(name)));
    for name in expected {
        let mode = fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        let key = name.ends_with(".key");
        assert_eq!(mode, if key { 0o600 } else { 0o644 }, "{name}");
        assert_eq!(
            pem(&dir, name).label,
            if key { "PRIVATE KEY" } else { "CERTIFICATE" }
        );
    }
}

#[test]
fn certificates_hold_what_peers_check() {
    let tmp = tempfile::tempdir().unwrap();
    let hosts = vec![
        "kme.example".into(),
        "192.0.2.7".into(),
        "2001:db8::1".into(),
    ];
    let pki = LabPki {
        kmes: vec![KmeName {
            id: "kme-a".into(),
            hosts,
        }],
        saes: vec!["SAE_1".into()],
        validity: Duration::from_secs(86_400),
        overwrite: false,
    };
    make_lab_pki(tmp.path(), &pki).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let ca = pem(tmp.path(), "ca.pem");
    let ca = ca.parse_x509().unwrap();
    assert!(ca.is_ca());
    for (name, server) in [("kme-a", true), ("SAE_1", false)] {
        let cert = pem(tmp.path(), &format!("{name}.pem"));
        let cert = cert.parse_x509().unwrap();
        assert_eq!(cert.version(), X509Version::V3);
        assert!(!cert.is_ca());
        assert_eq!(
            cert.subject().iter_common_name().next().unwrap().as_str(),
            Ok(name)
        );
        let usage = cert.extended_key_usage().unwrap().unwrap().value;
        assert_eq!((usage.server_auth, usage.client_auth), (server, true));
        let names = cert
            .subject_alternative_name()
            .unwrap()
            .unwrap()
            .value
            .to_owned();
        let names = format!("{:?}", names.general_names);
        assert!(names.contains(&format!("DNSName({name:?})")), "{names}");
        assert_eq!(names.contains("localhost"), server);
        assert_eq!(names.contains("kme.example"), server);
        assert_eq!(
            names.matches("IPAddress").count(),
            if server { 4 } else { 0 },
            "{names}"
        );
        let (from, until) = (
            cert.validity().not_before.timestamp(),
            cert.validity().not_after.timestamp(),
        );
        assert!((now - 3610..=now - 3590).contains(&from));
        assert!((now + 86_390..=now + 86_410).contains(&until));
        assert_eq!(cert.issuer(), ca.subject());
        cert.verify_signature(Some(ca.public_key())).unwrap();
    }
}

#[test]
fn existing_files_stay_unless_overwriting_is_allowed() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("sae-b.key"), "precious").unwrap();
    let error = make_lab_pki(tmp.path(), &LabPki::default()).unwrap_err();
    assert!(
        matches!(&error, PkiError::Exists(path) if path.ends_with("sae-b.key")),
        "{error}"
    );
    assert_eq!(
        names(tmp.path()),
        ["sae-b.key"],
        "nothing is written before all is checked"
    );

    // A link must not redirect the new key, and the mode of an old file must not apply to it.
    let elsewhere = tmp.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    std::os::unix::fs::symlink(&elsewhere, tmp.path().join("ca.key")).unwrap();
    make_lab_pki(
        tmp.path(),
        &LabPki {
            overwrite: true,
            ..LabPki::default()
        },
    )
    .unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    let old = fs::metadata(tmp.path().join("sae-b.key")).unwrap();
    assert_eq!(old.permissions().mode() & 0o777, 0o600);
    assert!(old.len() > 100);
}

#[test]
fn names_that_cannot_be_files_or_hosts_are_refused() {
    let tmp = tempfile::tempdir().unwrap();
    let make = |saes: &[&str], hosts: &[&str]| {
        let saes = saes.iter().map(|sae| (*sae).to_owned()).collect();
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let kmes = vec![KmeName {
            id: "kme-a".into(),
            hosts,
        }];
        make_lab_pki(
            tmp.path(),
            &LabPki {
                kmes,
                saes,
                ..LabPki::default()
            },
        )
    };
    for bad in [
        "",
        "../x",
        "a/b",
        ".hidden",
        "ca",
        "CA",
        "kme-a",
        "ä",
        "a b",
        &"x".repeat(64),
    ] {
        assert!(
            matches!(make(&[bad], &[]), Err(PkiError::Name(name)) if name == bad),
            "{bad}"
        );
    }
    for bad in ["", "a b", "käse", "10.0.0.0/8"] {
        assert!(
            matches!(make(&[], &[bad]), Err(PkiError::Host(host)) if host == bad),
            "{bad}"
        );
    }
    for validity in [Duration::ZERO, Duration::MAX] {
        let pki = LabPki {
            validity,
            ..LabPki::default()
        };
        assert!(matches!(
            make_lab_pki(tmp.path(), &pki),
            Err(PkiError::Validity(_))
        ));
    }
}

fn sae(name: &str) -> Addition {
    Addition {
        saes: vec![name.into()],
        ..Addition::default()
    }
}

#[test]
fn an_sae_is_added_to_the_existing_authority() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    assert!(!has_authority(dir));
    make_lab_pki(dir, &LabPki::default()).unwrap();
    assert!(has_authority(dir));
    let before = names(dir).into_iter().map(|name| {
        let text = fs::read(dir.join(&name)).unwrap();
        (name, text)
    });
    let before: Vec<_> = before.collect();

    let addition = Addition {
        kmes: vec![KmeName {
            id: "kme-c".into(),
            hosts: vec!["192.0.2.9".into()],
        }],
        ..sae("sae-c")
    };
    let written = add_to_lab_pki(dir, &addition).unwrap();
    let expected = ["kme-c.key", "kme-c.pem", "sae-c.key", "sae-c.pem"];
    assert_eq!(written, expected.map(|name| dir.join(name)));
    for (name, text) in before {
        assert_eq!(fs::read(dir.join(&name)).unwrap(), text, "{name}");
    }
    for name in expected.iter().filter(|name| name.ends_with(".key")) {
        let mode = fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let ca = pem(dir, "ca.pem");
    let ca = ca.parse_x509().unwrap();
    for name in ["kme-c.pem", "sae-c.pem", "sae-a.pem"] {
        let leaf = pem(dir, name);
        let leaf = leaf.parse_x509().unwrap();
        leaf.verify_signature(Some(ca.public_key())).unwrap();
        assert_eq!(leaf.issuer(), ca.subject());
        // A certificate is invalid without its authority, so it must not outlive the authority.
        assert!(leaf.validity().not_after <= ca.validity().not_after);
    }
}

#[test]
fn an_addition_replaces_nothing_unless_overwriting_is_allowed() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    make_lab_pki(dir, &LabPki::default()).unwrap();
    let (ca, old) = (pem(dir, "ca.pem"), pem(dir, "sae-a.pem"));
    let taken = add_to_lab_pki(dir, &sae("sae-a"));
    assert!(matches!(taken, Err(PkiError::Taken(path)) if path.ends_with("sae-a.pem")));
    assert_eq!(pem(dir, "sae-a.pem").contents, old.contents);
    for name in ["ca", "CA", "", "a/b"] {
        assert!(matches!(
            add_to_lab_pki(dir, &sae(name)),
            Err(PkiError::Name(_))
        ));
    }
    let renewal = Addition {
        overwrite: true,
        ..sae("sae-a")
    };
    add_to_lab_pki(dir, &renewal).unwrap();
    assert_ne!(pem(dir, "sae-a.pem").contents, old.contents);
    assert_eq!(pem(dir, "ca.pem").contents, ca.contents);
    let long = Addition {
        validity: Some(super::VALIDITY * 2),
        ..sae("sae-c")
    };
    let refused = add_to_lab_pki(dir, &long);
    assert!(matches!(refused, Err(PkiError::OutlivesAuthority { .. })));
    assert!(!dir.join("sae-c.key").exists());
}

#[test]
fn an_authority_that_cannot_sign_is_named() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let (ours, other) = (dir.join("ours"), dir.join("other"));
    make_lab_pki(&ours, &LabPki::default()).unwrap();
    make_lab_pki(&other, &LabPki::default()).unwrap();
    let reason = || match add_to_lab_pki(&ours, &sae("sae-c")) {
        Err(PkiError::Authority { path, reason }) => (path, reason),
        other => panic!("{other:?}"),
    };
    let (cert, key) = (ours.join("ca.pem"), ours.join("ca.key"));
    fs::copy(other.join("ca.key"), &key).unwrap();
    assert_eq!(reason().0, key);
    fs::write(&key, "no key").unwrap();
    assert_eq!(reason().0, key);
    fs::remove_file(&key).unwrap();
    assert_eq!(reason().0, key);
    fs::copy(ours.join("sae-a.pem"), &cert).unwrap();
    assert!(reason().1.contains("not the certificate of an authority"));
    fs::write(&cert, "").unwrap();
    assert_eq!(reason().0, cert);
    assert_eq!(
        names(&ours)
            .iter()
            .filter(|name| name.starts_with("sae-c"))
            .count(),
        0
    );
}
