//! The heads of ICAP: questions, answers' first lines, and the HTTP heads that they carry.
//!
//! Left out: folded lines, which RFC 9112 has done away with.
//!
//! Invariant: any bytes are answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, request, response};
use std::net::IpAddr;

/// The most fields of a head.
const MOST_FIELDS: usize = 200;
/// The most bytes of the HTTP heads that a question carries.
const MOST_HEADS_BYTES: usize = 256 * 1024;
/// The longest login.
const MOST_LOGIN_BYTES: usize = 256;

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IcapMethod {
    Options,
    Requests,
    Responses,
}

impl IcapMethod {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Requests => "REQMOD",
            Self::Responses => "RESPMOD",
        }
    }
}

/// Why a question has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mistake {
    NotUnderstood,
    NoSuchService,
    Method,
    Version,
}

impl Mistake {
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::NotUnderstood => "400 Bad Request",
            Self::NoSuchService => "404 Service Not Found",
            Self::Method => "405 Method Not Allowed For Service",
            Self::Version => "505 ICAP Version Not Supported",
        }
    }
}

/// The head of a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Question {
    pub(super) method: IcapMethod,
    pub(super) path: String,
    /// The body comes in two parts, the first at most so long.
    pub(super) preview: Option<usize>,
    pub(super) allows_204: bool,
    pub(super) closes: bool,
    /// For whom, by address and by login in lower case.
    pub(super) client: Option<IpAddr>,
    pub(super) user: Option<String>,
    pub(super) parts: Parts,
}

/// What follows the head of a question, by offsets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Parts {
    /// Where the answer's head begins; the request's begins at 0.
    response: Option<usize>,
    /// Whether there is a request's head.
    has_request: bool,
    /// Where the body begins, and the heads end.
    pub(super) heads: usize,
    pub(super) has_body: bool,
}

impl Question {
    /// Reads a head, up to and with the empty line at its end.
    pub(super) fn read(head: &[u8]) -> Result<Self, Mistake> {
        let (first, fields) = lines(head).ok_or(Mistake::NotUnderstood)?;
        let mut words = first.split(' ');
        let (Some(method), Some(uri), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Mistake::NotUnderstood);
        };
        if version != "ICAP/1.0" {
            return Err(Mistake::Version);
        }
        let method = [IcapMethod::Options, IcapMethod::Requests, IcapMethod::Responses]
            .into_iter()
            .find(|known| known.name() == method)
            .ok_or(Mistake::Method)?;
        let field = |name: &str| find(&fields, name);
        let has = |name: &str, token: &str| {
            field(name)
                .is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
        };
        let preview = field("preview").map(str::parse).transpose().map_err(|_| Mistake::NotUnderstood)?;
        let user = ["x-authenticated-user", "x-client-username"].into_iter().find_map(field);
        let parts = match (method, field("encapsulated")) {
            (IcapMethod::Options, _) => Parts::default(),
            (method, Some(value)) => Parts::of(method, value).ok_or(Mistake::NotUnderstood)?,
            (_, None) => return Err(Mistake::NotUnderstood),
        };
        Ok(Self {
            method,
            path: path(uri).ok_or(Mistake::NotUnderstood)?,
            preview,
            allows_204: has("allow", "204"),
            closes: has("connection", "close"),
            client: field("x-client-ip").and_then(|address| address.trim().parse().ok()),
            user: user.and_then(login),
            parts,
        })
    }
}

