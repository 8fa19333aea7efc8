use super::{BODY_OCTETS_MAX, Body};

fn body(octets: &[u8]) -> Body {
    let mut body = Body::with_capacity(0);
    assert!(body.push(octets));
    body
}

#[test]
fn a_body_grows_up_to_its_limit() {
    let mut body = body(b"");
    let chunk = [7; 1000];
    let mut taken = 0;
    while body.push(&chunk) {
        taken += chunk.len();
    }
    assert_eq!(taken, BODY_OCTETS_MAX / 1000 * 1000);
    assert!(body.json().len() == taken && body.json().iter().all(|&octet| octet == 7));
    assert!(body.push(&[]), "nothing always fits");
}

#[test]
fn a_byte_order_mark_is_no_json() {
    assert_eq!(body(b"").json(), b"");
    assert_eq!(body(b"\xef\xbb\xbf{}").json(), b"{}");
}

#[test]
fn json_is_whole_when_nothing_is_missing_at_its_end() {
    let text = r#"{"keys":[{"key_ID":"a]}","key":"AA=="}]}"#;
    for end in 0..text.len() {
        assert!(!body(&text.as_bytes()[..end]).is_whole_json(), "{end}");
    }
    for whole in [text.to_owned(), format!("\u{feff}{text}\r\n"), "{}".into()] {
        assert!(body(whole.as_bytes()).is_whole_json(), "{whole}");
    }
    // More octets may follow a number or a word.
    for word in ["1", "true", "", "x}", "{}}"] {
        assert!(!body(word.as_bytes()).is_whole_json(), "{word}");
    }
}

#[test]
fn what_stands_before_the_json_is_skipped() {
    assert_eq!(body(b"\r\n\xef\xbb\xbf{}").json(), b"{}");
    assert!(body(b"\n\xef\xbb\xbf\n {\"a\":\"\\\"}\"}\n").is_whole_json());
}

#[test]
fn numbers_that_python_writes_are_zero() {
    for (sent, read) in [
        ("{\"a\":NaN}", "{\"a\":0  }"),
        ("[-Infinity,Infinity]", "[-0       ,0       ]"),
        ("[\"NaN\",\"\\\"NaN\",NaN]", "[\"NaN\",\"\\\"NaN\",0  ]"),
        ("Not a NaN", "Not a NaN"),
        ("", ""),
    ] {
        let mut body = body(sent.as_bytes());
        body.forgive();
        assert_eq!(body.json(), read.as_bytes(), "{sent}");
    }
}

#[test]
fn control_characters_are_spaces() {
    let mut body = body(b"{\r\n\t\"key\":\"AA\n==\"}");
    body.forgive();
    assert_eq!(body.json(), b"{   \"key\":\"AA ==\"}");
}
