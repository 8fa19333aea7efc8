//! The meaning of a reply: by its status, by its text, and by whether the KME sent it.
//!
//! The standard defines few statuses, and KMEs use them differently. Proxies and appliances in
//! front of a KME answer with their own web pages. So the text counts as well.

use crate::body::Body;
use crate::call::Call;
use crate::failure::Failure;
use crate::fault::{CertificateFault, KmeFault, Message};
use crate::own::OwnCertificate;
use crate::reply::Reply;
use crate::words::{self, Words};

/// The body of a successful reply; any other reply is a fault.
pub(crate) fn of(mut reply: Reply, call: Call, own: &OwnCertificate) -> Result<Body, Failure> {
    reply.body.forgive();
    let status = reply.status.as_u16();
    let empty = reply.body.json().trim_ascii().is_empty();
    if status == 200 || (reply.status.is_success() && !empty) {
        if encoded(&reply) {
            let encoding = reply.encoding.as_deref().unwrap_or_default();
            return Err(Failure::Kme(KmeFault::Encoded(Message::new(encoding))));
        }
        if looks_like_html(&reply) {
            return Err(Failure::Kme(KmeFault::Html));
        }
        return Ok(reply.body);
    }
    let said = words::read(&reply);
    if matches!(status, 202 | 204 | 205) && call.brings_keys() {
        return Err(Failure::Kme(KmeFault::no_key(call, said.message)));
    }
    if matches!(status, 400 | 401 | 403 | 495 | 496) {
        let own = own.clone();
        if words::asks_too_late(&reply) {
            return Err(Failure::Certificate(CertificateFault::AskedTooLate {
                status,
                message: said.message,
            }));
        }
        if status > 403 || words::name_our_certificate(&reply, &said.message) {
            return Err(Failure::Certificate(CertificateFault::OursNotTaken {
                status,
                message: said.message,
                own,
            }));
        }
    }
    Err(Failure::Kme(fault(&reply, call, said)))
}

fn fault(reply: &Reply, call: Call, said: Words) -> KmeFault {
    let status = reply.status.as_u16();
    let message = said.message;
    // A page that speaks of keys is one of the KME.
    let foreign = !said.of_keys && !words::is_json(reply) && !reply.body.json().is_empty();
    match status {
        304 | 407 | 511 => KmeFault::Proxy { status, message },
        300..=399 => KmeFault::Redirected {
            status,
            to: Message::new(reply.location.as_deref().unwrap_or_default()),
        },
        403 => KmeFault::Forbidden(message),
        429 => KmeFault::TooMany {
            pause: reply.retry_after,
            message,
        },
        _ if !call.names_a_key() && status >= 400 && said.shortage => {
            KmeFault::Exhausted { status, message }
        }
        // A proxy that cannot reach the KME sends its own page.
        502 => KmeFault::Proxy { status, message },
        503 | 504 if foreign => KmeFault::Proxy { status, message },
        408 | 500..=599 => KmeFault::Unavailable { status, message },
        400 if message.names_our_mistake() => KmeFault::Refused { status, message },
        // The peer has just named this key, so it may not have arrived yet, for any status.
        400 | 404 | 410
            if call == Call::SkipKeyById
                || (call.names_a_key() && (status != 400 || said.not_here)) =>
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

/// True if the body is really encoded. Some servers only say so.
fn encoded(reply: &Reply) -> bool {
    let first = reply.body.json().first();
    reply.encoding.is_some() && !matches!(first, Some(b'{' | b'[' | b'<'))
}

fn looks_like_html(reply: &Reply) -> bool {
    let first = reply.body.json().trim_ascii_start().first();
    first == Some(&b'<') || (words::is_html(reply) && !matches!(first, Some(b'{' | b'[')))
}
