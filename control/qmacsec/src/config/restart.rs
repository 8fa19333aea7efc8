//! Finds the differences between two configs that a running encryptor cannot apply.

use serde::Deserialize;
use toml::{Table, Value};

/// The section that can change while the encryptor runs.
const RELOADED: &str = "policy";

/// A config as written in its file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Document(Table);

impl Document {
    /// Returns the keys that differ in `new` and take effect only at a restart.
    #[must_use]
    pub fn needs_restart(&self, new: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        differing(&self.0, &new.0, "", &mut keys);
        keys.retain(|key| key.split(['.', '[']).next() != Some(RELOADED));
        keys
    }
}

/// Enters the path of each value that exists in only one of the two, or differs.
fn differing(old: &Table, new: &Table, path: &str, keys: &mut Vec<String>) {
    let both = old
        .keys()
        .chain(new.keys().filter(|key| !old.contains_key(*key)));
    for key in both {
        differing_value(old.get(key), new.get(key), format!("{path}{key}"), keys);
    }
}

fn differing_value(old: Option<&Value>, new: Option<&Value>, path: String, keys: &mut Vec<String>) {
    match (old, new) {
        (Some(Value::Table(old)), Some(Value::Table(new))) => {
            differing(old, new, &format!("{path}."), keys);
        }
        // A missing section counts as a section without keys.
        (Some(Value::Table(only)), None) | (None, Some(Value::Table(only))) => {
            differing(only, &Table::new(), &format!("{path}."), keys);
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                differing_value(Some(old), Some(new), format!("{path}[{at}]"), keys);
            }
        }
        _ if old == new => {}
        _ => keys.push(path),
    }
}
