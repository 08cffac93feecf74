//! The webhook: JSON, signed, with a time, so that a receiver can tell ours from others and old from new.
//!
//! The signature is `v1=` and HMAC-SHA256, in hexadecimal, over the timestamp's text, a full stop and the body's bytes. A
//! receiver compares it, turns away what is further than [`REPLAY_WINDOW_S`] from its own clock, and within that time
//! takes each delivery's id once.

use crate::{Message, SigningSecret};
use model::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "schoolgate-signature";
/// The header with the time of this attempt, in seconds since 1970-01-01T00:00:00Z.
pub const TIMESTAMP_HEADER: &str = "schoolgate-timestamp";
/// The header with the delivery's id, the same in each attempt.
pub const DELIVERY_HEADER: &str = "schoolgate-delivery";
/// How far a receiver lets the timestamp be from its own clock, either way.
pub const REPLAY_WINDOW_S: i64 = 300;

/// The body. The order of its fields is not promised; fields may be added.
pub(crate) fn body(message: &Message, delivery: Uuid) -> String {
    json!({
        "version": 1,
        "delivery": delivery.to_string(),
        "school": message.place.school(),
        "kind": message.kind.slug(),
        "severity": message.severity.slug(),
        "call": message.call.slug(),
        "alert": message.alert.map(|alert| alert.to_string()),
        "link": message.link(),
    })
    .to_string()
}

/// The headers that prove it.
pub(crate) fn headers(
    secret: &SigningSecret,
    (delivery, now): (Uuid, Timestamp),
    body: &str,
) -> [(&'static str, String); 3] {
    let timestamp = now.0.div_euclid(1_000).to_string();
    let signature = secret.sign(&[timestamp.as_bytes(), b".", body.as_bytes()]);
    [
        (SIGNATURE_HEADER, format!("v1={signature}")),
        (TIMESTAMP_HEADER, timestamp),
        (DELIVERY_HEADER, delivery.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::message;
    use crate::{Call, MessageKind};
    use model::Severity;

    #[test]
    fn a_body_holds_the_words_of_the_fixed_lists_and_the_headers_prove_it() {
        let body =
            body(&message(MessageKind::Safeguarding, Severity::Critical, Call::First), Uuid::from_u128(9));
        let read: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(read["kind"], "safeguarding");
        assert_eq!(read.as_object().unwrap().len(), 8);
        let secret = SigningSecret::new(b"a secret of some length").unwrap();
        let at = |ms| headers(&secret, (Uuid::from_u128(9), Timestamp(ms)), &body);
        assert_eq!(at(1_700_000_000_999)[1].1, "1700000000");
        assert_ne!(at(1_700_000_000_999)[0].1, at(1_700_000_001_000)[0].1);
    }
}
