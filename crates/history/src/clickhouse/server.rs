//! Asking a ClickHouse server over its HTTP interface: one statement a request, answers as `RowBinary`.
//!
//! Bounded: each request has a time limit, here and at the server, and waits for the end of its statement, so that an answer
//! of success is one. **Left out:** retries, which are the callers' to decide.
//!
//! **Invariants:** texts of a query go as bound parameters, never into the statement. What the server says of an error may
//! have such texts in it, so its code and its name are all that is kept of it.

use crate::HistoryError;
use aws_lc_rs::rand;
use std::fmt;
use std::io::{BufReader, Read as _};
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, BodyReader, http};
use uuid::Uuid;
use zeroize::Zeroizing;

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a statement may take, its answer read.
const ANSWER: Within = Within { here: Duration::from_secs(120), server_s: "110" };
/// How long an insert may take: events that wait meanwhile are bounded.
const INSERT: Within = Within { here: Duration::from_secs(20), server_s: "18" };
/// How long something may take here, and at the server: shorter there, so that it is the server who gives up and says so.
#[derive(Clone, Copy)]
struct Within {
    here: Duration,
    server_s: &'static str,
}

/// Servers close connections that nobody used for 10 seconds, or later.
const IDLE_WITHIN: Duration = Duration::from_secs(4);
/// The most bytes of bound texts: they go in the address of a request, which has 64 KiB at most.
const MOST_TEXT_BYTES: usize = 24 << 10;
/// The most bytes of a statement that the server reads.
const MOST_STATEMENT_BYTES: &str = "16777216";
/// What of a refusal is read.
const MOST_REFUSAL_BYTES: u64 = 16 << 10;

/// Where a ClickHouse server is, and who asks it.
#[derive(Clone)]
pub struct ServerPlace {
    /// Its HTTP interface: `https://` and a host, perhaps a port; `http://` for this machine alone.
    pub address: String,
    /// The database the tables are in.
    pub database: String,
    /// The user who asks.
    pub user: String,
    /// Their password.
    pub password: Zeroizing<String>,
    /// The authorities (DER) that its certificate may come from; empty: the public ones.
    pub roots: Vec<Vec<u8>>,
}

impl fmt::Debug for ServerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerPlace").field("database", &self.database).finish_non_exhaustive()
    }
}

/// A server that can be asked.
pub(super) struct Server {
    agent: Agent,
    place: ServerPlace,
}

/// A statement to ask, and the texts that are bound to it.
#[derive(Clone, Default)]
pub(super) struct Statement {
    /// With a place `{t0:String}` for the first text, and so on.
    pub sql: String,
    pub texts: Vec<String>,
}

impl Statement {
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), texts: Vec::new() }
    }

    /// Binds a text, and gives what stands for it in the statement.
    pub fn bind(&mut self, text: &str) -> String {
        let place = format!("{{t{}:String}}", self.texts.len());
        self.texts.push(text.to_owned());
        place
    }
}

/// What a statement gave.
pub(super) struct Answer {
    pub rows: BufReader<BodyReader<'static>>,
    /// Stored rows that the server looked at.
    pub looked_at: u64,
}

