use super::{ClientConfig, Form};
use core::time::Duration;

fn config(base_url: &str) -> ClientConfig {
    ClientConfig {
        base_url: base_url.to_owned(),
        kme_id: None,
        peer_sae_id: "sae-b".to_owned(),
        ca: "ca.pem".into(),
        cert: "sae.pem".into(),
        key: "sae.key".into(),
        timeout: Duration::from_secs(1),
        form: Form::Post,
    }
}

#[test]
fn the_base_url_may_end_at_the_host_or_at_the_api() {
    for (base, expected) in [
        ("https://kme-a", "https://kme-a/api/v1/keys/sae-b/status"),
        ("https://kme-a/", "https://kme-a/api/v1/keys/sae-b/status"),
        (
            "https://kme-a:8443/api/v1/keys",
            "https://kme-a:8443/api/v1/keys/sae-b/status",
        ),
        (
            "https://kme-a:8443/api/v1/keys/",
            "https://kme-a:8443/api/v1/keys/sae-b/status",
        ),
        (
            "https://[::1]:8443/x",
            "https://[::1]:8443/x/api/v1/keys/sae-b/status",
        ),
        (
            "https://10.0.0.1/x/api/v1/keys/",
            "https://10.0.0.1/x/api/v1/keys/sae-b/status",
        ),
    ] {
        assert_eq!(config(base).urls().ok().unwrap().status.as_str(), expected);
    }
}

#[test]
fn a_bad_base_url_is_named_with_its_fix() {
    for (base, problem) in [
        ("", "not a URL"),
        ("kme-a:8443", "https only"),
        ("http://kme-a", "https only"),
        ("https://", "not a URL"),
        ("https://kme-a:99999", "not a URL"),
        ("https://me:pw@kme-a", "user name"),
        ("https://kme-a/?x=1", "query"),
        ("https://kme-a/#x", "query"),
        (
            "https://kme-a/api/v1/keys/sae-b/enc_keys",
            "path of a request",
        ),
        ("https://kme-a/x/api/v1/keys/sae-b/", "path of a request"),
    ] {
        let error = config(base).urls().err().expect(base);
        assert_eq!((error.field, error.value.as_str()), ("url", base));
        assert!(error.problem.contains(problem), "{error}");
        assert!(!error.fix.is_empty());
    }
}

#[test]
fn ids_stay_one_segment_of_the_path() {
    for (id, segment) in [
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("50%", "50%25"),
        ("é?#", "%C3%A9%3F%23"),
    ] {
        let mut config = config("https://kme-a");
        config.peer_sae_id = id.to_owned();
        let url = config.urls().ok().unwrap().dec_keys;
        assert_eq!(
            url.as_str(),
            format!("https://kme-a/api/v1/keys/{segment}/dec_keys")
        );
    }
    for id in ["", ".", "..", "a\nb", "a\tb", &"x".repeat(256)] {
        let mut config = config("https://kme-a");
        config.peer_sae_id = id.to_owned();
        assert_eq!(
            config.urls().err().map(|error| error.field),
            Some("sae_id"),
            "{id:?}"
        );
    }
    let mut config = config("https://kme-a");
    config.kme_id = Some(String::new());
    assert_eq!(config.urls().err().map(|error| error.field), Some("kme_id"));
}

#[test]
fn the_timeout_has_bounds() {
    for timeout in [Duration::ZERO, Duration::from_secs(61)] {
        let mut config = config("https://kme-a");
        config.timeout = timeout;
        assert_eq!(
            config.urls().err().map(|error| error.field),
            Some("timeout")
        );
    }
}
