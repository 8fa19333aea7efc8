//! Files that a configuration names: read completely, without blocking, and private if secret.
//!
//! A FIFO or a device instead of a file could block its reader forever, or act when it is opened.
//! Therefore the type is checked before and after open, and the open does not block.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Permissions of group and others; a secret has none of them.
const OTHERS: u32 = 0o077;
/// Everybody may create, rename and delete files in this folder.
const EVERYBODY_WRITES: u32 = 0o002;
/// In this folder a file is renamed and deleted only by its owner, the folder's owner or root.
const STICKY: u32 = 0o1000;
/// User ID of the superuser.
const ROOT: u32 = 0;

/// The reason why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system returned an error.
    #[error("cannot be read ({0})")]
    Io(#[from] io::Error),
    /// The file does not exist.
    #[error("there is no such file")]
    Absent,
    /// The file exists but permission is denied.
    #[error("may not be read by this user")]
    Denied,
    /// Not a regular file.
    #[error("is {0}, no file")]
    NotAFile(&'static str),
    /// Longer than the limit for such a file.
    #[error("has {len} octets, at most {max} are read")]
    TooLong {
        /// Its length.
        len: u64,
        /// The limit.
        max: usize,
    },
    /// Group or others have permissions on a secret.
    #[error("is open to others (mode {0:o})")]
    OpenToOthers(u32),
    /// It belongs to another user, who can change it or its permissions.
    #[error("belongs to user {owner}, not to user {user} who runs this program, nor to root")]
    Foreign {
        /// Its owner.
        owner: u32,
        /// The user of this process.
        user: u32,
    },
    /// Everybody may replace the file.
    #[error("lies in {folder}, where everybody may write (mode {mode:o})")]
    PublicFolder {
        /// The folder.
        folder: PathBuf,
        /// The mode of the folder.
        mode: u32,
    },
}

impl FileError {
    /// The fix.
    #[must_use]
    pub fn fix(&self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Absent => "check the path".to_owned(),
            Self::Denied => "give this program's user the right to read it".to_owned(),
            Self::Io(_) => "check the file".to_owned(),
            Self::NotAFile("a directory") => "name a file in it".to_owned(),
            Self::NotAFile(_) => "name a regular file".to_owned(),
            Self::TooLong { .. } => "check the file name".to_owned(),
            Self::OpenToOthers(_) => format!("chmod 600 {path}"),
            Self::Foreign { user, .. } => format!(
                "chown {user} {path}, after a look at what is in it, or run this program as its owner"
            ),
            Self::PublicFolder { folder, .. } => format!(
                "move it to a folder of your own, or chmod o-w {}",
                folder.display()
            ),
        }
    }
}

/// Reads a regular file of at most `max` octets. The contents are wiped when dropped.
///
/// # Errors
/// See [`FileError`].
pub fn read(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    Opened::open(path, max)?.contents()
}

/// Same as [`read`], but the file must pass [`Opened::private`].
///
/// # Errors
/// See [`FileError`].
pub fn read_secret(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let opened = Opened::open(path, max)?;
    opened.private()?;
    opened.contents()
}

/// A regular file, open but not read yet.
pub struct Opened<'a> {
    path: &'a Path,
    file: File,
    about: Metadata,
}

impl<'a> Opened<'a> {
    /// Opens a regular file of at most `max` octets.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn open(path: &'a Path, max: usize) -> Result<Self, FileError> {
        let refused = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => FileError::Absent,
            io::ErrorKind::PermissionDenied => FileError::Denied,
            _ => FileError::Io(error),
        };
        is_a_file(&fs::metadata(path).map_err(refused)?, max)?;
        let without_waiting = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(without_waiting.bits().cast_signed())
            .open(path)
            .map_err(refused)?;
        let about = file.metadata()?; // the file may have been replaced since the first check
        is_a_file(&about, max)?;
        Ok(Self { path, file, about })
    }

    /// Checks that the file may hold a secret: it belongs to us or to root, no other user has
    /// permissions on it, and not everybody can replace it.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn private(&self) -> Result<(), FileError> {
        let mode = self.about.mode();
        if mode & OTHERS != 0 {
            return Err(FileError::OpenToOthers(mode & 0o7777));
        }
        let (owner, user) = (self.about.uid(), rustix::process::geteuid().as_raw());
        let trusted = |owner| owner == user || owner == ROOT;
        if !trusted(owner) {
            return Err(FileError::Foreign { owner, user });
        }
        // The folder of the given path, and that of the link target.
        let real = fs::canonicalize(self.path)?;
        for file in [self.path, &real] {
            let folder = match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let about = fs::metadata(folder)?;
            let mode = about.mode() & 0o7777;
            // As in /tmp: others may create files, but cannot replace this file or the link to it.
            let kept = mode & STICKY != 0
                && trusted(about.uid())
                && trusted(fs::symlink_metadata(file)?.uid());
            if mode & EVERYBODY_WRITES != 0 && !kept {
                let folder = folder.to_path_buf();
                return Err(FileError::PublicFolder { folder, mode });
            }
        }
        Ok(())
    }

    /// Reads the whole file. Octets appended later are ignored. Files of `/proc` have a length of 0
    /// and are read as empty.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn contents(self) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let len = self.about.len();
        // One octet more than the length, so that reading to the end never reallocates.
        let room = usize::try_from(len).unwrap_or(usize::MAX).saturating_add(1);
        let mut octets = Zeroizing::new(Vec::with_capacity(room));
        self.file.take(len).read_to_end(&mut octets)?;
        Ok(octets)
    }
}

fn is_a_file(about: &Metadata, max: usize) -> Result<(), FileError> {
    let kind = about.file_type();
    let other = if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_file() {
        None
    } else {
        Some("a device")
    };
    if let Some(other) = other {
        return Err(FileError::NotAFile(other));
    }
    let len = about.len();
    if len > max as u64 {
        return Err(FileError::TooLong { len, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
