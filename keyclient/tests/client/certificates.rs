//! Tests of certificates: issuer, host, usage and validity; and of files that hold no certificate.

use keyclient::{Blame, CertificateFault, Client, ClientConfig, Complaint, Error, Retry};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, SanType, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::lab::{Answer, EACH_VERSION, Kme, Setup, client, container, key32};
use crate::pki::{Pki, Shown};

fn good() -> Answer {
    Answer::ok(&container(&[("a", &key32(1))]))
}

async fn kme_showing(pki: &Pki, shown: Shown) -> Kme {
    Kme::start_with(
        Setup {
            shown,
            ..Setup::new(pki)
        },
        |_, _| good(),
    )
    .await
}

async fn refusal(config: ClientConfig) -> (CertificateFault, Blame) {
    let error = client(config)
        .enc_keys(1, 256)
        .await
        .err()
        .expect("refused");
    assert_eq!(error.retry(), Retry::Later);
    let blame = error.blame();
    match error {
        Error::Certificate { fault, .. } => (fault, blame),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_kmes_certificate_is_judged_in_plain_words() {
    let pki = Pki::new();
    let leaf = |san: &[&str]| Pki::leaf("127.0.0.1", san, ExtendedKeyUsagePurpose::ServerAuth);
    let host = || "127.0.0.1".to_owned();

    let kme = kme_showing(&pki, pki.issue(&leaf(&[]))).await;
    let (fault, blame) = refusal(pki.config(&kme)).await;
    assert_eq!(
        (&fault, blame),
        (&CertificateFault::NoSan { host: host() }, Blame::Kme)
    );
    assert!(
        fault.to_string().contains("re-issue it with IP:127.0.0.1"),
        "{fault}"
    );

    let kme = kme_showing(&pki, pki.issue(&leaf(&["kme-b", "10.0.0.1"]))).await;
    let presented = vec!["kme-b".to_owned(), "10.0.0.1".to_owned()];
    let wrong = CertificateFault::WrongHost {
        host: host(),
        presented,
    };
    assert_eq!(refusal(pki.config(&kme)).await, (wrong, Blame::Kme));

    let mut as_name = leaf(&[]);
    as_name.subject_alt_names = vec![SanType::DnsName("127.0.0.1".try_into().unwrap())];
    let kme = kme_showing(&pki, pki.issue(&as_name)).await;
    let (fault, blame) = refusal(pki.config(&kme)).await;
    let wrong = CertificateFault::WrongEntry {
        host: host(),
        found: "a DNS name",
    };
    assert_eq!((&fault, blame), (&wrong, Blame::Kme));
    assert!(
        fault
            .to_string()
            .contains("needs the address as an IP entry (IP:127.0.0.1), it has it as a DNS name"),
        "{fault}"
    );

    let mut expired = leaf(&["127.0.0.1"]);
    expired.not_before = date_time_ymd(2019, 1, 1);
    expired.not_after = date_time_ymd(2020, 1, 1);
    let kme = kme_showing(&pki, pki.issue(&expired)).await;
    let (fault, blame) = refusal(pki.config(&kme)).await;
    assert!(
        matches!(&fault, CertificateFault::Expired(_)) && blame == Blame::Kme,
        "{fault}"
    );

    let mut future = leaf(&["127.0.0.1"]);
    future.not_before = date_time_ymd(2200, 1, 1);
    let kme = kme_showing(&pki, pki.issue(&future)).await;
    assert!(matches!(
        refusal(pki.config(&kme)).await.0,
        CertificateFault::NotYetValid(_)
    ));

    let client_only = Pki::leaf("kme-a", &["127.0.0.1"], ExtendedKeyUsagePurpose::ClientAuth);
    let kme = kme_showing(&pki, pki.issue(&client_only)).await;
    assert_eq!(
        refusal(pki.config(&kme)).await.0,
        CertificateFault::NotForServers
    );

    let mut ca = leaf(&["127.0.0.1"]);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let kme = kme_showing(&pki, pki.issue(&ca)).await;
    assert_eq!(refusal(pki.config(&kme)).await.0, CertificateFault::IsCa);

    let other = Pki::new();
    let kme = kme_showing(&pki, other.issue(&Pki::kme_params())).await;
    let (fault, blame) = refusal(pki.config(&kme)).await;
    assert_eq!(
        fault,
        CertificateFault::UnknownCa {
            ca: pki.path("ca.pem")
        }
    );
    assert_eq!(blame, Blame::Config);
    assert!(fault.to_string().contains("ca.pem"), "{fault}");
    assert_eq!(
        kme.seen().len(),
        0,
        "nothing is asked of a KME that is not trusted"
    );
}

#[tokio::test]
async fn a_version_1_certificate_is_called_by_its_name() {
    let pki = Pki::new();
    let shown = Shown {
        chain: vec![
            CertificateDer::from_pem_slice(include_bytes!("../certificates/v1-kme.pem")).unwrap(),
        ],
        key: PrivateKeyDer::from_pem_slice(include_bytes!("../certificates/v1-kme.key")).unwrap(),
    };
    let kme = kme_showing(&pki, shown).await;
    std::fs::write(
        pki.path("v1-ca.pem"),
        include_bytes!("../certificates/v1-ca.pem"),
    )
    .unwrap();
    let config = ClientConfig {
        ca: pki.path("v1-ca.pem"),
        ..pki.config(&kme)
    };
    let (fault, blame) = refusal(config).await;
    assert_eq!(
        (&fault, blame),
        (&CertificateFault::OldVersion(1), Blame::Kme)
    );
    assert!(
        fault
            .to_string()
            .contains("version 3 with a subject alternative name"),
        "{fault}"
    );
}

#[tokio::test]
async fn the_kme_id_is_found_as_common_name_or_alternative_name() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, _| good()).await;
    let expecting = |id: &str| ClientConfig {
        kme_id: Some(id.to_owned()),
        ..pki.config(&kme)
    };
    for id in ["kme-a", "localhost", "127.0.0.1"] {
        assert!(client(expecting(id)).enc_keys(1, 256).await.is_ok(), "{id}");
    }
    let (fault, blame) = refusal(expecting("kme-b")).await;
    let found = ["kme-a", "localhost", "127.0.0.1"]
        .map(str::to_owned)
        .to_vec();
    let expected = "kme-b".to_owned();
    assert_eq!(fault, CertificateFault::WrongKmeId { expected, found });
    assert_eq!(blame, Blame::Config);
}

