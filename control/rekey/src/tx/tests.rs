//! The whole transition table, and what the simulation cannot single out.

use super::state::{Input, Stage, next};

const STAGES: [Stage; 6] = [
    Stage::Idle,
    Stage::Waiting,
    Stage::Fetching,
    Stage::Offering,
    Stage::Agreed,
    Stage::Installing,
];
const INPUTS: [Input; 8] = [
    Input::SessionAgreed,
    Input::SessionEnded,
    Input::OfferDue,
    Input::KeyTaken,
    Input::Ready,
    Input::GivenUp,
    Input::SwitchDue,
    Input::Installed,
];

/// The table of section 6.1 of the specification; `-` means: ignored.
const TABLE: &str = "\
           agreed    ended  due       key       ready   givenup   switch      installed
idle       fetching  idle   -         -         -       -         -           -
waiting    -         idle   fetching  -         -       -         -           -
fetching   -         idle   -         offering  -       -         -           -
offering   -         idle   -         -         agreed  fetching  -           -
agreed     -         idle   -         -         -       fetching  installing  -
installing -         idle   -         -         -       -         -           waiting";

#[test]
fn rekey_16_the_transition_table_is_that_of_the_specification() {
    let rows: Vec<Vec<&str>> = TABLE
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    for (stage, row) in STAGES.into_iter().zip(rows) {
        assert_eq!(row[0], stage.name());
        for (input, cell) in INPUTS.into_iter().zip(&row[1..]) {
            let expected = next(stage, input).map_or("-", Stage::name);
            assert_eq!(*cell, expected, "{stage:?} on {input:?}");
        }
    }
}

/// REKEY-20: nothing but a READY leads from an offer to its install.
#[test]
fn rekey_20_no_path_from_offering_to_installing_avoids_ready() {
    let mut reached = vec![Stage::Offering];
    let mut at = 0;
    while let Some(stage) = reached.get(at).copied() {
        for input in INPUTS.into_iter().filter(|input| *input != Input::Ready) {
            if let Some(to) = next(stage, input)
                && !reached.contains(&to)
            {
                reached.push(to);
            }
        }
        at += 1;
    }
    assert!(!reached.contains(&Stage::Agreed) && !reached.contains(&Stage::Installing));
}
