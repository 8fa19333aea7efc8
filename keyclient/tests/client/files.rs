//! CA, certificate and key files as tools and users write them.

use std::path::{Path, PathBuf};

use keyclient::{CertificateFault, Client, ClientConfig, Error};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use rustls::RootCertStore;

use crate::lab::{Answer, Kme, Setup, client, container, key32};
use crate::pki::{Pki, private};

fn good() -> Answer {
    Answer::ok(&container(&[("a", &key32(1))]))
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/certificates")
        .join(name)
}

/// A key from the fixtures, with the mode that a key must have.
fn fixture_key(pki: &Pki, name: &str) -> PathBuf {
    let file = pki.path(name);
    std::fs::copy(fixture(name), &file).unwrap();
    private(&file);
    file
}

fn write_key(file: &Path, text: impl AsRef<[u8]>) {
    std::fs::write(file, text).unwrap();
    private(file);
}

fn refusal(config: ClientConfig) -> String {
    Client::new(config).err().expect("refused").to_string()
}

#[tokio::test]
async fn no_ca_of_a_bundle_is_lost() {
    let (pki, other) = (Pki::new(), Pki::named("other CA"));
    let kme = Kme::start(&pki, |_, _| good()).await;
    let read = |pki: &Pki, name: &str| std::fs::read_to_string(pki.path(name)).unwrap();
    let (right, wrong) = (read(&pki, "ca.pem"), read(&other, "ca.pem"));
    let key = read(&other, "sae.key");
    let crl = wrong.replace("CERTIFICATE", "X509 CRL");
    let bundles = [
        format!("{}{right}", wrong.trim_end()),
        format!("{}{}", right.trim_end(), wrong.trim_end()),
        format!("\u{feff}{wrong}\u{feff}{right}"),
        format!("{wrong}{right}").replace('\n', "\r\n"),
        format!("{}{right}", wrong.trim_end().replace('\n', "\r\n")),
        format!("{wrong}{right}").replace('\n', "\r"),
        format!(
            "subject=CN = other CA\nissuer=CN = other CA\n{wrong}\nsubject=CN = lab CA\n{right}"
        ),
        format!("{wrong}{crl}{key}{right}"),
        format!("{wrong}{right}\n-- \nthe end\n"),
        format!("  {}", format!("{wrong}{right}").replace('\n', "\n  ")),
        format!(
            "{wrong}{}",
            right.replace("CERTIFICATE", "TRUSTED CERTIFICATE")
        ),
        format!(
            "{wrong}{}",
            right.replace("CERTIFICATE", "X509 CERTIFICATE")
        ),
    ];
    for bundle in bundles {
        std::fs::write(pki.path("bundle.pem"), &bundle).unwrap();
        let config = ClientConfig {
            ca: pki.path("bundle.pem"),
            ..pki.config(&kme)
        };
        let keys = client(config).enc_keys(1, 256).await;
        assert!(keys.is_ok(), "{:?}\n{bundle}", keys.err());
    }
    for (bundle, words) in [
        (
            format!("{wrong}{}", right.replace("-----END", "----END")),
            "a block without its END",
        ),
        (
            format!("{wrong}{}", right.replace("-----BEGIN", "-BEGIN")),
            "a damaged BEGIN or END line",
        ),
        (
            format!("{wrong}{}", &right[..right.len() - 60]),
            "a block without its END",
        ),
        (
            format!("{wrong}{}", right.replace("MII", "M!I")),
            "a character that is not",
        ),
        (
            format!("{wrong}{}", right.replace("MII", "MIJ")),
            "holds a certificate that is none",
        ),
        (
            format!("{wrong}{}", right.replace("CERTIFICATE", "PKCS7")),
            "openssl pkcs7 -print_certs",
        ),
    ] {
        std::fs::write(pki.path("bundle.pem"), &bundle).unwrap();
        let text = refusal(ClientConfig {
            ca: pki.path("bundle.pem"),
            ..pki.config(&kme)
        });
        assert!(
            text.contains(words) && text.contains("bundle.pem"),
            "{text}\n{bundle}"
        );
        let begin = wrong.lines().count() + 1;
        let named = [begin, begin + 1].map(|line| text.contains(&format!("line {line}: ")));
        assert!(named.contains(&true), "{text}\n{bundle}");
    }
}

#[tokio::test]
async fn our_own_files_are_read_in_the_same_way() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, _| good()).await;
    let read = |name: &str| std::fs::read_to_string(pki.path(name)).unwrap();
    let (cert, ca, key) = (read("sae.pem"), read("ca.pem"), read("sae.key"));
    let all = format!("{}{}{ca}", key.trim_end(), cert.trim_end());
    let files = [
        (
            format!("{}{ca}", cert.trim_end()),
            format!("\u{feff}{key}").replace('\n', "\r\n"),
        ),
        // The CA before our own certificate, as some tools write a chain.
        (
            format!("{ca}{cert}"),
            format!("Bag Attributes\n  x: y\nKey Attributes: <No Attributes>\n{key}"),
        ),
        // All in one file, without newlines in between.
        (all.clone(), all.clone()),
    ];
    for (cert, key) in files {
        std::fs::write(pki.path("c.pem"), &cert).unwrap();
        write_key(&pki.path("k.pem"), &key);
        let config = ClientConfig {
            cert: pki.path("c.pem"),
            key: pki.path("k.pem"),
            ..pki.config(&kme)
        };
        let keys = client(config).enc_keys(1, 256).await;
        assert!(keys.is_ok(), "{:?}\n{cert}", keys.err());
    }
    write_key(&pki.path("k.pem"), &key[..key.len() / 2]);
    let text = refusal(ClientConfig {
        key: pki.path("k.pem"),
        ..pki.config(&kme)
    });
    assert!(
        text.contains("k.pem") && text.contains("line 1: a block without its END"),
        "{text}"
    );
    assert!(!text.contains(&key[40..60]), "quotes the file: {text}");
}

