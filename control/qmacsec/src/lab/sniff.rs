//! The lab's own eye on the line: a socket of its own at each end, beside the encryptors.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use port::packet::{Packet, PacketConfig};
use port::pcap::PcapngWriter;
use port::{Burst, Port};

use super::line_watch::{LineReport, LineWatch};
use super::netns::Netns;
use super::topology::{BLACK, Site};

/// Between two looks at an empty ring. The ring holds what comes meanwhile.
const NAP: Duration = Duration::from_millis(2);

/// Keeps the line's frames for Wireshark.
pub(crate) type Recorder = Arc<Mutex<PcapngWriter<BufWriter<File>>>>;

/// Makes the recorder; both directions go into one file, as two interfaces.
pub(crate) fn recorder(path: &Path) -> io::Result<Recorder> {
    let file = BufWriter::new(File::create(path)?);
    let mut writer = PcapngWriter::new(file)?;
    for site in Site::BOTH {
        writer.add_interface(&format!("line: {} to {}", site.other().letter(), site.letter()))?;
    }
    Ok(Arc::new(Mutex::new(writer)))
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
    /// Opens the socket at the line's end of `site`; frames that arrive there are seen from now on.
    pub(crate) fn start(netns: &Netns, site: Site, rekey_ethertype: u16, recorder: Option<Recorder>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(LineReport::default()));
        let (their_stop, their_seen) = (Arc::clone(&stop), Arc::clone(&seen));
        let (opened, ready) = std::sync::mpsc::sync_channel(1);
        let thread = netns.run(move || {
            std::thread::Builder::new().name(format!("sniff-{}", site.letter())).spawn(move || {
                let port = match Packet::open(PacketConfig { ifname: BLACK.to_owned(), ..PacketConfig::default() }) {
                    Ok(port) => port,
                    Err(error) => {
                        let _nobody_waits = opened.send(Err(io::Error::other(error)));
                        return Ok(Sniffed::default());
                    }
                };
                let _nobody_waits = opened.send(Ok(()));
                watch(port, site, rekey_ethertype, &their_stop, &their_seen, recorder.as_ref())
            })
        })??;
        ready.recv().map_err(|_| io::Error::other("the sniffer died"))??;
        Ok(Self { stop, seen, thread })
    }

    /// What was seen until now.
    pub(crate) fn report(&self) -> LineReport {
        self.seen.lock().map(|seen| *seen).unwrap_or_default()
    }

    /// Stops and tells what was seen.
    pub(crate) fn finish(self) -> io::Result<Sniffed> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the sniffer died"))?
    }
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
    let interface = u32::from(site == Site::B);
    loop {
        // Read before the ring is: what came before the order to stop is still looked at.
        let last_look = stop.load(Ordering::Relaxed);
        port.rx_burst(&mut burst);
        let idle = burst.is_empty();
        for frame in burst.drain(..) {
            line.observe(frame.bytes());
            if let Some(recorder) = recorder {
                let mut recorder = recorder.lock().map_err(|_| io::Error::other("the other sniffer died"))?;
                recorder.write_frame(interface, std::time::SystemTime::now(), frame.bytes())?;
            }
        }
        if idle {
            if let Ok(mut seen) = seen.lock() {
                *seen = line.report();
            }
            if last_look {
                return Ok(Sniffed { line: line.report(), missed: port.counters().rx_ring_full });
            }
            std::thread::sleep(NAP);
        }
    }
}
