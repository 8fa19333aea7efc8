//! The command line: every command documents itself with an example, works as documented, and ends
//! with the documented exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tests::program::run;

use super::PROGRAM;

const COMMANDS: [&str; 9] = [
    "lab", "run", "check", "kme", "pki", "status", "reload", "link", "network",
];

#[test]
fn every_command_has_help_with_an_example() {
    let all = run(PROGRAM, ["--help"]);
    assert_eq!(all.code, Some(0));
    assert!(all.stdout.contains("Examples:"), "{}", all.stdout);
    for command in COMMANDS {
        assert!(
            all.stdout.contains(&format!("\n  {command} ")),
            "{command} is not listed:\n{}",
            all.stdout
        );
        let help = run(PROGRAM, [command, "--help"]);
        assert_eq!(help.code, Some(0), "{}", help.stderr);
        let (_, example) = help
            .stdout
            .split_once("Example")
            .unwrap_or_else(|| panic!("no example:\n{}", help.stdout));
        assert!(example.contains(&format!("qmacsec {command}")), "{example}");
        // Every option has a description.
        let mut lines = help.stdout.lines().peekable();
        while let Some(line) = lines.next() {
            if line.trim_start().starts_with("--") && line.starts_with("      ") {
                let described = line.trim().contains("  ")
                    || lines
                        .peek()
                        .is_some_and(|next| next.starts_with("          "));
                assert!(described, "{command}: {line}");
            }
        }
    }
}

