use super::*;

#[test]
fn a_position_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pair.position");
    let (file, position) = PositionFile::open(&path, b"secret").unwrap();
    assert_eq!(position, 0);
    file.store(12).unwrap();
    let (_, position) = PositionFile::open(&path, b"secret").unwrap();
    assert_eq!(position, 12);
}

#[test]
fn another_secret_or_another_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pair.position");
    PositionFile::open(&path, b"secret").unwrap();
    let other = PositionFile::open(&path, b"another").err().unwrap();
    assert!(matches!(other, PositionError::OtherSecret(_)), "{other}");
    for text in [
        "",
        "12\n",
        &format!("{KIND}\n{}\n-1\n", fingerprint(b"secret")),
    ] {
        fs::write(&path, text).unwrap();
        let wrong = PositionFile::open(&path, b"secret").err().unwrap();
        assert!(
            matches!(wrong, PositionError::Unreadable(_)),
            "{text:?}: {wrong}"
        );
    }
    let missing = PositionFile::open(&folder.path().join("no/file"), b"secret").err();
    assert!(matches!(missing, Some(PositionError::Io { .. })));
}
