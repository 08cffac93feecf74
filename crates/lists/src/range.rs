//! A part of a long list of hashes, asked of its server by how they begin: who asks tells it no more than that (k-anonymity).
//!
//! The form is that of the services for breached passwords: `GET ADDRESS/PREFIX` answers a line `REST:COUNT` for each hash that
//! begins so; with the header `Add-Padding` lines with a count of 0 hide how many there are.
//!
//! Left out: what the lines say, which `identity` reads.
//!
//! Invariants: over HTTPS alone, to the address itself and nowhere that it sends on to; nothing but five hexadecimal digits is
//! told; an answer is bounded in size and time.

use crate::ListError;
use crate::credentials::Header;
use crate::fetch::{Downloaded, Fetch, Packing, Tags, Wanted, address, download};
use hyper::header::{HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use std::time::Duration;
use url::Url;

/// How long somebody who has just typed a password waits for an answer.
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// Some 1,000 lines of 45 bytes are usual.
const SIZE_LIMIT_BYTES: u64 = 256 * 1024;
/// How many digits are told.
const DIGITS: usize = 5;

/// A server of a list of hashes.
#[derive(Clone, Debug)]
pub struct RangeServer {
    address: Url,
    fetch: Fetch,
}

impl RangeServer {
    /// A server at an HTTPS address, to which `/` and the digits are added, and certificates that are trusted besides the
    /// public roots.
    ///
    /// # Errors
    /// [`ListError::Address`] for another address.
    pub fn new(text: &str, extra_roots: Vec<CertificateDer<'static>>) -> Result<Self, ListError> {
        let fits = |url: &Url| url.scheme() == "https" && url.query().is_none() && url.fragment().is_none();
        let scheme = text.split_once(':').map_or("another text", |(scheme, _)| scheme);
        let found = scheme.chars().take(40).collect();
        let address = address(text).filter(fits).ok_or(ListError::Address { found })?;
        let fetch = Fetch {
            extra_roots,
            time_limit: TIME_LIMIT,
            size_limit_bytes: SIZE_LIMIT_BYTES,
            most_redirections: 0,
        };
        Ok(Self { address, fetch })
    }

    /// The lines of the hashes that begin with these five hexadecimal digits.
    ///
    /// # Errors
    /// [`ListError::Address`] for anything else than such digits; and what keeps an answer from coming.
    pub async fn ask(&self, digits: &str) -> Result<String, ListError> {
        let is_plain = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let wrong = || ListError::Address { found: "other than five digits".to_owned() };
        let mut url = self.address.clone();
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().push(digits);
        if !is_plain {
            return Err(wrong());
        }
        let padding =
            Header { name: HeaderName::from_static("add-padding"), value: HeaderValue::from_static("true") };
        let (tags, packing) = (Tags::default(), Packing::AsItIs);
        let wanted = Wanted { url, own_header: Some(padding), tags, packing };
        match download(wanted, &self.fetch, &mut |_, _| {}).await? {
            Downloaded::New(bytes, _) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Downloaded::Unchanged => Err(ListError::Status { found: 304 }),
        }
    }
}
