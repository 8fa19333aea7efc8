//! Every mistake names file, key, value and fix.

use std::path::Path;
use std::time::Duration;

use super::{EncryptorConfig, KmeFile, Psk};

const GOOD: &str = r#"
[encryptor]
name = "site-a"

[red]
port = "tap"
interface = "red0"

[black]
port = "packet"
interface = "eth1"

[kme]
url = "https://127.0.0.1:8443"
ca = "ca.pem"
cert = "sae-a.pem"
key = "sae-a.key"

[[peer]]
name = "site-b"
sae_id = "sae-b"
psk_file = "pair.psk"
"#;

fn read(text: &str) -> Result<EncryptorConfig, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site-a.toml");
    std::fs::write(&file, text).unwrap();
    EncryptorConfig::read(&file).map_err(|error| error.to_string())
}

#[test]
fn a_short_config_has_the_documented_defaults() {
    let config = read(GOOD).unwrap();
    assert_eq!(config.rekey.interval.0, Duration::from_secs(3));
    assert_eq!(config.rekey.ethertype, 0x88b5);
    assert_eq!(config.rekey.policy.0, rekey::KeyPolicy::QkdAndPqc);
    assert_eq!(config.rekey.kem_interval.0, Duration::from_secs(60));
    assert_eq!(config.macsec.suite.0, secy::Suite::GcmAesXpn256);
    assert_eq!(config.red.mtu, 1500);
    assert_eq!(config.the_peer().sae_id, "sae-b");
    assert!(
        config.kme.ca.is_absolute(),
        "paths are relative to the file, not to the process"
    );
}

#[test]
fn a_name_is_one_visible_line() {
    let keys = [
        ("name = \"site-a\"", "encryptor.name"),
        ("name = \"site-b\"", "peer.name"),
        ("sae_id = \"sae-b\"", "peer.sae_id"),
        ("kme_id = \"k\"", "kme.kme_id"),
        ("fallback_kme_id = \"k\"", "kme.fallback_kme_id"),
    ];
    let kme =
        "ca = \"ca.pem\"\nkme_id = \"k\"\nfallback_kme_id = \"k\"\nfallback_url = \"https://f\"";
    let good = GOOD.replacen("ca = \"ca.pem\"", kme, 1);
    let with = |line: &str, name: &str| {
        let (key, _) = line.split_once(' ').unwrap();
        read(&good.replacen(&format!("\n{line}"), &format!("\n{key} = \"{name}\""), 1))
    };
    let long = "x".repeat(65);
    let most = format!("{}ä", "x".repeat(62));
    for (line, key) in keys {
        for (name, problem) in [
            ("", "is empty"),
            (" ", "is empty"),
            ("a: ENCRYPTING\\nb", "control character"),
            ("\\u001b[2Jx", "control character"),
            ("a\\u202eb", "control character"),
            (&long, "is too long"),
        ] {
            let error = with(line, name).err().unwrap_or_default();
            assert!(
                error.contains(key) && error.contains(problem),
                "{name:?}: {error}"
            );
            assert!(
                !error.contains('\u{1b}') && error.lines().count() == 2,
                "{error}"
            );
        }
        for name in ["Zürich west", &most] {
            assert!(with(line, name).is_ok(), "{key} = {name:?}");
        }
    }
}

#[test]
fn the_limit_of_the_ledger_has_a_default_and_a_minimum() {
    let limit = |text: &str| read(text).unwrap().encryptor.ledger_max_size.octets();
    assert_eq!(limit(GOOD), 32_000_000_000);
    let with = "name = \"site-a\"\nledger_max_size = \"300 mb\"";
    let least = GOOD.replacen("name = \"site-a\"", with, 1);
    assert_eq!(limit(&least), 300_000_000);
}

