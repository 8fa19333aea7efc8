use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{Conversation, Length};
use crate::places::{Places, Standing};

fn conversation() -> Arc<Conversation<u8>> {
    let (place, _go) = Places::new(1, 1).take(&1, Standing::Owing).unwrap();
    Arc::new(Conversation::new(place, false))
}

/// Returns the lengths of requests that arrive whole, each one after the previous reply.
fn lengths(requests: &[&str]) -> Vec<Length> {
    let conversation = conversation();
    let length = |request: &&str| {
        conversation.read(request.as_bytes());
        conversation.called().0
    };
    requests.iter().map(length).collect()
}

#[test]
fn each_way_to_give_the_length() {
    use Length::{Chunked, Counted, Twice};
    let post = |headers: &str| format!("POST /x HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    for (headers, length) in [
        ("", Counted),
        ("Content-Length: 0\r\n", Counted),
        ("transfer-encoding: chunked\r\n", Chunked),
        ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", Twice),
        ("TRANSFER-ENCODING: chunked\r\nCONTENT-LENGTH: 2\r\n", Twice),
        (
            "transfer-encoding: gzip, chunked\r\na: b\r\ncontent-length: 0\r\n",
            Twice,
        ),
        // Similar names of other headers.
        (
            "x-content-length: 2\r\nTransfer-Encoding: chunked\r\n",
            Chunked,
        ),
        (
            "x: Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            Counted,
        ),
    ] {
        assert_eq!(lengths(&[&post(headers)]), [length], "{headers}");
    }
}

#[test]
fn each_request_after_the_previous_reply_is_checked() {
    let counted = "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
    let twice = "POST / HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(
        lengths(&[counted, counted, twice]),
        [Length::Counted, Length::Counted, Length::Twice]
    );
}

#[test]
fn a_head_in_single_octets_and_a_body_that_comes_later() {
    let conversation = conversation();
    for octet in b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n" {
        conversation.read(&[*octet]);
    }
    let (length, serving) = conversation.called();
    assert_eq!(length, Length::Counted);
    conversation.read(b"{");
    conversation.read(b"}");
    drop(serving);
    conversation.read(b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n");
    assert_eq!(conversation.called().0, Length::Twice);
}

#[test]
fn a_request_that_came_before_the_previous_reply_is_not_checked() {
    let first = "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
    let next = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    // Three cases: with the first request, during its service, or split between the two.
    let together = conversation();
    together.read(format!("{first}{next}").as_bytes());
    assert_eq!(together.called().0, Length::Counted);
    assert_eq!(together.called().0, Length::Unknown);

    let meanwhile = conversation();
    meanwhile.read(first.as_bytes());
    let (_, serving) = meanwhile.called();
    meanwhile.read(next.as_bytes());
    drop(serving);
    assert_eq!(meanwhile.called().0, Length::Unknown);

    let halves = conversation();
    halves.read(first.as_bytes());
    let (_, serving) = halves.called();
    halves.read(b"POST /y HTTP/1.1\r\ncontent-length: 5\r\nx: ");
    drop(serving);
    halves.read(next.as_bytes());
    assert_eq!(halves.called().0, Length::Unknown);
}

#[tokio::test]
async fn a_head_is_overdue_and_an_idle_connection_is_not() {
    let conversation = conversation();
    let soon = Duration::from_millis(50);
    let overdue = |wait| timeout(wait, conversation.overdue(soon));
    assert!(overdue(soon * 6).await.is_err());
    for _ in 0..2 {
        conversation.read(b"GET / HTTP/1.1\r\n\r\n");
        drop(conversation.called());
        assert!(overdue(soon * 6).await.is_err());
    }
    conversation.read(b"GET ");
    conversation.read(b"/ HTTP");
    let began = Instant::now();
    assert!(overdue(Duration::from_secs(20)).await.is_ok());
    assert!(began.elapsed() >= soon / 2);
}
