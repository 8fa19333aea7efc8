//! Tests of the ends of connections and replies.

use std::time::Duration;

use keyclient::{CertificateFault, ClientConfig, Error};

use crate::lab::{Answer, EACH_VERSION, Kme, Setup, client, container, key32};
use crate::pki::Pki;

fn good() -> Answer {
    Answer::ok(&container(&[("a", &key32(1))]))
}

#[tokio::test]
async fn an_alert_is_heard_although_a_reset_follows_it() {
    let pki = Pki::new();
    let stranger = Pki::named("another CA");
    for versions in EACH_VERSION {
        let setup = Setup {
            versions,
            abrupt: true,
            ..Setup::new(&pki)
        };
        let kme = Kme::start_with(setup, |_, _| good()).await;
        for _ in 0..20 {
            let config = ClientConfig {
                cert: stranger.path("sae.pem"),
                key: stranger.path("sae.key"),
                ..pki.config(&kme)
            };
            let error = client(config).enc_keys(1, 256).await.err().unwrap();
            let refused = matches!(
                error,
                Error::Certificate {
                    fault: CertificateFault::OursRefused { .. },
                    ..
                }
            );
            assert!(refused, "{error}");
        }
    }
}

#[tokio::test]
async fn json_that_is_whole_is_taken_however_the_reply_ends() {
    let pki = Pki::new();
    let body = container(&[("a", &key32(1))]);
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let long = body.len() + 1;
    let heads = [
        (
            "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n".to_owned(),
            &body,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n".to_owned(), &body),
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned(),
            &body,
        ),
        ("HTTP/1.1 200 OK\r\nX : y\r\n\r\n".to_owned(), &body),
        (
            format!("HTTP/1.1 200 OK\r\nContent-Length: {long}\r\n\r\n"),
            &body,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            &chunk,
        ),
    ];
    let many = "X-Y: z\r\n".repeat(120);
    let short = body.len() - 3;
    let blanks = format!("{body}{}", " ".repeat(300_000));
    let (announced, nan) = (blanks.len(), body.replacen('{', "{\"rate\":NaN,", 1));
    let more = [
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            &chunk,
        ),
        (format!("HTTP/1.1 200 OK\r\n{many}\r\n"), &body),
        (
            format!("HTTP/1.1 200 OK\r\nContent-Length: {short}\r\n\r\n"),
            &body,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n".to_owned(),
            &body,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(),
            &body,
        ),
        (
            format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\n\r\n"),
            &blanks,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n".to_owned(), &blanks),
        ("HTTP/1.1 200 OK\r\n\r\n".to_owned(), &nan),
    ];
    for (head, body) in heads.into_iter().chain(more) {
        let reply = format!("{head}{body}").into_bytes();
        for stays_open in [false, true] {
            let reply = reply.clone();
            let kme = Kme::start(&pki, move |_, _| match stays_open {
                true => Answer::Raw(reply.clone()),
                false => Answer::RawThenCut(reply.clone()),
            })
            .await;
            let client = client(ClientConfig {
                timeout: Duration::from_millis(1500),
                ..pki.config(&kme)
            });
            for _ in 0..2 {
                let keys = client.enc_keys(1, 256).await;
                assert!(keys.is_ok(), "{head:?} {stays_open} {:?}", keys.err());
            }
            assert_eq!(
                kme.seen().len(),
                2,
                "{head:?} {stays_open}: no key is asked for twice"
            );
        }
    }
    // An incomplete body is refused.
    for cut in [body.len() - 1, body.len() / 2, 0] {
        let reply = format!("HTTP/1.0 200 OK\r\n\r\n{}", &body[..cut]).into_bytes();
        let kme = Kme::start(&pki, move |_, _| Answer::RawThenCut(reply.clone())).await;
        assert!(client(pki.config(&kme)).enc_keys(1, 256).await.is_err());
    }
}