#[test]
fn each_mistake_names_key_value_and_fix() {
    // original text in the file, replacement, words that the message must contain
    let table = [
        (
            "name = \"site-a\"",
            "nmae = \"site-a\"",
            vec!["nmae", "unknown field", "fix: correct the spelling"],
        ),
        (
            "interface = \"eth1\"",
            "",
            vec!["interface", "missing field", "fix: add the line"],
        ),
        (
            "interface = \"eth1\"",
            "interface = \"red0\"",
            vec!["black.interface", "red0", "two interfaces"],
        ),
        (
            "interface = \"eth1\"",
            "interface = \"a/b\"",
            vec!["black.interface", "a/b", "fix:"],
        ),
        (
            "name = \"site-a\"",
            "name = \"site-a\"\nledger_max_size = \"299999KB\"",
            vec![
                "encryptor.ledger_max_size",
                "299999KB",
                "fix: 300MB or more",
            ],
        ),
        (
            "name = \"site-a\"",
            "name = \"site-a\"\nledger_max_size = \"32\"",
            vec!["ledger_max_size", "is not a size", "fix: write a whole"],
        ),
        (
            "ca = \"ca.pem\"",
            "ca = \"ca.pem\"\nfallback_url = \"https://[::1]:0/x\"",
            vec!["kme.fallback_url", "port 0", "fix: give the port"],
        ),
        (
            "127.0.0.1:8443",
            "127.0.0.1:0",
            vec!["kme.url", "port 0", "fix: give the port"],
        ),
        (
            "[kme]",
            "[rekey]\ndestination = \"00:00:00:00:00:00\"\n[kme]",
            vec!["rekey.destination", "00:00", "fix: leave it out"],
        ),
        ("[[peer]]", "[peer]", vec!["peer", "fix: write [[peer]]"]),
        (
            "port = \"tap\"",
            "port = \"tape\"",
            vec!["red.port", "tape", "tap"],
        ),
        (
            "port = \"tap\"",
            "port = \"xdp\"\nxdp_mode = \"turbo\"",
            vec!["red.xdp_mode", "turbo", "fix: auto"],
        ),
        (
            "port = \"tap\"",
            "port = \"tap\"\ndevice = \"net_tap0\"",
            vec!["red.device", "net_tap0", "fix: write port = \"dpdk\""],
        ),
        (
            "port = \"tap\"",
            "port = \"dpdk\"\ndevice = \"eth0\"",
            vec!["red.device", "eth0", "fix: must be a PCI address"],
        ),
        (
            "[kme]",
            "[dpdk]\nmemory_mb = 1\n[kme]",
            vec!["dpdk.memory_mb", "fix: 64 to"],
        ),
        (
            "[kme]",
            "[dpdk]\nmbufs = 100\n[kme]",
            vec!["dpdk.mbufs", "100", "fix: 8191 to"],
        ),
        (
            "https://127.0.0.1:8443",
            "http://127.0.0.1:8443",
            vec!["kme.url", "http://127", "fix:"],
        ),
        (
            "[kme]",
            "[rekey]\ninterval = \"3 parsecs\"\n[kme]",
            vec!["rekey.interval", "3 parsecs", "fix: write a number"],
        ),
        (
            "[kme]",
            "[rekey]\ninterval = \"1ms\"\n[kme]",
            vec!["rekey.interval", "1ms", "100ms to"],
        ),
        (
            "[kme]",
            "[rekey]\ninterval = \"3s\"\nhold_max = \"4s\"\n[kme]",
            vec!["rekey.hold_max", "4s", "two intervals"],
        ),
        (
            "[kme]",
            "[rekey]\nstretch = [\"2s\", \"10s\"]\n[kme]",
            vec!["rekey.stretch", "2s", "from 3s to at most 1m 40s"],
        ),
        (
            "[kme]",
            "[rekey]\npolicy = \"hope\"\n[kme]",
            vec!["rekey.policy", "not a key policy", "fix: qkd-and-pqc"],
        ),
        (
            "[kme]",
            "[rekey]\nkem_interval = \"10ms\"\n[kme]",
            vec!["rekey.kem_interval", "10ms", "1s to"],
        ),
        (
            "[kme]",
            "[rekey]\nethertype = 0x88e5\n[kme]",
            vec!["rekey.ethertype", "0x88e5", "0x88b5"],
        ),
        (
            "[kme]",
            "[rekey]\ndestination = \"01:80\"\n[kme]",
            vec!["rekey.destination", "01:80", "six pairs"],
        ),
        (
            "[kme]",
            "[macsec]\nsuite = \"rot13\"\n[kme]",
            vec!["macsec.suite", "rot13", "gcm-aes-xpn-256"],
        ),
        (
            "[kme]",
            "[macsec]\nreplay_window = 1000000\n[kme]",
            vec!["macsec.replay_window", "1000000", "at most"],
        ),
        (
            "name = \"site-a\"",
            "name = \"site-a\"\nengine = \"steam\"",
            vec!["encryptor.engine", "steam", "auto"],
        ),
        (
            "interface = \"red0\"",
            "interface = \"red0\"\nmtu = 60000",
            vec!["red.mtu", "60000", "68 to"],
        ),
        (
            "[[peer]]",
            "[[peer]]\nname = \"x\"\nsae_id = \"x\"\npsk_file = \"x\"\n[[peer]]",
            vec!["peer", "2 peers", "exactly one"],
        ),
        (
            "[kme]",
            "[worker]\ncount = 17\n[kme]",
            vec!["worker.count", "17", "1 to 16"],
        ),
        (
            "[kme]",
            "[worker]\ncount = 2\ncores = [1]\n[kme]",
            vec!["worker.cores", "[1]", "each of 2 workers", "fix:"],
        ),
        (
            "[kme]",
            "[worker]\ncount = 2\ncores = [1, 1]\n[kme]",
            vec!["worker.cores", "[1, 1]", "different"],
        ),
        (
            "[kme]",
            "[macsec]\nclear_vlan_tags = 3\n[kme]",
            vec!["macsec.clear_vlan_tags", "3", "0 to 2"],
        ),
        (
            "[kme]",
            "[macsec]\nline_vlan_tags = 3\n[kme]",
            vec!["macsec.line_vlan_tags", "3", "0 to 2"],
        ),
        (
            "[kme]",
            "[policy]\ndefault = \"bypass\"\n[kme]",
            vec!["policy", "default is bypass", "fix:"],
        ),
        (
            "[kme]",
            "[policy]\ndefault = \"pass\"\n[kme]",
            vec!["policy.default", "pass", "fix: protect, bypass or discard"],
        ),
        (
            "[kme]",
            "[[policy.rule]]\nprotocol = \"lacp\"\naction = \"bypass\"\n[kme]",
            vec!["policy.rule[0].protocol", "lacp", "eapol, slow"],
        ),
        (
            "[kme]",
            "[[policy.rule]]\ndestination = \"01:80:c2:00:00:0y\"\naction = \"bypass\"\n[kme]",
            vec!["policy.rule[0].destination", "0y", "x for any digit"],
        ),
        (
            "[kme]",
            "[[policy.rule]]\nprotocol = \"lldp\"\nethertype = 0x88cc\naction = \"bypass\"\n[kme]",
            vec!["policy.rule 1: protocol", "names the same", "give one"],
        ),
        (
            "[kme]",
            "[[policy.rule]]\nethertype = 0x88b5\naction = \"bypass\"\n[kme]",
            vec!["policy.rule 1: ethertype", "0x88b5", "encryptor's own"],
        ),
        (
            "[kme]",
            "[[policy.rule]]\nethertype = 0x88e5\naction = \"bypass\"\n[kme]",
            vec!["policy rule 1", "MACsec", "fix:"],
        ),
        (
            "[kme]",
            "[[policy.rule]]\naction = \"discard\"\n[kme]",
            vec!["policy rule 1", "names neither", "fix:"],
        ),
        ("[red]", "[red", vec!["line 5", "fix: the file is TOML"]),
    ];
    for (from, to, expected) in table {
        assert!(GOOD.contains(from), "{from}");
        let error = read(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains("site-a.toml"), "names the file: {error}");
        for part in expected {
            assert!(
                error.contains(part),
                "{to:?} must say {part:?}, says: {error}"
            );
        }
    }
}

