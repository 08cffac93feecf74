//! DNS over HTTPS (RFC 8484): `GET` and `POST` at `/dns-query`, and at `/dns-query/TOKEN` for a device that is known by
//! its token. HTTP/2, and HTTP/1.1 for those who have no better.

use crate::chain::{Begun, Chain, Question};
use crate::client::{Caller, Desk};
use crate::query::{self, QUERY_LIMIT_BYTES, Wire};
use crate::reply;
use crate::tcp::{Connection, MOST_QUESTIONS};
use crate::tls::{Doorman, TooManyWrong};
use crate::turns::Turns;
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming as Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// Where questions are asked.
const PATH: &str = "/dns-query";
const MEDIA_TYPE: &str = "application/dns-message";
/// How long a client may take to send a body.
const BODY_WAIT: Duration = Duration::from_secs(5);
/// How long a client may take to send the head of a request by HTTP/1.1.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// The most of a request's head.
const HEAD_BYTES: usize = 16 * 1_024;
/// Connections by HTTP/2 are opened dearly and meant to stay: how many times longer they may be idle.
const IDLE_TIMES: u32 = 6;

/// Base64 for addresses; padding is not to be sent (RFC 8484, 4.1), and does no harm.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Serves one connection until it is idle for too long, the client goes or the server stops.
pub(crate) async fn serve(connection: Connection, stream: TlsStream<TcpStream>, doorman: Arc<Doorman>) {
    let Connection { chain, caller, turns, idle, stop } = connection;
    let desk = Mutex::new(chain.desk());
    let asking = Arc::new(Asking { chain, caller, turns, doorman, desk, requests: AtomicU64::new(0) });
    let service = {
        let asking = Arc::clone(&asking);
        service_fn(move |request| {
            let asking = Arc::clone(&asking);
            async move { Ok::<_, Infallible>(asking.respond(request).await) }
        })
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT).max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(u32::try_from(MOST_QUESTIONS).unwrap_or(1))
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(idle);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let mut seen = 0;
    loop {
        tokio::select! {
            _ended = serving.as_mut() => return,
            () = stop.cancelled() => break,
            () = tokio::time::sleep(idle.saturating_mul(IDLE_TIMES)) => {
                let requests = asking.requests.load(Ordering::Relaxed);
                if requests == seen {
                    break;
                }
                seen = requests;
            }
        }
    }
    // What is under way is answered; a client that does not go then is left.
    serving.as_mut().graceful_shutdown();
    let _left = timeout(idle, serving).await;
}

/// What the requests of one connection share.
struct Asking {
    chain: Arc<Chain>,
    caller: Caller,
    turns: Turns,
    doorman: Arc<Doorman>,
    desk: Mutex<Desk>,
    requests: AtomicU64,
}

impl Asking {
    async fn respond(&self, request: Request<Body>) -> Response<Full<Bytes>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match self.answer(request).await {
            Ok(answer) => found(answer),
            Err(status) => refused(status),
        }
    }

    async fn answer(&self, request: Request<Body>) -> Result<Vec<u8>, StatusCode> {
        let caller = self.caller(request.uri().path())?;
        let question = match *request.method() {
            Method::GET => question_of_query(request.uri().query().unwrap_or_default())?,
            Method::POST => question_of_body(request).await?,
            _ => return Err(StatusCode::METHOD_NOT_ALLOWED),
        };
        let mut answer = Vec::new();
        let received = query::read(&question, Wire::Encrypted);
        let begun = {
            let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
            self.chain.open(&mut desk);
            if !self.turns.may_ask(caller.address, desk.moment.now) {
                return Err(StatusCode::TOO_MANY_REQUESTS);
            }
            let begun = self.chain.begin(Question::of(&received, caller), &mut desk, &mut answer);
            self.chain.close(&mut desk);
            begun
        };
        match begun {
            Begun::Answered | Begun::Refused => Ok(answer),
            Begun::Dropped => Err(StatusCode::BAD_REQUEST),
            Begun::Later(pending) => Ok(self.turns.finish(&self.chain, *pending).await),
        }
    }

    /// Who asks at a path.
    fn caller(&self, path: &str) -> Result<Caller, StatusCode> {
        let rest = path.strip_prefix(PATH).ok_or(StatusCode::NOT_FOUND)?;
        if matches!(rest, "" | "/") {
            return Ok(self.caller);
        }
        let token = rest.strip_prefix('/').filter(|token| !token.contains('/'));
        let asked = (self.caller.address, self.chain.now());
        let named = self.doorman.named(token.ok_or(StatusCode::NOT_FOUND)?, asked);
        named
            .map(|named| Caller { named, ..self.caller })
            .map_err(|TooManyWrong| StatusCode::TOO_MANY_REQUESTS)
    }
}

fn question_of_query(query: &str) -> Result<Vec<u8>, StatusCode> {
    let text = query.split('&').find_map(|part| part.strip_prefix("dns=")).ok_or(StatusCode::BAD_REQUEST)?;
    if text.len() > QUERY_LIMIT_BYTES.div_ceil(3) * 4 {
        return Err(StatusCode::URI_TOO_LONG);
    }
    BASE64.decode(text).map_err(|_| StatusCode::BAD_REQUEST)
}

async fn question_of_body(request: Request<Body>) -> Result<Vec<u8>, StatusCode> {
    let media_type =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(MEDIA_TYPE) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let body = Limited::new(request.into_body(), QUERY_LIMIT_BYTES);
    match timeout(BODY_WAIT, body.collect()).await {
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
    }
}

/// The answer may be kept for as long as its shortest record (RFC 8484, 5.1), and by the one who asked alone: the same
/// question has another answer for another group.
fn found(answer: Vec<u8>) -> Response<Full<Bytes>> {
    let max_age_s = reply::shortest_ttl_s(&answer).unwrap_or(0);
    let mut response = Response::new(Full::new(Bytes::from(answer)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Ok(value) = HeaderValue::from_str(&format!("private, max-age={max_age_s}")) {
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    response
}

fn refused(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}
