//! Two encryptors in this process, run like `qmacsec run`, but with a line and hosts in memory.
//! KMEs over mutual TLS on loopback. Needs no privileges.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use port::mem::{self, Mem};
use port::{Port, PortError};
use qmacsec::config::EncryptorConfig;
use qmacsec::encryptor::run;
use qmacsec::ports::{Opener, Ports};
use qmacsec::status::Report;
use tokio::sync::oneshot;

use crate::hosts::Hosts;
use crate::kmes::TwoKmes;
use crate::line::Line;
use crate::patience::wait_until;
use crate::site::{Folder, Settings, Site};

/// Capacity of each cable in frames.
const CABLE: usize = 2048;
/// Port settings that satisfy the config; the test passes its own ports.
pub const NAMED_PORTS: &str = "[red]\nport = \"packet\"\ninterface = \"red0\"\n[black]\nport = \"packet\"\ninterface = \"black0\"\n";
/// Time limit for the first keys, on a busy machine.
pub const FIRST_KEYS: Duration = Duration::from_secs(30);

/// The pair. Dropping it ends everything.
pub struct Pair {
    // Dropped before the line, so that an encryptor can still send its BYE.
    encryptors: Vec<Encryptor>,
    /// The line.
    pub line: Line,
    /// The hosts.
    pub hosts: Hosts,
    /// The KMEs.
    pub kmes: TwoKmes,
    /// The second KME of each site, if there is one.
    pub second_kmes: Option<TwoKmes>,
    /// The files of both sites.
    pub folder: Folder,
}

/// One encryptor in this process. When dropped, it sends BYE and ends.
pub struct Encryptor {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Pair {
    /// Starts everything with traffic from the beginning. The frames before the first key are
    /// dropped.
    #[must_use]
    pub fn start_talking(settings: &Settings) -> Self {
        let pair = Self::start_quiet(settings);
        pair.hosts.speak();
        pair
    }

    /// Starts everything. The traffic starts when both directions have a key.
    #[must_use]
    pub fn start(settings: &Settings) -> Self {
        let pair = Self::start_quiet(settings);
        pair.wait_for_keys();
        pair.hosts.speak();
        pair
    }

    /// Starts everything without traffic, and does not wait for keys.
    #[must_use]
    pub fn start_quiet(settings: &Settings) -> Self {
        let folder = Folder::new(settings);
        let kmes = TwoKmes::start(&folder);
        let second_kmes = settings.second_kme.then(|| TwoKmes::start(&folder));
        let [
            (red_a, lan_a),
            (red_b, lan_b),
            (black_a, line_a),
            (black_b, line_b),
        ] = [(); 4].map(|()| mem::pair(CABLE));
        let line = Line::start(line_a, line_b);
        let (red_a, black_a) = match settings.swapped_cables {
            false => (red_a, black_a),
            true => (black_a, red_a),
        };
        let encryptors =
            [(Site::A, red_a, black_a), (Site::B, red_b, black_b)].map(|(site, red, black)| {
                let second = second_kmes.as_ref().map(|kmes| kmes.address(site));
                let mtu = settings.mtu[site.index()];
                let ports = NAMED_PORTS.replace("red0\"", &format!("red0\"\nmtu = {mtu}"));
                let file = folder.encryptor_of(site, &ports, (kmes.address(site), second));
                let ports = Ports::of_one(opener(red), opener(black), site.mac());
                Encryptor::start(site, ports, file)
            });
        let (hosts, encryptors) = (Hosts::in_memory(lan_a, lan_b), encryptors.into());
        Self {
            encryptors,
            line,
            hosts,
            kmes,
            second_kmes,
            folder,
        }
    }

    fn wait_for_keys(&self) {
        wait_until("the first keys", FIRST_KEYS, || {
            Site::BOTH.iter().all(|&site| self.encrypting(site))
        });
    }

    /// Returns the status of one encryptor.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn status(&self, site: Site) -> Report {
        qmacsec::status::query(&self.folder.socket(site)).unwrap()
    }

    /// True if it runs and encrypts.
    #[must_use]
    pub fn encrypting(&self, site: Site) -> bool {
        qmacsec::status::query::<Report>(&self.folder.socket(site))
            .is_ok_and(|report| report.encrypting)
    }

    /// Ends the encryptors; each sends BYE.
    pub fn stop(&mut self) {
        self.encryptors.clear();
    }
}

fn opener(end: Mem) -> Opener {
    Box::new(move || -> Result<Box<dyn Port>, PortError> { Ok(Box::new(end.open()?)) })
}

impl Encryptor {
    /// Starts an encryptor with this config over these ports.
    ///
    /// # Panics
    /// If the config cannot be read.
    #[must_use]
    pub fn start(site: Site, ports: Ports, file: PathBuf) -> Self {
        let config = EncryptorConfig::read(&file).unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let stop = async {
                let _either_way = ended.await;
            };
            runtime.block_on(run(&config, &file, ports, stop)).unwrap();
        };
        let thread = thread::Builder::new()
            .name(format!("encryptor-{}", site.letter()))
            .spawn(work)
            .unwrap();
        Self {
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Encryptor {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _said_already = thread.join();
        }
    }
}
