use serde_json::json;

use super::*;

fn way(sent: u64, arrived: u64) -> Value {
    json!({ "sent": sent, "arrived": arrived, "flows": 64, "flows_heard": 64, "lost": {"VLAN": sent - arrived} })
}

fn box_with(port: &str, counter: &str, count: u64) -> Report {
    let mut worker = WorkerReport::default();
    let counters = match port {
        "red" => &mut worker.red.counters,
        "black" => &mut worker.black.counters,
        "rx" => &mut worker.rx,
        _ => &mut worker.tx,
    };
    counters.insert(counter.to_owned(), count);
    Report {
        workers: vec![worker],
        ..Report::default()
    }
}

fn judged(a_to_b: Value, boxes: [&Report; 2]) -> (&'static str, String) {
    let traffic = json!({ "a_to_b": a_to_b, "b_to_a": way(8, 8) });
    let verdict = judge(&traffic, boxes);
    let (word, why) = verdict.told();
    (word, why.to_owned())
}

#[test]
fn all_is_all() {
    let idle = Report::default();
    assert_eq!(judged(way(8, 8), [&idle, &idle]).0, "all");
}

#[test]
fn a_loss_needs_a_counter_on_its_way() {
    let idle = Report::default();
    let full = box_with("red", "rx_ring_full", 3);
    let (word, why) = judged(way(8, 5), [&full, &idle]);
    assert_eq!(
        (word, why.contains("red rx_ring_full 3")),
        ("named", true),
        "{why}"
    );
    // Two counted and three lost; counted by the box at the wrong end; counted as received.
    let two = box_with("red", "rx_ring_full", 2);
    assert_eq!(judged(way(8, 5), [&two, &idle]).0, "FAIL");
    assert_eq!(judged(way(8, 5), [&idle, &full]).0, "FAIL");
    let received = box_with("red", "rx_frames", 3);
    assert_eq!(judged(way(8, 5), [&received, &idle]).0, "FAIL");
    let late = box_with("rx", "InPktsLate", 3);
    assert_eq!(judged(way(8, 5), [&idle, &late]).0, "named");
    let good = box_with("rx", "InPktsOK", 3);
    assert_eq!(judged(way(8, 5), [&idle, &good]).0, "FAIL");
}

#[test]
fn nothing_sent_changed_frames_doubles_and_a_queue_that_stands_still_fail() {
    let idle = Report::default();
    assert_eq!(judged(way(0, 0), [&idle, &idle]).0, "FAIL");
    let mut changed = way(8, 7);
    changed["changed"] = json!({ "VLAN": 1 });
    let (word, why) = judged(changed, [&idle, &idle]);
    assert_eq!(
        (word, why.contains("1 changed (VLAN 1)")),
        ("FAIL", true),
        "{why}"
    );
    let mut twice = way(8, 8);
    twice["twice"] = json!(1);
    assert_eq!(judged(twice, [&idle, &idle]).0, "FAIL");
    let mut stands_still = way(8, 7);
    stands_still["not_taken_by_the_guest"] = json!(1);
    assert_eq!(judged(stands_still, [&idle, &idle]).0, "FAIL");
}
