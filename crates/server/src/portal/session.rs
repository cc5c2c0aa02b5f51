//! Sessions: who is signed in, for how long. In memory only: a restart signs everybody out.

use super::{Portal, Shared, locked};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use wire::Msisdn;

/// How long a session lasts without a sign of life, and at most.
const IDLE: Duration = Duration::from_secs(30 * 60);
const LONGEST: Duration = Duration::from_secs(12 * 3_600);
/// Most sessions at once; the one idle for longest gives way.
const MOST: usize = 10_000;
const COOKIE: &str = "session";
/// The cookie that tells a device that was here before from a new one. It opens nothing.
const DEVICE: &str = "device";
const DEVICE_SECONDS: u64 = 400 * 86_400;

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) number: Msisdn,
    since: Instant,
    seen: Instant,
}

impl Session {
    fn lives(&self, now: Instant) -> bool {
        now.duration_since(self.seen) < IDLE && now.duration_since(self.since) < LONGEST
    }
}

/// All of them, by the digest of their token.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<[u8; 32], Session>);

fn digest(token: &str) -> [u8; 32] {
    keys::digest::sha256(&[token.as_bytes()])
}

/// A cookie's value.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    let mut pairs = pairs.flat_map(|v| v.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(n, _)| *n == name).map(|(_, value)| value)
}

/// 32 random octets as text.
pub(super) fn token() -> Option<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

impl Sessions {
    /// The session of whoever asks, which lives on by being used.
    pub(super) fn find(&mut self, headers: &HeaderMap) -> Option<Session> {
        let (key, now) = (digest(cookie(headers, COOKIE)?), Instant::now());
        let session = self.0.get_mut(&key)?;
        if !session.lives(now) {
            self.0.remove(&key);
            return None;
        }
        session.seen = now;
        Some(session.clone())
    }

    /// Begins one, in place of whatever session the browser had; the cookie to set.
    pub(super) fn begin(&mut self, headers: &HeaderMap, number: Msisdn) -> Option<String> {
        self.end(headers);
        let now = Instant::now();
        self.0.retain(|_, session| session.lives(now));
        if self.0.len() >= MOST {
            let idlest = self.0.iter().min_by_key(|(_, s)| s.seen).map(|(key, _)| *key);
            idlest.map(|key| self.0.remove(&key));
        }
        let token = token()?;
        self.0.insert(digest(&token), Session { number, since: now, seen: now });
        Some(format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"))
    }

    fn end(&mut self, headers: &HeaderMap) {
        cookie(headers, COOKIE).map(|token| self.0.remove(&digest(token)));
    }
}

/// The device's own mark, if it was here before.
pub(super) fn device(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, DEVICE).filter(|mark| mark.len() == 64)
}

/// A mark for a device that is new.
pub(super) fn mark_device(mark: &str) -> String {
    format!("{DEVICE}={mark}; Path=/; HttpOnly; SameSite=Lax; Max-Age={DEVICE_SECONDS}")
}

pub(super) async fn sign_out(State(portal): Shared, headers: HeaderMap) -> Response {
    end(&portal, &headers);
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(header::SET_COOKIE, gone)], Redirect::to("/")).into_response()
}

fn end(portal: &Portal, headers: &HeaderMap) {
    locked(&portal.sessions).end(headers);
}
