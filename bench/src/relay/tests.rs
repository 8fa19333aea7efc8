use serde_json::{Value, json};

use super::*;

const CASE: Case = Case {
    part: Part::Node,
    hops: 3,
    keys_per_request: 10,
};

fn sample(case: Case, nodes_ms: u64) -> Sample {
    Sample {
        case,
        keys: 100,
        wall: Duration::from_millis(500),
        nodes: Duration::from_millis(nodes_ms),
        clients: Duration::from_millis(100),
    }
}

fn peer(rates: &[f64]) -> Peer {
    let run = |rate: &f64| json!({"case": "3 hops, 10 keys a request", "keys_per_cpu_s_nodes": rate, "lost": 0});
    let mut runs: Vec<Value> = rates.iter().map(run).collect();
    runs.push(json!({"case": "3 hops, 4 pairs of clients at once, 1 key a request"}));
    Peer::parse(&format!(
        "a line before\n{}\n",
        json!({"bits": 256, "runs": runs})
    ))
    .unwrap()
}

#[test]
fn a_row_has_medians_and_the_ratio_to_the_peer_in_the_same_case() {
    let core = Case {
        part: Part::Core,
        ..CASE
    };
    let samples = [100, 400, 200].map(|ms| sample(CASE, ms));
    let samples = [&samples[..], &[sample(core, 50)]].concat();
    let rows = Row::all(&samples, Some(&peer(&[4.0, 30.0, 5.0])));
    let rows = serde_json::to_value(&rows).unwrap();
    let of = |row: &Value| [&row["part"], &row["hops"], &row["keys_per_request"]].map(Value::clone);
    assert_eq!(of(&rows[0]), [json!("core"), json!(3), json!(10)]);
    assert_eq!(rows[0]["keys_per_cpu_s"]["median"], 2000.0);
    assert_eq!(
        (&rows[0]["with_clients"], &rows[0]["times_the_peer"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(of(&rows[1]), [json!("node"), json!(3), json!(10)]);
    let spread = json!({"min": 250.0, "median": 500.0, "max": 1000.0});
    assert_eq!(rows[1]["keys_per_cpu_s"], spread);
    assert_eq!(rows[1]["keys_per_s"]["median"], 200.0);
    assert!((rows[1]["with_clients"]["median"].as_f64().unwrap() - 333.3).abs() < 0.1);
    assert_eq!(rows[1]["times_the_peer"], 100.0);
}

#[test]
fn a_relay_below_20_times_the_peer_is_not_fast_enough() {
    let row = |peer: Option<&Peer>| Row::all(&[sample(CASE, 200)], peer).remove(0);
    assert!(row(None).fast_enough());
    assert!(row(Some(&peer(&[25.0]))).fast_enough());
    assert!(!row(Some(&peer(&[26.0]))).fast_enough());
    let other = peer(&[]);
    assert!(row(Some(&other)).fast_enough(), "no run of this case");
}

#[test]
fn a_file_that_has_no_peer_is_refused_with_its_name_and_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peer.json");
    for text in ["", "{}", "{\"runs\": []}"] {
        std::fs::write(&path, text).unwrap();
        let error = Peer::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("peer.json") && error.contains("trusted-node-peer"),
            "{error}"
        );
    }
}

#[test]
fn both_lines_carry_equal_keys_end_to_end() {
    for hops in HOPS {
        let lines: [Box<dyn Line>; 2] = [
            Box::new(core_line::CoreLine::new(hops).unwrap()),
            Box::new(node_line::NodeLine::start(hops).unwrap()),
        ];
        for mut line in lines {
            for number in [50, 1, 50] {
                line.transfer(number).unwrap();
            }
        }
    }
}
