//! Live status: a server-sent event whenever something happened to the number, and the page looks again.

use super::Shared;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::time::Duration;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;

/// How often a silent line shows that it lives.
const ALIVE: Duration = Duration::from_secs(20);

pub(super) async fn live(State(portal): Shared, headers: HeaderMap) -> Response {
    let Some(session) = portal.session(&headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    let Ok(news) = portal.node.run(|node| Ok(node.news())).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // The event says that something happened, not what: whoever listens looks again with his session. A listener that was
    // too slow has missed some, and looks again too.
    let mine = BroadcastStream::new(news).filter(move |heard| match heard {
        Ok(number) => *number == session.number,
        Err(_) => true,
    });
    // Signed out, or the session is over: then there is no more to hear.
    let mine = mine.take_while(move |_| portal.session(&headers).is_some());
    // The first at once: what happened after the page was made, and before this line stood, was heard by nobody.
    let look = || Ok::<_, Infallible>(Event::default().data("look"));
    let events = tokio_stream::once(look()).chain(mine.map(move |_| look()));
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
}
