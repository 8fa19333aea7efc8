//! Choices of the command line: their names, and what was asked for.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use gcm::Engine;
use serde::Serializer;

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
