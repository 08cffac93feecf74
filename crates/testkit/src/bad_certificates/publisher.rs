//! A web server on loopback from which issuers' certificates and revocation lists are fetched, and responders asked.

use crate::TestError;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The server; it ends with this value.
pub struct Publisher {
    authority: String,
    shelf: Arc<Mutex<Shelf>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shelf {
    files: HashMap<String, Bytes>,
    withheld: HashSet<String>,
    asked: Vec<String>,
}

impl Publisher {
    pub(super) async fn start(host: &str) -> Result<Self, TestError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let authority = format!("{host}:{}", listener.local_addr()?.port());
        let shelf = Arc::<Mutex<Shelf>>::default();
        let task = tokio::spawn(serve(listener, Arc::clone(&shelf)));
        Ok(Self { authority, shelf, task })
    }

    /// The address of a file.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// Publishes a file, in place of what there was.
    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.files.insert(path.to_owned(), bytes.into());
    }

    /// Answers no more whoever asks for a file, and keeps them waiting.
    pub fn withhold(&self, path: &str) {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).withheld.insert(path.to_owned());
    }

    /// How often a file was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.asked.iter().filter(|asked| *asked == path).count()
    }

    /// What a responder at this path was asked: what came after it in each address.
    pub fn questions(&self, path: &str) -> Vec<String> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = shelf.asked.iter().filter_map(|asked| asked.strip_prefix(path)?.strip_prefix('/'));
        asked.map(str::to_owned).collect()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shelf: Arc<Mutex<Shelf>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shelf = Arc::clone(&shelf);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer(request.uri().path(), &shelf);
            async move {
                match answer {
                    Some(answer) => Ok::<_, Infallible>(answer),
                    None => std::future::pending().await,
                }
            }
        });
        // A client that goes away in the middle is no failure of the test.
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

/// `None` for what is withheld.
fn answer(path: &str, shelf: &Mutex<Shelf>) -> Option<Response<Full<Bytes>>> {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    shelf.asked.push(path.to_owned());
    if shelf.withheld.contains(path) {
        return None;
    }
    let mut response = Response::new(Full::default());
    // A responder's question is the last part of its address.
    let responder = || path.rsplit_once('/').and_then(|(responder, _)| shelf.files.get(responder));
    match shelf.files.get(path).or_else(responder) {
        Some(file) => *response.body_mut() = Full::new(file.clone()),
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Some(response)
}
