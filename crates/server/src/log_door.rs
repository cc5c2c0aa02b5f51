//! The log, for everybody: C2SP tlog-tiles under `/log/`. Read-only, without a token, and without the node's thread: what is
//! read here stands in memory, and whoever reads slowly holds up nobody.
//!
//! | path | what |
//! |---|---|
//! | `/log/checkpoint` | the newest cosigned checkpoint |
//! | `/log/tile/<L>/<N>[.p/<W>]` | hashes |
//! | `/log/tile/entries/<N>[.p/<W>]` | entries: leaves of 65 octets |
//! | `/log/proof/<index>` | a tlog-proof of one leaf. It tells this node which leaf somebody asks about; tiles do not |

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use deed::log::tile::Tile;
use operator::log::PublicLog;

const TEXT: &str = "text/plain; charset=utf-8";
const OCTETS: &str = "application/octet-stream";
/// tlog-tiles: the checkpoint's headers prevent caching beyond a few seconds.
const FRESH: &str = "no-cache";
/// A tile never changes.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
/// What is not there today may be there tomorrow.
const NOT_KEPT: &str = "no-store";

/// The routes.
pub fn router(log: PublicLog) -> Router {
    Router::new().route("/log/{*rest}", get(read)).with_state(log)
}

/// The path is compared as it was sent: a tile has one name.
pub(crate) async fn read(State(log): State<PublicLog>, uri: Uri) -> Response {
    let path = uri.path().strip_prefix("/log/").unwrap_or_default();
    let answer = |kind, cache, bytes: Vec<u8>| {
        ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], bytes).into_response()
    };
    if path == "checkpoint" {
        return match log.checkpoint() {
            Some(note) => answer(TEXT, FRESH, note.encode()),
            None => nothing("no checkpoint yet\n"),
        };
    }
    if let Some(index) = path.strip_prefix("proof/") {
        let index = index.parse().ok().filter(|i: &u64| i.to_string() == index);
        return match index.and_then(|index| log.prove(index)) {
            Some(proof) => answer(TEXT, FRESH, proof.encode()),
            None => nothing("no such leaf under the newest checkpoint\n"),
        };
    }
    match Tile::parse(path).and_then(|tile| log.tile(&tile)) {
        Some(bytes) => answer(OCTETS, FOR_GOOD, bytes),
        None => nothing("no such tile under the newest checkpoint\n"),
    }
}

fn nothing(why: &'static str) -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, NOT_KEPT)], why)
        .into_response()
}
