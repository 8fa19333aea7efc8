//! The link to start from: a preset of the model, or a published experiment.

use std::fmt;
use std::str::FromStr;

use qkd::Link;
use qkd::preset::Preset;
use qkd::published::Experiment;

/// A named link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Start {
    Preset(Preset),
    Experiment(Experiment),
}

impl Start {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let presets = Preset::ALL.into_iter().map(Self::Preset);
        presets.chain(Experiment::ALL.into_iter().map(Self::Experiment))
    }

    pub(super) fn link(&self) -> Link {
        match self {
            Self::Preset(preset) => preset.link(),
            Self::Experiment(experiment) => experiment.link(),
        }
    }

    /// The origin of its numbers.
    pub(super) fn description(&self) -> String {
        match self {
            Self::Preset(preset) => preset.description().to_owned(),
            Self::Experiment(experiment) => {
                let published = match experiment.published_bit_s() {
                    Some(bit_s) => format!("; published rate: {bit_s} bit/s"),
                    None => String::new(),
                };
                let (source, note) = (experiment.source(), experiment.note());
                format!("{source}{published}; {note}")
            }
        }
    }

    /// Whether the modulation is a value of the link and not the best one.
    pub(super) fn has_own_modulation(&self) -> bool {
        matches!(self, Self::Experiment(_))
    }
}

impl Default for Start {
    fn default() -> Self {
        Self::Preset(Preset::default())
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preset(preset) => preset.fmt(f),
            Self::Experiment(experiment) => experiment.fmt(f),
        }
    }
}

impl FromStr for Start {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all()
            .find(|start| start.to_string() == name)
            .ok_or_else(|| {
                let names: Vec<_> = Self::all().map(|start| start.to_string()).collect();
                format!(
                    "no link preset is called {name:?}; fix: use one of {}",
                    names.join(", ")
                )
            })
    }
}
