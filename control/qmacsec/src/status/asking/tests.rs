use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::*;

/// Asks at a socket that treats each client like this.
fn asked(serve: fn(UnixStream)) -> (String, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            serve(client.unwrap());
        }
    });
    let started = Instant::now();
    let answer = request::<serde_json::Value>(&path, Request::Zeroise);
    (answer.unwrap_err().to_string(), started.elapsed())
}

#[test]
fn a_daemon_that_does_not_answer_is_an_error_of_its_own() {
    let serves: [fn(UnixStream); 2] = [
        |_client| std::thread::sleep(Duration::from_secs(60)),
        |mut client| {
            while client.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(200));
            }
        },
    ];
    for serve in serves {
        let (error, took) = asked(serve);
        assert!(took < PATIENCE * 2, "{took:?}");
        assert!(error.contains("does not answer"), "{error}");
        assert!(error.contains("if it is stopped"), "{error}");
        assert!(!error.contains("temporarily"), "{error}");
    }
}

#[test]
fn a_daemon_with_a_full_queue_is_an_error_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let _stopped = UnixListener::bind(&path).unwrap();
    let mut queue = Vec::new();
    let full = loop {
        match connect_at_once(&path) {
            Ok(client) => queue.push(client),
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let started = Instant::now();
    let error = query::<serde_json::Value>(&path).unwrap_err();
    assert!(started.elapsed() < PATIENCE * 2);
    assert!(error.to_string().contains("does not answer"), "{error}");
}

fn connect_at_once(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket)
}
