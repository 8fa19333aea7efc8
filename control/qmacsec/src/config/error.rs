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

/// All mistakes in a config and in the files it names, in the order in which they are found.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<ConfigError>);

impl Mistakes {
    /// Whether there is no mistake.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a mistake, unless it is there already.
    pub(crate) fn add(&mut self, mistake: ConfigError) {
        let same = |known: &ConfigError| known.to_string() == mistake.to_string();
        if !self.0.iter().any(same) {
            self.0.push(mistake);
        }
    }

    /// Adds the mistake of a check, if any, and returns its value otherwise.
    pub(crate) fn note<T>(&mut self, checked: Result<T, ConfigError>) -> Option<T> {
        checked.map_err(|mistake| self.add(mistake)).ok()
    }
}

impl From<ConfigError> for Mistakes {
    fn from(mistake: ConfigError) -> Self {
        Self(vec![mistake])
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            let line_end = if number == 0 { "" } else { "\n" };
            write!(f, "{line_end}{mistake}")?;
        }
        match self.0.len() {
            0 | 1 => Ok(()),
            several => write!(f, "\n{several} mistakes"),
        }
    }
}

impl std::error::Error for Mistakes {}
