//! What is wrong with a config file, said so that its reader can mend it.

use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake: in which file, at which key, what stands there, what is wrong, what to write.
#[derive(Debug)]
pub struct ConfigError {
    file: PathBuf,
    key: String,
    value: Option<String>,
    problem: String,
    mend: Option<String>,
}

impl ConfigError {
    /// A mistake at `key` of `file`.
    pub(crate) fn new(file: &Path, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            key: key.into(),
            value: None,
            problem: problem.into(),
            mend: None,
        }
    }

    /// What stands there now.
    pub(crate) fn value(mut self, value: impl fmt::Display) -> Self {
        self.value = Some(value.to_string());
        self
    }

    /// What to write instead.
    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}", self.problem)?;
        if let Some(mend) = &self.mend {
            write!(f, "\n  mend: {mend}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
