//! What one address may hold open at once.

use crate::client::Talk;
use crate::origin::full;
use crate::websockets;
use crate::world::{Setting, World};
use http::{Method, StatusCode};
use proxy::Limits;

const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn tunnels_answers_and_websockets_count_until_they_end() {
    let limits = Limits { requests_at_once: 3, ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let origin = world.origin("good.test", BOTH).await;
    let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
    let endless = talk.request(Method::GET, "/events").body(full("")).unwrap();
    let answer = talk.send(endless).await;
    let websocket = websockets::ask(&mut talk, "/websocket").await;
    assert_eq!((answer.status(), websocket.status()), (StatusCode::OK, StatusCode::OK));

    assert_eq!(talk.get("/").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(world.client().tunnel("good.test", origin.port()).await.unwrap_err(), 429);
    drop(websocket);
    until_there_is_room(&mut talk).await;
    let websocket = websockets::ask(&mut talk, "/websocket").await;
    assert_eq!(talk.get("/").await.status, StatusCode::TOO_MANY_REQUESTS);
    drop(answer);
    until_there_is_room(&mut talk).await;
    drop((websocket, talk));
    while world.client().tunnel("good.test", origin.port()).await.is_err() {}
}

async fn until_there_is_room(talk: &mut Talk) {
    while talk.get("/").await.status != StatusCode::OK {
        tokio::task::yield_now().await;
    }
}
