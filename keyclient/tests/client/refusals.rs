//! Answers without keys: refusals, web pages, invalid replies.

use std::time::{Duration, Instant};

use keyclient::{Blame, CertificateFault, Complaint, Error, KmeFault, Retry};

use crate::lab::{Answer, client};
use crate::replies::{dec, enc, fault, id, kme_answering};

#[tokio::test]
async fn what_is_no_container_is_refused() {
    let html = Answer::html(200);
    assert_eq!(
        fault(enc(html, 1).await),
        (KmeFault::Html, Blame::Config, Retry::Later)
    );
    let login = Answer::Reply {
        status: 200,
        kind: "text/html",
        body: b"Please log in".to_vec(),
    };
    assert_eq!(fault(enc(login, 1).await).0, KmeFault::Html);
    for text in ["", "key", "\u{0}\u{1}", "{\"keys\":[]}x"] {
        assert_eq!(
            fault(enc(Answer::ok(text), 1).await).0,
            KmeFault::NotJson,
            "{text:?}"
        );
    }
    for text in ["{", "{\"keys\":[", "{\"keys\":[{\"key_ID\":\"a"] {
        let cut = KmeFault::CutOff(text.len());
        assert_eq!(fault(enc(Answer::ok(text), 1).await).0, cut, "{text}");
        assert!(cut.to_string().contains("Content-Length"));
    }
    let nested = "[".repeat(10_000);
    assert_eq!(
        fault(enc(Answer::ok(&nested), 1).await).0,
        KmeFault::WrongShape("key container")
    );
    for text in [
        r#"{"data":{"keys":[]},"status":"ok"}"#,
        "[]",
        "1",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":[{"key_ID":"a"}]}"#,
    ] {
        let shape = KmeFault::WrongShape("key container");
        assert_eq!(fault(enc(Answer::ok(text), 1).await).0, shape, "{text}");
    }
    let latin1 = [b"{\"keys\":\"\xfc\"}".to_vec()].concat();
    let latin1 = Answer::Reply {
        status: 200,
        kind: "application/json",
        body: latin1,
    };
    assert!(enc(latin1, 1).await.is_err());
}

