//! Signing in to the proxy (RFC 9110, section 11.7; Basic by RFC 7617): who a connection belongs to.
//!
//! Only networks whose policy says so are asked, and there the address tells nothing: a tunnel belongs to whoever signed
//! in on its CONNECT, a plain request to whoever signed in with it. Two people behind one address are so kept apart.
//!
//! Left out: Negotiate and other schemes. Left out on purpose: what is a right password (`app` says so), and passwords
//! over an unencrypted connection to the proxy, unless the configuration takes them.
//!
//! Invariants: no password is kept, only a keyed hash under a key that ends with the process; what is remembered is
//! bounded in number and time; a client with no password in time is nobody, and never somebody else.

use crate::caller::Caller;
use crate::gate::Gate;
use crate::inner::shape_of;
use crate::socket::ClientSocket;
use crate::visit::{AnswerBody, page_answer};
use crate::{Config, ProxyError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blockpage::{Notice, Part, Picture};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{HeaderMap, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RETRY_AFTER};
use http::{HeaderValue, Response};
use model::{Credentials, Known, KnownBy, Person, PersonId, Shares, SignIn, SignInAnswer, Timestamp};
use policy::rules::SignInWay;
use quick_cache::sync::Cache;
use sha2::Sha256;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};
use zeroize::Zeroizing;

/// What a browser shows beside the fields for name and password.
const ASKS_FOR: &str = "Basic realm=\"School web filter\", charset=\"UTF-8\"";
/// Answers that are remembered.
const MOST_REMEMBERED: usize = 8_192;
/// How long a right password is not compared again.
const RIGHT_FOR_MS: i64 = 120_000;
/// How long a wrong one is not: a browser repeats it on every connection it opens.
const WRONG_FOR_MS: i64 = 10_000;
/// Sign-ins that may wait for their answer at once: a class of thirty, twice.
const MOST_WAITING: usize = 64;
/// Of one address, so that nobody keeps all the others waiting.
const MOST_WAITING_OF_AN_ADDRESS: usize = 32;
/// The longest value of the field that is read: a login of 200 bytes and a password of 1,024, in base64.
const MOST_FIELD_BYTES: usize = 2_048;
/// Sign-ins with the same password wait for the first of them, by as many queues.
const QUEUES: usize = 64;

/// Whether passwords are taken over an unencrypted connection to the proxy, where whoever shares the network reads them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PlainPasswords {
    /// They are not asked for, and not looked at; people count as not known there.
    #[default]
    Refused,
    /// They are, as for a proxy on the same machine or on a wire that nobody else reads.
    Taken,
}

/// Who signed in, and until when it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct SignedIn {
    person: PersonId,
    since: Timestamp,
    until: Timestamp,
}

impl SignedIn {
    fn known(self, person: &Arc<Person>) -> Known {
        let (since, until) = (Some(self.since), Some(self.until));
        Known { person: Arc::clone(person), by: KnownBy::Proxy, since, until }
    }
}

/// Whether others on a connection's way can read it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    /// They can.
    Plain,
    /// They cannot: it is TLS up to the proxy.
    Tls,
}

impl Wire {
    pub(crate) fn of(socket: &ClientSocket) -> Self {
        match socket {
            ClientSocket::Plain(_) => Self::Plain,
            ClientSocket::Tls(_) => Self::Tls,
        }
    }
}

/// Where connections sign in.
pub(crate) struct SignInDesk {
    sign_in: Option<SignIn>,
    plain: PlainPasswords,
    /// Of the remembered answers; ends with the process.
    key: Zeroizing<[u8; 32]>,
    remembered: Cache<[u8; 32], Remembered>,
    queues: [Mutex<()>; QUEUES],
    waiting: Semaphore,
    shares: Arc<Shares>,
}

/// An answer, and until when the same question has it.
#[derive(Clone, Copy)]
struct Remembered {
    signed_in: Option<SignedIn>,
    until: Timestamp,
}

