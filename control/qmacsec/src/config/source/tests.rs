use std::path::Path;

use super::KeyProtocol;
use crate::config::{EncryptorConfig, KmeFile};
use crate::limits;

const FIRST: &str = "url = \"https://127.0.0.1:8443\"\n";

fn read(kme: &str) -> Result<EncryptorConfig, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site-a.toml");
    let text = format!(
        "[encryptor]\nname = \"a\"\n[red]\nport = \"tap\"\ninterface = \"red0\"\n\
         [black]\nport = \"packet\"\ninterface = \"eth1\"\n\
         [kme]\nca = \"ca.pem\"\ncert = \"a.pem\"\nkey = \"a.key\"\n{kme}\n\
         [[peer]]\nname = \"b\"\nsae_id = \"sae-b\"\npsk_file = \"pair.psk\"\n"
    );
    std::fs::write(&file, text).unwrap();
    EncryptorConfig::read(&file).map_err(|error| error.to_string())
}

#[test]
fn a_kme_of_etsi_014_needs_only_its_url() {
    let kme = read(FIRST).unwrap().kme;
    assert_eq!(kme.protocol, KeyProtocol::Etsi014);
    assert_eq!(
        kme.addresses().collect::<Vec<_>>(),
        [("https://127.0.0.1:8443", None)]
    );
}

#[test]
fn a_fallback_has_its_own_id() {
    let more = "kme_id = \"kme-a\"\nfallback_url = \"https://kme-a2:8443\"\n\
                fallback_kme_id = \"kme-a2\"\nprotocol = \"skip\"\n";
    let kme = read(&format!("{FIRST}{more}")).unwrap().kme;
    assert_eq!(kme.protocol, KeyProtocol::Skip);
    assert_eq!(
        kme.addresses().collect::<Vec<_>>(),
        [
            ("https://127.0.0.1:8443", Some("kme-a")),
            ("https://kme-a2:8443", Some("kme-a2"))
        ]
    );
}

#[test]
fn each_mistake_names_its_key_and_the_fix() {
    for (more, key, fix) in [
        (
            "fallback_url = \"http://b\"",
            "kme.fallback_url",
            "https://host:port",
        ),
        (
            "fallback_url = \"https://127.0.0.1:8443\"",
            "kme.fallback_url",
            "another KME of this site",
        ),
        (
            "fallback_kme_id = \"b\"",
            "kme.fallback_kme_id",
            "add fallback_url",
        ),
        ("protocol = \"kmip\"", "kme.protocol", "etsi-014"),
        ("timeout = \"1ms\"", "kme.timeout", "50ms"),
    ] {
        let error = read(&format!("{FIRST}{more}")).unwrap_err();
        assert!(
            error.contains(key) && error.contains(fix) && error.contains("site-a.toml"),
            "{more}: {error}"
        );
    }
}

#[test]
fn the_timeout_is_a_twentieth_of_the_interval_above_its_minimum() {
    let patience = |ms| limits::kme_patience(std::time::Duration::from_millis(ms)).as_millis();
    assert_eq!((patience(3000), patience(1000)), (150, 50));
    assert_eq!(patience(100), 50, "no KME answers in 5 ms");
}

/// Reads files from `qmacsec pki` in the same way as `qmacsec run`.
#[test]
fn mistakes_found_in_the_files_name_the_key_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    kme::pki::make_lab_pki(folder.path(), &kme::pki::LabPki::default()).unwrap();
    let file = folder.path().join("site-a.toml");
    let at = |name: &str| folder.path().join(name);
    let mut config = read(&format!("{FIRST}fallback_url = \"https://b:1\"\n")).unwrap();
    (config.kme.ca, config.kme.cert) = (at("ca.pem"), at("sae-a.pem"));
    config.kme.key = at("sae-b.key");
    let sources = |config: &EncryptorConfig| {
        crate::encryptor::key_sources(&file, config).map_err(|error| error.to_string())
    };
    let error = sources(&config).err().unwrap();
    assert!(error.contains("kme.key"), "{error}");
    config.kme.key = at("sae-a.key");
    config.kme.fallback_url = Some("https://b:1?x".into());
    let error = sources(&config).err().unwrap();
    assert!(error.contains("kme.fallback_url"), "{error}");
}

#[tokio::test]
async fn sources_are_made_for_both_kmes() {
    let folder = tempfile::tempdir().unwrap();
    kme::pki::make_lab_pki(folder.path(), &kme::pki::LabPki::default()).unwrap();
    let mut config = read(&format!("{FIRST}fallback_url = \"https://b:1\"\n")).unwrap();
    let at = |name: &str| folder.path().join(name);
    (config.kme.ca, config.kme.cert) = (at("ca.pem"), at("sae-a.pem"));
    config.kme.key = at("sae-a.key");
    let sources = crate::encryptor::key_sources(Path::new("site-a.toml"), &config)
        .ok()
        .unwrap();
    let kmes: Vec<_> = sources.health().into_iter().map(|kme| kme.kme).collect();
    assert_eq!(kmes, ["127.0.0.1:8443", "b:1"]);
    assert_eq!(sources.active_url(), "https://127.0.0.1:8443");
}

#[test]
fn a_lab_kme_serves_skip_at_the_given_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kme.toml");
    let text = "[[kme]]\nkme_id = \"kme-a\"\nlisten = \"127.0.0.1:0\"\nca = \"ca.pem\"\n\
                cert = \"kme-a.pem\"\nkey = \"kme-a.key\"\nsae_ids = [\"sae-a\", \"sae-b\"]\n";
    let read = |more: &str| {
        std::fs::write(&file, format!("{text}{more}")).unwrap();
        KmeFile::read(&file).map_err(|error| error.to_string())
    };
    assert_eq!(read("").unwrap().kme[0].skip_listen, None);
    let skip = read("skip_listen = \"127.0.0.1:8444\"\n").unwrap();
    assert_eq!(skip.kme[0].skip_listen, Some(([127, 0, 0, 1], 8444).into()));
    let error = read("skip_listen = 8444\n").err().unwrap();
    assert!(error.contains("skip_listen"), "{error}");
}