#[tokio::test]
async fn a_version_1_certificate_of_ours_is_used_and_named_when_it_is_refused() {
    let pki = Pki::new();
    let config = |kme: &Kme| ClientConfig {
        cert: fixture("v1-sae.pem"),
        key: fixture_key(&pki, "v1-sae.key"),
        ..pki.config(kme)
    };
    let tolerant = Setup {
        any_client: true,
        ..Setup::new(&pki)
    };
    let kme = Kme::start_with(tolerant, |_, _| good()).await;
    assert!(client(config(&kme)).enc_keys(1, 256).await.is_ok());
    let kme = Kme::start(&pki, |_, _| good()).await;
    let error = client(config(&kme)).enc_keys(1, 256).await.err().unwrap();
    let text = error.to_string();
    assert!(
        matches!(
            error,
            Error::Certificate {
                fault: CertificateFault::OursRefused { .. },
                ..
            }
        ),
        "{text}"
    );
    for words in [
        "v1-sae.pem",
        "CN=sae-a",
        "issued by CN=v1 CA",
        "it is X.509 version 1",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // A mismatched key is still detected.
    let text = refusal(ClientConfig {
        key: pki.path("sae.key"),
        ..config(&kme)
    });
    assert!(
        text.contains("is not the private key of the first certificate"),
        "{text}"
    );
}

#[tokio::test]
async fn keys_of_every_usual_kind_are_taken() {
    let pki = Pki::new();
    let tolerant = |pki: &Pki| Setup {
        any_client: true,
        clients: RootCertStore::empty(),
        ..Setup::new(pki)
    };
    let kme = Kme::start_with(tolerant(&pki), |_, _| good()).await;
    for name in ["rsa-pkcs1", "p521-sec1", "ed25519", "p384-pkcs8"] {
        let config = ClientConfig {
            cert: fixture(&format!("{name}.pem")),
            key: fixture_key(&pki, &format!("{name}.key")),
            ..pki.config(&kme)
        };
        let keys = client(config).enc_keys(1, 256).await;
        assert!(keys.is_ok(), "{name}: {:?}", keys.err());
    }
    // The content decides, not the label.
    for (name, from, to) in [
        ("rsa-pkcs1", "RSA PRIVATE KEY", "PRIVATE KEY"),
        ("p384-pkcs8", "PRIVATE KEY", "EC PRIVATE KEY"),
    ] {
        let key = std::fs::read_to_string(fixture(&format!("{name}.key"))).unwrap();
        write_key(&pki.path("labelled.key"), key.replace(from, to));
        let config = ClientConfig {
            cert: fixture(&format!("{name}.pem")),
            key: pki.path("labelled.key"),
            ..pki.config(&kme)
        };
        assert!(client(config).enc_keys(1, 256).await.is_ok(), "{name}");
    }
    for (name, words) in [
        ("rsa-encrypted.key", "openssl pkey"),
        ("pkcs8-encrypted.key", "openssl pkey"),
        ("k1.key", "ECDSA on P-256, P-384 or P-521"),
    ] {
        let text = refusal(ClientConfig {
            key: fixture_key(&pki, name),
            ..pki.config(&kme)
        });
        assert!(text.contains(words) && text.contains(name), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_purpose_is_named_when_it_is_refused() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, _| good()).await;
    pki.write(
        "server",
        Pki::leaf("sae-a", &[], ExtendedKeyUsagePurpose::ServerAuth),
    );
    let mut ca = Pki::leaf("sae-a", &[], ExtendedKeyUsagePurpose::ClientAuth);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    pki.write("own-ca", ca);
    let mut usage = Pki::leaf("sae-a", &[], ExtendedKeyUsagePurpose::ClientAuth);
    usage.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    pki.write("usage", usage);
    for (name, refused, words) in [
        ("server", true, "does not name clientAuth"),
        ("own-ca", true, "it is the certificate of a CA"),
        ("usage", false, "does not allow digitalSignature"),
    ] {
        let config = ClientConfig {
            cert: pki.path(&format!("{name}.pem")),
            key: pki.path(&format!("{name}.key")),
            ..pki.config(&kme)
        };
        // Some KMEs accept it, so the KME decides.
        match client(config).enc_keys(1, 256).await.err() {
            Some(error) => {
                let text = error.to_string();
                assert!(refused && text.contains(words), "{text}");
                assert!(text.contains(&format!("{name}.pem")), "{text}");
            }
            None => assert!(!refused, "{name}"),
        }
    }
}