impl Server {
    /// Checks the address; asks nothing yet.
    pub fn new(place: ServerPlace) -> Result<Self, HistoryError> {
        check_address(&place.address)?;
        let roots = match place.roots.as_slice() {
            [] => RootCerts::WebPki,
            roots => {
                let certificates: Vec<_> =
                    roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
                RootCerts::new_with_certs(&certificates)
            }
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(roots)
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent("schoolgate")
            .timeout_connect(Some(CONNECT_WITHIN))
            .max_idle_age(IDLE_WITHIN)
            .tls_config(tls)
            .build();
        Ok(Self { agent: config.new_agent(), place })
    }

    /// Asks for rows, as `RowBinary`.
    pub fn ask(&self, doing: &'static str, statement: &Statement) -> Result<Answer, HistoryError> {
        let mut parameters = bound(statement)?;
        parameters.push(("default_format".to_owned(), "RowBinary".to_owned()));
        self.send(doing, &parameters, (statement.sql.as_bytes(), ANSWER))
    }

    /// Does something that gives no rows.
    pub fn tell(&self, doing: &'static str, sql: impl Into<String>) -> Result<(), HistoryError> {
        self.ask(doing, &Statement::new(sql)).map(drop)
    }

    /// Does something with bound texts, under a name that the server knows it by while it runs.
    pub fn tell_as(
        &self,
        doing: &'static str,
        statement: &Statement,
        name: &str,
    ) -> Result<(), HistoryError> {
        let mut parameters = bound(statement)?;
        parameters.push(("query_id".to_owned(), name.to_owned()));
        self.send(doing, &parameters, (statement.sql.as_bytes(), ANSWER)).map(drop)
    }

    /// Keeps rows, given as `RowBinary`, as one block: all or none. Durable when it returns.
    pub fn keep(&self, doing: &'static str, insert: Insert<'_>) -> Result<(), HistoryError> {
        let most = insert.rows.max(1).to_string();
        let settings = [
            ("query", insert.sql),
            ("query_id", insert.name),
            ("max_insert_block_size", &most),
            ("min_insert_block_size_rows", &most),
            ("min_insert_block_size_bytes", "0"),
            ("max_block_size", &most),
            ("max_threads", "1"),
            ("max_insert_threads", "1"),
            ("input_format_parallel_parsing", "0"),
        ];
        let parameters: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.send(doing, &parameters, (insert.body, INSERT)).map(drop)
    }

    fn send(
        &self,
        doing: &'static str,
        parameters: &[(String, String)],
        (body, within): (&[u8], Within),
    ) -> Result<Answer, HistoryError> {
        let settings = [
            ("database", self.place.database.as_str()),
            ("wait_end_of_query", "1"),
            ("async_insert", "0"),
            ("max_execution_time", within.server_s),
            ("max_query_size", MOST_STATEMENT_BYTES),
            ("mutations_sync", "2"),
            ("alter_sync", "2"),
        ];
        let mut request = self
            .agent
            .post(&self.place.address)
            .header("X-ClickHouse-User", &self.place.user)
            .header("X-ClickHouse-Key", self.place.password.as_str());
        for (name, value) in settings {
            request = request.query(name, value);
        }
        for (name, value) in parameters {
            request = request.query(name, value);
        }
        let request = request.config().timeout_global(Some(within.here)).build();
        let response = request.send(body).map_err(|error| silent(doing, &error))?;
        if response.status() != 200 {
            return Err(refused(doing, response));
        }
        let looked_at = response.headers().get("X-ClickHouse-Summary").and_then(read_rows).unwrap_or(0);
        Ok(Answer { rows: BufReader::new(response.into_body().into_reader()), looked_at })
    }
}

/// Rows to keep.
pub(super) struct Insert<'a> {
    pub sql: &'a str,
    /// What the server knows the statement by while it runs.
    pub name: &'a str,
    pub rows: usize,
    pub body: &'a [u8],
}

/// A random id.
pub(super) fn random_id() -> Result<Uuid, HistoryError> {
    let mut bytes = [0; 16];
    let failed = |_| HistoryError::Encode { events: 0, why: "the system has no random numbers".to_owned() };
    rand::fill(&mut bytes).map_err(failed)?;
    Ok(Uuid::from_bytes(bytes))
}

/// What goes over a network is personal: without TLS it may only go to this machine.
fn check_address(address: &str) -> Result<(), HistoryError> {
    let wrong = |found: &'static str| HistoryError::ServerAddress { found };
    let address: http::Uri = address.parse().map_err(|_| wrong("something else"))?;
    let host = address.host().ok_or_else(|| wrong("none"))?.trim_matches(['[', ']']);
    let is_here = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|host| host.to_canonical().is_loopback());
    if address.path_and_query().is_some_and(|rest| rest.as_str() != "/")
        || address.authority().is_some_and(|all| all.as_str().contains('@'))
    {
        return Err(wrong("more than a host and a port"));
    }
    match address.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_here => Ok(()),
        Some("http") => Err(wrong("http:// to another machine")),
        _ => Err(wrong("no https://")),
    }
}

/// The bound texts of a statement as parameters of a request.
fn bound(statement: &Statement) -> Result<Vec<(String, String)>, HistoryError> {
    if statement.texts.iter().map(String::len).sum::<usize>() > MOST_TEXT_BYTES {
        return Err(HistoryError::QueryTooLong { most_bytes: MOST_TEXT_BYTES });
    }
    let names = (0..statement.texts.len()).map(|place| format!("param_t{place}"));
    Ok(names.zip(statement.texts.iter().map(|text| escaped(text))).collect())
}

