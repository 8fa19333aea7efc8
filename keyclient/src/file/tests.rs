use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::{FileError, read, read_secret};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, mode: u32) -> PathBuf {
        let file = self.0.path().join(name);
        fs::write(&file, "words").unwrap();
        set_mode(&file, mode);
        file
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The text of the error: the problem and the fix.
fn said(path: &Path) -> String {
    match read_secret(path, 100) {
        Ok(_) => "read".to_owned(),
        Err(error) => format!("{error}; {}", error.fix(path)),
    }
}

#[test]
fn a_file_is_read_whole() {
    let folder = Folder::new();
    let file = folder.file("a", 0o644);
    assert_eq!(read(&file, 5).unwrap().as_slice(), b"words");
    assert!(matches!(
        read(&file, 4),
        Err(FileError::TooLong { len: 5, max: 4 })
    ));
    fs::write(&file, "").unwrap();
    assert!(read(&file, 0).unwrap().is_empty());
}

/// Each of these would block its reader, or has no file contents.
#[test]
fn what_is_no_file_is_named_and_never_waited_for() {
    let folder = Folder::new();
    let fifo = folder.0.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let socket = folder.0.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let link = folder.0.path().join("link");
    symlink(&fifo, &link).unwrap();
    let nowhere = folder.0.path().join("nowhere");
    symlink(folder.0.path().join("absent"), &nowhere).unwrap();
    for (path, kind) in [
        (fifo.as_path(), "is a FIFO"),
        (&link, "is a FIFO"),
        (&socket, "is a socket"),
        (folder.0.path(), "is a directory"),
        (Path::new("/dev/zero"), "is a device"),
        (&nowhere, "no such file"),
        (&folder.0.path().join("absent"), "no such file"),
    ] {
        for result in [read(path, 100), read_secret(path, 100)] {
            let error = result.map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(kind), "{}: {error}", path.display());
        }
    }
}

#[test]
fn a_secret_is_its_owners_alone() {
    let folder = Folder::new();
    for mode in [0o400, 0o600, 0o700] {
        assert_eq!(said(&folder.file("a", mode)), "read");
        set_mode(&folder.0.path().join("a"), 0o600);
    }
    for mode in [0o644, 0o666, 0o640, 0o620, 0o604, 0o601, 0o777] {
        let said = said(&folder.file("a", mode));
        assert!(
            said.contains(&format!("open to others (mode {mode:o})"))
                && said.contains("chmod 600 "),
            "{said}"
        );
    }
    let link = folder.0.path().join("link");
    symlink(folder.file("a", 0o600), &link).unwrap();
    assert_eq!(said(&link), "read");
    set_mode(&folder.0.path().join("a"), 0o644);
    assert!(said(&link).contains("open to others"), "the file counts");
}

#[test]
fn a_secret_where_everybody_may_replace_it_is_refused() {
    let folder = Folder::new();
    let file = folder.file("a", 0o600);
    let outside = Folder::new();
    let link = outside.0.path().join("link");
    symlink(&file, &link).unwrap();
    for mode in [0o777, 0o702] {
        set_mode(folder.0.path(), mode);
        for path in [&file, &link] {
            let said = said(path);
            assert!(
                said.contains("everybody may write") && said.contains("chmod o-w"),
                "{said}"
            );
        }
        assert!(read(&file, 100).is_ok(), "no secret, no matter");
    }
    // 1777 is the mode of /tmp: others cannot replace our file there.
    for mode in [0o755, 0o1777] {
        set_mode(folder.0.path(), mode);
        assert_eq!((said(&file), said(&link)), ("read".into(), "read".into()));
    }
    // Everybody could replace the link, so it is refused too.
    set_mode(outside.0.path(), 0o777);
    assert!(said(&link).contains("everybody may write"));
}

#[test]
fn a_link_of_somebody_else_in_a_sticky_folder_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped: only root gives files away");
    }
    let (folder, outside) = (Folder::new(), Folder::new());
    let link = outside.0.path().join("link");
    symlink(folder.file("a", 0o600), &link).unwrap();
    set_mode(outside.0.path(), 0o1777);
    assert_eq!(said(&link), "read");
    std::os::unix::fs::lchown(&link, Some(1234), None).unwrap();
    assert!(said(&link).contains("everybody may write"));
    // The owner of a sticky folder may replace the files in it.
    let file = folder.file("b", 0o600);
    set_mode(folder.0.path(), 0o1777);
    std::os::unix::fs::chown(folder.0.path(), Some(1234), None).unwrap();
    assert!(said(&file).contains("everybody may write"));
}

#[test]
fn a_secret_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped: only root gives files away");
    }
    let folder = Folder::new();
    let file = folder.file("a", 0o600);
    std::os::unix::fs::chown(&file, Some(1234), None).unwrap();
    let said = said(&file);
    assert!(
        said.contains("belongs to user 1234, not to user 0") && said.contains("chown 0"),
        "{said}"
    );
}
