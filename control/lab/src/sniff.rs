//! The lab's own watch of the line: a separate socket at each end, beside the encryptors.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use port::packet::{Packet, PacketConfig};
use port::pcap::{InterfaceId, PcapngWriter};
use port::{Burst, Port, PortError};
use qmacsec::output;

use super::line_watch::{LineReport, LineWatch};
use super::netns::Netns;
use super::site::Site;

/// Pause between two checks of an empty ring. The ring holds the arrivals.
const NAP: Duration = Duration::from_millis(2);

/// Longest wait for a reader of the capture. A longer one would let the ring overflow.
const PATIENCE: Duration = Duration::from_secs(1);

/// Octets of the ring.
const RING_OCTETS: usize = 64 << 20;

/// Keeps the line's frames for Wireshark: both directions in one file, as two interfaces.
#[derive(Clone)]
pub struct Recorder {
    capture: Arc<Mutex<Capture>>,
    /// The capture is a regular file, which can be read again.
    regular: bool,
    /// The interfaces of the frames that arrive at A's and at B's end.
    interfaces: [InterfaceId; 2],
}

/// The capture file. After its end, by its limit or by an error, frames are no longer kept.
struct Capture {
    file: PcapngWriter<BufWriter<Patient>>,
    octets: u64,
    octets_max: u64,
    /// Time of the last frame, since 1970.
    last: Duration,
    /// The reason why it ended.
    ended: Option<String>,
}

/// The capture's file. A pipe whose reader does not read makes it wait only up to a limit.
struct Patient {
    file: File,
    regular: bool,
}

impl Write for Patient {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.regular {
            return self.file.write(octets);
        }
        output::write_within(&self.file, octets, PATIENCE)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Recorder {
    /// Creates the file, with a limit of `octets_max` octets.
    pub(crate) fn create(path: &Path, octets_max: u64) -> io::Result<Self> {
        let file = File::create(path)?;
        let regular = file.metadata()?.is_file();
        let mut file = PcapngWriter::new(BufWriter::new(Patient { file, regular }), "qmacsec lab")?;
        let interfaces = [
            file.interface("line: b to a")?,
            file.interface("line: a to b")?,
        ];
        let capture = Capture {
            file,
            octets: 0,
            octets_max,
            last: Duration::ZERO,
            ended: None,
        };
        Ok(Self {
            capture: Arc::new(Mutex::new(capture)),
            regular,
            interfaces,
        })
    }

    /// Keeps one frame that arrives at a site.
    pub(crate) fn keep(&self, site: Site, frame: &[u8]) {
        let interface = self.interfaces[site.index()];
        if let Ok(mut capture) = self.capture.lock() {
            capture.keep(interface, frame);
        }
    }

    /// True if the capture can be read again: a pipe or a device cannot.
    pub(crate) fn regular(&self) -> bool {
        self.regular
    }

    /// Flushes the file. Returns the reason if frames are missing in it.
    pub(crate) fn finish(self) -> Option<String> {
        let Ok(mut capture) = self.capture.lock() else {
            return Some("a thread died while it wrote the capture".to_owned());
        };
        let ended = |error| format!("the capture ended early: {error}");
        let flushed = capture.file.flush().map_err(ended);
        capture.ended.take().or(flushed.err())
    }
}

impl Capture {
    /// Writes a frame. Two threads write, and the time is taken under their lock, so that times in
    /// the file ascend.
    fn keep(&mut self, interface: InterfaceId, frame: &[u8]) {
        if self.ended.is_some() {
            return;
        }
        if self.octets >= self.octets_max {
            self.ended = Some(format!(
                "the capture ended at {:.0} MB, the run went on; fix: a larger --pcap-max",
                self.octets as f64 / 1e6
            ));
            return;
        }
        // Times in the file ascend even if the wall clock is set back.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.last = self.last.max(now.unwrap_or_default());
        match self.file.frame(interface, self.last, None, frame) {
            Ok(()) => self.octets += frame.len() as u64,
            Err(error) => self.ended = Some(format!("the capture ended early: {error}")),
        }
    }
}

/// Watches the frames that arrive at one end of the line. When dropped, it ends.
pub struct Sniffer {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<LineReport>>,
    thread: Option<JoinHandle<io::Result<Sniffed>>>,
}

/// The complete result of a sniffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sniffed {
    /// The frames that it saw.
    pub line: LineReport,
    /// Frames that its socket missed. With any, "none in clear" is not proven.
    pub missed: u64,
}

impl Sniffer {
    /// Opens a socket where frames to `site` arrive, and watches them from now on.
    ///
    /// # Errors
    /// The socket cannot be opened, or the system refuses a thread.
    pub fn start(
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
        Ok(Self {
            stop,
            seen,
            thread: Some(thread),
        })
    }

    /// Returns the result until now.
    #[must_use]
    pub fn report(&self) -> LineReport {
        self.seen.lock().map(|seen| *seen).unwrap_or_default()
    }

    /// Stops and returns the result.
    ///
    /// # Errors
    /// Its thread has died.
    pub fn finish(mut self) -> io::Result<Sniffed> {
        self.end()
    }

    fn end(&mut self) -> io::Result<Sniffed> {
        self.stop.store(true, Ordering::Relaxed);
        let died = || io::Error::other("the sniffer died");
        let thread = self.thread.take().ok_or_else(died)?;
        thread.join().map_err(|_| died())?
    }
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        let _nobody_asks = self.end();
    }
}

/// Opens a ring that holds some tenths of a second of a full line, while this thread waits for a
/// core.
fn open(interface: &str) -> Result<Packet, PortError> {
    Packet::open(PacketConfig {
        ifname: interface.to_owned(),
        ring_octets: RING_OCTETS,
        shares_interface: true,
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
        // Read before the ring, so that frames before the stop order are still examined.
        let last_look = stop.load(Ordering::Relaxed);
        port.rx_burst(&mut burst);
        let idle = burst.is_empty();
        for frame in burst.drain(..) {
            line.observe(frame.bytes());
            if let Some(recorder) = recorder {
                recorder.keep(site, frame.bytes());
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
