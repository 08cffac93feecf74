//! Bodies flow through; they are never collected.

use crate::origin::TestBody;
use crate::world::World;
use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 1024;

/// A body of what comes through a channel of two chunks.
struct Chunks(mpsc::Receiver<Bytes>);

impl futures_util::Stream for Chunks {
    type Item = Result<Frame<Bytes>, hyper::Error>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// The most memory this process has ever held, in KiB.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn sixty_four_mebibytes_go_up_and_come_down_before_the_upload_has_ended_in_little_memory() {
    for spoken in ["h2", "http/1.1"] {
        let world = World::usual().await;
        let origin = world.origin("good.test", &[spoken]).await;
        let mut talk = world.client().talk("good.test", origin.port(), &[spoken]).await;
        let (sender, receiver) = mpsc::channel(2);
        let body: TestBody = BodyExt::boxed(StreamBody::new(Chunks(receiver)));
        let request = talk.request(Method::POST, "/echo").body(body).unwrap();
        sender.send(Bytes::from(vec![7; CHUNK])).await.unwrap();
        // The head of the answer and its first bytes are here while the request goes on.
        let mut answer = talk.send(request).await.into_body();
        let mut down = answer.frame().await.unwrap().unwrap().into_data().unwrap().len();
        let before = peak_memory_kib();
        let upload = tokio::spawn(async move {
            for _ in 1..CHUNKS {
                sender.send(Bytes::from(vec![7; CHUNK])).await.unwrap();
            }
        });
        while let Some(frame) = answer.frame().await {
            down += frame.unwrap().into_data().unwrap().len();
        }
        upload.await.unwrap();
        assert_eq!(down, CHUNK * CHUNKS);
        assert!(peak_memory_kib() - before < 24 * 1024, "{spoken}: {} KiB more", peak_memory_kib() - before);
        drop((talk, answer));
        let events = world.finish().await;
        let whole = u64::try_from(CHUNK * CHUNKS).unwrap();
        assert_eq!((events.len(), events[0].bytes_up, events[0].bytes_down), (1, whole, whole));
    }
}
