//! A flood of frames on the line that look like rekey frames: control keeps doing all its other
//! work.

use std::net::SocketAddr;
use std::time::Duration;

use lab::encryptor::Encryptor;
use lab::site::Site;
use port::mem;
use port::null::{Null, NullConfig};
use port::{Port, PortError};
use qmacsec::ports::{Opener, Ports};
use qmacsec::status::Report;
use tests::pair::{NAMED_PORTS, Pair};
use tests::patience::wait_until;
use tests::site::{Folder, Settings};

/// Limit for each wait, on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// Returns a valid rekey frame of another pair of boxes.
fn lookalike() -> Vec<u8> {
    let pair = Pair::start_talking(&Settings::default());
    let mut frames = Vec::new();
    wait_until("a rekey frame on the line", LIMIT, || {
        frames.extend(pair.line.seen(Site::B).rekey_frames.pop_back());
        !frames.is_empty()
    });
    frames.remove(0)
}

#[test]
fn a_flood_of_rekey_lookalikes_keeps_neither_status_nor_timers_waiting() {
    let flood = NullConfig {
        templates: vec![lookalike()],
        ..NullConfig::default()
    };
    // The other pair has another secret.
    let folder = Folder::new(&Settings {
        same_secret: false,
        ..Settings::default()
    });
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let file = folder.encryptor(Site::B, NAMED_PORTS, nobody);
    let (near, _far) = mem::pair(16);
    let red: Opener =
        Box::new(|| -> Result<Box<dyn Port>, PortError> { Ok(Box::new(near.open()?)) });
    let black: Opener = Box::new(|| Ok(Box::new(Null::open(flood)?)));
    let ports = Ports::of_one(red, black, Site::B.mac());
    let _encryptor = Encryptor::start(Site::B, ports, file).unwrap();

    let frames = |name: &str| -> Option<u64> {
        let report: Report = qmacsec::status::query(&folder.socket(Site::B)).ok()?;
        report.rekey_frames.get(name).copied()
    };
    wait_until("status in the flood", LIMIT, || {
        frames("received") > Some(20_000)
    });
    // More frames arrive than control accepts: the worker drops and counts the rest.
    wait_until("frames that control does not take", LIMIT, || {
        let report = qmacsec::status::query::<Report>(&folder.socket(Site::B));
        report.is_ok_and(|report| report.sum(|worker| &worker.worker, "InControlOverrun") > 20_000)
    });
    let sent = frames("sent").unwrap();
    wait_until("HELLOs of its own", LIMIT, || {
        frames("sent") > Some(sent + 3)
    });
}
