use std::time::Duration;

use clap::{Args as _, Command, FromArgMatches};
use network::topology::Topology;
use network::{LinkId, NodeId};

use super::{Args, Fault, What};

fn faults(words: &[&str]) -> Result<Vec<Fault>, String> {
    let command = Args::augment_args(Command::new("run").no_binary_name(true));
    let matches = command.try_get_matches_from(words);
    let matches = matches.map_err(|error| error.to_string())?;
    let args = Args::from_arg_matches(&matches).unwrap();
    args.faults(&Topology::built_in("line-3").unwrap())
}

#[test]
fn faults_are_found_by_name_and_sorted_by_time() {
    let found = faults(&["--kill", "middle@20s", "--cut", "right-middle@10s"]).unwrap();
    let expected = [
        (10, What::Cut(vec![LinkId(1)])),
        (20, What::Kill(NodeId(1))),
    ];
    let expected = expected.map(|(s, what)| Fault {
        at: Duration::from_secs(s),
        what,
    });
    assert_eq!(found, expected);
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
