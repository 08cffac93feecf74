//! Credentials for lists that are not public: one small file each in the gate's folder of secrets, readable by its owner
//! alone. The policy names the file; what is in it goes to the list's own server and nowhere else.
//!
//! Invariants: no error, log line or debug text holds what is in a file.

use crate::ListError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The longest file of credentials.
const LIMIT_BYTES: u64 = 8 * 1024;
const HTTP_FORMS: &str = "`user:password`, `token TEXT` or `header NAME: VALUE`";
const KEY_FORM: &str = "`tsig ALGORITHM NAME BASE64`";

/// A header that goes with each request to the list's own server.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

/// A key shared with a server of zones (RFC 8945).
#[derive(Clone)]
pub(crate) struct TransferKey {
    pub(crate) algorithm: Algorithm,
    /// Its name, as the server knows it.
    pub(crate) name: String,
    pub(crate) secret: Vec<u8>,
}

/// How a shared key signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Algorithm {
    HmacSha256,
    HmacSha512,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 2] = [Self::HmacSha256, Self::HmacSha512];

    /// Its name on the wire, without the last dot.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
        }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Header(..)")
    }
}

impl fmt::Debug for TransferKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransferKey(..)")
    }
}

/// Reads credentials for HTTPS: `user:password` (RFC 7617), `token TEXT` (RFC 6750) or `header NAME: VALUE`.
pub(crate) fn header(folder: &Path, name: &str) -> Result<Header, ListError> {
    let text = read(folder, name)?;
    let wrong = || ListError::SecretForm { name: name.to_owned(), expected: HTTP_FORMS };
    let (header, value) = if let Some(token) = text.strip_prefix("token ") {
        (AUTHORIZATION, format!("Bearer {}", token.trim()))
    } else if let Some(header) = text.strip_prefix("header ") {
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        (name.trim().parse().map_err(|_| wrong())?, value.trim().to_owned())
    } else if text.contains(':') {
        (AUTHORIZATION, format!("Basic {}", STANDARD.encode(&text)))
    } else {
        return Err(wrong());
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok(Header { name: header, value })
}

/// Reads a key for zone transfers: `tsig ALGORITHM NAME BASE64`.
pub(crate) fn transfer_key(folder: &Path, name: &str) -> Result<TransferKey, ListError> {
    let text = read(folder, name)?;
    let wrong = || ListError::SecretForm { name: name.to_owned(), expected: KEY_FORM };
    let mut words = text.split_whitespace();
    let [Some("tsig"), Some(algorithm), Some(key), Some(secret), None] =
        std::array::from_fn(|_| words.next())
    else {
        return Err(wrong());
    };
    let algorithm = algorithm.trim_end_matches('.').to_ascii_lowercase();
    let known = Algorithm::ALL.into_iter().find(|known| known.name() == algorithm);
    Ok(TransferKey {
        algorithm: known.ok_or_else(wrong)?,
        name: key.trim_end_matches('.').to_ascii_lowercase(),
        secret: STANDARD.decode(secret).map_err(|_| wrong())?,
    })
}

/// Reads a file of credentials, without the white space around it.
fn read(folder: &Path, name: &str) -> Result<String, ListError> {
    let failed = |source| ListError::Secret { name: name.to_owned(), source };
    // The policy's check lets no such name through; this is where a name becomes a path.
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
        return Err(failed(io::Error::from(io::ErrorKind::InvalidInput)));
    }
    let file = File::open(folder.join(name)).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(ListError::SecretOpen { name: name.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(LIMIT_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    fn folder_with(text: &str, mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        folder
    }

    #[test]
    fn each_form_of_credentials_becomes_its_header() {
        for (text, name, value) in [
            ("anna:open sesame\n", "authorization", "Basic YW5uYTpvcGVuIHNlc2FtZQ=="),
            ("token abc.def", "authorization", "Bearer abc.def"),
            ("header X-Licence: 12 34", "x-licence", "12 34"),
        ] {
            let folder = folder_with(text, 0o600);
            let header = header(folder.path(), "list").unwrap();
            assert_eq!((header.name.as_str(), header.value.to_str().unwrap()), (name, value));
            assert!(!format!("{header:?}").contains(value));
        }
        let folder = folder_with("tsig HMAC-SHA256. transfer.key. AQID", 0o400);
        let key = transfer_key(folder.path(), "list").unwrap();
        assert_eq!(
            (key.algorithm, &*key.name, &*key.secret),
            (Algorithm::HmacSha256, "transfer.key", &[1, 2, 3][..])
        );
    }

    #[test]
    fn credentials_that_others_can_read_or_that_say_nothing_are_refused_without_being_repeated() {
        let open = folder_with("anna:sesame", 0o640);
        let error = header(open.path(), "list").unwrap_err();
        assert!(matches!(error, ListError::SecretOpen { mode: 0o640, .. }), "{error}");
        for text in ["sesame", "header sesame", "tsig hmac-md5 key AQID"] {
            let folder = folder_with(text, 0o600);
            for error in [header(folder.path(), "list").err(), transfer_key(folder.path(), "list").err()] {
                let Some(error) = error else { continue };
                assert!(!error.chain().contains("sesame"), "{error}");
            }
        }
        assert!(transfer_key(folder_with("tsig hmac-md5 key AQID", 0o600).path(), "list").is_err());
        assert!(header(open.path(), "../list").is_err() && header(open.path(), "absent").is_err());
    }
}
