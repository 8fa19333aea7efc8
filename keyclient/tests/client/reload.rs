//! Certificates re-issued while the client runs.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::sync::{Arc, Once};
use std::time::Duration;

use keyclient::{CertificateFault, Error, Pace, Protocol, SourceConfig, Sources};
use rcgen::ExtendedKeyUsagePurpose;
use tokio::task::JoinHandle;

use crate::lab::{Answer, Kme, container, key32};
use crate::pki::Pki;

const LOOK: Duration = Duration::from_millis(20);

/// Starts a KME that delivers keys, and its client with `tend` running.
async fn running(pki: &Pki) -> (Kme, Arc<Sources>, JoinHandle<()>) {
    let kme = Kme::start(pki, |n, _| {
        Answer::ok(&container(&[(&format!("k{n}"), &key32(n as u8))]))
    })
    .await;
    let config = SourceConfig {
        protocol: Protocol::Etsi014,
        client: pki.config(&kme),
    };
    let pace = Pace {
        look_every: LOOK,
        ..Pace::default()
    };
    let sources = Arc::new(Sources::new(vec![config], pace).ok().unwrap());
    let tended = Arc::clone(&sources);
    let tending = tokio::spawn(async move { tended.tend().await });
    (kme, sources, tending)
}

fn reissue(pki: &Pki) {
    let usage = ExtendedKeyUsagePurpose::ClientAuth;
    pki.write("sae", Pki::leaf("sae-a", &[], usage));
}

/// Sends requests until the KME has seen another certificate. No request may fail.
async fn until_shown(kme: &Kme, sources: &Sources, before: usize) {
    for _ in 0..500 {
        assert!(sources.fresh(256).await.is_ok());
        if kme.certificates() > before {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("the new certificate is not used");
}

#[tokio::test]
async fn a_reissued_certificate_is_used_without_a_restart_and_without_a_failure() {
    let pki = Pki::new();
    let (kme, sources, tending) = running(&pki).await;
    for round in 1..4 {
        assert!(sources.fresh(256).await.is_ok());
        assert_eq!(kme.certificates(), round);
        reissue(&pki);
        until_shown(&kme, &sources, round).await;
    }
    tending.abort();
}

#[tokio::test]
async fn a_certificate_that_the_kme_refuses_can_be_replaced_while_running() {
    let (pki, foreign) = (Pki::new(), Pki::named("another CA"));
    for file in ["sae.pem", "sae.key"] {
        fs::copy(foreign.path(file), pki.path(file)).unwrap();
    }
    let (kme, sources, tending) = running(&pki).await;
    let error = sources.fresh(256).await.err().unwrap();
    assert!(
        matches!(
            error,
            Error::Certificate {
                fault: CertificateFault::OursRefused { .. },
                ..
            }
        ),
        "{error}"
    );
    reissue(&pki);
    for _ in 0..500 {
        if sources.fresh(256).await.is_ok() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    assert!(sources.fresh(256).await.is_ok());
    assert!(kme.connections() > 0);
    tending.abort();
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_old_ones_in_use_and_say_so_once() {
    let log = Log::start();
    let (pki, other) = (Pki::new(), Pki::new());
    let (kme, sources, tending) = running(&pki).await;
    assert!(sources.fresh(256).await.is_ok());

    // The key of another certificate, then no certificate at all.
    fs::copy(other.path("sae.key"), pki.path("sae.key")).unwrap();
    log.wait_for("is not the private key of the first certificate")
        .await;
    fs::write(pki.path("sae.pem"), "").unwrap();
    log.wait_for("holds no certificate").await;
    tokio::time::sleep(10 * LOOK).await;
    assert!(sources.fresh(256).await.is_ok());
    assert_eq!(kme.certificates(), 1, "the old one is still shown");
    let text = log.text();
    let told: Vec<_> = text.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(told.len(), 2, "{text}");
    for line in &told {
        assert!(line.contains("the old ones stay in use"), "{line}");
        assert!(
            line.contains("sae.key") || line.contains("sae.pem"),
            "{line}"
        );
    }

    reissue(&pki);
    until_shown(&kme, &sources, 1).await;
    log.wait_for("new ones are in use").await;
    assert!(!log.text().contains("PRIVATE KEY"));
    tending.abort();
}

/// The log lines of this thread, on which a test runs all its tasks.
#[derive(Clone, Copy)]
struct Log;

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Log {
    /// The subscriber is global, because a subscriber of one thread misses call sites that other
    /// threads logged first.
    fn start() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing_subscriber::fmt()
                .with_ansi(false)
                .with_max_level(tracing::Level::INFO)
                .with_writer(|| Self)
                .init();
        });
        Self
    }

    fn text(self) -> String {
        LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
    }

    async fn wait_for(self, words: &str) {
        for _ in 0..500 {
            if self.text().contains(words) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("{words:?} is not in the log:\n{}", self.text());
    }
}

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(octets))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
