//! Connections: one for each request; slow, broken or absent connections.

use std::time::{Duration, Instant};

use keyclient::{Blame, ClientConfig, Error, KmeFault, NetworkFault, Retry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wire::KeyId;

use crate::lab::{Answer, EACH_VERSION, Kme, Setup, client, container, key32};
use crate::pki::Pki;

fn good() -> Answer {
    Answer::ok(&container(&[("a", &key32(1))]))
}

fn quick(config: ClientConfig) -> ClientConfig {
    ClientConfig {
        timeout: Duration::from_millis(1500),
        ..config
    }
}

fn network(error: Option<Error>) -> (NetworkFault, Retry) {
    let error = error.expect("a fault");
    assert_eq!(error.blame(), Blame::Network, "{error}");
    let retry = error.retry();
    match error {
        Error::Network { fault, .. } => (fault, retry),
        other => panic!("{other}"),
    }
}

/// The buffers of a connection hold the key of its last reply, so the connection ends with the
/// call.
#[tokio::test]
async fn each_request_has_a_connection_of_its_own_which_ends_with_it() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, _| good()).await;
    let client = client(pki.config(&kme));
    let id = [KeyId::new("a").unwrap()];
    for _ in 0..10 {
        let (enc, dec) = tokio::join!(client.enc_keys(1, 256), client.dec_keys(&id));
        assert!(enc.is_ok() && dec.is_ok());
    }
    assert_eq!((kme.seen().len(), kme.connections()), (20, 20));
    kme.all_closed().await;
    assert!(kme.seen()[0].head.contains("connection: close"));
}

#[tokio::test]
async fn a_kme_that_closes_after_each_reply_costs_no_key() {
    let pki = Pki::new();
    let body = container(&[("a", &key32(1))]);
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let kme = Kme::start(&pki, move |_, _| {
        Answer::RawThenCut(reply.clone().into_bytes())
    })
    .await;
    let client = client(pki.config(&kme));
    for _ in 0..3 {
        assert!(client.enc_keys(1, 256).await.is_ok());
    }
    assert_eq!((kme.seen().len(), kme.connections()), (3, 3));
}

#[tokio::test]
async fn a_kme_without_alpn_or_http2_is_spoken_to_in_http1() {
    let pki = Pki::new();
    for alpn in [vec![], vec![b"http/1.1".to_vec()]] {
        let kme = Kme::start_with(
            Setup {
                alpn,
                ..Setup::new(&pki)
            },
            |_, _| good(),
        )
        .await;
        assert!(client(pki.config(&kme)).enc_keys(1, 256).await.is_ok());
        assert!(
            kme.seen()[0]
                .line
                .starts_with("POST /api/v1/keys/sae-b/enc_keys")
        );
    }
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_both_spoken() {
    let pki = Pki::new();
    for versions in EACH_VERSION {
        let kme = Kme::start_with(
            Setup {
                versions,
                ..Setup::new(&pki)
            },
            |_, _| good(),
        )
        .await;
        assert!(client(pki.config(&kme)).enc_keys(1, 256).await.is_ok());
    }
}

#[tokio::test]
async fn http2_is_not_asked_for() {
    // A KME that accepts HTTP/2 whenever it is offered, and then fails.
    let pki = Pki::new();
    let alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let kme = Kme::start_with(
        Setup {
            alpn,
            ..Setup::new(&pki)
        },
        |_, _| good(),
    )
    .await;
    assert!(client(pki.config(&kme)).enc_keys(1, 256).await.is_ok());
}

#[tokio::test]
async fn nothing_is_sent_that_was_not_asked_for() {
    let pki = Pki::new();
    let reply = container(&[("a", &key32(1))]);
    let reply = format!(
        "HTTP/1.1 200 OK\r\nSet-Cookie: s=1\r\nContent-Length: {}\r\n\r\n{reply}",
        reply.len()
    );
    let kme = Kme::start(&pki, move |_, _| Answer::Raw(reply.clone().into_bytes())).await;
    let client = client(pki.config(&kme));
    for _ in 0..2 {
        assert!(client.enc_keys(1, 256).await.is_ok());
    }
    let head = &kme.seen()[1].head;
    assert!(
        !head.contains("cookie") && !head.contains("referer"),
        "{head}"
    );
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(head.contains("accept: application/json"), "{head}");
}

#[tokio::test]
async fn a_slow_kme_is_waited_for_and_a_silent_one_is_not() {
    let pki = Pki::new();
    let slow = Answer::Late(Duration::from_millis(200), Box::new(good()));
    let kme = Kme::start(
        &pki,
        move |n, _| if n == 0 { slow.clone() } else { Answer::Never },
    )
    .await;
    let client = client(quick(pki.config(&kme)));
    assert!(client.enc_keys(1, 256).await.is_ok());
    let start = Instant::now();
    let (fault, retry) = network(client.enc_keys(1, 256).await.err());
    assert_eq!(
        (fault, retry),
        (
            NetworkFault::Timeout(Duration::from_millis(1500)),
            Retry::Later
        )
    );
    assert!(start.elapsed() < Duration::from_secs(10));
    // The KME may already have delivered the key, so the key is lost.
    let (fault, retry) = network(client.dec_keys(&[KeyId::new("a").unwrap()]).await.err());
    assert!(matches!(fault, NetworkFault::Timeout(_)));
    assert_eq!(retry, Retry::NextKey);
}

#[tokio::test]
async fn a_reply_that_stops_halfway_is_a_timeout_or_a_break() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"keys\":[".to_vec();
    let pki = Pki::new();
    let stalls = half.clone();
    let kme = Kme::start(&pki, move |_, _| Answer::Raw(stalls.clone())).await;
    let (fault, _) = network(client(quick(pki.config(&kme))).enc_keys(1, 256).await.err());
    assert!(matches!(fault, NetworkFault::Timeout(_)), "{fault}");
    let kme = Kme::start(&pki, move |_, _| Answer::RawThenCut(half.clone())).await;
    let (fault, _) = network(client(pki.config(&kme)).enc_keys(1, 256).await.err());
    assert!(matches!(fault, NetworkFault::Broken(_)), "{fault}");
}

