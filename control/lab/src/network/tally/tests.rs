use std::time::Duration;

use network::NodeId;

use super::{PairTally, Tally, percentile};

#[test]
fn a_percentile_is_one_of_the_times() {
    assert_eq!(percentile(&mut [], 99), 0.0);
    let mut times: Vec<f32> = (1..=200).rev().map(|time| time as f32).collect();
    assert_eq!(percentile(&mut times, 50), 101.0);
    assert_eq!(percentile(&mut times, 99), 199.0);
    assert_eq!(percentile(&mut [3.0], 99), 3.0);
}

#[test]
fn a_key_drawn_twice_counts_and_a_miss_only_while_the_pair_is_reachable() {
    let mut tally = Tally::of(vec![PairTally::new(NodeId(0), NodeId(1))]);
    for id in ["a", "b", "a"] {
        tally.drawn(id);
    }
    assert_eq!(tally.delivered_twice, 1);
    tally.pairs[0].demanded = 3;
    tally.delivered(0, 1, Duration::from_millis(2), vec![vec!["x".to_owned()]]);
    tally.missed(0, 1, "why".to_owned());
    tally.pairs[0].reachable = false;
    tally.missed(0, 1, "gone".to_owned());
    let pair = &tally.pairs[0];
    assert_eq!((pair.demanded, pair.delivered, pair.missed), (2, 1, 1));
    assert_eq!(pair.usual_paths(), [["x"]]);
}
