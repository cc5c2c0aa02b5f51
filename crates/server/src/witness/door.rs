//! A witness's door: C2SP tlog-witness over HTTP, and a page that says what is witnessed.

use super::WitnessFolder;
use crate::clock::Clock;
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use deed::log::submission::MAX_SUBMISSION;
use operator::cosigner::Declined;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const TEXT: &str = "text/plain; charset=utf-8";
/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most requests being read or judged; one more is told to come back.
const AT_ONCE: usize = 64;
/// How much of a request that is too long is read before it is refused.
const MAX_OVERLONG: usize = 4 * 1024 * 1024;

struct Door {
    witness: Arc<WitnessFolder>,
    clock: Arc<dyn Clock>,
    places: Semaphore,
}

/// The routes. The submission prefix and the monitoring prefix are one.
pub fn router(witness: Arc<WitnessFolder>, clock: Arc<dyn Clock>) -> Router {
    let door = Door { witness, clock, places: Semaphore::new(AT_ONCE) };
    Router::new()
        .route("/", get(page))
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(newest))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(door))
}

async fn add_checkpoint(State(door): State<Arc<Door>>, request: Request) -> Response {
    let Ok(_place) = door.places.try_acquire() else {
        return say(StatusCode::SERVICE_UNAVAILABLE, "too many requests are waiting; try again\n");
    };
    let body = match tokio::time::timeout(PATIENCE, whole(request.into_body())).await {
        Err(_) => return say(StatusCode::REQUEST_TIMEOUT, "the request did not arrive\n"),
        Ok(Err(response)) => return *response,
        Ok(Ok(body)) => body,
    };
    let (witness, clock) = (door.witness.clone(), door.clock.clone());
    // The disk is waited for on a thread that may wait.
    let judged = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body, clock.now())).await;
    match judged.unwrap_or_else(|_| Err(Declined::Broken("the witness failed".into()))) {
        Ok(line) => say(StatusCode::OK, line.to_string()),
        Err(declined) => {
            tracing::info!(%declined, "a checkpoint was not cosigned");
            decline(&declined)
        }
    }
}

/// tlog-witness, "add-checkpoint": each refusal's status.
fn decline(declined: &Declined) -> Response {
    let status = match declined {
        Declined::Malformed(_) => StatusCode::BAD_REQUEST,
        Declined::UnknownLog => StatusCode::NOT_FOUND,
        Declined::NotSigned => StatusCode::FORBIDDEN,
        Declined::Conflict(size) => {
            let kind = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            return (StatusCode::CONFLICT, kind, format!("{size}\n")).into_response();
        }
        Declined::Inconsistent(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Declined::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    say(status, format!("{declined}\n"))
}

fn say(status: StatusCode, text: impl Into<String>) -> Response {
    let headers = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-store")];
    (status, headers, text.into()).into_response()
}

/// A whole body; one that is too long is refused only when it has been read, or the refusal would not arrive.
async fn whole(mut body: Body) -> Result<Vec<u8>, Box<Response>> {
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(frame) = frame else {
            return Err(say(StatusCode::BAD_REQUEST, "the request was cut off\n").into());
        };
        let data = frame.data_ref().map(AsRef::as_ref).unwrap_or_default();
        length = length.saturating_add(data.len());
        if length <= MAX_SUBMISSION {
            bytes.extend_from_slice(data);
        } else if length > MAX_OVERLONG {
            break;
        }
    }
    if length > MAX_SUBMISSION {
        return Err(say(StatusCode::PAYLOAD_TOO_LARGE, "longer than any checkpoint needs\n").into());
    }
    Ok(bytes)
}

/// tlog-witness, "Monitor Retrieval Mechanism".
async fn newest(State(door): State<Arc<Door>>, Path(origin): Path<String>) -> Response {
    // While a line is being stored, what came before it waits for the disk too: not on a thread of the runtime.
    let found = tokio::task::spawn_blocking(move || door.witness.newest_of(&origin)).await;
    match found.ok().flatten() {
        Some(note) => {
            let headers = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-cache")];
            (headers, note.encode()).into_response()
        }
        None => say(StatusCode::NOT_FOUND, "nothing of that log was ever cosigned here\n"),
    }
}

async fn page(State(door): State<Arc<Door>>) -> Response {
    let mut text =
        format!("a witness of transparency logs (c2sp.org/tlog-witness)\n\n{}\n\n", door.witness.vkey());
    let witness = door.witness.clone();
    let standing = tokio::task::spawn_blocking(move || witness.standing()).await;
    for (origin, standing) in standing.unwrap_or_default() {
        // Writing to a String cannot fail.
        let _ = match standing {
            Some((size, time)) => writeln!(text, "{origin}\n  {size} leaves, cosigned at {time}"),
            None => writeln!(text, "{origin}\n  nothing cosigned yet"),
        };
        let _ = writeln!(text, "  {}/checkpoint", super::origin_hash(&origin));
    }
    say(StatusCode::OK, text)
}