impl Parts {
    /// `req-hdr=0, res-hdr=137, res-body=296` (RFC 3507, section 4.4.1).
    fn of(method: IcapMethod, value: &str) -> Option<Self> {
        let mut parts = Self::default();
        let mut last = 0;
        for (place, part) in value.split(',').enumerate() {
            let (name, offset) = part.trim().split_once('=')?;
            let offset: usize = offset.trim().parse().ok().filter(|offset| *offset <= MOST_HEADS_BYTES)?;
            if offset < last || (place == 0 && offset != 0) {
                return None;
            }
            last = offset;
            parts.heads = offset;
            match name.trim().to_ascii_lowercase().as_str() {
                "req-hdr" if place == 0 => parts.has_request = true,
                "res-hdr" if parts.response.is_none() => parts.response = Some(offset),
                "req-body" if method == IcapMethod::Requests => parts.has_body = true,
                "res-body" if method == IcapMethod::Responses => parts.has_body = true,
                "null-body" => {}
                _ => return None,
            }
        }
        let fits = parts.has_request && (method == IcapMethod::Responses) == parts.response.is_some();
        fits.then_some(parts)
    }

    /// The same field for an answer whose head is so long.
    pub(super) fn field(&self, heads: usize) -> String {
        let (head, body) =
            if self.response.is_some() { ("res-hdr", "res-body") } else { ("req-hdr", "req-body") };
        format!("{head}=0, {}={heads}", if self.has_body { body } else { "null-body" })
    }

    /// Where the head that an answer may change begins.
    pub(super) fn changed_from(&self) -> usize {
        self.response.unwrap_or(0)
    }

    /// The HTTP heads that a question carries.
    pub(super) fn read(&self, heads: &[u8]) -> Result<(request::Parts, Option<response::Parts>), Mistake> {
        let read = || {
            let until = self.response.unwrap_or(self.heads);
            let request = read_request(heads.get(..until)?)?;
            let response = match self.response {
                Some(from) => Some(read_response(heads.get(from..)?)?),
                None => None,
            };
            Some((request, response))
        };
        read().ok_or(Mistake::NotUnderstood)
    }
}

/// The first line and the fields of an answer.
pub(crate) struct StatusLine {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
}

/// The head of an ICAP answer; `None` until it is whole.
pub(crate) fn read_status(bytes: &[u8]) -> Option<StatusLine> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    // c-icap writes what it found over several lines, folded (RFC 9112, 5.2), as no question may.
    let head = String::from_utf8_lossy(bytes.get(..end.saturating_add(4))?);
    let (first, fields) = lines(head.replace("\r\n\t", " ").replace("\r\n ", " ").as_bytes())?;
    let status = first.strip_prefix("ICAP/1.0 ")?.get(..3)?.parse().ok()?;
    Some(StatusLine { status, fields })
}

fn read_request(head: &[u8]) -> Option<request::Parts> {
    let (first, fields) = lines(head)?;
    let mut words = first.split(' ');
    let method = Method::from_bytes(words.next()?.as_bytes()).ok()?;
    let uri: Uri = words.next()?.parse().ok()?;
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    let (mut parts, ()) = Request::new(()).into_parts();
    (parts.method, parts.uri, parts.version) = (method, uri, Version::HTTP_11);
    for (name, value) in fields {
        parts
            .headers
            .append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?);
    }
    Some(parts)
}

fn read_response(head: &[u8]) -> Option<response::Parts> {
    let (first, fields) = lines(head)?;
    let status = first.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = StatusCode::from_bytes(status.as_bytes()).ok()?;
    for (name, value) in fields {
        parts
            .headers
            .append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?);
    }
    Some(parts)
}

/// The first line and the fields of a head. Bytes that are no text are taken as Latin-1, which no field is lost by.
fn lines(head: &[u8]) -> Option<(String, Vec<(String, String)>)> {
    let text: String = match std::str::from_utf8(head) {
        Ok(text) => text.to_owned(),
        Err(_) => head.iter().map(|byte| char::from(*byte)).collect(),
    };
    let mut lines = text.strip_suffix("\r\n\r\n")?.split("\r\n");
    let first = lines.next()?.to_owned();
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.is_empty()
            || name.bytes().any(|byte| byte.is_ascii_whitespace())
            || fields.len() >= MOST_FIELDS
        {
            return None;
        }
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    Some((first, fields))
}

