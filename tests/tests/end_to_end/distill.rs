//! Two QKD devices as processes on the loopback: their KMEs give out the same keys, and whatever
//! happens to the classical channel or to a process costs the present block and nothing else.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use device::{DeviceReport, Role};
use keyclient::{Client, ClientConfig, Form};
use lab::folder::Folder;
use lab::site::Site;
use tests::daemon::Daemon;
use tests::lab_run::Lab;
use tests::patience::wait_until;

use super::PROGRAM;
use super::lab::{assert_pass, cannot_run};

/// Time limit for anything that takes a few blocks, on a busy machine.
const SOON: Duration = Duration::from_secs(60);
/// A block of 1,048,576 symbols takes a fraction of a second at any pace.
const LINK: &str = "[link]\nkm = 10.0\nblock_symbols = 1048576\nsymbol_rate_baud = 2e6\n";

/// Both devices, with a proxy on their classical channel.
struct Devices {
    folder: Folder,
    alice: Daemon,
    bob: Daemon,
    kmes: [SocketAddr; 2],
    proxy: Proxy,
}

impl Devices {
    fn start() -> Self {
        let folder = Folder::temporary().unwrap();
        let [kme_a, kme_b, quantum, classical] = free_addresses();
        let (kmes, channels) = ([kme_a, kme_b], [quantum, classical]);
        folder.write_devices(kmes, channels, LINK, &[]).unwrap();
        let proxy = Proxy::start(classical);
        let config = folder.device_config(Role::Alice);
        let text = fs::read_to_string(&config).unwrap();
        let text = text.replace(&classical.to_string(), &proxy.address.to_string());
        fs::write(config, text).unwrap();
        let [bob, alice] = [Role::Bob, Role::Alice].map(|role| start(&folder, role));
        Self {
            folder,
            alice,
            bob,
            kmes,
            proxy,
        }
    }

    fn report(&self, role: Role) -> Option<DeviceReport> {
        qmacsec::status::query(&self.folder.device_socket(role)).ok()
    }

    /// Blocks with key and without at an end.
    fn blocks(&self, role: Role) -> (u64, u64) {
        let report = self.report(role);
        report.map_or((0, 0), |report| {
            (report.blocks.with_key, report.blocks.lost())
        })
    }

    /// Waits until both ends have given this number of further blocks.
    fn wait_for_blocks(&self, more: u64) {
        let before = [Role::Alice, Role::Bob].map(|role| self.blocks(role).0);
        wait_until("blocks with key", SOON, || {
            let now = [Role::Alice, Role::Bob].map(|role| self.blocks(role).0);
            now.iter()
                .zip(before)
                .all(|(now, before)| *now >= before + more)
        });
    }

    fn client(&self, site: Site) -> Client {
        let (letter, peer) = (site.letter(), site.other().letter());
        let pki = self.folder.path().join("pki");
        let config = ClientConfig {
            base_url: format!("https://{}", self.kmes[site.index()]),
            kme_id: None,
            peer_sae_id: format!("sae-{peer}"),
            ca: pki.join("ca.pem"),
            cert: pki.join(format!("sae-{letter}.pem")),
            key: pki.join(format!("sae-{letter}.key")),
            timeout: Duration::from_secs(20),
            form: Form::Post,
        };
        Client::new(config).ok().unwrap()
    }

    /// Takes fresh keys at both ends, and the same keys at the other one.
    fn assert_keys_equal(&self) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        for site in Site::BOTH {
            let (master, slave) = (self.client(site), self.client(site.other()));
            let fresh = runtime.block_on(master.enc_keys(8, 256));
            let fresh = fresh.unwrap_or_else(|error| panic!("{error}"));
            let ids: Vec<_> = fresh.iter().map(|key| key.id).collect();
            let named = runtime.block_on(slave.dec_keys(&ids));
            let named = named.unwrap_or_else(|error| panic!("{error}"));
            for (fresh, named) in fresh.iter().zip(&named) {
                assert_eq!(fresh.id, named.id);
                assert_eq!(fresh.bytes.expose(), named.bytes.expose());
                assert_eq!(fresh.origin.as_deref(), Some("distilled"));
            }
            assert!(runtime.block_on(slave.dec_keys(&ids)).is_err(), "only once");
        }
    }

    fn process(&mut self, role: Role) -> &mut Daemon {
        match role {
            Role::Alice => &mut self.alice,
            Role::Bob => &mut self.bob,
        }
    }

    fn logs(&self) -> String {
        format!("alice:\n{}\nbob:\n{}", self.alice.log(), self.bob.log())
    }
}

fn start(folder: &Folder, role: Role) -> Daemon {
    let config = folder.device_config(role).display().to_string();
    let log = folder.path().join(format!("{}.log", role.name()));
    Daemon::start(
        PROGRAM,
        &["distill", role.name(), "--config", &config],
        &log,
    )
}

fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let any = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    any.map(|listener| listener.local_addr().unwrap())
}

/// Disturbances of the next data from Bob to Alice.
const PASS: u8 = 0;
const FLIP: u8 = 1;
const TRUNCATE: u8 = 2;
const DROP: u8 = 3;

