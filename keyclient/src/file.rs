//! Files that a config names: read whole, never waited for, and private if they hold a secret.
//!
//! A FIFO or a device in the place of a file would hold up its reader for ever, or do something when
//! it is opened. So a path is looked at before it is opened, opened without waiting, and looked at
//! again.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Rights of group and others, of which a secret has none.
const OTHERS: u32 = 0o077;
/// Everybody may make, rename and delete files in this folder.
const EVERYBODY_WRITES: u32 = 0o002;
/// User ID of the superuser.
const ROOT: u32 = 0;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system says no.
    #[error("cannot be read ({0})")]
    Io(#[from] io::Error),
    /// There is none.
    #[error("there is no such file")]
    Absent,
    /// It is there and may not be read.
    #[error("may not be read by this user")]
    Denied,
    /// It is no regular file.
    #[error("is {0}, no file")]
    NotAFile(&'static str),
    /// It is longer than such a file can be.
    #[error("has {len} octets, at most {max} are read")]
    TooLong {
        /// Its length.
        len: u64,
        /// What is read at most.
        max: usize,
    },
    /// Group or others have rights to a secret.
    #[error("is open to others (mode {0:o})")]
    OpenToOthers(u32),
    /// It belongs to somebody else, who can change it or its rights.
    #[error("belongs to user {owner}, not to user {user} who runs this program, nor to root")]
    Foreign {
        /// Its owner.
        owner: u32,
        /// The user of this process.
        user: u32,
    },
    /// Everybody may replace it.
    #[error("lies in {folder}, where everybody may write (mode {mode:o})")]
    PublicFolder {
        /// The folder.
        folder: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

impl FileError {
    /// What to do about it.
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

/// Reads a regular file of at most `max` octets. They are wiped when dropped.
///
/// # Errors
/// See [`FileError`].
pub fn read(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    Opened::open(path, max)?.contents()
}

/// As [`read`], of a file that is [`Opened::private`].
///
/// # Errors
/// See [`FileError`].
pub fn read_secret(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let opened = Opened::open(path, max)?;
    opened.private()?;
    opened.contents()
}

/// A regular file, open and not read yet.
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
        let about = file.metadata()?; // it may have been replaced between the two
        is_a_file(&about, max)?;
        Ok(Self { path, file, about })
    }

    /// Whether it may hold a secret: it belongs to us or to root, nobody else has rights to it, and
    /// not everybody can put another one in its place.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn private(&self) -> Result<(), FileError> {
        let mode = self.about.mode();
        if mode & OTHERS != 0 {
            return Err(FileError::OpenToOthers(mode & 0o7777));
        }
        let (owner, user) = (self.about.uid(), rustix::process::geteuid().as_raw());
        if owner != user && owner != ROOT {
            return Err(FileError::Foreign { owner, user });
        }
        // The folder of the name that was given, and that of the file it leads to.
        let real = fs::canonicalize(self.path)?;
        for file in [self.path, &real] {
            let folder = match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let mode = fs::metadata(folder)?.mode();
            if mode & EVERYBODY_WRITES != 0 {
                let (folder, mode) = (folder.to_path_buf(), mode & 0o7777);
                return Err(FileError::PublicFolder { folder, mode });
            }
        }
        Ok(())
    }

    /// Reads it whole. What is appended meanwhile is left alone. Files of `/proc` have a length of 0
    /// and are read as empty.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn contents(self) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let len = self.about.len();
        // One octet more than there is, so that reading to the end never reallocates.
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
