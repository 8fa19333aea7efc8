//! The files of two sites: certificates, pre-shared secrets and config files, in one folder that is
//! deleted after the test.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kme::{KmeConfig, SaeIdentity};
use tempfile::TempDir;
use wire::MacAddr;

/// One of the two sites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Site {
    /// The first site.
    A,
    /// The second site.
    B,
}

impl Site {
    /// Both sites.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Returns the letter for names.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Returns the other site.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Returns the index in arrays of two.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self == Self::B)
    }

    /// Returns the address in the SCIs of this site's encryptor in memory.
    #[must_use]
    pub fn mac(self) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0xe0, 1 + u8::from(self == Self::B)])
    }
}

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

/// The folder of both sites.
pub struct Folder {
    folder: TempDir,
    settings: Settings,
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
        let folder = tempfile::tempdir().unwrap();
        kme::pki::make_lab_pki(&folder.path().join("pki"), &kme::pki::LabPki::default()).unwrap();
        for site in Site::BOTH {
            let seed = if settings.same_secret {
                SECRET
            } else {
                SECRET + u8::from(site == Site::B)
            };
            write_psk(
                &folder.path().join(format!("pair-{}.psk", site.letter())),
                seed,
            );
        }
        Self {
            folder,
            settings: settings.clone(),
        }
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of the status socket of a site's encryptor.
    #[must_use]
    pub fn socket(&self, site: Site) -> PathBuf {
        self.path().join(format!("site-{}.sock", site.letter()))
    }

    /// Returns the path of a site's config, which may not be written yet.
    #[must_use]
    pub fn config(&self, site: Site) -> PathBuf {
        self.path().join(format!("site-{}.toml", site.letter()))
    }

    /// Writes a site's config with these `[red]` and `[black]` sections, and returns its path.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn encryptor(&self, site: Site, ports: &str, kme: SocketAddr) -> PathBuf {
        self.encryptor_of(site, ports, (kme, None))
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
        (kme, second): (SocketAddr, Option<SocketAddr>),
    ) -> PathBuf {
        let (letter, peer) = (site.letter(), site.other().letter());
        let Settings {
            interval,
            kme_timeout,
            replay_window,
            workers,
            cores,
            link_loss_forwarding,
            clear_vlan_tags,
            skip,
            ..
        } = &self.settings;
        let protocol = if *skip { "skip" } else { "etsi-014" };
        let fallback = second.map_or_else(String::new, |kme| {
            format!("fallback_url = \"https://{kme}\"\nfallback_kme_id = \"kme-{letter}\"\n")
        });
        let workers = workers[site.index()];
        let mut text = format!(
            "[encryptor]\nname = \"site-{letter}\"\nstatus_socket = \"site-{letter}.sock\"\n\
             link_loss_forwarding = {link_loss_forwarding}\n"
        );
        let _never_fails = write!(
            text,
            "\n{ports}\n[macsec]\nreplay_window = {replay_window}\n\
             clear_vlan_tags = {clear_vlan_tags}\n\
             \n[worker]\ncount = {workers}\ncores = {cores:?}\n\
             \n[rekey]\ninterval = \"{}ms\"\n\
             \n[kme]\nurl = \"https://{kme}\"\nkme_id = \"kme-{letter}\"\nca = \"pki/ca.pem\"\n\
             cert = \"pki/sae-{letter}.pem\"\nkey = \"pki/sae-{letter}.key\"\ntimeout = \"{}ms\"\n\
             protocol = \"{protocol}\"\n{fallback}\
             \n[[peer]]\nname = \"site-{peer}\"\nsae_id = \"sae-{peer}\"\npsk_file = \"pair-{letter}.psk\"\n",
            interval.as_millis(),
            kme_timeout.as_millis(),
        );
        let file = self.config(site);
        fs::write(&file, text).unwrap();
        file
    }

    /// Returns the config of one KME in this process, at this address.
    #[must_use]
    pub fn kme(&self, site: Site, listen: SocketAddr) -> KmeConfig {
        let pki = self.path().join("pki");
        let id = format!("kme-{}", site.letter());
        KmeConfig {
            listen,
            ca: pki.join("ca.pem"),
            cert: pki.join(format!("{id}.pem")),
            key: pki.join(format!("{id}.key")),
            kme_id: id,
            sae_ids: vec![format!("sae-{}", site.letter())],
            identity: SaeIdentity::CommonName,
        }
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
