//! `Basic` (RFC 7617) in the proxy's fields: a login and a password.
//!
//! Invariant: any field is read or not, and nothing worse; no password stays in memory.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Credentials;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// The longest token that is read: a login of 200 bytes and a password of 1,024, in base64.
const MOST_TOKEN_BYTES: usize = 2_048;

/// Login and password in a token.
pub(super) fn credentials(token: &str, address: IpAddr) -> Option<Credentials> {
    if token.len() > MOST_TOKEN_BYTES {
        return None;
    }
    let bytes = Zeroizing::new(STANDARD.decode(token).ok()?);
    let (login, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some(Credentials { login: login.to_owned(), password: Zeroizing::new(password.to_owned()), address })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(token: &str) -> Option<(String, String)> {
        let found = credentials(token, IpAddr::from([10, 0, 0, 1]))?;
        Some((found.login, found.password.to_string()))
    }

    #[test]
    fn a_password_may_hold_colons_and_any_letter() {
        assert_eq!(read("YW1hcmE6Y2Fmw6k6Nw=="), Some(("amara".to_owned(), "caf\u{e9}:7".to_owned())));
        for wrong in ["", "%%%", "YW1hcmE=", "/w==", &"YTpi".repeat(1_000)] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_token_says_it_is_read_or_not(token in ".{0,200}") {
            let _ = read(&token);
        }
    }
}
