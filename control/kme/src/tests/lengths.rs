//! Tests of requests that give the length of their body in two ways, or as chunks.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::world::{World, supply};

const POST: &str = "POST /api/v1/keys/sae-b/enc_keys HTTP/1.1\r\nhost: x\r\n";

/// Sends octets on a new connection and returns the replies until the KME closes it.
async fn replies(world: &World, parts: &[&str]) -> String {
    let mut stream = world.connect("sae-a").await;
    for part in parts {
        stream.write_all(part.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut text = Vec::new();
    // The connection may end with a reset, because the KME may leave the body unread.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn both_lengths_are_refused_and_the_connection_is_closed() {
    let world = World::two(supply(10)).await;
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    for headers in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 2\r\n",
        "TRANSFER-ENCODING: CHUNKED\r\na: b\r\nCONTENT-LENGTH: 12\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let text = replies(&world, &[POST, headers, "\r\n", chunks]).await;
        assert!(text.starts_with("HTTP/1.1 400"), "{headers}: {text}");
        assert!(text.to_lowercase().contains("connection: close"), "{text}");
        assert!(
            text.contains("Content-Length and Transfer-Encoding"),
            "{text}"
        );
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    }
    assert_eq!(world.kmes.snapshot().pool_keys, 10);
}

#[tokio::test]
async fn a_chunked_body_is_read_and_is_the_last_of_its_connection() {
    let world = World::two(supply(10)).await;
    let chunked =
        format!("{POST}transfer-encoding: chunked\r\n\r\nc\r\n{{\"number\":2}}\r\n0\r\n\r\n");
    let text = replies(&world, &[&chunked]).await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert_eq!(text.matches("key_ID\"").count(), 2, "{text}");
    // A second request after a chunked one is not served, whatever length it gives.
    let text = replies(&world, &[&chunked, &chunked]).await;
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    assert_eq!(world.kmes.snapshot().pool_keys, 6);
}

#[tokio::test]
async fn both_lengths_are_refused_after_another_request() {
    let world = World::two(supply(10)).await;
    let first = format!("{POST}content-length: 2\r\n\r\n{{}}");
    let both = format!(
        "{POST}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
    );
    let text = replies(&world, &[&first, &both]).await;
    assert_eq!(text.matches("HTTP/1.1 200").count(), 1, "{text}");
    assert_eq!(text.matches("HTTP/1.1 400").count(), 1, "{text}");
    let together = format!("{first}{both}");
    let text = replies(&world, &[&together]).await;
    assert_eq!(text.matches("HTTP/1.1 200").count(), 1, "{text}");
    assert_eq!(text.matches("HTTP/1.1 400").count(), 1, "{text}");
    assert_eq!(world.kmes.snapshot().pool_keys, 8);
}
