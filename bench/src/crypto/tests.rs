use serde_json::Value;

use super::*;
use crate::tests::{keys, parse};

fn options(arguments: &str) -> Options {
    parse(arguments).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_quick_run_gives_the_promised_json() {
    let text = run(&options("--quick --rounds 2 --json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(keys(&document), ["machine", "rows"]);
    assert!(document["machine"]["core_ghz"].as_f64().unwrap() > 0.1);
    let rows = document["rows"].as_array().unwrap();
    let (here, _) = find(Name::value_variants());
    assert_eq!(
        rows.len(),
        here.len() * 2 * 3 * 2,
        "engines, ops, sizes, bursts"
    );
    let mut expected = [
        "engine",
        "op",
        "size",
        "burst",
        "ns_per_frame",
        "gbit_s",
        "mpps",
        "percent_of_floor",
    ];
    expected.sort_unstable();
    for row in rows {
        let mut found = keys(row);
        found.sort_unstable();
        assert_eq!(found, expected);
        assert!(["seal", "open"].contains(&row["op"].as_str().unwrap()));
        assert!([1, 32].contains(&row["burst"].as_u64().unwrap()));
        let ns = |name: &str| row["ns_per_frame"][name].as_f64().unwrap();
        assert!(
            0.0 < ns("min") && ns("min") <= ns("median") && ns("median") <= ns("max"),
            "{row}"
        );
        let payload = match &row["size"] {
            Value::String(text) if text == "imix" => 4252.0 / 12.0,
            size => size.as_u64().unwrap() as f64,
        };
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b;
        assert!(
            near(row["mpps"].as_f64().unwrap(), 1000.0 / ns("median")),
            "{row}"
        );
        assert!(
            near(
                row["gbit_s"].as_f64().unwrap(),
                8.0 * payload / ns("median")
            ),
            "{row}"
        );
        let floor = &row["percent_of_floor"];
        assert!(floor.is_null() || floor.as_f64().is_some_and(|percent| percent > 0.0));
    }
    for name in here {
        assert!(
            rows.iter()
                .any(|row| row["engine"] == name.name().to_string())
        );
    }
}

#[test]
fn options_narrow_the_run_and_the_tables_say_the_rest() {
    let text = run(&options(
        "--sizes 100,imix --bursts 4,2 --engines ring,aes-gcm --ops open --rounds 2",
    ))
    .unwrap();
    for part in [
        "OPEN in bursts of 4",
        "ring",
        "aes-gcm",
        "imix",
        "2 rounds",
        "by medians",
    ] {
        assert!(
            text.contains(part) || part == "2 rounds",
            "no `{part}` in\n{text}"
        );
    }
    assert!(
        text.contains("8 rounds"),
        "2 sizes, 2 bursts, 2 rounds each:\n{text}"
    );
    assert!(
        !text.contains("SEAL") && !text.contains("vaes512"),
        "{text}"
    );
}

#[test]
fn wrong_options_are_refused_in_words() {
    for (arguments, word) in [
        ("--bursts 65", "1 to 64"),
        ("--bursts 0", "1 to 64"),
        ("--sizes 10000000", "octets"),
        ("--engines openssl", "vaes512"),
        ("--rounds 1 --seconds 1", "cannot be used with"),
    ] {
        let error = parse::<Options>(arguments)
            .err()
            .unwrap_or_else(|| panic!("{arguments} passed"));
        assert!(error.to_string().contains(word), "{arguments}: {error}");
    }
    let error = run(&options("--core 100000 --rounds 1")).unwrap_err();
    assert!(error.to_string().contains("core 100000"), "{error}");
}

/// A key that forgets the last octet of the ICV must not be timed.
#[test]
fn a_wrong_contender_is_found_out() {
    use gcm::{BurstKey, Job};
    use rand_chacha::rand_core::SeedableRng;

    struct Wrong(Box<dyn BurstKey>);
    impl BurstKey for Wrong {
        fn seal(&mut self, burst: &mut [Job<'_>]) {
            self.0.seal(burst);
            for job in burst {
                *job.frame.last_mut().unwrap() = 0;
            }
        }
        fn open(&mut self, burst: &mut [Job<'_>]) {
            self.0.open(burst);
        }
    }
    let key = || Contender::find(Name::AesGcm).unwrap().expand(&[1; 32]);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut window = crate::window::Window::new(vec![64; 8], &mut rng);
    rig::check(&mut window, 4, &mut *key(), &mut *key()).unwrap();
    let error = rig::check(&mut window, 4, &mut Wrong(key()), &mut *key()).unwrap_err();
    assert!(error.starts_with("does not seal"), "{error}");
}
