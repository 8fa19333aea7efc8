//! Choices of the command line: their names, and what was asked for.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use gcm::Engine;
use serde::Serializer;

use super::report::ReportOptions;
use crate::size::FrameSize;

/// Options of the benches of frames.
#[derive(Args, Clone, Debug)]
pub(crate) struct FrameOptions {
    /// Frame sizes in octets with FCS, and `imix` [default: 64 to 1518, imix, 9000]
    #[arg(long, value_delimiter = ',')]
    pub sizes: Vec<FrameSize>,
    /// The AES-GCM engine: vaes512, aws-lc, rustcrypto [default: the best here]
    #[arg(long, value_parser = engine)]
    pub engine: Option<Engine>,
    /// Seed of the order of devices and of the mix
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub report: ReportOptions,
}

/// A choice has one name: on the command line, in tables and in JSON.
pub(crate) fn name(choice: &impl ValueEnum) -> String {
    let value = choice.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The name of a choice, for `serde(serialize_with)`.
pub(crate) fn serialize<S: Serializer>(
    choice: &impl ValueEnum,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&name(choice))
}

/// Parses some of the choices only.
pub(crate) fn among<T>(choices: &'static [T]) -> impl TypedValueParser<Value = T>
where
    T: ValueEnum + Send + Sync,
{
    let values = choices.iter().filter_map(ValueEnum::to_possible_value);
    PossibleValuesParser::new(values).try_map(|name| T::from_str(&name, false))
}

/// The items asked for, each once; or else the default.
pub(crate) fn or_default<T: Clone + PartialEq>(asked: &[T], default: Vec<T>) -> Vec<T> {
    let once = each_once(asked.iter().cloned());
    if once.is_empty() { default } else { once }
}

pub(crate) fn each_once<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut once = Vec::new();
    for item in items {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    once
}

pub(crate) fn engine(name: &str) -> Result<Engine, String> {
    let mut here = Engine::available();
    here.find(|engine| engine.name() == name).ok_or_else(|| {
        let names: Vec<_> = Engine::available().map(Engine::name).collect();
        format!("this machine has {}", names.join(", "))
    })
}