/// What became of a client's password, or of its lack.
enum Entry {
    Known(SignedIn),
    /// None was given, or a wrong one.
    Ask,
    Busy,
}

impl SignInDesk {
    pub(crate) fn new(config: &Config) -> Result<Self, ProxyError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice())?;
        Ok(Self {
            sign_in: config.sign_in.clone(),
            plain: config.plain_passwords,
            key,
            remembered: Cache::new(MOST_REMEMBERED),
            queues: std::array::from_fn(|_| Mutex::default()),
            waiting: Semaphore::new(MOST_WAITING),
            shares: Shares::new(MOST_WAITING_OF_AN_ADDRESS),
        })
    }

    async fn enter(&self, sign_in: &SignIn, credentials: Credentials, now: Timestamp) -> Entry {
        let Some(key) = self.key_of(&credentials) else { return Entry::Ask };
        if let Some(entry) = self.recall(&key, now) {
            return entry;
        }
        let (Ok(_place), Some(_share)) = (self.waiting.try_acquire(), self.shares.take(credentials.address))
        else {
            return Entry::Busy;
        };
        let _turn = match self.queues.get(usize::from(key[0]) % QUEUES) {
            Some(queue) => Some(queue.lock().await),
            None => None,
        };
        if let Some(entry) = self.recall(&key, now) {
            return entry;
        }
        let answer = sign_in.ask(credentials).await;
        self.remember(key, answer, now)
    }

    /// What was answered to the same, where that still counts.
    fn recall(&self, key: &[u8; 32], now: Timestamp) -> Option<Entry> {
        let held = self.remembered.get(key).filter(|held| now < held.until)?;
        Some(held.signed_in.map_or(Entry::Ask, Entry::Known))
    }

    /// Remembers an answer. Whoever gives the same password again goes on as they began.
    fn remember(&self, key: [u8; 32], answer: SignInAnswer, now: Timestamp) -> Entry {
        let (signed_in, until) = match answer {
            SignInAnswer::Known { person, until } => {
                let before = self.remembered.get(&key).and_then(|held| held.signed_in);
                let before = before.filter(|before| before.person == person && now < before.until);
                let signed_in = before.unwrap_or(SignedIn { person, since: now, until });
                (Some(signed_in), now.plus_ms(RIGHT_FOR_MS).min(signed_in.until))
            }
            SignInAnswer::Wrong => (None, now.plus_ms(WRONG_FOR_MS)),
            SignInAnswer::Unanswered => return Entry::Busy,
        };
        self.remembered.insert(key, Remembered { signed_in, until });
        signed_in.map_or(Entry::Ask, Entry::Known)
    }

    /// Under which an answer is remembered: for each address, since wrong ones are counted for each.
    fn key_of(&self, credentials: &Credentials) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice()).ok()?;
        for part in [credentials.login.as_bytes(), credentials.password.as_bytes()] {
            mac.update(&u64::try_from(part.len()).ok()?.to_le_bytes());
            mac.update(part);
        }
        mac.update(credentials.address.to_string().as_bytes());
        Some(mac.finalize().into_bytes().into())
    }
}

/// Who sends this request: the caller as it is where the network asks nobody, else the caller with the person who signed
/// in, or the answer that asks for it.
pub(crate) async fn enter(
    gate: &Gate,
    caller: &Caller,
    wire: Wire,
    headers: &HeaderMap,
) -> Result<Caller, Box<Response<AnswerBody>>> {
    let Some(sign_in) = gate.sign_in.sign_in.as_ref().filter(|_| gate.asks(caller, wire)) else {
        return Ok(caller.clone());
    };
    let entry = match credentials(headers, caller.address) {
        Some(credentials) => gate.sign_in.enter(sign_in, credentials, gate.ports.clock.now()).await,
        None => Entry::Ask,
    };
    match entry {
        Entry::Known(signed_in) => match gate.ports.roster.get().person(signed_in.person) {
            Some(person) => Ok(caller.of(signed_in.known(person))),
            None => Err(Box::new(ask(headers))),
        },
        Entry::Ask => Err(Box::new(ask(headers))),
        Entry::Busy => Err(Box::new(busy(headers))),
    }
}

