use core::time::Duration;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::Watch;
use crate::config::{ClientConfig, Form};

fn config(folder: &Path) -> ClientConfig {
    ClientConfig {
        base_url: "https://kme".into(),
        kme_id: None,
        peer_sae_id: "sae-b".into(),
        ca: folder.join("ca.pem"),
        cert: folder.join("sae.pem"),
        key: folder.join("sae.key"),
        timeout: Duration::from_secs(1),
        form: Form::Post,
    }
}

fn write_all(folder: &Path) {
    for name in ["ca.pem", "sae.pem", "sae.key"] {
        fs::write(folder.join(name), "one").unwrap();
    }
}

#[test]
fn a_change_is_told_once_and_only_when_it_has_settled() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let config = config(folder.path());
    let mut watch = Watch::new([&config, &config].into_iter());
    assert!(!watch.changed() && !watch.changed());
    fs::write(&config.cert, "longer").unwrap();
    assert!(!watch.changed(), "may be half done");
    fs::write(&config.key, "longer").unwrap();
    assert!(!watch.changed(), "still going on");
    assert!(watch.changed());
    assert!(!watch.changed());
}

#[test]
fn files_of_the_same_length_moved_into_place_and_links_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let config = config(folder.path());
    let mut watch = Watch::new([&config].into_iter());

    let new = folder.path().join("new");
    fs::write(&new, "two").unwrap();
    fs::rename(&new, &config.cert).unwrap();
    assert!(!watch.changed() && watch.changed() && !watch.changed());

    fs::remove_file(&config.key).unwrap();
    assert!(
        !watch.changed() && watch.changed() && !watch.changed(),
        "gone is a change"
    );
    for target in ["a", "b"] {
        fs::write(folder.path().join(target), "key").unwrap();
        let _ = fs::remove_file(&new);
        symlink(folder.path().join(target), &new).unwrap();
        fs::rename(&new, &config.key).unwrap();
        assert!(
            !watch.changed() && watch.changed() && !watch.changed(),
            "{target}"
        );
    }
}
