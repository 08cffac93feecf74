//! The wires of the tests' upstream: UDP, TCP and TLS with many questions on a connection, HTTPS.

use super::{By, Speaker};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

impl Speaker {
    pub(super) async fn serve_udp(self, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let mut buffer = [0; 4096];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let (speaker, socket, question) = (self.clone(), Arc::clone(&socket), buffer[..length].to_vec());
            tokio::spawn(async move {
                for message in speaker.says(&question, By::Udp).await {
                    let bytes = message.to_vec().unwrap();
                    let fits = bytes.len() <= usize::from(message.max_payload());
                    let bytes = if fits { bytes } else { message.truncate().to_vec().unwrap() };
                    socket.send_to(&bytes, from).await.unwrap();
                }
            });
        }
    }

    pub(super) async fn serve_tcp(self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(self.clone().serve_stream(stream));
        }
    }

    pub(super) async fn serve_tls(self, listener: TcpListener, config: Arc<ServerConfig>) {
        let acceptor = TlsAcceptor::from(config);
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (speaker, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate ends the handshake: that may be the test.
                if let Ok(stream) = acceptor.accept(stream).await {
                    speaker.serve_stream(stream).await;
                }
            });
        }
    }

    /// Answers questions in the order in which their answers are ready, until the client or the test has had enough.
    async fn serve_stream<S: AsyncRead + AsyncWrite + Send + 'static>(self, stream: S) {
        let (reader, mut writer) = tokio::io::split(stream);
        let (answers, mut queue) = mpsc::channel::<Vec<u8>>(64);
        let mut stopped = self.stopped.clone();
        stopped.mark_unchanged();
        let writing = async move {
            while let Some(framed) = queue.recv().await {
                if writer.write_all(&framed).await.is_err() || writer.flush().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            _ = stopped.changed() => {}
            () = writing => {}
            _ = self.read_questions(reader, answers) => {}
        }
    }

    async fn read_questions<R: AsyncRead + Unpin>(
        &self,
        mut reader: R,
        answers: mpsc::Sender<Vec<u8>>,
    ) -> io::Result<()> {
        loop {
            let length = reader.read_u16().await?;
            let mut question = vec![0; length.into()];
            reader.read_exact(&mut question).await?;
            let (speaker, answers) = (self.clone(), answers.clone());
            tokio::spawn(async move {
                for message in speaker.says(&question, By::Stream).await {
                    let bytes = message.to_vec().unwrap();
                    let length = u16::try_from(bytes.len()).unwrap();
                    let framed = [&length.to_be_bytes(), bytes.as_slice()].concat();
                    // The client may be gone by now.
                    let _gone = answers.send(framed).await;
                }
            });
        }
    }

    pub(super) async fn serve_https(self, listener: TcpListener, config: Arc<ServerConfig>) {
        let acceptor = TlsAcceptor::from(config);
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (speaker, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let mut stopped = speaker.stopped.clone();
                stopped.mark_unchanged();
                let service = service_fn(move |request| {
                    let speaker = speaker.clone();
                    async move { Ok::<_, Infallible>(speaker.answer_https(request).await) }
                });
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::select! {
                    _ = stopped.changed() => {}
                    _ = server.serve_connection(TokioIo::new(stream), service) => {}
                }
            });
        }
    }

    async fn answer_https(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let is_question = request.uri().path() == "/dns-query"
            && request.headers().get("content-type").is_some_and(|kind| kind == "application/dns-message");
        let question = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let answer = if is_question { self.says(&question, By::Stream).await.pop() } else { None };
        let mut response = Response::new(Full::default());
        match answer {
            Some(message) => {
                response.headers_mut().insert("content-type", "application/dns-message".parse().unwrap());
                *response.body_mut() = Full::new(message.to_vec().unwrap().into());
            }
            None => *response.status_mut() = http::StatusCode::BAD_REQUEST,
        }
        response
    }
}
