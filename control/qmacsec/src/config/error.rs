//! Mistakes in a config file, with texts that name the fix.

use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake: the file, the key, its value, the problem and the fix.
#[derive(Debug)]
pub struct ConfigError {
    file: PathBuf,
    key: String,
    value: Option<String>,
    problem: String,
    fix: Option<String>,
}

impl ConfigError {
    /// Creates a mistake at `key` of `file`.
    pub(crate) fn new(file: &Path, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            key: key.into(),
            value: None,
            problem: problem.into(),
            fix: None,
        }
    }

    /// Sets the present value.
    pub(crate) fn value(mut self, value: impl fmt::Display) -> Self {
        self.value = Some(value.to_string());
        self
    }

    /// Sets the fix.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
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
        if let Some(fix) = &self.fix {
            write!(f, "\n  fix: {fix}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// All mistakes in a config and in the files it names, in the order in which they are found.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<ConfigError>);

impl Mistakes {
    /// True if there is no mistake.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a mistake, unless it is already in the list.
    pub(crate) fn add(&mut self, mistake: ConfigError) {
        let same = |known: &ConfigError| known.to_string() == mistake.to_string();
        if !self.0.iter().any(same) {
            self.0.push(mistake);
        }
    }

    /// Adds the mistake of a check, if there is one. Otherwise returns the value.
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
