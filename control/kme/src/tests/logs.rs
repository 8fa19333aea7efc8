//! No log line holds a key, at any level, from our code or from a library.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use super::world::{World, keys, supply};
use crate::faults::{Calls, Fault, Times};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Returns the forms in which octets get into logs: base64, hex, and a debug-printed array.
fn forms(base64: &str) -> [String; 4] {
    let text = serde_json::to_string(base64).unwrap();
    let text: keyclient::SecretText = serde_json::from_str(&text).unwrap();
    let octets = text.decode().unwrap();
    let octets = octets.expose();
    let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let array = format!("{:?}", &octets[..8]);
    [
        base64.to_owned(),
        hex.clone(),
        hex.to_uppercase(),
        array.trim_matches(['[', ']']).to_owned(),
    ]
}

/// The only test that sets the subscriber of the whole process, so that it also sees the `log`
/// lines of the libraries and the lines of other threads.
#[tokio::test]
async fn no_key_is_ever_logged() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .try_init()
        .unwrap();
    let world = World::two(supply(50)).await;
    let faults = world.kmes.faults("kme-b").unwrap();
    let mut all = Vec::new();
    for (number, fault) in [Fault::WrongSize, Fault::DuplicateKeys, Fault::ExtraFields]
        .iter()
        .enumerate()
    {
        let given = world.a.enc("sae-b", 2).await;
        faults.order(*fault, Calls::DecKeys, Times::Next(1));
        let ids: Vec<_> = given.iter().map(|(id, _)| id.as_str()).collect();
        all.extend(keys(&world.b.dec("sae-a", &ids).await));
        all.extend(given);
        assert_eq!(
            world.a.get("sae-b/enc_keys?size=9").await.0,
            400,
            "{number}"
        );
    }
    let mut h2 = super::world::tls(world.dir(), Some("sae-a"), super::world::ALL);
    h2.alpn_protocols = vec![b"h2".to_vec()];
    all.extend(world.client(h2).enc("sae-b", 2).await);

    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    // The log exists and holds the expected lines.
    for expected in [
        "served",
        "refused",
        "fault ordered",
        "sae-a",
        &all[0].0,
        "size shall be a multiple",
    ] {
        assert!(log.contains(expected), "{expected}");
    }
    assert!(
        log.contains("rustls") && log.contains("h2::"),
        "libraries are heard, too"
    );
    for (id, key) in &all {
        for form in forms(key) {
            assert!(!log.contains(&form), "key {id} was logged");
        }
    }
}
