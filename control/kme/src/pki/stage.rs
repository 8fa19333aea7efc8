//! Files that appear all together or not at all.
//!
//! Each file is first written under another name in the same folder. So a full disk leaves neither
//! an empty key nor half a set, and old files stay until all new ones are complete.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::PkiError;

/// Files on their way. Dropping it removes those that do not have their own names yet.
pub(super) struct Stage {
    overwrite: bool,
    /// Present and final path of each file.
    files: Vec<(PathBuf, PathBuf)>,
}

impl Stage {
    pub(super) fn new(overwrite: bool) -> Self {
        Self {
            overwrite,
            files: Vec::new(),
        }
    }

    /// Writes a file that has its mode from the first octet on.
    pub(super) fn add(&mut self, path: PathBuf, text: &str, mode: u32) -> Result<(), PkiError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let fresh = path.with_file_name(format!(".{name}.new"));
        let failed = failed(&path);
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&fresh);
        let mut out = opened.map_err(&failed)?;
        self.files.push((fresh, path.clone()));
        out.write_all(text.as_bytes()).map_err(&failed)?;
        out.sync_all().map_err(&failed)
    }

    /// Gives all files their own names. An old file is replaced and never written into, so neither
    /// its mode nor a link decides who can read the new key.
    pub(super) fn finish(mut self) -> Result<Vec<PathBuf>, PkiError> {
        let taken = |(_, path): &&(PathBuf, PathBuf)| path.symlink_metadata().is_ok();
        if !self.overwrite
            && let Some((_, path)) = self.files.iter().find(taken)
        {
            return Err(PkiError::Exists(path.clone()));
        }
        for (fresh, path) in &self.files {
            fs::rename(fresh, path).map_err(failed(path))?;
        }
        let files = std::mem::take(&mut self.files);
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for (fresh, _) in &self.files {
            let _has_its_name_already = fs::remove_file(fresh);
        }
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> PkiError + use<> {
    let path = path.to_path_buf();
    move |source| PkiError::Io {
        path: path.clone(),
        source,
    }
}
