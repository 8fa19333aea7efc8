use super::{TEXTS_MAX, Texts};

fn head(body: &str, kind: &str) -> String {
    Texts::of(body.as_bytes(), kind).head
}

fn all(body: &str, kind: &str) -> Vec<String> {
    let texts = Texts::of(body.as_bytes(), kind);
    texts.all().map(str::to_owned).collect()
}

#[test]
fn the_message_is_found_in_json_of_any_structure() {
    for body in [
        r#"{"message":"it is so"}"#,
        r#"{"Message":"it is so","code":"X"}"#,
        r#""it is so""#,
        r#"["it is so"]"#,
        r#"[{"MESSAGE":"it is so"}]"#,
        r#"{"errors":[{"loc":["a b c"],"msg":"it is so"}]}"#,
        r#"{"type":"about:blank","title":"it is so","status":400}"#,
        r#"{"title":"Bad Request","detail":"it is so"}"#,
        r#"{"error":"bad","error_description":"it is so"}"#,
        r#"{"error":{"code":7,"message":"it is so"}}"#,
        r#"{"data":{"why":"it is so"}}"#,
    ] {
        assert_eq!(head(body, "application/json"), "it is so", "{body}");
    }
    for none in [r#"{"a":1}"#, "{}", "[]", "7", "null", r#"{"id":"x"}"#, ""] {
        assert_eq!(head(none, "application/json"), "", "{none}");
    }
    let both = r#"{"message":"Bad request","details":[{"reason":"no keys"}]}"#;
    assert_eq!(all(both, ""), ["Bad request", "no keys"]);
}

#[test]
fn what_may_be_a_key_is_no_text() {
    let body = r#"{"x":[{"key":"A A"},{"keys":["B B"]},{"Key":"C C"}]}"#;
    assert_eq!(all(body, ""), [""]);
}

#[test]
fn the_texts_of_one_body_are_limited() {
    let body = format!("[{}\"\"]", "\"a b\",".repeat(1000));
    assert_eq!(all(&body, "").len(), TEXTS_MAX);
    let body = "<p>a</p>".repeat(1000);
    assert!(all(&body, "text/html").len() <= TEXTS_MAX + 1);
    let deep = format!("{}\"a b\"{}", "[".repeat(10_000), "]".repeat(10_000));
    let _ = all(&deep, "");
}

#[test]
fn a_page_has_a_title_and_other_texts() {
    let flask = "<!doctype html>\n<html lang=en>\n<title>503 Service Unavailable</title>\n\
                 <h1>Service Unavailable</h1>\n<p>Not enough keys &amp; no &#39;time&#39;.</p>\n";
    assert_eq!(
        all(flask, "text/html"),
        [
            "503 Service Unavailable",
            "Service Unavailable",
            "Not enough keys & no 'time'."
        ]
    );
    let script = "<HTML><style>p { a: b }</style><SCRIPT src=x>if (a<b) x = 'no key'</SCRIPT>\
                  <P>seen</P></HTML>";
    assert_eq!(all(script, "text/html"), ["", "seen"]);
    let xml = "<?xml version=\"1.0\"?><e><id>7</id><message>no\n keys</message></e>";
    assert_eq!(all(xml, "application/xml"), ["no keys", "7"]);
    assert!(Texts::of(xml.as_bytes(), "").page);
    assert_eq!(all("<", ""), [""]);
    assert_eq!(all("<<<>>>", ""), ["", ">>"]);
}

#[test]
fn plain_text_is_one_text_of_any_type() {
    for kind in ["", "text/plain", "application/octet-stream", "text/html"] {
        assert_eq!(all(" no keys\n", kind), ["no keys"], "{kind}");
    }
    let texts = |kind| Texts::of(b"\x1f\x8b\x08\x00cut", kind).head;
    assert_eq!(texts("application/json"), "");
    assert!(Texts::of(b"sch\xf6n", "text/plain").head.starts_with("sch"));
}