#[tokio::test]
async fn a_cut_after_the_request_loses_the_key_and_nothing_more() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |n, _| if n % 2 == 0 { Answer::Cut } else { good() }).await;
    let client = client(pki.config(&kme));
    let (fault, retry) = network(client.dec_keys(&[KeyId::new("a").unwrap()]).await.err());
    assert!(matches!(fault, NetworkFault::Broken(_)), "{fault}");
    assert_eq!(retry, Retry::NextKey);
    assert_eq!(kme.seen().len(), 1, "a request is never sent twice");
    assert!(
        client.enc_keys(1, 256).await.is_ok(),
        "the next call connects again"
    );
    let (fault, retry) = network(client.enc_keys(1, 256).await.err());
    assert!(matches!(fault, NetworkFault::Broken(_)), "{fault}");
    assert_eq!(retry, Retry::Later);
}

#[tokio::test]
async fn what_is_no_http_is_a_break() {
    let pki = Pki::new();
    for garbage in [
        &b"\0\x01\x02 garbage \xff\r\n\r\n"[..],
        b"HTTP/9.9 200\r\n\r\n",
        b"{}\r\n\r\n",
    ] {
        let kme = Kme::start(&pki, move |_, _| Answer::RawThenCut(garbage.to_vec())).await;
        let (fault, _) = network(client(pki.config(&kme)).enc_keys(1, 256).await.err());
        assert!(matches!(fault, NetworkFault::Broken(_)), "{fault}");
    }
}

#[tokio::test]
async fn too_long_a_reply_is_cut_off() {
    let pki = Pki::new();
    let announced = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec();
    let long = [b' '; keyclient::limits::BODY_OCTETS_MAX + 1].to_vec();
    let long = Answer::Reply {
        status: 200,
        kind: "application/json",
        body: long,
    };
    for answer in [Answer::Raw(announced), Answer::Endless, long] {
        let kme = Kme::start(&pki, move |_, _| answer.clone()).await;
        match client(pki.config(&kme)).enc_keys(1, 256).await.err() {
            Some(Error::Kme { fault, .. }) => {
                assert_eq!(
                    fault,
                    KmeFault::BodyTooLong(keyclient::limits::BODY_OCTETS_MAX)
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_kme_that_is_down_is_told_from_one_that_does_not_speak_tls() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, _| good()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let dead = ClientConfig {
        base_url: format!("https://{address}"),
        ..pki.config(&kme)
    };

    let plain = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 512];
        let _ = stream.read(&mut hello).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    });
    let (fault, retry) = network(client(dead.clone()).enc_keys(1, 256).await.err());
    assert!(
        matches!(&fault, NetworkFault::Tls(text) if text.contains("port")),
        "{fault}"
    );
    assert_eq!(retry, Retry::Later);
    plain.await.unwrap(); // the listener is gone too

    let error = client(dead)
        .dec_keys(&[KeyId::new("a").unwrap()])
        .await
        .err()
        .unwrap();
    let text = error.to_string();
    assert!(
        text.contains(&address.to_string()) && text.contains("refused"),
        "{text}"
    );
    let (fault, retry) = network(Some(error));
    assert!(matches!(fault, NetworkFault::Connect(_)));
    assert_eq!(
        retry,
        Retry::Later,
        "the request never left: the key is still there"
    );
}

#[tokio::test]
async fn a_host_that_takes_the_connection_and_says_nothing_is_a_connect_timeout() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, _| good()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    let config = ClientConfig {
        base_url,
        ..quick(pki.config(&kme))
    };
    let (fault, retry) = network(
        client(config)
            .dec_keys(&[KeyId::new("a").unwrap()])
            .await
            .err(),
    );
    assert_eq!(
        fault,
        NetworkFault::ConnectTimeout(Duration::from_millis(1125))
    );
    assert_eq!(retry, Retry::Later);
}

#[tokio::test]
async fn a_host_that_hangs_up_during_the_handshake_is_said_so() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, _| good()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.shutdown().await; // an end, not a reset
        let mut hello = Vec::new();
        let _ = stream.read_to_end(&mut hello).await;
    });
    let config = ClientConfig {
        base_url,
        ..pki.config(&kme)
    };
    let (fault, retry) = network(
        client(config)
            .dec_keys(&[KeyId::new("a").unwrap()])
            .await
            .err(),
    );
    assert!(
        matches!(&fault, NetworkFault::Tls(text) if text.contains("handshake")),
        "{fault}"
    );
    assert_eq!(retry, Retry::Later);
}

#[tokio::test]
async fn an_unknown_host_is_named_as_such() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, _| good()).await;
    let base_url = "https://kme-a.invalid:8443".to_owned();
    let config = ClientConfig {
        base_url,
        ..pki.config(&kme)
    };
    let error = client(config).status().await.err().unwrap();
    assert!(error.to_string().contains("kme-a.invalid:8443"), "{error}");
    let (fault, _) = network(Some(error));
    assert_eq!(fault, NetworkFault::Dns);
}
