use clap::Parser;

use super::*;
use crate::{Args, end_of};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(line: &str) -> Args {
    let line = ["lab"].into_iter().chain(line.split_whitespace());
    Line::try_parse_from(line).unwrap().args
}

fn document(end: &End) -> serde_json::Value {
    serde_json::from_str(&end.document().unwrap()).unwrap()
}

#[test]
fn a_lab_that_is_stopped_before_the_first_key_proves_nothing() {
    let before = "stopped before the first key";
    let end = End::of(Err(NoVerdict::Stopped(before))).unwrap();
    assert!(end.text().contains("\nNOT PROVEN"), "{}", end.text());
    assert_eq!(document(&end)["verdict"], "NOT_PROVEN");
    assert_eq!(document(&end)["error"], before);
    assert_eq!(end.code(), ExitCode::from(2));
}

#[test]
fn what_cannot_be_built_is_an_error_and_no_verdict() {
    assert!(End::of(Err("no KME".to_owned().into())).is_err());
    let document: serde_json::Value = serde_json::from_str(&error_document("no KME")).unwrap();
    assert_eq!(document["verdict"], "ERROR");
    assert_eq!(document["error"], "no KME");
}

#[test]
fn arguments_that_cannot_be_used_end_before_the_lab_is_built() {
    for (line, expected) in [
        ("--pcap /nonexistent/x", "--pcap"),
        ("--ledgers /nonexistent/x/y", "--ledgers"),
        ("--duration 1s", "--duration"),
        ("--preset foo", "foo"),
        ("--km 401", "401"),
    ] {
        let error = end_of(&args(line)).err().unwrap_or_default();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn a_link_without_keys_fails_with_the_reason() {
    let end = end_of(&args("--km 200")).unwrap();
    assert!(end.text().starts_with("FAIL: "), "{}", end.text());
    assert_eq!(document(&end)["verdict"], "FAIL");
    assert!(document(&end)["no_key"]["reason"].is_string());
    assert_eq!(end.code(), ExitCode::FAILURE);
}
