use std::time::Duration;

use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::builder;

/// Returns the client's end of an HTTP/1.1 connection with a time limit of 200 ms for a whole head.
fn connection() -> DuplexStream {
    let (client, server) = duplex(1024);
    tokio::spawn(async move {
        let http = builder(false, Duration::from_millis(200));
        let service = TowerToHyperService::new(Router::new());
        let _ = http.serve_connection(TokioIo::new(server), service).await;
    });
    client
}

async fn ends(mut client: DuplexStream) -> String {
    let mut rest = String::new();
    let read = client.read_to_string(&mut rest);
    timeout(Duration::from_secs(5), read)
        .await
        .expect("still open")
        .unwrap();
    rest
}

#[tokio::test]
async fn an_incomplete_head_ends_the_connection() {
    let mut client = connection();
    client.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    assert!(!ends(client).await.contains("404"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let mut client = connection();
    for _ in 0..4 {
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut head = [0; 12];
        client.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 404");
        // Discard the rest of this reply.
        let mut rest = [0; 512];
        let mut end = 0;
        while !rest[..end].ends_with(b"\r\n\r\n") {
            end += client.read(&mut rest[end..]).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    assert_eq!(ends(client).await, "");
}
