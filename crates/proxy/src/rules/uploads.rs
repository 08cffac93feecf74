//! What may not be sent.
//!
//! An upload is a form with files, a file by itself, or anything over [`TALK_BYTES`]. What a page sends by way of talk
//! (forms without files, JSON, calls, DNS, certificates' status) is none; where it does not say how long it is, it is counted
//! as it goes. Left out: files that a page sends as talk.

use super::requests::{is_at_or_below, text};
use super::{Judged, Refused, refusal};
use http::Method;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use hyper::body::Body;
use model::{Host, Layer, Verdict};

/// Whatever is longer is an upload, by whatever type it goes.
const TALK_BYTES: u64 = 1024 * 1024;
/// Media types of talk, or their beginnings where they end in `/` or `-`.
const TALK: [&str; 9] = [
    "application/x-www-form-urlencoded",
    "application/json",
    "application/grpc",
    "application/x-protobuf",
    "application/ocsp-request",
    "application/csp-report",
    "application/reports+json",
    "application/dns-message",
    "text/",
];

/// Whether a request has a body, which over HTTP/2 no field needs to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sends {
    Nothing,
    Body,
}

impl Sends {
    /// By a body of which nothing was read.
    pub(crate) fn of(body: &impl Body) -> Self {
        if body.is_end_stream() { Self::Nothing } else { Self::Body }
    }
}

/// Refuses an upload that the group may not make.
pub(super) fn check(
    judged: &Judged,
    (method, headers): (&Method, &HeaderMap),
    sends: Sends,
) -> Result<(), Box<Verdict>> {
    let rules = &judged.traffic().uploads;
    if rules.block.is_empty() && rules.deny.is_empty() && rules.most_bytes.is_none() {
        return Ok(());
    }
    upload(method, headers, sends).map_or(Ok(()), |length| refuse_upload(judged, length))
}

/// Refuses an upload of this length.
fn refuse_upload(judged: &Judged, length: Length) -> Result<(), Box<Verdict>> {
    let rules = &judged.traffic().uploads;
    let host = &judged.ask.what.host;
    let refuse = |entry: &str, why: &str| {
        Err(Box::new(refusal(&judged.verdict, Refused { layer: Layer::Upload, entry, why })))
    };
    let denied = rules.deny.iter().find(|denied| match denied {
        Host::Name(name) => is_at_or_below(host, name),
        Host::Address(_) => *denied == host,
    });
    if let Some(denied) = denied {
        return refuse(&denied.to_string(), "nothing is uploaded to this host");
    }
    if !rules.block.is_empty() {
        let hits = judged.snapshot.image().lookup(host);
        let listed = hits.categories().intersection(rules.block);
        // A category counts once its line is found: the table alone goes by fingerprints.
        if let Some(category) = listed.iter().find(|category| hits.line(*category).is_some()) {
            return refuse(category.slug(), "nothing is uploaded to hosts of this category");
        }
    }
    match (rules.most_bytes, length) {
        (Some(most), Length::Known(bytes)) if bytes > most => {
            refuse("most_mib", "the upload is larger than the most that may be sent")
        }
        (Some(_), Length::Unknown) => refuse(
            "most_mib",
            "the upload does not say how large it is, so it cannot be held to the most that may be sent",
        ),
        _ => Ok(()),
    }
}

/// Talk that does not say how long it is: an upload, and refused, once it is longer than talk may be.
pub(crate) struct LongTalk {
    left: u64,
    refusal: Box<Verdict>,
}