fn find<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The path of `icap://host:port/path?query`.
fn path(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("icap://")?;
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    Some(path.split('?').next().unwrap_or(path).to_owned())
}

/// A login as proxies write it: plain, with a domain in front, or as an address (`WinNT://DOMAIN/name`) in base64.
fn login(value: &str) -> Option<String> {
    let decoded = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.filter(|text| text.contains("://")).unwrap_or_else(|| value.to_owned());
    let name = text.rsplit(['/', '\\']).next().unwrap_or_default().trim().to_lowercase();
    (!name.is_empty() && name != "-" && name.len() <= MOST_LOGIN_BYTES).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(fields: &str) -> Result<Question, Mistake> {
        Question::read(
            format!("RESPMOD icap://gate.test:1344/response?x ICAP/1.0\r\n{fields}\r\n\r\n").as_bytes(),
        )
    }

    #[test]
    fn a_question_says_about_what_and_for_whom() {
        let read = question(
            "Host: gate.test\r\nAllow: trailers, 204\r\nPreview: 1024\r\nX-Client-IP: 10.1.2.3\r\n\
             X-Authenticated-User: V2luTlQ6Ly9TQ0hPT0wvQnJ5bg==\r\nEncapsulated: req-hdr=0, res-hdr=137, res-body=296",
        )
        .unwrap();
        assert_eq!((read.path.as_str(), read.preview, read.allows_204), ("/response", Some(1024), true));
        assert_eq!(read.client, Some("10.1.2.3".parse().unwrap()));
        assert_eq!(read.user.as_deref(), Some("bryn"));
        assert_eq!((read.parts.heads, read.parts.has_body, read.parts.changed_from()), (296, true, 137));
        assert_eq!(read.parts.field(20), "res-hdr=0, res-body=20");
    }

    #[test]
    fn logins_are_read_in_the_ways_that_proxies_write_them() {
        for (value, expected) in [
            ("Bryn", Some("bryn")),
            ("SCHOOL\\Bryn", Some("bryn")),
            ("TG9jYWw6Ly9icnlu", Some("bryn")),
            ("bryn@school.example", Some("bryn@school.example")),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(login(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn what_cannot_be_is_not_understood() {
        for fields in [
            "Encapsulated: req-hdr=5, res-hdr=137, res-body=296",
            "Encapsulated: req-hdr=0, res-hdr=137, res-body=96",
            "Encapsulated: req-hdr=0, req-body=96",
            "Encapsulated: req-hdr=0, res-hdr=1, res-body=99999999",
            "Encapsulated: res-body=0",
            "Preview: many\r\nEncapsulated: req-hdr=0, res-hdr=137, res-body=296",
            "Host gate",
            "Host: x",
        ] {
            assert_eq!(question(fields), Err(Mistake::NotUnderstood), "{fields}");
        }
        assert_eq!(Question::read(b"OPTIONS icap://x/ ICAP/2.0\r\n\r\n"), Err(Mistake::Version));
        assert_eq!(Question::read(b"FETCH icap://x/ ICAP/1.0\r\n\r\n"), Err(Mistake::Method));
    }

    #[test]
    fn the_heads_inside_are_read() {
        let (request, response) =
            ("GET http://a.test/b HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
        let at = request.len();
        let value = format!("req-hdr=0, res-hdr={at}, null-body={}", at + response.len());
        let parts = Parts::of(IcapMethod::Responses, &value).unwrap();
        let (request, response) = parts.read([request, response].concat().as_bytes()).unwrap();
        assert_eq!((request.uri.path(), response.unwrap().headers["a"].to_str().unwrap()), ("/b", "b"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300), fields in "[a-z0-9:=, \r\n-]{0,200}") {
            let _ = (Question::read(&bytes), read_status(&bytes), read_request(&bytes), read_response(&bytes), question(&fields).is_ok());
            let _ = login(&fields);
        }
    }
}
