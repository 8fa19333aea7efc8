//! The topology of a network: a file, or a built-in one by its name.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use network::Topology;
use network::mistake::Mistakes;
use network::topology::{BUILT_IN, TEXT_MAX};

/// A topology that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// Neither a file nor a built-in topology.
    #[error(
        "there is no file {name} and no built-in topology of this name; fix: name a file, or one \
         of {}",
        BUILT_IN.join(", ")
    )]
    Missing {
        /// The given name.
        name: String,
    },
    /// The file cannot be read.
    #[error("{name} cannot be read ({error}); fix: a file in TOML that this user may read")]
    Unreadable {
        /// The given name.
        name: String,
        /// The reason.
        error: io::Error,
    },
    /// The file has mistakes.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

/// Returns the topology with this name, or that of a file relative to `folder`.
///
/// # Errors
/// There is none, it cannot be read, or it has mistakes.
pub fn topology(folder: &Path, named: &str) -> Result<Topology, TopologyError> {
    if let Some(built_in) = Topology::built_in(named) {
        return Ok(built_in);
    }
    let path = folder.join(named);
    let name = path.display().to_string();
    let text = text_of(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TopologyError::Missing { name: name.clone() },
        _ => TopologyError::Unreadable {
            name: name.clone(),
            error,
        },
    })?;
    Ok(Topology::parse(&text, &name)?)
}

/// The text of a file, up to a little more than a topology may have.
fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(TEXT_MAX as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}
