use std::time::Duration;

use clap::{Args as _, Command, FromArgMatches};
use network::LinkId;
use network::topology::Topology;

use super::{Args, Fault, KmeId, Layout, What};

fn faults(words: &[&str]) -> Result<Vec<Fault>, String> {
    faults_of("line-3", words)
}

fn faults_of(name: &str, words: &[&str]) -> Result<Vec<Fault>, String> {
    let command = Args::augment_args(Command::new("run").no_binary_name(true));
    let matches = command.try_get_matches_from(words);
    let matches = matches.map_err(|error| error.to_string())?;
    let args = Args::from_arg_matches(&matches).unwrap();
    let topology = Topology::built_in(name).unwrap();
    args.faults(&topology, &Layout::of(&topology))
}

#[test]
fn faults_are_found_by_name_and_sorted_by_time() {
    let found = faults(&["--kill", "middle@20s", "--cut", "right-middle@10s"]).unwrap();
    let expected = [
        (10, What::Cut(vec![LinkId(1)])),
        (20, What::Kill(vec![KmeId(1)])),
    ];
    let expected = expected.map(|(s, what)| Fault {
        at: Duration::from_secs(s),
        what,
    });
    assert_eq!(found, expected);
}

#[test]
fn one_kme_of_an_interworking_node_is_killed_or_both() {
    let words = ["--kill", "gate.east@1s", "--kill", "gate@2s"];
    let found = faults_of("two-domains", &words).unwrap();
    let what: Vec<_> = found.into_iter().map(|fault| fault.what).collect();
    assert_eq!(
        what,
        [vec![KmeId(8)], vec![KmeId(8), KmeId(9)]].map(What::Kill)
    );
}

#[test]
fn a_wrong_order_is_named_with_the_fix() {
    for (words, text) in [
        (
            ["--kill", "moon@1s"],
            "--kill moon: there is no such node; fix: name one of left, middle",
        ),
        (
            ["--cut", "left-right@1s"],
            "there is no such link; fix: name one of left-middle, middle-",
        ),
        (
            ["--kill", "left@60s"],
            "a fault at 60s comes after the end of the run (60s); fix: a long",
        ),
        (["--kill", "left"], "write what and when, like exchange@20s"),
    ] {
        let error = faults(&words).unwrap_err();
        assert!(error.contains(text), "{error}");
    }
}
