use super::*;

#[test]
fn every_attack_reads_back_as_written() {
    for text in [
        "intercept-resend=0.05",
        "entangling-cloner=0.9:1.2",
        "loss-tap=0.3",
        "lo-calibration=1.04",
        "saturation=0.8",
        "raman=-3",
    ] {
        assert_eq!(text.parse::<Attack>().expect(text).to_string(), text);
    }
}

#[test]
fn values_have_defaults_and_units() {
    for (text, full) in [
        ("intercept-resend", "intercept-resend=0.1"),
        ("entangling-cloner=0.9", "entangling-cloner=0.9:1.5"),
        ("raman=7dBm", "raman=7"),
        ("loss-tap=10dB", "loss-tap=0.9"),
    ] {
        assert_eq!(text.parse(), full.parse::<Attack>());
    }
}

#[test]
fn errors_say_the_fix() {
    for (text, fix) in [
        (
            "",
            "unknown attack ``: use one of intercept-resend, entangling-cloner",
        ),
        (
            "loss-tap=0.1:2",
            "loss-tap takes 1 value(s), got 2: remove the rest",
        ),
        ("raman=x", "raman: `x` is no number: give the launch power"),
        ("raman=40", "must be -60.0 to 33.0 dBm"),
        ("intercept-resend=1.5", "0.1 is every tenth symbol"),
        ("loss-tap=NaN", "must be 0.0 to 0.99"),
    ] {
        let error = text.parse::<Attack>().expect_err(text).to_string();
        assert!(error.contains(fix), "{error}");
    }
}