impl LongTalk {
    /// For a request to whose host such an upload may not be made; `None` where it may, or where the request is another.
    pub(crate) fn of(
        judged: &Judged,
        (method, headers): (&Method, &HeaderMap),
        sends: Sends,
    ) -> Option<Self> {
        let is_talk = *method != Method::CONNECT
            && sends == Sends::Body
            && !headers.contains_key(CONTENT_LENGTH)
            && upload(method, headers, sends).is_none();
        if !is_talk {
            return None;
        }
        if let Err(refusal) = refuse_upload(judged, Length::Known(TALK_BYTES)) {
            return Some(Self { left: TALK_BYTES, refusal });
        }
        let most = judged.traffic().uploads.most_bytes?;
        let refusal = refuse_upload(judged, Length::Known(most.saturating_add(1))).err()?;
        Some(Self { left: most.max(TALK_BYTES), refusal })
    }

    /// Sees the next bytes.
    ///
    /// # Errors
    /// The verdict that refuses it from here on.
    pub(crate) fn see(&mut self, bytes: &[u8]) -> Result<(), Box<Verdict>> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(count).ok_or_else(|| self.refusal.clone())?;
        Ok(())
    }
}

/// True for a request that uploads something.
pub(crate) fn is_upload(method: &Method, headers: &HeaderMap, sends: Sends) -> bool {
    upload(method, headers, sends).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Length {
    Known(u64),
    Unknown,
}

/// The length of what a request uploads; `None` where it uploads nothing.
fn upload(method: &Method, headers: &HeaderMap, sends: Sends) -> Option<Length> {
    // What follows a CONNECT is a tunnel's, and no body (RFC 9110, section 9.3.6; RFC 8441, section 5).
    if *method == Method::CONNECT {
        return None;
    }
    let length = match text(headers, &CONTENT_LENGTH).and_then(|length| length.trim().parse().ok()) {
        Some(bytes) => Length::Known(bytes),
        None => Length::Unknown,
    };
    if length == Length::Known(0) {
        return None;
    }
    // Of two types nobody knows which its host goes by.
    let is_one = headers.get_all(CONTENT_TYPE).iter().count() == 1;
    let kind = text(headers, &CONTENT_TYPE).filter(|_| is_one);
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    let is_talk =
        TALK.iter().any(|talk| kind.starts_with(talk)) || kind.ends_with("+json") || kind.ends_with("+xml");
    let is_long = matches!(length, Length::Known(bytes) if bytes > TALK_BYTES);
    let has_body = sends == Sends::Body || length != Length::Unknown;
    (has_body && (is_long || !is_talk)).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_told_from_talk() {
        let upload_of = |method: Method, kind: &str, length: Option<u64>, sends: Sends| {
            let mut headers = HeaderMap::new();
            if !kind.is_empty() {
                headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            }
            length.map(|length| headers.insert(CONTENT_LENGTH, length.into()));
            upload(&method, &headers, sends)
        };
        for (method, kind, length, expected) in [
            (Method::POST, "multipart/form-data; boundary=x", Some(10), Some(Length::Known(10))),
            (Method::PUT, "application/octet-stream", None, Some(Length::Unknown)),
            (Method::PUT, "image/png", Some(5), Some(Length::Known(5))),
            (Method::POST, "", Some(5), Some(Length::Known(5))),
            (Method::POST, "application/x-www-form-urlencoded", Some(5), None),
            (Method::POST, "Application/JSON; charset=utf-8", Some(5), None),
            (Method::POST, "application/json", Some(TALK_BYTES + 1), Some(Length::Known(TALK_BYTES + 1))),
            (Method::POST, "application/grpc+proto", None, None),
            (Method::POST, "image/svg+xml", Some(5), None),
            (Method::POST, "", Some(0), None),
            (Method::POST, "", None, Some(Length::Unknown)),
            (Method::GET, "image/png", Some(5), Some(Length::Known(5))),
            (Method::GET, "", None, Some(Length::Unknown)),
            (Method::CONNECT, "", None, None),
        ] {
            let found = upload_of(method.clone(), kind, length, Sends::Body);
            assert_eq!(found, expected, "{method} {kind} {length:?}");
            assert_eq!(upload_of(method, kind, None, Sends::Nothing), None, "{kind}");
        }
    }
}
