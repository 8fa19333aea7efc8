//! The lab's own eye on the line: a socket of its own at each end, beside the encryptors.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use port::packet::{Packet, PacketConfig};
use port::pcap::{InterfaceId, PcapngWriter};
use port::{Burst, Port, PortError};

use super::line_watch::{LineReport, LineWatch};
use super::netns::Netns;
use super::topology::Site;

/// Between two looks at an empty ring. The ring holds what comes meanwhile.
const NAP: Duration = Duration::from_millis(2);

/// Octets of the ring.
const RING_OCTETS: usize = 64 << 20;

/// Keeps the line's frames for Wireshark: both directions in one file, as two interfaces.
#[derive(Clone)]
pub(crate) struct Recorder {
    file: Arc<Mutex<PcapngWriter<BufWriter<File>>>>,
    /// What arrives at A's and at B's end.
    interfaces: [InterfaceId; 2],
}

impl Recorder {
    /// Makes the file.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut file = PcapngWriter::new(BufWriter::new(File::create(path)?), "qmacsec lab")?;
        let interfaces = [
            file.interface("line: b to a")?,
            file.interface("line: a to b")?,
        ];
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
            interfaces,
        })
    }

    fn keep(&self, site: Site, frame: &[u8]) -> io::Result<()> {
        let interface = self.interfaces[usize::from(site == Site::B)];
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_err(io::Error::other)?;
        self.file()?.frame(interface, now, None, frame)
    }

    /// Writes out what is held back.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.file()?.flush()
    }

    fn file(&self) -> io::Result<MutexGuard<'_, PcapngWriter<BufWriter<File>>>> {
        self.file
            .lock()
            .map_err(|_| io::Error::other("a thread died while it wrote the capture"))
    }
}

/// Watches what arrives at one end of the line.
pub(crate) struct Sniffer {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<LineReport>>,
    thread: JoinHandle<io::Result<Sniffed>>,
}

/// What a sniffer saw in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sniffed {
    pub(crate) line: LineReport,
    /// Frames that its socket could not keep up with: then "none in clear" would be no proof.
    pub(crate) missed: u64,
}

impl Sniffer {
    /// Opens the socket where frames that go to `site` arrive; they are seen from now on.
    pub(crate) fn start(
        (netns, interface): (&Netns, &'static str),
        site: Site,
        rekey_ethertype: u16,
        recorder: Option<Recorder>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(LineReport::default()));
        let (their_stop, their_seen) = (Arc::clone(&stop), Arc::clone(&seen));
        let (opened, ready) = std::sync::mpsc::sync_channel(1);
        let thread = netns.run(move || {
            std::thread::Builder::new()
                .name(format!("sniff-{}", site.letter()))
                .spawn(move || {
                    let port = match open(interface) {
                        Ok(port) => port,
                        Err(error) => {
                            let _nobody_waits = opened.send(Err(io::Error::other(error)));
                            return Ok(Sniffed::default());
                        }
                    };
                    let _nobody_waits = opened.send(Ok(()));
                    watch(
                        port,
                        site,
                        rekey_ethertype,
                        &their_stop,
                        &their_seen,
                        recorder.as_ref(),
                    )
                })
        })??;
        ready
            .recv()
            .map_err(|_| io::Error::other("the sniffer died"))??;
        Ok(Self { stop, seen, thread })
    }

    /// What was seen until now.
    pub(crate) fn report(&self) -> LineReport {
        self.seen.lock().map(|seen| *seen).unwrap_or_default()
    }

    /// Stops and tells what was seen.
    pub(crate) fn finish(self) -> io::Result<Sniffed> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| io::Error::other("the sniffer died"))?
    }
}

/// A ring that holds some tenths of a second of a full line, while this thread waits for a core.
fn open(interface: &str) -> Result<Packet, PortError> {
    Packet::open(PacketConfig {
        ifname: interface.to_owned(),
        ring_octets: RING_OCTETS,
        ..PacketConfig::default()
    })
}

fn watch(
    mut port: Packet,
    site: Site,
    rekey_ethertype: u16,
    stop: &AtomicBool,
    seen: &Mutex<LineReport>,
    recorder: Option<&Recorder>,
) -> io::Result<Sniffed> {
    let mut line = LineWatch::new(rekey_ethertype);
    let mut burst = Burst::new();
    loop {
        // Read before the ring is: what came before the order to stop is still looked at.
        let last_look = stop.load(Ordering::Relaxed);
        port.rx_burst(&mut burst);
        let idle = burst.is_empty();
        for frame in burst.drain(..) {
            line.observe(frame.bytes());
            if let Some(recorder) = recorder {
                recorder.keep(site, frame.bytes())?;
            }
        }
        if idle {
            if let Ok(mut seen) = seen.lock() {
                *seen = line.report();
            }
            if last_look {
                return Ok(Sniffed {
                    line: line.report(),
                    missed: port.counters().rx_ring_full,
                });
            }
            std::thread::sleep(NAP);
        }
    }
}
