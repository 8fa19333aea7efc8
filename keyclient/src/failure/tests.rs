use core::time::Duration;

use rustls::AlertDescription::HandshakeFailure;

use super::{Failure, Reading};
use crate::fault::NetworkFault;
use crate::own::OwnCertificate;

#[test]
fn a_handshake_failure_is_about_our_certificate_only_after_a_request_for_it() {
    let reading = Reading {
        connect: Duration::ZERO,
        timeout: Duration::ZERO,
        ca: "ca.pem".into(),
        own: OwnCertificate {
            file: "sae.pem".into(),
            identity: String::new(),
            flaw: None,
        },
    };
    for asked in [false, true] {
        let error = rustls::Error::AlertReceived(HandshakeFailure);
        let Failure::Network(NetworkFault::Tls(text)) = reading.tls_failure(&error, asked) else {
            panic!("another failure");
        };
        assert_eq!(text.contains("sae.pem"), asked, "{text}");
        assert_eq!(text.contains("X25519, P-256 and P-384"), !asked, "{text}");
    }
}
