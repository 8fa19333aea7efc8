use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

use super::*;
use crate::harness::row::Op;
use crate::tests::{keys, parse};
use core_thread::OPS;
use frame_set::FrameSet;

#[test]
fn a_run_gives_the_promised_json_and_loses_nothing() {
    let options = parse("--sizes 64,imix,9000 --rounds 2 --json").unwrap();
    let document: Value = serde_json::from_str(&run(&options).unwrap()).unwrap();
    assert!(document["machine"]["core_ghz"].as_f64().unwrap() > 0.1);
    let rows = document["rows"].as_array().unwrap();
    let counts = Plan::new(&options).unwrap().counts;
    let devices = DEVICES;
    assert_eq!(rows.len(), counts.len() * 3 * devices.len() * OPS.len());
    for row in rows {
        let names = keys(row);
        let mut promised = [
            "bench",
            "arm",
            "op",
            "port",
            "size",
            "cores",
            "mpps",
            "gbit_s",
            "lost",
            "percent_of_no_op",
        ];
        promised.sort_unstable();
        assert_eq!(names, promised);
        assert_eq!(
            (&row["bench"], &row["port"]),
            (&"pipeline".into(), &"null".into())
        );
        assert_eq!(row["lost"], 0, "{row}");
        let (mpps, gbit_s) = (
            row["mpps"].as_f64().unwrap(),
            row["gbit_s"].as_f64().unwrap(),
        );
        let octets = row["size"].as_f64().unwrap_or(4246.0 / 12.0);
        assert!(
            mpps > 0.0 && (gbit_s - mpps * octets * 8e-3).abs() < 1e-9 * gbit_s,
            "{row}"
        );
        let percent = row["percent_of_no_op"].as_f64().unwrap();
        assert!(
            row["arm"] != "no-op" || (percent - 100.0).abs() < 1e-9,
            "{row}"
        );
    }
}

#[test]
fn the_report_and_the_chart_show_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("chart.svg");
    let options = parse("--sizes 64,1518 --arms no-op,xpn-256 --cores 1 --rounds 1").unwrap();
    let mut options: Options = options;
    options.frames.report.svg = Some(svg.clone());
    let report = run(&options).unwrap();
    for part in [
        "T1 THROUGHPUT protect cores 1",
        "T1 THROUGHPUT validate",
        "1518",
        "no-op",
        "TARGETS",
    ] {
        assert!(report.contains(part), "no `{part}` in\n{report}");
    }
    assert!(
        !report.contains("integrity") && !report.contains("cores 2"),
        "{report}"
    );
    let svg = std::fs::read_to_string(svg).unwrap();
    roxmltree::Document::parse(&svg).unwrap();
    assert!(svg.contains("xpn-256") && svg.contains("protect, Gbit/s"));
}

#[test]
fn wrong_options_are_refused_in_words() {
    for (arguments, word) in [
        ("--sizes 63", "64 to 9216"),
        ("--arms wire", "no-op"),
        ("--engine openssl", "aws-lc"),
        ("--rounds 1 --seconds 1", "cannot be used with"),
    ] {
        let error = parse::<Options>(arguments).unwrap_err();
        assert!(error.to_string().contains(word), "{arguments}: {error}");
    }
    for (arguments, word) in [
        ("--cores 1000 --rounds 1", "1000 cores asked for"),
        ("--core 100000 --rounds 1", "core 100000"),
    ] {
        let error = run(&parse(arguments).unwrap()).unwrap_err();
        assert!(error.to_string().contains(word), "{arguments}: {error}");
    }
}

/// Testbeds protect and validate: no two protected frames are alike, and a changed one does not
/// come through.
#[test]
fn testbeds_do_what_they_are_timed_for() {
    let clock = Clock::measure();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for device in [Device::Integrity, Device::GcmAes256, Device::Xpn256] {
        for size in [
            FrameSize::Octets(64),
            FrameSize::Imix,
            FrameSize::Octets(9216),
        ] {
            let mut testbed = core_thread::testbed(device, Engine::best()).unwrap();
            let mut set = FrameSet::new(size, &mut rng).unwrap();
            testbed.pass(Op::Protect, &clock, &mut set.frames);
            let sealed: Vec<Vec<u8>> = set
                .frames
                .iter()
                .map(|frame| frame.bytes().to_vec())
                .collect();
            assert_eq!(sealed.len(), set.count());
            let mut pns: Vec<_> = sealed
                .iter()
                .map(|frame| {
                    assert_eq!(frame[12..14], [0x88, 0xe5], "{device:?}");
                    frame[16..20].to_vec()
                })
                .collect();
            pns.dedup();
            assert_eq!(pns.len(), set.count(), "every frame has a PN of its own");
            set.frames[1].bytes_mut()[40] ^= 1;
            testbed.pass(Op::Validate, &clock, &mut set.frames);
            assert_eq!(set.frames.len(), set.count() - 1);
            assert!(set.lost() > 0);
            set.fill();
            assert_eq!(set.lost(), 0);
            testbed.pass(Op::Protect, &clock, &mut set.frames);
            testbed.pass(Op::Validate, &clock, &mut set.frames);
            assert_eq!(set.lost(), 0, "{device:?} {size}");
        }
    }
}

#[test]
fn the_forwarder_and_the_engine_leave_frames_as_they_were() {
    let clock = Clock::measure();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for device in [Device::NoOp, Device::Engine] {
        let mut testbed = core_thread::testbed(device, Engine::best()).unwrap();
        let mut set = FrameSet::new(FrameSize::Octets(512), &mut rng).unwrap();
        assert!(testbed.pass(Op::Protect, &clock, &mut set.frames) > 0.0);
        assert_eq!(set.lost() == 0, device == Device::NoOp, "the engine seals");
        assert!(testbed.pass(Op::Validate, &clock, &mut set.frames) > 0.0);
        assert_eq!(set.lost(), 0);
    }
}
