use super::{receive, send, send_whole};

#[tokio::test]
async fn frames_arrive_whole_and_in_order_and_a_long_one_is_refused() {
    let (mut a, mut b) = tokio::io::duplex(7);
    let sent = tokio::spawn(async move {
        for content in [&b""[..], b"one", &[7; 100], &[8; 101]] {
            send(&mut a, content).await.unwrap();
            send_whole(&mut a, content).await.unwrap();
        }
    });
    for expected in [&b""[..], b"one", &[7; 100]] {
        for _ in 0..2 {
            assert_eq!(**receive(&mut b, 100).await.unwrap(), *expected);
        }
    }
    let error = receive(&mut b, 100).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a frame of 101 octets; at most 100 are allowed here"
    );
    drop(b);
    assert!(sent.await.is_err(), "the receiver is gone");
}
