//! The holder's portal on `my.<domain>`: signing in, seeing what is going on, stopping it. It moves nothing.
//!
//! Signing in is by passkey, or by password *and* a code from an authenticator app. Neither is a factor of any deed: what a
//! signed-in holder says here, the owner's desk says for him, and a desk can only object and suspend.

mod account;
mod device;
mod live;
mod pages;
mod passkey;
mod password;
mod session;
mod timeline;
mod words;

use self::passkey::Ceremonies;
use self::session::{Session, Sessions};
use self::words::{Speaker, Words};
use crate::committer::Handle;
use crate::deployment::PORTAL;
use crate::move_page::headers;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use url::Url;
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// Longest request: a passkey's answer has some kilobytes.
const MAX_BODY: usize = 64 * 1024;

/// Its own files and its own server; nobody's frame; pictures may stand in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The portal does not start.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// Its origin is none.
    #[error("the portal's address is none: {0}")]
    Origin(#[from] url::ParseError),
    /// Sign-in does not work with it.
    #[error("sign-in cannot be set up: {0}")]
    SignIn(String),
    /// Its words do not read.
    #[error("the portal's words do not read: {0}")]
    Words(String),
}

/// What the portal knows.
struct Portal {
    node: Handle,
    origin: String,
    move_origin: String,
    webauthn: Webauthn,
    words: Words,
    sessions: Mutex<Sessions>,
    ceremonies: Mutex<Ceremonies>,
}

type Shared = State<Arc<Portal>>;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is whole after any panic: each change is one insertion or one removal.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Portal {
    fn session(&self, headers: &HeaderMap) -> Option<Session> {
        locked(&self.sessions).find(headers)
    }

    fn speaker(&self, headers: &HeaderMap) -> Speaker<'_> {
        self.words.speaker(headers)
    }
}

/// The portal's routes, on a loopback node whose pages are served on this port.
pub fn router(node: Handle, port: u16, move_origin: &str) -> Result<Router, PortalError> {
    let origin = format!("http://{PORTAL}:{port}");
    let url = Url::parse(&origin)?;
    let sign_in = |e: webauthn_rs::prelude::WebauthnError| PortalError::SignIn(e.to_string());
    let webauthn =
        WebauthnBuilder::new(PORTAL, &url).map_err(sign_in)?.rp_name("Simward").build().map_err(sign_in)?;
    let portal = Arc::new(Portal {
        node,
        origin,
        move_origin: move_origin.into(),
        webauthn,
        words: Words::load().map_err(PortalError::Words)?,
        sessions: Mutex::default(),
        ceremonies: Mutex::default(),
    });
    let router = Router::new()
        .route("/", get(pages::home))
        .route("/status", get(pages::status))
        .route("/history", get(timeline::page))
        .route("/history/lines", get(timeline::lines))
        .route("/history.csv", get(timeline::as_csv))
        .route("/history.json", get(timeline::as_json))
        .route("/security", get(pages::security))
        .route("/begin", get(pages::begin))
        .route("/begin/options", post(passkey::begin))
        .route("/begin/finish", post(passkey::begin_finish))
        .route("/sign-in/options", post(passkey::sign_in))
        .route("/sign-in/finish", post(passkey::sign_in_finish))
        .route("/sign-in/password", post(password::sign_in))
        .route("/security/password", post(password::set))
        .route("/security/totp", post(password::begin_totp))
        .route("/security/totp/confirm", post(password::confirm_totp))
        .route("/sign-out", post(session::sign_out))
        .route("/stop", post(pages::stop))
        .route("/suspend", post(pages::suspend))
        .route("/resume", post(pages::resume))
        .route("/promises", get(pages::promises))
        .route("/live", get(live::live))
        .route("/language", get(words::choose))
        .route("/static/{file}", get(pages::file))
        .fallback(pages::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(portal.clone(), own_pages_only))
        .layer(map_response(with_headers))
        .with_state(portal);
    Ok(router)
}

/// What changes something comes from one of the portal's own pages: a browser always says where from.
async fn own_pages_only(State(portal): Shared, request: Request, next: Next) -> Response {
    let from = request.headers().get(header::ORIGIN).and_then(|v| v.to_str().ok());
    if *request.method() == Method::POST && from != Some(portal.origin.as_str()) {
        return (StatusCode::FORBIDDEN, "this did not come from a page of this portal\n").into_response();
    }
    next.run(request).await
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in headers(POLICY) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