#[test]
fn rules_become_a_table_in_their_order() {
    let text = GOOD.replacen(
        "[kme]",
        r#"
[policy]
default = "discard"
[[policy.rule]]
protocol = "stp"
vlan = 0
action = "bypass"
[[policy.rule]]
destination = "01:80:c2:00:00:2x"
ethertype = 0x8902
action = "protect"
[kme]"#,
        1,
    );
    let policy = read(&text).unwrap().policy.table;
    let lines: Vec<_> = policy
        .lines()
        .map(|(line, action)| format!("{} {line}", action.name()))
        .collect();
    assert_eq!(
        lines[..4],
        [
            "discard mac-control",
            "bypass 01:80:c2:00:00:00 vlan 0",
            "protect 01:80:c2:00:00:2x 0x8902",
            "discard eapol",
        ]
    );
    assert_eq!(lines.last().unwrap(), "discard default");
    let plain = read(GOOD).unwrap().policy.table;
    assert_eq!(plain, worker::Policy::default());
}

#[test]
fn keys_that_need_a_restart_are_named() {
    let rule = "[[policy.rule]]\nprotocol = \"lldp\"\naction = \"bypass\"\n[kme]";
    // (original text in the file, replacement, key that needs a restart)
    let table = [
        ("[kme]", rule, ""),
        ("[kme]", "[policy]\ndefault = \"discard\"\n[kme]", ""),
        ("# a comment", "# another", ""),
        (
            "interface = \"eth1\"",
            "interface = \"eth2\"",
            "black.interface",
        ),
        (
            "[kme]",
            "[rekey]\ninterval = \"5s\"\n[kme]",
            "rekey.interval",
        ),
        ("[kme]", "[rekey]\n[kme]", ""),
        ("sae_id = \"sae-b\"", "sae_id = \"sae-c\"", "peer[0].sae_id"),
    ];
    let before = format!("# a comment\n{GOOD}");
    for (from, to, keys) in table {
        assert!(before.contains(from), "{from}");
        let new = read(&before.replacen(from, to, 1)).unwrap().document;
        let old = read(&before).unwrap().document;
        assert_eq!(old.needs_restart(&new).join(" "), keys, "{to}");
        assert_eq!(new.needs_restart(&old).join(" "), keys, "{to}");
    }
}

