use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::*;

async fn listeners() -> (Listeners, Channels) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let any = Channels {
        quantum: any,
        classical: any,
    };
    let listeners = Listeners::bind(&any).await.unwrap();
    let channels = listeners.channels().unwrap();
    (listeners, channels)
}

#[tokio::test]
async fn a_session_has_the_two_connections_of_one_opening() {
    let (listeners, channels) = listeners().await;
    // Strangers: another protocol, the wrong channel, the quantum channel of another session.
    let mut noise = TcpStream::connect(channels.classical).await.unwrap();
    frame::send(&mut noise, b"GET / HTTP/1.1").await.unwrap();
    let _swapped = open(channels.classical, Purpose::Quantum, [1; 16])
        .await
        .unwrap();
    let mut other = open(channels.quantum, Purpose::Quantum, [2; 16])
        .await
        .unwrap();
    let (accepted, connected) = tokio::join!(listeners.accept(), connect(&channels));
    let (mut bob, mut alice) = (accepted.unwrap(), connected.unwrap());
    frame::send(&mut alice.quantum, b"signals").await.unwrap();
    frame::send(&mut bob.classical, b"frame").await.unwrap();
    let received = frame::receive(&mut bob.quantum, 99, OPENING).await.unwrap();
    assert_eq!(*received, b"signals");
    let received = frame::receive(&mut alice.classical, 99, OPENING)
        .await
        .unwrap();
    assert_eq!(*received, b"frame");
    assert_eq!(other.read(&mut [0]).await.unwrap(), 0, "closed");
}

#[tokio::test]
async fn a_frame_beyond_the_limit_ends_the_session_before_it_is_read() {
    let (listeners, channels) = listeners().await;
    let (accepted, connected) = tokio::join!(listeners.accept(), connect(&channels));
    let (mut bob, mut alice) = (accepted.unwrap(), connected.unwrap());
    frame::send(&mut alice.classical, &[0; 100]).await.unwrap();
    let refused = frame::receive(&mut bob.classical, 99, OPENING)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("100 octets"), "{refused}");
    let silent = frame::receive(&mut bob.quantum, 99, Duration::from_millis(20)).await;
    assert_eq!(silent.unwrap_err().kind(), io::ErrorKind::TimedOut);
}
