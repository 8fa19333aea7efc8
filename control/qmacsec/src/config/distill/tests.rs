use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

/// The example of the manual, every commented key included.
fn example() -> String {
    let text = include_str!("../../../../../docs/distill.toml");
    let keys = text.lines().map(|line| {
        let key = line.strip_prefix("# ").filter(|rest| {
            let name = rest.split_once(" = ").map(|(name, _)| name);
            name.is_some_and(|name| !name.contains(' '))
        });
        key.unwrap_or(line)
    });
    keys.collect::<Vec<_>>().join("\n")
}

/// A folder with a secret and a config.
fn folder(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    create_link_secret(&folder.path().join("link.secret")).unwrap();
    let config = folder.path().join("distill.toml");
    fs::write(&config, text).unwrap();
    (folder, config)
}

fn mistake(text: &str, role: Role) -> String {
    let (_folder, config) = folder(text);
    let mistake = DistillFile::read(&config, role).err().unwrap();
    mistake.to_string()
}

#[test]
fn the_example_names_every_key_and_its_default() {
    let (folder, config) = folder(&example());
    let (file, settings) = DistillFile::read(&config, Role::Bob).unwrap();
    assert_eq!(file.status_socket, Some(folder.path().join("alice.sock")));
    assert_eq!(settings.position, folder.path().join("link.position"));
    assert_eq!(settings.secret.len(), device::limits::SECRET_LEN);
    let plain = include_str!("../../../../../docs/distill.toml");
    fs::write(&config, plain).unwrap();
    let (_, plain) = DistillFile::read(&config, Role::Alice).unwrap();
    assert_eq!(plain.link.block_symbols(), settings.link.block_symbols());
    assert_eq!(
        plain.link.symbol_rate_baud(),
        settings.link.symbol_rate_baud()
    );
    assert_eq!(plain.key_life, settings.key_life);
    assert_eq!(plain.signals.eve, Schedule::default());
    assert_ne!(settings.signals.eve, Schedule::default());
}

#[test]
fn a_mistake_names_its_line_and_its_fix() {
    let text = example();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    for (text, role, expected) in [
        (
            text.clone(),
            Role::Alice,
            ["simulation.eve", "move it to Bob's config"],
        ),
        (with("km = 10.0", "km = -1.0"), Role::Bob, ["link", "-1"]),
        (
            with("km = 10.0", "kilometres = 10.0"),
            Role::Bob,
            ["line 32", "kilometres"],
        ),
        (
            with("block_symbols = 10000000", "block_symbols = 5"),
            Role::Bob,
            ["link", "262144"],
        ),
        (
            with("peer_sae_id = \"sae-b\"", "peer_sae_id = \"sae-a\""),
            Role::Bob,
            ["kme.peer_sae_id", "the SAE of the other end"],
        ),
        (
            with("intercept-resend=0.05@20s+30s", "steal=1@2s"),
            Role::Bob,
            ["simulation.eve", "steal"],
        ),
        (
            with("file = \"link.secret\"", "file = \"none\""),
            Role::Bob,
            ["secret.file", "qmacsec distill secret"],
        ),
    ] {
        let said = mistake(&text, role);
        for words in expected {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}

#[test]
fn a_secret_that_others_may_read_is_refused() {
    let (folder, config) = folder(&example());
    let secret = folder.path().join("link.secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let said = DistillFile::read(&config, Role::Bob)
        .err()
        .unwrap()
        .to_string();
    assert!(
        said.contains("secret.file") && said.contains("chmod 600"),
        "{said}"
    );
    assert!(
        create_link_secret(&secret).is_err(),
        "an existing secret stays"
    );
}
