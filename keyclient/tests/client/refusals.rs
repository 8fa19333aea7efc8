//! Answers without keys: refusals, web pages, nonsense.

use keyclient::{Blame, KmeFault, Retry};

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
    for text in [
        "",
        "{",
        "{\"keys\":[",
        "key",
        "\u{0}\u{1}",
        "{\"keys\":[]}x",
    ] {
        assert_eq!(
            fault(enc(Answer::ok(text), 1).await).0,
            KmeFault::NotJson,
            "{text:?}"
        );
    }
    let nested = "[".repeat(10_000);
    assert_eq!(
        fault(enc(Answer::ok(&nested), 1).await).0,
        KmeFault::WrongShape("key container")
    );
    for text in [
        "{}",
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
    use keyclient::model::{KEYS_NOT_FOUND, SIZE_NOT_MULTIPLE_OF_8};
    let said = |status, text: &str| Answer::json(status, &format!(r#"{{"message":"{text}"}}"#));
    // answer, enc_keys: (blame, retry), dec_keys: (blame, retry)
    let cases = [
        (
            Answer::empty(401),
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
            (Blame::Kme, Retry::Later),
            (Blame::Kme, Retry::Later),
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
        error.contains("503") && error.contains("\"no[31m keysxxx"),
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
    assert!(matches!(
        fault(error).0,
        KmeFault::Status { status: 302, .. }
    ));
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
