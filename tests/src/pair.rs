//! Two encryptors in this process, run like `qmacsec run`, but with a line and hosts in memory.
//! KMEs over mutual TLS on loopback. Needs no privileges.

use std::time::Duration;

use kme::entropy::Entropy;
use lab::encryptor::{Encryptor, opener};
use lab::kmes::TwoKmes;
use lab::site::Site;
use port::mem;
use qmacsec::ports::Ports;
use qmacsec::status::Report;

use crate::hosts::Hosts;
use crate::line::Line;
use crate::patience::wait_until;
use crate::site::{Folder, Settings};

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
        let mut pair = Self::start_quiet(settings);
        pair.wait_for_keys();
        pair.hosts.speak();
        pair
    }

    /// Starts everything without traffic, and does not wait for keys.
    ///
    /// # Panics
    /// If an encryptor or a KME does not start.
    #[must_use]
    pub fn start_quiet(settings: &Settings) -> Self {
        let folder = Folder::new(settings);
        let kmes = || TwoKmes::start_with(&folder, Entropy::system(), settings.skip).unwrap();
        let second_kmes = settings.second_kme.then(kmes);
        let kmes = kmes();
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
                Encryptor::start(site, ports, file).unwrap()
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

    fn wait_for_keys(&mut self) {
        wait_until("the first keys", FIRST_KEYS, || {
            let ended = self.encryptors.iter_mut().find_map(Encryptor::ended);
            assert_eq!(ended, None, "an encryptor ended at its start");
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
