use super::{Words, judge};
use crate::text::Texts;

fn words(status: u16, kind: &str, body: &str) -> Words {
    judge(&Texts::of(body.as_bytes(), kind), status)
}

#[test]
fn a_shortage_is_found_in_any_form() {
    let python = "<!DOCTYPE HTML><html lang=\"en\"><head><title>Error response</title></head><body>\
                  <h1>Error response</h1><p>Error code: 503</p><p>Message: Not enough keys.</p>";
    let tomcat = "<!doctype html><html><head><title>HTTP Status 503</title></head><body>\
                  <p><b>Message</b> QKD key store exhausted</p></body></html>";
    for (kind, body) in [
        ("text/plain", "Not enough keys"),
        ("", "Not enough keys"),
        ("application/json", r#""Not enough keys""#),
        ("application/json", r#"{"code":"NOT_ENOUGH_KEYS"}"#),
        ("application/json", r#"{"Error":"InsufficientKeys"}"#),
        (
            "application/json",
            r#"{"message":"Bad","details":[{"reason":"insufficient keys"}]}"#,
        ),
        (
            "application/xml",
            "<e><message>not enough keys</message></e>",
        ),
        ("text/html", python),
        ("text/html", tomcat),
    ] {
        for status in [400, 401, 404, 409, 500, 503] {
            let words = words(status, kind, body);
            assert!(words.shortage && words.of_keys, "{status} {body}");
            let shown = words.message.as_str().to_ascii_lowercase();
            assert!(shown.contains("key"), "{shown}");
        }
    }
}

#[test]
fn words_of_other_servers_are_no_shortage() {
    for (kind, body) in [
        ("text/plain", "no healthy upstream"),
        ("text/plain", "GET /api/v1/keys/b/enc_keys: try again later"),
        (
            "text/html",
            "<title>503 Service Unavailable</title><h1>Service Unavailable</h1>\
             <p>The server is temporarily unable to service your request. Please try again.</p>\
             <address>Apache Server at key.example.org Port 443</address>",
        ),
        (
            "text/html",
            "<h1>503</h1>No server is available. Keycloak, try again",
        ),
        (
            "text/html",
            "<title>404 Not Found</title><p>The page is not available</p>",
        ),
    ] {
        for status in [400, 404, 503] {
            let words = words(status, kind, body);
            assert!(status == 400 || !words.shortage, "{status} {body}");
            assert!(status == 400 || !words.of_keys, "{status} {body}");
        }
    }
    // Refused, not exhausted.
    let scope = words(
        401,
        "application/json",
        r#"{"message":"insufficient scope"}"#,
    );
    assert!(!scope.shortage);
}

#[test]
fn the_text_that_tells_most_is_shown() {
    let body = r#"{"message":"Bad request","details":[{"a":"x y"},{"reason":"no keys left"}]}"#;
    let shown = words(400, "application/json", body).message;
    assert_eq!(shown.as_str(), "Bad request: no keys left");
    let long = format!(
        r#"{{"message":"{}","reason":"no keys left"}}"#,
        "x ".repeat(200)
    );
    let shown = words(400, "application/json", &long).message;
    assert_eq!(shown.as_str(), "no keys left");
    // Of a page, only the title and words about keys are shown.
    let page = "<title>Oops</title><p>Ask Bob</p>";
    assert_eq!(words(500, "text/html", page).message.as_str(), "Oops");
}