#[test]
fn busy_workers_need_one_more_core_than_workers() {
    let text = GOOD.replacen("[kme]", "[worker]\ncount = 2\nidle = \"busy\"\n[kme]", 1);
    let worker = read(&text).unwrap().worker;
    let file = Path::new("site-a.toml");
    assert!(worker.fits(file, 3).is_ok());
    let error = worker.fits(file, 2).unwrap_err().to_string();
    for part in [
        "site-a.toml",
        "worker.idle",
        "2 workers on 2 cores",
        "fix: ",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(read(GOOD).unwrap().worker.fits(file, 1).is_ok());
}

#[test]
fn a_missing_file_is_named() {
    let error = EncryptorConfig::read(Path::new("/nowhere/site.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/nowhere/site.toml") && error.contains("--config"),
        "{error}"
    );
}

#[test]
fn kme_configs_are_checked_too() {
    let good = r#"
[[kme]]
kme_id = "kme-a"
listen = "127.0.0.1:0"
ca = "ca.pem"
cert = "kme-a.pem"
key = "kme-a.key"
sae_ids = ["sae-a", "sae-b"]
"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kme.toml");
    let read = |text: &str| {
        std::fs::write(&file, text).unwrap();
        KmeFile::read(&file).map_err(|error| error.to_string())
    };
    assert_eq!(read(good).unwrap().kme.len(), 1);
    for (from, to, expected) in [
        ("\"sae-a\", \"sae-b\"", "", "serves no SAE"),
        ("\"sae-a\", \"sae-b\"", "\"sae-a\"", "only one SAE is named"),
        ("127.0.0.1:0", "localhost", "listen"),
        ("\"kme-a\"", "\"\"", "kme.kme_id"),
        ("\"sae-b\"", "\"a\\tb\"", "kme.sae_ids"),
        ("kme_id", "kmeid", "unknown field"),
        ("[[kme]]", "[link]\nkm = \"far\"\n[[kme]]", "link.km"),
    ] {
        let error = read(&good.replacen(from, to, 1)).err().unwrap_or_default();
        assert!(
            error.contains(expected) && error.contains("kme.toml"),
            "{to:?}: {error}"
        );
    }
}

mod psk {
    use std::os::unix::fs::PermissionsExt;

    use super::{Path, Psk};

