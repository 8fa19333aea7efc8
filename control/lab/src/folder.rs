//! The folder of the two sites: certificates, the pre-shared secret, config files, sockets and
//! ledgers.
//!
//! Only this module knows their names, and writes configs.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use device::Role;
use kme::pki::{KmeName, LabPki, make_lab_pki};
use kme::{KmeConfig, SaeIdentity};
use node::sae_of;
use qmacsec::config::{Psk, Span, create_link_secret};
use qmacsec::limits;
use tempfile::TempDir;

use crate::site::Site;

/// Folder of the network's nodes, if a network gives the keys.
const NETWORK: &str = "network";
/// Folder of the certificates of its nodes and SAEs.
const NETWORK_PKI: &str = "network/pki";

/// The folder of both sites.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Deletes a temporary folder.
    _temporary: Option<TempDir>,
}

/// The settings of a site's encryptor. What is `None` has the default of the program.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Cipher suite.
    pub suite: Option<String>,
    /// The replay window, in packet numbers.
    pub replay_window: u32,
    /// VLAN tags in clear on the line.
    pub clear_vlan_tags: u8,
    /// Enables link-loss forwarding.
    pub link_loss_forwarding: bool,
    /// Folder of the encryptors' ledgers; without it they keep none.
    pub ledgers: Option<PathBuf>,
    /// Frame workers.
    pub workers: usize,
    /// Cores that they are pinned to; not pinned if empty.
    pub cores: Vec<usize>,
    /// The rekey interval.
    pub interval: Duration,
    /// Longest use of the last key when keys run short.
    pub hold_max: Option<Duration>,
    /// Basis of the keys.
    pub policy: Option<rekey::KeyPolicy>,
    /// Time limit for one request to a KME.
    pub kme_timeout: Duration,
    /// Requests keys by SKIP instead of ETSI GS QKD 014.
    pub skip: bool,
    /// Names of the two nodes that give the keys, if a network does: their certificates are in its
    /// folder.
    pub nodes: Option<[String; 2]>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            suite: None,
            replay_window: limits::REPLAY_WINDOW,
            clear_vlan_tags: 0,
            link_loss_forwarding: false,
            ledgers: None,
            workers: 1,
            cores: Vec::new(),
            interval: Duration::from_secs(1),
            hold_max: None,
            policy: None,
            kme_timeout: Duration::from_millis(500),
            skip: false,
            nodes: None,
        }
    }
}

