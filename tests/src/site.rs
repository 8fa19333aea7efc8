//! The settings of two sites in a test, and the folder with their files.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::site::Site;

/// Log destination of daemons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogTo {
    /// A file that the tests read.
    File,
    /// A full disk.
    FullDisk,
    /// A file at its size limit (RLIMIT_FSIZE).
    LimitedFile,
    /// A full pipe that nobody reads.
    UnreadPipe,
    /// A pipe whose reader has closed it.
    ClosedPipe,
}

/// The settings that differ between tests.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The rekey interval.
    pub interval: Duration,
    /// Time limit for one request to a KME.
    pub kme_timeout: Duration,
    /// The replay window, in packet numbers.
    pub replay_window: u32,
    /// Frame workers of each site.
    pub workers: [usize; 2],
    /// Cores that they are pinned to; not pinned if empty.
    pub cores: Vec<usize>,
    /// Kind of the ports of daemons.
    pub ports: &'static str,
    /// VLAN tags in clear on the line.
    pub clear_vlan_tags: u8,
    /// `red.mtu` of each site, for pairs in memory.
    pub mtu: [u16; 2],
    /// Exchanges red and black of site A, for pairs in memory.
    pub swapped_cables: bool,
    /// Enables link-loss forwarding.
    pub link_loss_forwarding: bool,
    /// Gives the two sites the same pre-shared secret.
    pub same_secret: bool,
    /// Gives each site a second KME, of another link.
    pub second_kme: bool,
    /// Requests keys by SKIP instead of ETSI GS QKD 014.
    pub skip: bool,
    /// Log destination of daemons.
    pub log: LogTo,
    /// Folder of the daemons' ledgers. `None`: next to their configs.
    pub ledgers: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            kme_timeout: Duration::from_millis(500),
            replay_window: 1024,
            workers: [1, 1],
            cores: Vec::new(),
            ports: "packet",
            clear_vlan_tags: 0,
            mtu: [1500; 2],
            swapped_cables: false,
            link_loss_forwarding: false,
            same_secret: true,
            second_kme: false,
            skip: false,
            log: LogTo::File,
            ledgers: None,
        }
    }
}

/// Seed of the secret that both sites share.
pub const SECRET: u8 = 0x5a;

/// The folder of both sites, and their settings. It is deleted after the test.
pub struct Folder {
    files: lab::folder::Folder,
    settings: Settings,
}

impl Deref for Folder {
    type Target = lab::folder::Folder;

    fn deref(&self) -> &Self::Target {
        &self.files
    }
}

impl Folder {
    /// Returns the settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Writes certificates and secrets.
    ///
    /// # Panics
    /// If the temporary folder cannot be written.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let files = lab::folder::Folder::temporary().unwrap();
        for site in Site::BOTH {
            let differs = site == Site::B && !settings.same_secret;
            write_psk(&files.psk(site), SECRET + u8::from(differs));
        }
        Self {
            files,
            settings: settings.clone(),
        }
    }

    /// Writes a site's config with these `[red]` and `[black]` sections and without a ledger, and
    /// returns its path.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn encryptor(&self, site: Site, ports: &str, kme: SocketAddr) -> PathBuf {
        self.write(site, ports, (kme, None), None)
    }

    /// Same as [`Folder::encryptor`], with an optional second KME.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn encryptor_of(
        &self,
        site: Site,
        ports: &str,
        kmes: (SocketAddr, Option<SocketAddr>),
    ) -> PathBuf {
        self.write(site, ports, kmes, None)
    }

    /// Same as [`Folder::encryptor`], with a ledger.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn recording_encryptor(&self, site: Site, ports: &str, kme: SocketAddr) -> PathBuf {
        let ledgers = self.settings.ledgers.as_deref();
        let ledgers = ledgers.unwrap_or_else(|| self.path()).to_path_buf();
        self.write(site, ports, (kme, None), Some(ledgers))
    }

    fn write(
        &self,
        site: Site,
        ports: &str,
        kmes: (SocketAddr, Option<SocketAddr>),
        ledgers: Option<PathBuf>,
    ) -> PathBuf {
        let ours = &self.settings;
        let settings = lab::folder::Settings {
            replay_window: ours.replay_window,
            clear_vlan_tags: ours.clear_vlan_tags,
            link_loss_forwarding: ours.link_loss_forwarding,
            ledgers,
            workers: ours.workers[site.index()],
            cores: ours.cores.clone(),
            interval: ours.interval,
            kme_timeout: ours.kme_timeout,
            skip: ours.skip,
            ..lab::folder::Settings::default()
        };
        let written = self.files.write_encryptor(site, ports, kmes, &settings);
        written.unwrap()
    }
}

/// Writes a secret of 32 octets, derived from `seed`, to a file that only its owner may read.
///
/// # Panics
/// If it cannot be written.
pub fn write_psk(file: &Path, seed: u8) {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .unwrap();
    file.write_all(hex(&psk(seed)).as_bytes()).unwrap();
}

/// Returns the octets of the secret that [`write_psk`] writes.
#[must_use]
pub fn psk(seed: u8) -> [u8; 32] {
    // A few steps of a generator: the secret must look random and be the same each time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(seed) + 1);
    core::array::from_fn(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[2]
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
