//! Helpers of the tests: options as the program reads them, and the keys of JSON.

use clap::{Args, Parser};
use serde_json::Value;

/// A parser as the program has it.
#[derive(Parser)]
struct Cli<T: Args> {
    #[command(flatten)]
    options: T,
}

/// Options of a bench, from a command line without the program's name.
pub(crate) fn parse<T: Args>(arguments: &str) -> Result<T, clap::Error> {
    let words = core::iter::once("bench").chain(arguments.split_whitespace());
    Cli::try_parse_from(words).map(|cli| cli.options)
}

/// The keys of a JSON object, sorted.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    let Value::Object(object) = value else {
        panic!("no object: {value}");
    };
    object.keys().map(String::as_str).collect()
}