impl Gate {
    /// True where the network asks each connection who it is. Equipment cannot say, and has a group of its own.
    fn asks(&self, caller: &Caller, wire: Wire) -> bool {
        let snapshot = self.ports.snapshot.get();
        let asks =
            snapshot.network_at(caller.address).is_some_and(|network| network.sign_in == SignInWay::Proxy);
        let safe = wire == Wire::Tls || self.sign_in.plain == PlainPasswords::Taken;
        asks && safe
            && !self
                .ports
                .roster
                .get()
                .device_at(caller.address)
                .is_some_and(|device| device.kind.is_equipment())
    }
}

/// Login and password of the one `Proxy-Authorization: Basic` field.
fn credentials(headers: &HeaderMap, address: IpAddr) -> Option<Credentials> {
    let mut fields = headers.get_all(PROXY_AUTHORIZATION).iter();
    let field = fields.next().filter(|field| field.len() <= MOST_FIELD_BYTES)?.to_str().ok()?;
    if fields.next().is_some() {
        return None;
    }
    let (scheme, token) = field.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = Zeroizing::new(STANDARD.decode(token.trim()).ok()?);
    let (login, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some(Credentials { login: login.to_owned(), password: Zeroizing::new(password.to_owned()), address })
}

/// 407: name and password, please.
fn ask(headers: &HeaderMap) -> Response<AnswerBody> {
    let text = "Your browser asks for the user name and the password that the school gave you. If it does not, or if \
                they do not work, ask your teacher or the school office.";
    let mut response =
        page_answer(notice(407, "sign-in", "Sign in to use the web", text).page(shape_of(headers)));
    response.headers_mut().insert(PROXY_AUTHENTICATE, HeaderValue::from_static(ASKS_FOR));
    response
}

/// 503: too many at once, or the records do not answer.
fn busy(headers: &HeaderMap) -> Response<AnswerBody> {
    let text = "Too many people are signing in at this moment. Wait a little, and try again.";
    let mut response =
        page_answer(notice(503, "busy", "Try again in a moment", text).page(shape_of(headers)));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn notice(status: u16, code: &'static str, title: &str, text: &str) -> Notice {
    let parts = vec![Part::Text(text.to_owned())];
    Notice { status, code, title: title.to_owned(), picture: Some(Picture::Gate), parts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn given(fields: &[&str]) -> HeaderMap {
        let value = |text: &&str| (PROXY_AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        fields.iter().map(value).fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
    }

    fn read(fields: &[&str]) -> Option<(String, String)> {
        let found = credentials(&given(fields), IpAddr::from([10, 0, 0, 1]))?;
        Some((found.login, found.password.to_string()))
    }

    #[test]
    fn a_password_may_hold_colons_and_any_letter_and_two_fields_are_none() {
        let both = Some(("amara".to_owned(), "caf\u{e9}:7".to_owned()));
        assert_eq!(read(&["Basic YW1hcmE6Y2Fmw6k6Nw=="]), both);
        assert_eq!(read(&["basic  YW1hcmE6Y2Fmw6k6Nw=="]), both);
        for wrong in ["Negotiate abc", "Basic", "Basic %%%", "Basic YW1hcmE=", "Basic /w=="] {
            assert_eq!(read(&[wrong]), None, "{wrong}");
        }
        assert_eq!(read(&["Basic YTpi", "Basic YTpi"]), None);
        assert_eq!(read(&[&format!("Basic {}", "YTpi".repeat(1_000))]), None);
    }

    proptest! {
        #[test]
        fn whatever_the_field_says_it_is_read_or_not_and_nothing_worse(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                headers.insert(PROXY_AUTHORIZATION, value);
            }
            let _ = credentials(&headers, IpAddr::from([10, 0, 0, 1]));
        }
    }
}