#[tokio::test]
async fn our_certificate_refused_by_the_kme_is_a_configuration_error() {
    let pki = Pki::new();
    pki.write("server", Pki::kme_params()); // a certificate that no client may use
    let stranger = Pki::named("another CA");
    let namesake = Pki::new(); // a new CA with the old name
    for versions in EACH_VERSION {
        let kme = Kme::start_with(
            Setup {
                versions,
                ..Setup::new(&pki)
            },
            |_, _| good(),
        )
        .await;
        for (from, name, alert) in [
            (&stranger, "sae", "UnknownCA"),
            (&namesake, "sae", "DecryptError"),
            (&pki, "server", "UnsupportedCertificate"),
        ] {
            let config = ClientConfig {
                cert: from.path(&format!("{name}.pem")),
                key: from.path(&format!("{name}.key")),
                ..pki.config(&kme)
            };
            let (fault, blame) = refusal(config).await;
            let text = fault.to_string();
            assert!(
                matches!(fault, CertificateFault::OursRefused { .. }),
                "{text}"
            );
            assert!(
                text.contains(&format!("{name}.pem")) && text.contains(alert),
                "{text}"
            );
            assert_eq!(blame, Blame::Config);
        }
        assert_eq!(kme.connections(), 0);
    }
}

#[tokio::test]
async fn alerts_in_the_handshake_say_who_is_to_blame() {
    let pki = Pki::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let alerts = [
        (40, Complaint::NoAnswer, "X25519, P-256 and P-384"), // handshake_failure
        (42, Complaint::OurCertificate, "BadCertificate"),
        (43, Complaint::OurCertificate, "UnsupportedCertificate"),
        (44, Complaint::OurCertificate, "CertificateRevoked"),
        (45, Complaint::OurCertificate, "CertificateExpired"),
        (46, Complaint::OurCertificate, "CertificateUnknown"),
        (48, Complaint::OurCertificate, "UnknownCA"),
        (49, Complaint::OurCertificate, "AccessDenied"),
        (70, Complaint::NoAnswer, "must offer TLS 1.3"), // protocol_version
        (71, Complaint::NoAnswer, "must offer TLS 1.3"), // insufficient_security
        (80, Complaint::NoAnswer, "its own log"),        // internal_error
        (112, Complaint::NoAnswer, "by this host name"), // unrecognized_name
        (116, Complaint::OurCertificate, "CertificateRequired"),
        (120, Complaint::NoAnswer, "HTTP/1.1"), // no_application_protocol
    ];
    tokio::spawn(async move {
        for (code, ..) in alerts {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 16];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(&[21, 3, 3, 0, 2, 2, code]).await.unwrap();
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    let kme = Kme::start(&pki, |_, _| good()).await;
    for (code, complaint, words) in alerts {
        let config = ClientConfig {
            base_url: format!("https://{address}"),
            ..pki.config(&kme)
        };
        let error = client(config).enc_keys(1, 256).await.err().unwrap();
        let text = error.to_string();
        assert_eq!(error.complaint(), complaint, "{code}: {text}");
        assert!(text.contains(words), "{code}: {text}");
        if complaint == Complaint::OurCertificate {
            assert!(text.contains("sae.pem"), "{text}");
        }
    }
}

#[tokio::test]
async fn wrong_files_are_named_with_field_and_fix() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, _| good()).await;
    pki.write(
        "other",
        Pki::leaf("sae-a", &[], ExtendedKeyUsagePurpose::ClientAuth),
    );
    let mut expired = Pki::leaf("sae-a", &[], ExtendedKeyUsagePurpose::ClientAuth);
    expired.not_after = date_time_ymd(2020, 1, 1);
    expired.not_before = date_time_ymd(2019, 1, 1);
    pki.write("expired", expired);
    let der = CertificateDer::from_pem_file(pki.path("sae.pem")).unwrap();
    let pem = std::fs::read_to_string(pki.path("sae.key")).unwrap();
    let files: [(&str, &[u8]); 6] = [
        ("cert.der", &der),
        ("empty.pem", b""),
        ("text.pem", b"hello"),
        (
            "broken.pem",
            b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        ),
        ("two.key", pem.repeat(2).leak().as_bytes()),
        (
            "encrypted.key",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ),
    ];
    for (name, octets) in files {
        std::fs::write(pki.path(name), octets).unwrap();
    }
    std::fs::write(pki.path("open.key"), &pem).unwrap();
    for (field, file, words) in [
        ("ca", "missing.pem", "no such file"),
        ("ca", "", "is a directory"),
        ("ca", "sae.key", "holds a private key, no certificate"),
        ("ca", "cert.der", "DER"),
        ("ca", "empty.pem", "it is empty"),
        ("ca", "text.pem", "no PEM"),
        ("ca", "broken.pem", "broken PEM"),
        ("cert", "missing.pem", "no such file"),
        ("cert", "sae.key", "name the certificate here"),
        ("cert", "expired.pem", "has expired"),
        ("key", "missing.key", "no such file"),
        ("key", "sae.pem", "holds a certificate, no private key"),
        (
            "key",
            "other.key",
            "is not the private key of the first certificate",
        ),
        ("key", "two.key", "2 private keys"),
        ("key", "open.key", "is open to others (mode 644)"),
        ("key", "encrypted.key", "openssl pkey"),
    ] {
        let mut config = pki.config(&kme);
        let path = pki.path(file);
        match field {
            "ca" => config.ca = path.clone(),
            "cert" => config.cert = path.clone(),
            _ => config.key = path.clone(),
        }
        let error = Client::new(config).err().expect(file);
        let text = error.to_string();
        assert!(text.contains(words), "{field} {file}: {text}");
        assert!(text.contains(&path.display().to_string()), "{text}");
        assert_eq!(
            (error.blame(), error.retry()),
            (Blame::Config, Retry::Never)
        );
        assert!(
            matches!(error, Error::Config(error) if error.field == field),
            "{text}"
        );
        assert!(
            !text.contains("PRIVATE KEY-----\nMI"),
            "quotes the file: {text}"
        );
    }
}