#[tokio::test]
async fn statuses_say_what_to_do() {
    use kme_api::etsi014::{KEYS_NOT_FOUND, SIZE_NOT_MULTIPLE_OF_8};
    let said = |status, text: &str| Answer::json(status, &format!(r#"{{"message":"{text}"}}"#));
    // answer, enc_keys: (blame, retry), dec_keys: (blame, retry)
    let cases = [
        (
            Answer::empty(401),
            (Blame::Config, Retry::Later),
            (Blame::Config, Retry::NextKey),
        ),
        (
            said(403, "no"),
            (Blame::Config, Retry::Later),
            (Blame::Config, Retry::NextKey),
        ),
        (
            Answer::html(401),
            (Blame::Config, Retry::Later),
            (Blame::Config, Retry::NextKey),
        ),
        (
            said(400, KEYS_NOT_FOUND),
            (Blame::Kme, Retry::Later),
            (Blame::Kme, Retry::NextKey),
        ),
        (
            said(404, "unknown"),
            (Blame::Config, Retry::Later),
            (Blame::Kme, Retry::NextKey),
        ),
        (
            Answer::html(404),
            (Blame::Config, Retry::Later),
            (Blame::Kme, Retry::NextKey),
        ),
        (
            said(400, SIZE_NOT_MULTIPLE_OF_8),
            (Blame::Bug, Retry::Never),
            (Blame::Bug, Retry::NextKey),
        ),
        (
            said(400, "not enough keys"),
            (Blame::Kme, Retry::Later),
            (Blame::Kme, Retry::NextKey),
        ),
        (
            said(503, "no keys"),
            (Blame::Kme, Retry::Later),
            (Blame::Kme, Retry::Later),
        ),
        (
            Answer::empty(500),
            (Blame::Kme, Retry::Later),
            (Blame::Kme, Retry::Later),
        ),
        (
            Answer::html(504),
            (Blame::Network, Retry::Later),
            (Blame::Network, Retry::Later),
        ),
        (
            Answer::empty(429),
            (Blame::Kme, Retry::Later),
            (Blame::Kme, Retry::Later),
        ),
        (
            Answer::empty(204),
            (Blame::Kme, Retry::Later),
            (Blame::Kme, Retry::NextKey),
        ),
        (
            Answer::empty(418),
            (Blame::Kme, Retry::Later),
            (Blame::Kme, Retry::NextKey),
        ),
    ];
    for (answer, of_enc, of_dec) in cases {
        let (fault_enc, blame, retry) = fault(enc(answer.clone(), 1).await);
        assert_eq!((blame, retry), of_enc, "enc_keys: {fault_enc}");
        let (fault_dec, blame, retry) = fault(dec(answer, &[id("a")]).await);
        assert_eq!((blame, retry), of_dec, "dec_keys: {fault_dec}");
    }
}

#[tokio::test]
async fn a_kmes_words_are_quoted_cut_and_clean() {
    let words = format!("no\\u001b[31m keys\\n{}", "x".repeat(500));
    let answer = Answer::json(503, &format!(r#"{{"message":"{words}","details":"d"}}"#));
    let error = enc(answer, 1).await.err().unwrap().to_string();
    assert!(
        error.contains("503") && error.contains("\"no[31m keys xxx"),
        "{error}"
    );
    assert!(
        error.len() < 350 && !error.chars().any(char::is_control),
        "{error}"
    );
    let fastapi = Answer::json(422, r#"{"detail":"value is not valid"}"#);
    let error = enc(fastapi, 1).await.err().unwrap().to_string();
    assert!(
        error.contains("422") && error.contains("value is not valid"),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let answer =
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec();
    let (_pki, kme, config) = kme_answering(Answer::Raw(answer)).await;
    let error = client(config).enc_keys(1, 256).await;
    let (redirected, blame, _) = fault(error);
    assert!(matches!(
        redirected,
        KmeFault::Redirected { status: 302, .. }
    ));
    assert_eq!(blame, Blame::Config);
    let text = redirected.to_string();
    assert!(
        text.contains("\"/elsewhere\"") && text.contains("set url"),
        "{text}"
    );
    assert_eq!(kme.seen().len(), 1);
}

#[tokio::test]
async fn status_is_read_leniently() {
    let text = r#"{"source_KME_ID":"kme-a","stored_key_count":96000,"max_key_count":10,
        "key_size":"256","x":{}}"#;
    let (_pki, _kme, config) = kme_answering(Answer::ok(text)).await;
    let status = client(config).status().await.unwrap();
    assert_eq!((status.stored_key_count, status.key_size), (96_000, 256));
    let (_pki, _kme, config) = kme_answering(Answer::ok("[]x")).await;
    assert_eq!(fault(client(config).status().await).0, KmeFault::NotJson);
}

#[tokio::test]
async fn what_cannot_be_asked_is_a_bug_and_not_sent() {
    let (_pki, kme, config) = kme_answering(Answer::empty(500)).await;
    let client = client(config);
    for (number, bits) in [
        (0, 256),
        (65, 256),
        (1, 0),
        (1, 255),
        (1, 4104),
        (u32::MAX, 256),
    ] {
        let error = client.enc_keys(number, bits).await.err().unwrap();
        assert_eq!((error.blame(), error.retry()), (Blame::Bug, Retry::Never));
    }
    for ids in [vec![], vec![id("a"), id("A")], vec![id("a"); 65]] {
        assert_eq!(
            client.dec_keys(&ids).await.err().unwrap().blame(),
            Blame::Bug
        );
    }
    assert!(kme.seen().is_empty());
}

/// The answer of a web server instead of a KME.
fn page(status: u16, title: &str, text: &str) -> Answer {
    let body = format!(
        "<html>\r\n<head><TITLE>{title}</TITLE></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <center>{text} SECRET-PAGE</center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    );
    Answer::Reply {
        status,
        kind: "text/html",
        body: body.into_bytes(),
    }
}

#[tokio::test]
async fn pages_about_our_certificate_name_it() {
    let apache = "Reason: Cannot perform Post-Handshake Authentication.";
    for (answer, words) in [
        (
            page(400, "400 The SSL certificate error", ""),
            "400 The SSL certificate error",
        ),
        (
            page(400, "400 No required SSL certificate was sent", ""),
            "No required SSL certificate",
        ),
        (page(495, "Error", ""), "495"),
        (page(496, "Error", ""), "496"),
        (
            page(403, "Forbidden", "403.7 - Client certificate required."),
            "403",
        ),
        (
            page(
                401,
                "Unauthorized",
                "No client certificate chain in this request",
            ),
            "401",
        ),
        (
            Answer::json(403, r#"{"message":"Client certificate not trusted"}"#),
            "not trusted",
        ),
        (page(403, "403 Forbidden", apache), "SSLVerifyClient"),
    ] {
        for by_id in [false, true] {
            let result = match by_id {
                true => dec(answer.clone(), &[id("a")]).await,
                false => enc(answer.clone(), 1).await,
            };
            let error = result.err().unwrap();
            let text = error.to_string();
            assert_eq!(error.complaint(), Complaint::OurCertificate, "{text}");
            assert!(text.contains(words) && !text.contains("SECRET"), "{text}");
            match error {
                Error::Certificate {
                    fault: CertificateFault::AskedTooLate { .. },
                    ..
                } => {
                    assert!(words == "SSLVerifyClient", "{text}");
                }
                error => {
                    assert_eq!(
                        (error.blame(), error.retry()),
                        (Blame::Config, Retry::Later)
                    );
                    assert!(
                        text.contains("sae.pem") && text.contains("issued by CN=lab CA"),
                        "{text}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn answers_of_proxies_and_the_like_are_told_from_the_kmes() {
    let text = |status, text: &str| Answer::Reply {
        status,
        kind: "text/plain",
        body: text.as_bytes().to_vec(),
    };
    for (answer, complaint, blame, words) in [
        (
            page(502, "502 Bad Gateway", ""),
            Complaint::NoAnswer,
            Blame::Network,
            "502 Bad Gateway",
        ),
        (
            page(503, "503 Service Unavailable", ""),
            Complaint::NoAnswer,
            Blame::Network,
            "a proxy answers",
        ),
        (
            page(504, "504 Gateway Time-out", ""),
            Complaint::NoAnswer,
            Blame::Network,
            "does the proxy reach it",
        ),
        (
            Answer::empty(502),
            Complaint::NoAnswer,
            Blame::Network,
            "a proxy answers",
        ),
        (
            text(503, "no healthy upstream"),
            Complaint::NoAnswer,
            Blame::Network,
            "no healthy upstream",
        ),
        (
            Answer::json(504, r#"{"message":"peer KME down"}"#),
            Complaint::Unavailable,
            Blame::Kme,
            "peer KME down",
        ),
        (
            Answer::json(503, r#"{"message":"try again"}"#),
            Complaint::NoKeys,
            Blame::Kme,
            "cannot serve now",
        ),
        (
            page(500, "500 Internal Server Error", ""),
            Complaint::Unavailable,
            Blame::Kme,
            "500",
        ),
        (
            page(403, "403 Forbidden", ""),
            Complaint::Refusal,
            Blame::Config,
            "403 Forbidden",
        ),
        (
            text(403, "Access denied"),
            Complaint::Refusal,
            Blame::Config,
            "Access denied",
        ),
        (
            page(401, "401 Unauthorized", ""),
            Complaint::Refusal,
            Blame::Config,
            "does not give this SAE",
        ),
        (
            page(404, "404 Not Found", ""),
            Complaint::Refusal,
            Blame::Config,
            "check url",
        ),
        (
            page(405, "Method Not Allowed", ""),
            Complaint::Refusal,
            Blame::Kme,
            "form = ",
        ),
        (
            page(421, "Misdirected Request", ""),
            Complaint::Refusal,
            Blame::Kme,
            "another host",
        ),
        (
            Answer::empty(304),
            Complaint::NoAnswer,
            Blame::Network,
            "a cache answers",
        ),
        (
            page(407, "Proxy Authentication Required", ""),
            Complaint::NoAnswer,
            Blame::Network,
            "it wants a login",
        ),
        (
            page(511, "Login", ""),
            Complaint::NoAnswer,
            Blame::Network,
            "a network that wants a login",
        ),
        (
            Answer::Raw(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\0"
                    .to_vec(),
            ),
            Complaint::Nonsense,
            Blame::Kme,
            "\"gzip\"",
        ),
        (
            page(308, "Moved", ""),
            Complaint::Refusal,
            Blame::Config,
            "sends us elsewhere",
        ),
        (
            page(200, "Login", ""),
            Complaint::Nonsense,
            Blame::Config,
            "HTML page instead of JSON",
        ),
        (
            Answer::empty(200),
            Complaint::Nonsense,
            Blame::Kme,
            "not JSON",
        ),
    ] {
        let error = enc(answer, 1).await.err().unwrap();
        let text = error.to_string();
        assert_eq!(
            (error.complaint(), error.blame()),
            (complaint, blame),
            "{text}"
        );
        assert!(text.contains(words) && !text.contains("SECRET"), "{text}");
        assert_eq!(error.retry(), Retry::Later, "{text}");
    }
}

#[tokio::test]
async fn a_shortage_is_one_whatever_its_status() {
    for (status, words) in [
        (400, "Not enough keys available"),
        (400, "insufficient key material"),
        (401, "No keys available for this pair of SAEs"),
        (404, "no key available"),
        (409, "The key pool is exhausted"),
        (422, "requested number of keys is not available"),
        (500, "ran out of keys"),
        (503, "the store of keys is empty"),
    ] {
        let answer = Answer::json(status, &format!(r#"{{"message":"{words}"}}"#));
        let error = enc(answer.clone(), 1).await.err().unwrap();
        assert_eq!(error.complaint(), Complaint::NoKeys, "{error}");
        assert_eq!(
            (error.blame(), error.retry()),
            (Blame::Kme, Retry::Later),
            "{error}"
        );
        assert!(error.to_string().contains("has no keys now"), "{error}");
    }
    // An unknown text, for a request that was served before.
    let (_pki, _kme, config) = {
        let pki = crate::pki::Pki::new();
        let kme = crate::lab::Kme::start(&pki, |n, _| match n {
            1 => Answer::ok(&crate::lab::container(&[("a", &crate::lab::key32(1))])),
            _ => Answer::json(400, r#"{"message":"Bitte warten"}"#),
        })
        .await;
        let config = pki.config(&kme);
        (pki, kme, config)
    };
    let asked = client(config);
    let error = asked.enc_keys(1, 256).await.err().unwrap();
    assert_eq!(error.complaint(), Complaint::Refusal, "{error}");
    assert!(asked.enc_keys(1, 256).await.is_ok());
    let error = asked.enc_keys(1, 256).await.err().unwrap();
    assert_eq!(error.complaint(), Complaint::NoKeys, "{error}");
    assert!(
        error
            .to_string()
            .contains("served before: \"Bitte warten\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_named_key_that_is_refused_may_be_on_its_way() {
    let said = |status, text: &str| Answer::json(status, &format!(r#"{{"message":"{text}"}}"#));
    for answer in [
        said(400, "Some of the requested keys do not exist in this KME."),
        said(400, "Bitte warten"),
        said(404, "whatever"),
        said(401, "not your key"),
        said(409, "key is being synchronised"),
        said(422, "no"),
        said(410, "gone"),
        Answer::empty(400),
        Answer::html(404),
    ] {
        let error = dec(answer, &[id("a")]).await.err().unwrap();
        assert_eq!(error.complaint(), Complaint::NotFound, "{error}");
        assert_eq!(error.retry(), Retry::NextKey, "{error}");
    }
    for answer in [
        said(403, "no"),
        page(400, "400 The SSL certificate error", ""),
    ] {
        let error = dec(answer, &[id("a")]).await.err().unwrap();
        assert_ne!(error.complaint(), Complaint::NotFound, "{error}");
    }
}

#[tokio::test]
async fn a_kme_that_asks_for_a_pause_gets_it() {
    let busy = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    let (_pki, kme, config) = {
        let pki = crate::pki::Pki::new();
        let kme = crate::lab::Kme::start(&pki, |n, _| match n {
            0 => Answer::Raw(busy.to_vec()),
            _ => Answer::ok(&crate::lab::container(&[("a", &crate::lab::key32(1))])),
        })
        .await;
        let config = pki.config(&kme);
        (pki, kme, config)
    };
    let client = client(config);
    let start = Instant::now();
    let mut failures = 0;
    while let Err(error) = client.enc_keys(1, 256).await {
        assert_eq!(error.complaint(), Complaint::Unavailable, "{error}");
        assert!(error.to_string().contains("not before"), "{error}");
        failures += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        start.elapsed() >= Duration::from_secs(1) && failures > 1,
        "{failures}"
    );
    assert_eq!(kme.seen().len(), 2, "it is left alone meanwhile");
}

#[tokio::test]
async fn a_success_without_a_key_is_a_shortage() {
    for (answer, words) in [
        (
            Answer::ok(r#"{"message":"not enough keys"}"#),
            "not enough keys",
        ),
        (Answer::ok(r#"{"Error":{"code":7,"Msg":"wait"}}"#), "wait"),
        (Answer::ok(r#"{"keys":null,"message":"wait"}"#), "wait"),
        (Answer::ok(r#"{"keys":[]}"#), ""),
        (Answer::ok("{}"), ""),
        (
            Answer::json(202, r#"{"message":"key is being relayed"}"#),
            "relayed",
        ),
        (Answer::empty(202), ""),
        (Answer::empty(204), ""),
    ] {
        let error = enc(answer.clone(), 1).await.err().unwrap();
        let text = error.to_string();
        assert_eq!(error.complaint(), Complaint::NoKeys, "{text}");
        assert_eq!((error.blame(), error.retry()), (Blame::Kme, Retry::Later));
        assert!(text.contains(words), "{text}");
        let error = dec(answer, &[id("a")]).await.err().unwrap();
        let text = error.to_string();
        assert_eq!(error.complaint(), Complaint::NotFound, "{text}");
        assert_eq!((error.blame(), error.retry()), (Blame::Kme, Retry::NextKey));
        assert!(
            text.contains(words) && text.contains("not be here yet"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_words_of_a_kme_are_found_in_any_body() {
    let reply = |status, kind, body: &str| Answer::Reply {
        status,
        kind,
        body: body.as_bytes().to_vec(),
    };
    let flask = "<!doctype html>\n<html lang=en>\n<title>503 Service Unavailable</title>\n\
                 <h1>Service Unavailable</h1>\n<p>Not enough keys in the pool.</p>\n";
    let problem = r#"{"type":"about:blank","title":"Not enough keys","status":400}"#;
    let reason = "HTTP/1.1 400 Not enough keys\r\nContent-Length: 0\r\n\r\n";
    for answer in [
        reply(503, "text/plain", "Not enough keys\n"),
        reply(503, "text/html", flask),
        reply(503, "application/json", r#""Not enough keys""#),
        reply(400, "application/json", r#"{"Message":"Not enough keys"}"#),
        reply(
            400,
            "application/json",
            r#"{"errors":[{"msg":"Not enough keys"}]}"#,
        ),
        reply(400, "application/problem+json", problem),
        reply(400, "application/octet-stream", "Not enough keys"),
        reply(400, "", "Not enough keys"),
        Answer::Raw(reason.into()),
    ] {
        let error = enc(answer, 1).await.err().unwrap();
        let text = error.to_string();
        assert_eq!(error.complaint(), Complaint::NoKeys, "{text}");
        assert!(text.contains("has no keys now"), "{text}");
        assert!(text.contains("Not enough keys"), "{text}");
    }
    // The peer's key: the KME cannot serve it now, and no proxy is to blame.
    let answer = reply(503, "text/plain", "the key is not yet synchronised");
    let error = dec(answer, &[id("a")]).await.err().unwrap();
    assert_eq!(
        (error.complaint(), error.blame()),
        (Complaint::NoKeys, Blame::Kme),
        "{error}"
    );
    let answer = reply(400, "", r#""The key is unknown""#);
    let error = dec(answer, &[id("a")]).await.err().unwrap();
    assert_eq!(error.complaint(), Complaint::NotFound, "{error}");
    assert!(error.to_string().contains("The key is unknown"), "{error}");
}