    fn read(text: &str, mode: u32) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pair.psk");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let psk = Psk::read(Path::new("site.toml"), &file);
        psk.map(|psk| psk.expose().to_vec())
            .map_err(|error| error.to_string())
    }

    /// Output of `openssl rand -hex`.
    const RANDOM: &str = "0f9c3b5ad1e8427766b0c4e29a51fd038dd75e1c20a9f3466bb8e4771592caf1";

    #[test]
    fn hex_of_32_to_64_octets_is_read() {
        let octets = read(RANDOM, 0o600).unwrap();
        assert_eq!((octets.len(), octets[0], octets[31]), (32, 0x0f, 0xf1));
        let longest = format!("{RANDOM}{}\n", RANDOM.to_uppercase().replace('0', "7"));
        assert_eq!(read(&longest, 0o400).unwrap().len(), 64);
    }

    #[test]
    fn a_secret_that_is_not_random_is_refused() {
        let counting: String = (0..32).map(|octet| format!("{octet:02x}")).collect();
        let words = b"The quick brown fox jumps 0123456".map(|octet| format!("{octet:02x}"));
        for (text, expected) in [
            ("00".repeat(32), "all octets are the same"),
            ("ff".repeat(64), "all octets are the same"),
            ("5a".repeat(32), "all octets are the same"),
            ("00ff".repeat(32), "again and again"),
            ("0123456789abcdef".repeat(4), "again and again"),
            (RANDOM[..32].repeat(2), "again and again"),
            (counting, "it counts"),
            (format!("{}01", "00".repeat(31)), "too often"),
            (words.concat(), "it is text"),
        ] {
            let error = read(&text, 0o600).unwrap_err();
            assert!(
                error.contains(expected) && error.contains("qmacsec pki --psk"),
                "{error}"
            );
            assert!(!error.contains(&text[..8]), "shows the secret: {error}");
        }
    }

    #[test]
    fn a_mistake_does_not_show_the_secret() {
        let secret = "c0ffee".repeat(10);
        for (text, mode, expected) in [
            (secret.clone(), 0o600, "holds 30 octets"),
            (secret.repeat(4), 0o600, "holds 120 octets"),
            (format!("{}0", "c0ffee".repeat(12)), 0o600, "not hex"),
            (format!("{}zz", "c0ffee".repeat(12)), 0o600, "not hex"),
            ("c0ffee".repeat(12), 0o644, "chmod 600"),
            ("c0ffee".repeat(12), 0o640, "chmod 600"),
            ("c0ffee".repeat(200), 0o600, "octets"),
        ] {
            let error = read(&text, mode).unwrap_err();
            assert!(
                error.contains(expected) && error.contains("pair.psk"),
                "{error}"
            );
            assert!(!error.contains("c0ffee"), "shows the secret: {error}");
        }
    }

    #[test]
    fn a_fresh_secret_can_be_read_back_and_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pair.psk");
        Psk::create(&file).unwrap();
        assert_eq!(
            Psk::read(Path::new("site.toml"), &file)
                .map_err(|error| error.to_string())
                .unwrap()
                .expose()
                .len(),
            32
        );
        assert!(Psk::create(&file).is_err());
    }

    #[test]
    fn a_fresh_secret_is_its_owners_alone_and_has_no_traces_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("k.psk");
        Psk::create(&file).unwrap();
        let about = std::fs::metadata(&file).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
        let error = Psk::create(&file).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
        let names = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["k.psk"]);
    }
}

#[cfg(not(feature = "dpdk"))]
#[test]
fn a_port_of_dpdk_needs_a_program_with_dpdk() {
    let text = GOOD.replace("port = \"packet\"\ninterface = \"eth1\"", "port = \"dpdk\"");
    let error = read(&text).unwrap_err();
    assert!(
        error.contains("black.port") && error.contains("--features dpdk"),
        "{error}"
    );
}

#[cfg(feature = "dpdk")]
#[test]
fn a_port_of_dpdk_has_a_device_and_no_interface() {
    let black = |lines: &str| read(&GOOD.replace("port = \"packet\"\ninterface = \"eth1\"", lines));
    let refused = |lines: &str, why: &str| {
        let error = black(lines).unwrap_err();
        assert!(error.contains(why), "{error}");
    };
    let good = black("port = \"dpdk\"\ndevice = \"3b:00.0\"").unwrap();
    assert_eq!(
        (good.black.name(), good.red.name()),
        ("0000:3b:00.0", "red0")
    );
    assert!(good.dpdk.hugepages);
    refused("port = \"dpdk\"", "add the line device = ");
    refused("port = \"dpdk\"\ninterface = \"eth1\"", "black.interface");
    let twice = GOOD
        .replace(
            "port = \"packet\"\ninterface = \"eth1\"",
            "port = \"dpdk\"\ndevice = \"net_ring0\"",
        )
        .replace(
            "port = \"tap\"\ninterface = \"red0\"",
            "port = \"dpdk\"\ndevice = \"net_ring0,x=1\"",
        );
    let error = read(&twice).unwrap_err();
    assert!(
        error.contains("black.device") && error.contains("two interfaces"),
        "{error}"
    );
}