#[test]
fn wrong_arguments_are_refused() {
    for args in [
        &[][..],
        &["fly"],
        &["lab", "--fast"],
        &["run"],
        &["kme"],
        &["check"],
        &["pki"],
        // These options have no effect without further ones.
        &["pki", "--overwrite"],
        &["pki", "--validity", "90days"],
        &["pki", "--sae", "sae-c"],
        &["pki", "--psk", "never.psk", "--overwrite"],
    ] {
        let ended = run(PROGRAM, args);
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        assert!(
            ended.stdout.is_empty() && !ended.stderr.is_empty(),
            "{args:?}"
        );
    }
    for (args, says) in [
        (&["lab", "--rekey", "10ms"][..], "--rekey"),
        (&["lab", "--duration", "1s"], "--duration"),
        (&["lab", "--red", "mem"], "--black mem"),
        (&["lab", "--km", "-3"], "--km"),
        (&["lab", "--km=-3"], "--km"),
        (&["lab", "--suite", "rot13"], "--suite"),
        (&["lab", "--kill", "a@2m"], "--kill"),
        (&["lab", "--kill", "c@1s"], "--network"),
        (&["link", "--km=-3"], "km"),
        (&["link", "--preset", "moon"], "metro-50km"),
        (&["network", "check", "--topology", "moon"], "metro-12"),
        (
            &[
                "network",
                "plan",
                "--topology",
                "ring-4",
                "--interval",
                "1ms",
            ],
            "--interval",
        ),
    ] {
        let ended = run(PROGRAM, args);
        assert!(matches!(ended.code, Some(1 | 2)), "{args:?}: {:?}", ended);
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn link_shows_every_input() {
    let text = run(PROGRAM, ["link", "--km", "50"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for words in ["50", "kbit/s", "excess noise", "trusted"] {
        assert!(text.stdout.contains(words), "{words:?}:\n{}", text.stdout);
    }
    let json = run(PROGRAM, ["link", "--km", "50", "--json"]);
    assert_eq!(json.code, Some(0), "{}", json.stderr);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["preset"], "metro-50km");
    assert!(report["link"].as_object().unwrap().len() > 10, "{report}");

    // The rate falls with the distance, and a link without key output reports that instead of a
    // number.
    let rate = |km: &str| {
        let json = run(PROGRAM, ["link", "--json", "--km", km]);
        assert_eq!(json.code, Some(0), "{}", json.stderr);
        let report: Value = serde_json::from_str(&json.stdout).unwrap();
        report["link"]["supply_average_bit_s"]
            .as_f64()
            .unwrap_or_else(|| panic!("no supply_average_bit_s: {report}"))
    };
    let rates = ["10", "25", "50"].map(rate);
    assert!(
        rates[0] > rates[1] && rates[1] > rates[2] && rates[2] > 0.0,
        "{rates:?}"
    );
}

/// Writes a topology and checks it; returns the result.
fn checked_topology(text: &str, arguments: &[&str]) -> tests::program::Ended {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("city.toml");
    fs::write(&file, text).unwrap();
    let mut args = vec!["network", "check", "--topology", file.to_str().unwrap()];
    args.extend(arguments);
    run(PROGRAM, args)
}

#[test]
fn network_check_lists_every_mistake_with_line_and_fix() {
    let node = |name: &str| format!("[[node]]\nname = \"{name}\"\nx_km = 0\ny_km = 0\n");
    let good = format!(
        "name = \"city\"\n{}{}[[link]]\nends = [\"east\", \"west\"]\n",
        node("east"),
        node("west")
    );
    let fine = checked_topology(&good, &[]);
    assert_eq!(fine.code, Some(0), "{}", fine.stderr);
    assert!(fine.stdout.contains("is fine") && fine.stdout.contains("digest "));

    let bad = good.replace("\"west\"]", "\"wset\"]\nkm = 900");
    let ended = checked_topology(&bad, &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    for line in [
        "city.toml:11: there is no node \"wset\"; fix: did you mean \"west\"?",
        "city.toml:12: km 900 is not a number from 0.1 to 400; fix: ",
        "2 mistakes",
    ] {
        let found = ended.stderr.lines().any(|found| found.contains(line));
        assert!(found, "{line}: {}", ended.stderr);
    }
    let json = checked_topology(&bad, &["--json"]);
    assert_eq!(json.code, Some(1));
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["fine"], false);
    assert_eq!(report["mistakes"][0]["line"], 11, "{report}");
}

#[test]
fn network_plan_and_map_show_what_fits() {
    let plan = |args: &[&str]| {
        let all = ["network", "plan", "--topology", "metro-12"];
        run(PROGRAM, all.iter().chain(args))
    };
    let text = plan(&[]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    assert!(text.stdout.contains("It fits: "), "{}", text.stdout);
    let json = plan(&["--interval", "100ms", "--json"]);
    assert_eq!(json.code, Some(1), "{}", json.stderr);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["fits"], false);
    assert_eq!(report["pairs"].as_array().map(Vec::len), Some(66));
    // Nodes of different domains compare different digests.
    let check = run(PROGRAM, ["network", "check", "--topology", "two-domains"]);
    for domain in ["  digest of west: ", "  digest of east: "] {
        assert!(check.stdout.contains(domain), "{}", check.stdout);
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metro.svg");
    let map = ["network", "map", "--topology", "metro-12", "--out"];
    let ended = run(PROGRAM, map.iter().copied().chain([file.to_str().unwrap()]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(fs::read_to_string(&file).unwrap().starts_with("<svg "));
}

/// Returns the JSON output of `link` with these arguments.
fn link(args: &str) -> Value {
    let args = ["link", "--json"].into_iter().chain(args.split(' '));
    let ended = run(PROGRAM, args);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn every_input_of_link_that_is_shown_can_be_set() {
    let all = "--km 40 --db-per-km 0.18 --baud 2e7 --overhead 0.1 --modulation 5 \
               --excess-noise 0.02 --detection heterodyne --eta 0.7 --v-el 0.05 --untrusted \
               --beta 0.9 --fer 0.2 --block 1e9 --estimation 0.25 --proof composable --epsilon 1e-9";
    let report = link(all);
    for (key, value) in [
        ("fibre_km", json!(40.0)),
        ("attenuation_db_per_km", json!(0.18)),
        ("symbol_rate_baud", json!(2e7)),
        ("overhead_share", json!(0.1)),
        ("modulation_variance_snu", json!(5.0)),
        ("excess_noise_snu", json!(0.02)),
        ("detection", json!("heterodyne")),
        ("receiver_trust", json!("untrusted receiver")),
        ("receiver_efficiency", json!(0.7)),
        ("electronic_noise_snu", json!(0.05)),
        ("reconciliation_efficiency", json!(0.9)),
        ("frame_error_rate", json!(0.2)),
        ("block_symbols", json!(1_000_000_000_u64)),
        ("estimation", json!("25 % of the block disclosed")),
        ("proof", json!("composable, collective attacks")),
        ("epsilon", json!(1e-9)),
    ] {
        assert_eq!(report["link"][key], value, "{key}");
    }
    // An option overrides one value of the preset; the others stay.
    let kept = link("--preset modern-llo-50km --overhead 0.2 --modulation 5");
    assert_eq!(kept["link"]["overhead_share"], 0.2);
    let kept = link("--untrusted --detection heterodyne");
    assert_eq!(kept["link"]["receiver_trust"], "untrusted receiver");
    for wrong in [
        "--excess-noise=-0.01",
        "--beta=-1",
        "--modulation=-1",
        "--km=-5",
        "--eta=-1",
        "--v-el=-1",
        "--fer=-1",
        "--block=-1",
        "--baud=-1",
        "--db-per-km=-1",
        "--overhead=-1",
        "--epsilon=-1",
        "--estimation=-1",
        "--block=1.5",
        "--beta=NaN",
        "--block=inf",
    ] {
        let spaced = wrong.replace('=', " ");
        for args in [wrong, spaced.as_str()] {
            let ended = run(PROGRAM, ["link"].into_iter().chain(args.split(' ')));
            assert!(matches!(ended.code, Some(1 | 2)), "{args}: {ended:?}");
            assert!(ended.stdout.is_empty(), "{args}");
            assert!(
                !ended.stderr.contains("unexpected argument"),
                "{args}: {}",
                ended.stderr
            );
        }
    }
}

#[test]
fn link_gives_the_reason_for_no_key_and_the_rates_under_other_assumptions() {
    let report = link("--km 50");
    let number = |key: &str| {
        report["link"][key]
            .as_f64()
            .unwrap_or_else(|| panic!("{key}"))
    };
    assert!((0.0665..0.068).contains(&number("finite_tolerable_excess_noise_snu")));
    assert!((0.100..0.104).contains(&number("tolerable_excess_noise_snu")));
    assert!((1_500.0..1_620.0).contains(&number("beside_composable_trusted_bit_s")));
    assert_eq!(report["link"]["beside_lgg_untrusted_bit_s"], 0.0);
    assert_eq!(
        report["link"]["symplectic_eigenvalues"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let notes = report["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].as_str().unwrap().contains("64-QAM"), "{notes:?}");
    let noisy = link("--excess-noise 0.068");
    assert_eq!(noisy["link"]["supply_average_bit_s"], 0.0);
    // No key here, even without noise: null, with its reason.
    let untrusted = link("--untrusted");
    assert!(untrusted["link"]["tolerable_excess_noise_snu"].is_null());
    assert_eq!(
        untrusted["reasons"]["tolerable_excess_noise_snu"],
        "no key even without noise"
    );
    let notes = link("--km 0")["notes"].to_string();
    assert!(
        notes.contains("limit of the search") && notes.contains("beta 0.95"),
        "{notes}"
    );
    let weak = link("--modulation 0.001")["link"]["no_key"].to_string();
    assert!(
        weak.contains("V_A of 0.001") && weak.contains("e-5 SNU"),
        "{weak}"
    );

    for args in [
        "--km 50",
        "--km 75",
        "--km 0",
        "--km 100 --untrusted",
        "--modulation 0.001",
    ] {
        let text = run(PROGRAM, ["link"].into_iter().chain(args.split(' '))).stdout;
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{args}: {line:?}");
            assert!(
                !line.contains(") SNU") && !line.ends_with(' '),
                "{args}: {line:?}"
            );
        }
    }
}

#[test]
fn a_lab_over_a_link_without_key_ends_at_once_with_the_reason() {
    let began = std::time::Instant::now();
    let ended = run(
        PROGRAM,
        ["lab", "--km", "100", "--json", "--duration", "20s"],
    );
    assert_eq!(ended.code, Some(1));
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    let verdict: Value = serde_json::from_str(ended.stdout.trim()).unwrap();
    assert_eq!(verdict["verdict"], "FAIL");
    assert_eq!(verdict["no_key"]["km"], 100.0);
    let ends = verdict["no_key"]["key_ends_km"].as_f64().unwrap();
    assert!((60.0..75.0).contains(&ends), "{ends}");
    assert!(
        ended
            .stderr
            .contains(&format!("the longest link with key has {ends} km")),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn every_preset_can_be_used() {
    let list = run(PROGRAM, ["link", "--list"]);
    assert_eq!(list.code, Some(0));
    let names: Vec<_> = list
        .stdout
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(names.contains(&"metro-50km"), "{names:?}");
    for name in names {
        let json = run(PROGRAM, ["link", "--json", "--preset", name]);
        assert_eq!(json.code, Some(0), "{name}: {}", json.stderr);
        let report: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(report["preset"], name);
    }
}

#[test]
fn pki_makes_what_it_lists_and_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("pki");
    let psk = folder.path().join("pair.psk");
    let args = [
        "pki",
        "--dir",
        dir.to_str().unwrap(),
        "--psk",
        psk.to_str().unwrap(),
        "--kme",
        "kme-x=10.0.0.1,kme.example",
        "--sae",
        "sae-x",
    ];
    let made = run(PROGRAM, args);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let files: Vec<_> = made.stdout.lines().collect();
    for name in [
        "ca.pem",
        "ca.key",
        "kme-x.pem",
        "kme-x.key",
        "sae-x.pem",
        "sae-x.key",
        "pair.psk",
    ] {
        assert!(
            files.iter().any(|file| file.ends_with(name)),
            "{name}: {files:?}"
        );
    }
    for file in &files {
        let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert!(file.ends_with(".pem") || mode == 0o600, "{file}: {mode:o}");
    }
    let secret = fs::read_to_string(&psk).unwrap();
    assert!(
        secret.trim().len() >= 64 && secret.trim().bytes().all(|digit| digit.is_ascii_hexdigit())
    );
    assert!(!made.stdout.contains(secret.trim()));

    let certificate = fs::read(dir.join("kme-x.pem")).unwrap();
    let again = run(PROGRAM, &args[..3]);
    assert_eq!(again.code, Some(1), "{}", again.stdout);
    assert!(
        again.stderr.contains("exists") && again.stderr.contains("ca.pem"),
        "{}",
        again.stderr
    );
    let again = run(PROGRAM, ["pki", "--psk", psk.to_str().unwrap()]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("pair.psk"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&psk).unwrap(), secret);
    assert_eq!(fs::read(dir.join("kme-x.pem")).unwrap(), certificate);

    // Each secret is different.
    let other = folder.path().join("other.psk");
    assert_eq!(
        run(PROGRAM, ["pki", "--psk", other.to_str().unwrap()]).code,
        Some(0)
    );
    assert_ne!(fs::read_to_string(&other).unwrap(), secret);
}

#[test]
fn pki_adds_an_sae_to_the_authority_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    assert_eq!(run(PROGRAM, ["pki", "--dir", dir]).code, Some(0));
    let ca = fs::read(folder.path().join("ca.pem")).unwrap();
    let added = run(PROGRAM, ["pki", "--dir", dir, "--sae", "sae-c"]);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let files: Vec<_> = added.stdout.lines().collect();
    assert_eq!(
        files,
        [format!("{dir}/sae-c.key"), format!("{dir}/sae-c.pem")]
    );
    let mode = fs::metadata(files[0]).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let again = run(PROGRAM, ["pki", "--dir", dir, "--sae", "sae-c"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""));
    assert!(
        again.stderr.contains("sae-c.pem exists"),
        "{}",
        again.stderr
    );
    let key = fs::read(files[0]).unwrap();
    let renew = ["pki", "--dir", dir, "--sae", "sae-c", "--overwrite"];
    assert_eq!(run(PROGRAM, renew).code, Some(0));
    assert_ne!(fs::read(files[0]).unwrap(), key);
    assert_eq!(fs::read(folder.path().join("ca.pem")).unwrap(), ca);
}

#[test]
fn status_without_a_daemon_names_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("none.sock");
    let ended = run(PROGRAM, ["status", "--socket", absent.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    for words in ["no daemon answers", "none.sock", "fix"] {
        assert!(ended.stderr.contains(words), "{words:?}: {}", ended.stderr);
    }
    // Another program listens there and does not send a status of ours.
    let other = folder.path().join("other.sock");
    let listener = std::os::unix::net::UnixListener::bind(&other).unwrap();
    let answer = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut asker = listener.accept().unwrap().0;
        asker.read_exact(&mut [0; 7]).unwrap();
        asker.write_all(b"hello, this is no qmacsec").unwrap();
    });
    let ended = run(
        PROGRAM,
        ["status", "--json", "--socket", other.to_str().unwrap()],
    );
    answer.join().unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stderr.contains("not a qmacsec"), "{}", ended.stderr);
}
