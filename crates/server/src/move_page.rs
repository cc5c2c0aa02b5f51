//! The move page: static files on an origin of their own, whose digest stands in the manifest.
//!
//! It takes bytes from whatever node it talks to, follows them from the owner's own receipt, shows what it is about to
//! sign decoded from the very bytes it signs, and signs. It runs no code but its own.

use axum::Router;
use axum::http::header::{self, HeaderName};
use axum::response::IntoResponse;
use axum::routing::get;

/// The files, as they are served.
const FILES: [(&str, &str, &str); 7] = [
    ("index.html", "text/html; charset=utf-8", include_str!("../move/index.html")),
    ("move.css", "text/css; charset=utf-8", include_str!("../move/move.css")),
    ("bytes.js", "text/javascript; charset=utf-8", include_str!("../move/bytes.js")),
    ("deed.js", "text/javascript; charset=utf-8", include_str!("../move/deed.js")),
    ("keys.js", "text/javascript; charset=utf-8", include_str!("../move/keys.js")),
    ("words.js", "text/javascript; charset=utf-8", include_str!("../move/words.js")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("../move/page.js")),
];

/// Nothing but the page's own files, nobody's frame, no form that goes anywhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// What every answer of a page's host says.
pub(crate) fn headers(policy: &'static str) -> [(HeaderName, &'static str); 7] {
    [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "publickey-credentials-get=(self), publickey-credentials-create=(self)",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ]
}

/// SHA-256 over the files in the order of their names: name ‖ 0x00 ‖ length (u64, big-endian) ‖ bytes.
pub fn digest() -> [u8; 32] {
    let mut files = FILES;
    files.sort_unstable();
    let mut all = Vec::new();
    for (name, _, text) in files {
        all.extend_from_slice(name.as_bytes());
        all.push(0);
        all.extend_from_slice(&(text.len() as u64).to_be_bytes());
        all.extend_from_slice(text.as_bytes());
    }
    keys::digest::sha256(&[&all])
}

/// The files, and what an owner may ask of the API.
pub fn router(api: Router) -> Router {
    let mut router = Router::new();
    for (name, kind, text) in FILES {
        let path = if name == "index.html" { "/".to_string() } else { format!("/{name}") };
        let file = move || async move { ([(header::CONTENT_TYPE, kind)], text).into_response() };
        router = router.route(&path, get(file));
    }
    router.fallback_service(api).layer(axum::middleware::map_response(
        |response: axum::response::Response| async move {
            let (mut parts, body) = response.into_parts();
            for (name, value) in headers(POLICY) {
                parts.headers.insert(name, axum::http::HeaderValue::from_static(value));
            }
            axum::response::Response::from_parts(parts, body)
        },
    ))
}
