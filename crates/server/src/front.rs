//! One listener, three doors, told apart by the host name a caller used.
//!
//! | host | what answers |
//! |---|---|
//! | `my.<domain>` | the holder's portal |
//! | `move.<domain>` | the move page, static, and what an owner may ask of the API |
//! | an address of this machine | the API |
//!
//! Any other name is somebody else's that was pointed here, and gets nothing.

use crate::committer::Handle;
use crate::deployment::{PORTAL, RP_ID};
use crate::portal::{self, PortalError};
use crate::tokens::Tokens;
use crate::{http, move_page};
use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;
use std::path::Path;
use tower::ServiceExt as _;

/// What the doors are opened with.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Lets a desk ask.
    pub desk_token: &'a str,
    /// Lets the bureau draw cards.
    pub bureau_token: &'a str,
    /// Lets relying parties post and ask.
    pub bank_token: &'a str,
    /// Named tokens, in a file.
    pub tokens: Option<&'a Path>,
    /// On which port of this machine the pages are served.
    pub port: u16,
    /// The move page's origin, as the manifest names it.
    pub move_origin: &'a str,
}

/// All doors behind one listener.
pub fn router(node: &Handle, opening: Opening<'_>) -> Result<Router, PortalError> {
    let portal = portal::router(node.clone(), opening.port, opening.move_origin)?;
    let move_page = move_page::router(http::owners_router(node.clone()));
    let first = Tokens::first(opening.desk_token, opening.bureau_token, opening.bank_token);
    let tokens = match opening.tokens {
        Some(path) => first.with_file(path),
        None => first,
    };
    let api = http::router_for(node.clone(), tokens);
    let choose = move |request: Request| {
        let door = match host(&request).as_deref() {
            Some(PORTAL) => Some(portal.clone()),
            Some(RP_ID) => Some(move_page.clone()),
            Some(name) if is_this_machine(name) => Some(api.clone()),
            _ => None,
        };
        async move {
            let Some(door) = door else { return misdirected() };
            match door.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    Ok(Router::new().fallback(choose))
}

/// The name a caller used, without its port.
fn host(request: &Request) -> Option<String> {
    let value = request.headers().get(header::HOST)?.to_str().ok()?;
    let name = match value.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => value,
    };
    Some(name.to_ascii_lowercase())
}

/// A page elsewhere that points its own name at this machine must not reach the API with it.
fn is_this_machine(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn misdirected() -> Response {
    (StatusCode::MISDIRECTED_REQUEST, "this machine does not answer to that name\n").into_response()
}
