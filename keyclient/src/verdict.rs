//! What a reply means: by its status, by its words, and by whether it comes from the KME at all.
//!
//! The standard defines few statuses, and KMEs use them as they like. Proxies and appliances in
//! front of a KME answer with web pages of their own. So the words count as well.

use crate::body::Body;
use crate::error::Call;
use crate::failure::Failure;
use crate::fault::{CertificateFault, KmeFault, Message};
use crate::own::OwnCertificate;
use crate::reply::Reply;
use crate::words;

/// The body of a success; anything else is a fault.
pub(crate) fn of(mut reply: Reply, call: Call, own: &OwnCertificate) -> Result<Body, Failure> {
    reply.body.forgive_control_characters();
    let status = reply.status.as_u16();
    let empty = reply.body.json().trim_ascii().is_empty();
    if status == 200 || (reply.status.is_success() && !empty) {
        return match looks_like_html(&reply) {
            true => Err(Failure::Kme(KmeFault::Html)),
            false => Ok(reply.body),
        };
    }
    let message = words::message(&reply);
    if matches!(status, 400 | 401 | 403 | 495 | 496) {
        let own = own.clone();
        if words::asks_too_late(&reply) {
            return Err(Failure::Certificate(CertificateFault::AskedTooLate {
                status,
                message,
            }));
        }
        if status > 403 || words::name_our_certificate(&reply, &message) {
            return Err(Failure::Certificate(CertificateFault::OursNotTaken {
                status,
                message,
                own,
            }));
        }
    }
    Err(Failure::Kme(fault(&reply, call, status, message)))
}

fn fault(reply: &Reply, call: Call, status: u16, message: Message) -> KmeFault {
    let json = words::is_json(reply);
    match status {
        300..=399 => KmeFault::Redirected {
            status,
            to: Message::new(reply.location.as_deref().unwrap_or_default()),
        },
        403 => KmeFault::Forbidden(message),
        429 => KmeFault::TooMany {
            pause: reply.retry_after,
            message,
        },
        // A proxy that does not reach the KME says so in a page of its own.
        502 => KmeFault::Proxy { status, message },
        503 | 504 if !json && !reply.body.json().is_empty() => KmeFault::Proxy { status, message },
        _ if !call.names_a_key() && status >= 400 && words::say_shortage(status, &message) => {
            KmeFault::Exhausted { status, message }
        }
        408 | 500..=599 => KmeFault::Unavailable { status, message },
        400 if message.names_our_mistake() => KmeFault::Refused { status, message },
        // The peer has just named this key: it may be on its way, whatever the KME calls that.
        400 | 404 | 410
            if call == Call::SkipKeyById
                || (call.names_a_key() && (status != 400 || words::say_not_here(&message))) =>
        {
            KmeFault::KeyNotFound { status, message }
        }
        400 | 401 | 409 | 422 if call.names_a_key() => KmeFault::KeyRefused { status, message },
        401 => KmeFault::Unauthorized(message),
        404 => KmeFault::NoSuchPath(message),
        400 | 405 | 409..=422 => KmeFault::Refused { status, message },
        _ => KmeFault::Status { status, message },
    }
}

fn looks_like_html(reply: &Reply) -> bool {
    let first = reply.body.json().trim_ascii_start().first();
    first == Some(&b'<') || (words::is_html(reply) && !matches!(first, Some(b'{' | b'[')))
}
