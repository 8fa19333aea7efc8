//! Tests of connections: who is accepted, which versions, and the limits for slow or idle clients.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Version;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::world::{ALL, Sae, World, supply, tls};
use crate::Requests;
use crate::pki::{LabPki, make_lab_pki};

async fn refused(world: &World, client: Sae) {
    let sent = client
        .send(reqwest::Method::GET, "sae-b/enc_keys", "")
        .await;
    assert!(sent.is_err(), "{sent:?}");
    assert_eq!(world.kmes.snapshot().kmes[0].requests, Requests::default());
    assert_eq!(world.kmes.snapshot().pool_keys, 1);
}

#[tokio::test]
async fn a_connection_needs_a_client_certificate() {
    let world = World::two(supply(1)).await;
    for versions in [&[&TLS12][..], &[&TLS13]] {
        refused(&world, world.client(tls(world.dir(), None, versions))).await;
    }
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused() {
    let world = World::two(supply(1)).await;
    let other = tempfile::tempdir().unwrap();
    make_lab_pki(other.path(), &LabPki::default()).unwrap();
    // The client trusts our CA, but presents a certificate with the right name from the wrong CA.
    std::fs::copy(world.file("ca.pem"), other.path().join("ca.pem")).unwrap();
    for versions in [&[&TLS12][..], &[&TLS13]] {
        refused(
            &world,
            world.client(tls(other.path(), Some("sae-a"), versions)),
        )
        .await;
    }
}

#[tokio::test]
async fn plain_http_is_refused() {
    let world = World::two(supply(1)).await;
    let mut plain = TcpStream::connect(world.kmes.addresses()[0]).await.unwrap();
    plain
        .write_all(b"GET /api/v1/keys/sae-b/enc_keys HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut reply = Vec::new();
    let _ = plain.read_to_end(&mut reply).await;
    assert!(!reply.starts_with(b"HTTP"), "{reply:?}");
    assert_eq!(world.kmes.snapshot().kmes[0].requests, Requests::default());
}

#[tokio::test]
async fn both_versions_of_tls_and_of_http() {
    let world = World::two(supply(8)).await;
    let mut served = 0;
    for versions in [&[&TLS12][..], &[&TLS13], ALL] {
        for (alpn, version) in [
            (&b"h2"[..], Version::HTTP_2),
            (b"http/1.1", Version::HTTP_11),
        ] {
            let mut tls = tls(world.dir(), Some("sae-a"), versions);
            tls.alpn_protocols = vec![alpn.to_vec()];
            let client = world.client(tls);
            for _ in 0..2 {
                let response = client
                    .send(reqwest::Method::GET, "sae-b/status", "")
                    .await
                    .unwrap();
                assert_eq!(
                    (response.status().as_u16(), response.version()),
                    (200, version)
                );
                assert!(
                    response
                        .text()
                        .await
                        .unwrap()
                        .contains("\"stored_key_count\":8")
                );
                served += 1;
            }
        }
    }
    assert_eq!(world.kmes.snapshot().kmes[0].requests.ok, served);
}

#[tokio::test]
async fn a_body_that_never_comes_is_refused() {
    let world = World::two(supply(1)).await;
    let tls = TlsConnector::from(Arc::new(tls(world.dir(), Some("sae-a"), ALL)));
    let stream = TcpStream::connect(world.kmes.addresses()[0]).await.unwrap();
    let mut stream = tls
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    let head = "POST /api/v1/keys/sae-b/enc_keys HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut reply = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut reply));
    read.await.expect("still waiting").unwrap();
    assert_eq!(&reply, b"HTTP/1.1 400");
    assert_eq!(world.kmes.snapshot().pool_keys, 1);
}