impl Folder {
    /// Takes an existing folder, which may hold files of the sites already.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            _temporary: None,
        }
    }

    /// Creates a temporary folder with certificates, without a secret. It is deleted on drop.
    ///
    /// # Errors
    /// The folder cannot be created or written.
    pub fn temporary() -> io::Result<Self> {
        let temporary = tempfile::tempdir()?;
        let folder = Self {
            path: temporary.path().to_path_buf(),
            _temporary: Some(temporary),
        };
        folder.make_certificates(&[])?;
        Ok(folder)
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a site's config.
    #[must_use]
    pub fn config(&self, site: Site) -> PathBuf {
        self.of_site(site, "toml")
    }

    /// Returns the path of the status socket of a site's encryptor.
    #[must_use]
    pub fn socket(&self, site: Site) -> PathBuf {
        self.of_site(site, "sock")
    }

    /// Returns the path of an encryptor's ledger, if ledgers are kept in this folder.
    #[must_use]
    pub fn ledger(&self, site: Site) -> PathBuf {
        self.of_site(site, "ledger")
    }

    /// Returns the path of a site's copy of the pre-shared secret.
    #[must_use]
    pub fn psk(&self, site: Site) -> PathBuf {
        self.path.join(psk_name(site))
    }

    /// Returns the path of the config of both KMEs.
    #[must_use]
    pub fn kme_config(&self) -> PathBuf {
        self.path.join("kme.toml")
    }

    /// Returns the folder of a network's nodes.
    #[must_use]
    pub fn network(&self) -> PathBuf {
        self.path.join(NETWORK)
    }

    /// Returns the path of the status socket of the process of both KMEs.
    #[must_use]
    pub fn kme_socket(&self) -> PathBuf {
        self.path.join("kme.sock")
    }

    /// Returns the path of the config of a QKD device.
    #[must_use]
    pub fn device_config(&self, role: Role) -> PathBuf {
        self.path.join(format!("{}.toml", role.name()))
    }

    /// Returns the path of the status socket of a QKD device.
    #[must_use]
    pub fn device_socket(&self, role: Role) -> PathBuf {
        self.path.join(format!("{}.sock", role.name()))
    }

    fn of_site(&self, site: Site, kind: &str) -> PathBuf {
        self.path.join(format!("site-{}.{kind}", site.letter()))
    }

    /// Writes certificates for KMEs and SAEs. `hosts`: a further name of each KME.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn make_certificates(&self, hosts: &[String]) -> io::Result<()> {
        let kmes = Site::BOTH.map(|site| KmeName {
            id: kme_id(site),
            hosts: hosts.get(site.index()).cloned().into_iter().collect(),
        });
        let pki = LabPki {
            kmes: kmes.into(),
            ..LabPki::default()
        };
        make_lab_pki(&self.path.join("pki"), &pki).map_err(io::Error::other)?;
        Ok(())
    }

    /// Writes a fresh secret for both sites.
    ///
    /// # Errors
    /// There is one already, or the folder cannot be written.
    pub fn make_secret(&self) -> io::Result<()> {
        let [a, b] = Site::BOTH.map(|site| self.psk(site));
        Psk::create(&a)?;
        fs::copy(&a, &b).map(drop) // with its mode
    }

    /// Writes a site's config and returns its path.
    ///
    /// `ports` has the sections `[red]` and `[black]`. A second KME is the fallback of the first.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write_encryptor(
        &self,
        site: Site,
        ports: &str,
        (kme, second): (SocketAddr, Option<SocketAddr>),
        settings: &Settings,
    ) -> io::Result<PathBuf> {
        let (letter, peer) = (site.letter(), site.other().letter());
        let Settings {
            replay_window,
            clear_vlan_tags,
            link_loss_forwarding,
            workers,
            cores,
            ..
        } = settings;
        let (pki, kme_id, sae, peer_sae) = match &settings.nodes {
            None => (
                "pki",
                kme_id(site),
                format!("sae-{letter}"),
                format!("sae-{peer}"),
            ),
            Some(nodes) => {
                let [own, other] = [site, site.other()].map(|site| &nodes[site.index()]);
                (NETWORK_PKI, own.clone(), sae_of(own), sae_of(other))
            }
        };
        let ledger = settings.ledgers.as_ref().map(|folder| {
            let file = folder.join(format!("site-{letter}.ledger"));
            file.display().to_string()
        });
        let ledger = line("ledger", ledger);
        let suite = line("suite", settings.suite.as_ref());
        let hold_max = line("hold_max", settings.hold_max.map(Span));
        let policy = line("policy", settings.policy);
        let protocol = if settings.skip { "skip" } else { "etsi-014" };
        let fallback = second.map_or_else(String::new, |kme| {
            format!("fallback_url = \"https://{kme}\"\nfallback_kme_id = \"kme-{letter}\"\n")
        });
        let text = format!(
            "[encryptor]\nname = \"site-{letter}\"\nstatus_socket = \"site-{letter}.sock\"\n\
             link_loss_forwarding = {link_loss_forwarding}\n{ledger}\
             \n{ports}\n[macsec]\n{suite}replay_window = {replay_window}\n\
             clear_vlan_tags = {clear_vlan_tags}\n\
             \n[worker]\ncount = {workers}\ncores = {cores:?}\n\
             \n[rekey]\ninterval = \"{}\"\n{hold_max}{policy}\
             \n[kme]\nurl = \"https://{kme}\"\nkme_id = \"{kme_id}\"\nca = \"{pki}/ca.pem\"\n\
             cert = \"{pki}/{sae}.pem\"\nkey = \"{pki}/{sae}.key\"\ntimeout = \"{}\"\n\
             protocol = \"{protocol}\"\n{fallback}\
             \n[[peer]]\nname = \"site-{peer}\"\nsae_id = \"{peer_sae}\"\npsk_file = \"{}\"\n",
            Span(settings.interval),
            Span(settings.kme_timeout),
            psk_name(site),
        );
        let file = self.config(site);
        fs::write(&file, text)?;
        Ok(file)
    }

    /// Writes the config of a process with both KMEs at these addresses, and returns its path.
    /// `link` has the keys of `[link]`, if any.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write_kmes(&self, listen: [SocketAddr; 2], link: Option<&str>) -> io::Result<PathBuf> {
        let mut text = "status_socket = \"kme.sock\"\n".to_owned();
        if let Some(link) = link {
            text += &format!("\n[link]\n{link}");
        }
        for (site, address) in Site::BOTH.into_iter().zip(listen) {
            let letter = site.letter();
            text += &format!(
                "\n[[kme]]\nkme_id = \"kme-{letter}\"\nlisten = \"{address}\"\n\
                 ca = \"pki/ca.pem\"\ncert = \"pki/kme-{letter}.pem\"\n\
                 key = \"pki/kme-{letter}.key\"\nsae_ids = [\"sae-{letter}\"]\n"
            );
        }
        let file = self.kme_config();
        fs::write(&file, text)?;
        Ok(file)
    }

    /// Writes the configs of two QKD devices, Alice at site A, with a fresh secret. `listen` are
    /// the addresses of their KMEs, `channels` those of Bob's quantum and classical channel. `sections`
    /// has `[link]` and further sections for both, `eve` the attacks.
    ///
    /// # Errors
    /// There is a secret already, or the folder cannot be written.
    pub fn write_devices(
        &self,
        listen: [SocketAddr; 2],
        [quantum, classical]: [SocketAddr; 2],
        sections: &str,
        eve: &[String],
    ) -> io::Result<()> {
        let secret = |role: Role| self.path.join(format!("{}.secret", role.name()));
        create_link_secret(&secret(Role::Alice))?;
        fs::copy(secret(Role::Alice), secret(Role::Bob))?; // with its mode
        for (site, role) in Site::BOTH.into_iter().zip([Role::Alice, Role::Bob]) {
            let (letter, peer, name) = (site.letter(), site.other().letter(), role.name());
            let address = listen[site.index()];
            let mut text = format!(
                "status_socket = \"{name}.sock\"\n\n[kme]\nkme_id = \"kme-{letter}\"\n\
                 listen = \"{address}\"\nca = \"pki/ca.pem\"\ncert = \"pki/kme-{letter}.pem\"\n\
                 key = \"pki/kme-{letter}.key\"\nsae_id = \"sae-{letter}\"\n\
                 peer_kme_id = \"kme-{peer}\"\npeer_sae_id = \"sae-{peer}\"\n\n\
                 [channels]\nquantum = \"{quantum}\"\nclassical = \"{classical}\"\n\n\
                 [secret]\nfile = \"{name}.secret\"\n\n{sections}"
            );
            if role == Role::Bob && !eve.is_empty() {
                text += &format!("\n[simulation]\neve = {eve:?}\n");
            }
            fs::write(self.device_config(role), text)?;
        }
        Ok(())
    }

    /// Returns the config of a site's KME in this process, at this address.
    #[must_use]
    pub fn kme(&self, site: Site, listen: SocketAddr) -> KmeConfig {
        let pki = self.path.join("pki");
        let id = kme_id(site);
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

/// Returns the ID of a site's KME.
#[must_use]
pub fn kme_id(site: Site) -> String {
    format!("kme-{}", site.letter())
}

fn psk_name(site: Site) -> String {
    format!("pair-{}.psk", site.letter())
}

/// Returns the line of a key with a text value, if it has one.
fn line(key: &str, value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(String::new, |value| format!("{key} = \"{value}\"\n"))
}