/// A bound text as the server reads it: as a field of its `TabSeparated` form.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => escaped.push_str("\\\\"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\0' => escaped.push_str("\\0"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// `read_rows` of the summary, a flat object of texts.
fn read_rows(summary: &http::HeaderValue) -> Option<u64> {
    let (_, rest) = summary.to_str().ok()?.split_once("\"read_rows\":\"")?;
    rest.split_once('"')?.0.parse().ok()
}

fn silent(doing: &'static str, error: &ureq::Error) -> HistoryError {
    let why = match error {
        ureq::Error::Timeout(_) => "it took too long",
        ureq::Error::HostNotFound => "its name is not known",
        ureq::Error::ConnectionFailed => "no connection came about",
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => "TLS failed: look at its certificate, and at roots",
        ureq::Error::Io(_) => "the connection broke",
        _ => "its answer is no HTTP",
    };
    HistoryError::ServerSilent { doing, why }
}

/// Code and name of a refusal, and what to do about it.
fn refused(doing: &'static str, response: http::Response<Body>) -> HistoryError {
    let code = response.headers().get("X-ClickHouse-Exception-Code");
    let code = code.and_then(|code| code.to_str().ok()?.parse().ok()).unwrap_or(0);
    let status = response.status().as_u16();
    let mut said = Vec::new();
    let mut body = response.into_body().into_reader().take(MOST_REFUSAL_BYTES);
    // What cannot be read of the words is not needed.
    let _ = body.read_to_end(&mut said);
    HistoryError::ServerRefused {
        doing,
        code,
        name: name_in(&String::from_utf8_lossy(&said)).unwrap_or_else(|| format!("HTTP_{status}")),
        advice: advice(code, status),
    }
}

/// The name of an error: the last capitals in brackets.
fn name_in(said: &str) -> Option<String> {
    let is_name = |text: &&str| {
        (3..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    said.rsplit('(').filter_map(|rest| Some(rest.split_once(')')?.0)).find(is_name).map(str::to_owned)
}

/// What to do about an error; the codes are those of ClickHouse's `ErrorCodes.cpp`.
fn advice(code: u32, status: u16) -> &'static str {
    match code {
        192..=194 | 516 => "look at the user and the password",
        497 | 164 => "give the user the rights that docs/history.md lists",
        81 => "make the database",
        243 => "make room on the server's disk",
        241 => "give the server more memory, or ask for less",
        159 | 160 => "ask for less, or look at what else the server does",
        202 | 252 | 319 => "wait: the server has too much to do",
        242 | 225 => "the tables take nothing now: look at the server",
        _ if status == 404 || status == 405 => "look at the address: that is no ClickHouse",
        _ => "look at the server's log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_tls_goes_to_another_machine() {
        for (address, expected) in [
            ("https://events.trust.test:8443", true),
            ("https://events.trust.test/", true),
            ("http://127.0.0.1:8123", true),
            ("http://[::1]:8123/", true),
            ("http://localhost:8123", true),
            ("http://10.1.2.3:8123", false),
            ("http://localhost.trust.test", false),
            ("https://user:word@events.trust.test", false),
            ("https://events.trust.test/?database=other", false),
            ("events.trust.test", false),
            ("", false),
        ] {
            assert_eq!(check_address(address).is_ok(), expected, "{address}");
        }
    }

    #[test]
    fn a_refusal_is_known_by_its_name_and_not_by_its_words() {
        let said =
            "Code: 395. DB::Exception: Value 'secret (A)' is wrong. (FUNCTION_THROW_IF) (version 26.9)";
        assert_eq!(name_in(said).as_deref(), Some("FUNCTION_THROW_IF"));
        assert_eq!(name_in("nothing"), None);
    }

    proptest! {
        #[test]
        fn any_words_of_a_refusal_are_read_without_a_panic(said in "\\PC*") {
            let _ = name_in(&said);
        }

        #[test]
        fn no_text_ends_its_field(text in any::<String>()) {
            prop_assert!(!escaped(&text).contains(['\t', '\n', '\0']));
        }
    }
}