/// Stands between the ends of the classical channel.
struct Proxy {
    address: SocketAddr,
    order: Arc<AtomicU8>,
}

impl Proxy {
    fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let order = Arc::new(AtomicU8::new(PASS));
        let orders = Arc::clone(&order);
        thread::spawn(move || {
            for alice in listener.incoming().map_while(Result::ok) {
                let Ok(bob) = TcpStream::connect(to) else {
                    continue;
                };
                let none = Arc::new(AtomicU8::new(PASS));
                for (from, to, orders) in [
                    (alice.try_clone(), bob.try_clone(), none),
                    (Ok(bob), Ok(alice), Arc::clone(&orders)),
                ] {
                    let (Ok(from), Ok(to)) = (from, to) else {
                        continue;
                    };
                    thread::spawn(move || {
                        let _over = carry(&from, &to, &orders);
                        let _closed = from.shutdown(Shutdown::Both);
                        let _closed = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { address, order }
    }

    /// Disturbs the channel once, and waits until that is done.
    fn disturb(&self, how: u8) {
        self.order.store(how, Ordering::SeqCst);
        wait_until("the disturbance", SOON, || {
            self.order.load(Ordering::SeqCst) == PASS
        });
    }
}

fn carry(mut from: &TcpStream, mut to: &TcpStream, orders: &AtomicU8) -> io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        let len = from.read(&mut piece)?;
        let piece = &mut piece[..len];
        if len == 0 {
            return Ok(());
        }
        // A large piece is in the middle of a frame of a block.
        let order = match len > 16 << 10 {
            true => orders.swap(PASS, Ordering::SeqCst),
            false => PASS,
        };
        match order {
            FLIP => piece[len / 2] ^= 0x10,
            TRUNCATE => {
                to.write_all(&piece[..len / 2])?;
                return Ok(());
            }
            DROP => return Ok(()),
            _ => {}
        }
        to.write_all(piece)?;
    }
}

#[test]
fn both_kmes_give_the_same_keys_and_a_disturbed_channel_costs_one_block() {
    let devices = Devices::start();
    devices.wait_for_blocks(2);
    devices.assert_keys_equal();
    for how in [FLIP, TRUNCATE, DROP] {
        let before = devices.blocks(Role::Bob).1;
        devices.proxy.disturb(how);
        devices.wait_for_blocks(2);
        let lost = devices.blocks(Role::Bob).1 - before;
        assert_eq!(lost, 1, "disturbance {how}:\n{}", devices.logs());
        devices.assert_keys_equal();
    }
    for role in [Role::Alice, Role::Bob] {
        let report = devices.report(role).unwrap();
        assert!(report.books.close(), "{report:?}");
        assert_eq!(report.origin, "distilled");
        assert!(report.books.delivered_bits >= 4 * 16 * 256, "{report:?}");
    }
}

#[test]
fn a_device_that_crashes_comes_back_with_fresh_keys() {
    let mut devices = Devices::start();
    devices.wait_for_blocks(2);
    for role in [Role::Alice, Role::Bob] {
        let other = match role {
            Role::Alice => Role::Bob,
            Role::Bob => Role::Alice,
        };
        // In the middle of a block: one after the other, without a pause.
        devices.process(role).kill();
        let position = devices.report(other).unwrap().position;
        *devices.process(role) = start(&devices.folder, role);
        wait_until("the restart", SOON, || devices.report(role).is_some());
        devices.wait_for_blocks(2);
        devices.assert_keys_equal();
        let report = devices.report(role).unwrap();
        assert!(report.position > position, "{report:?}");
        assert!(report.books.close() && devices.report(other).unwrap().books.close());
    }
}

#[test]
fn a_lab_runs_on_distilled_keys_alone() {
    let args = [
        "--keys",
        "distilled",
        "--km",
        "10",
        "--block-symbols",
        "1048576",
        "--symbol-rate",
        "1e6",
        "--duration",
        "8s",
        "--rekey",
        "1s",
        "--rate",
        "20",
        "--json",
    ];
    let lab = Lab::start(PROGRAM, &args);
    let ended = lab.wait(Duration::from_secs(120));
    if ended
        .stderr
        .contains("--keys distilled needs network namespaces")
        || cannot_run("distilled lab", &ended.stderr)
    {
        return;
    }
    let verdict = ended.verdict();
    let red = verdict["red"].as_str().unwrap().to_owned();
    assert_pass(&ended, &red, "packet");
    let origins = verdict["origins"].as_object().unwrap();
    assert_eq!(
        origins.keys().collect::<Vec<_>>(),
        ["distilled"],
        "{verdict}"
    );
    let ends = verdict["distillation"].as_array().unwrap();
    for end in ends {
        assert_eq!(end["books_close"], true, "{verdict}");
        assert!(
            end["blocks"]["with_key"].as_u64().unwrap() >= 4,
            "{verdict}"
        );
    }
    assert_eq!(ends.len(), 2, "{verdict}");
}
