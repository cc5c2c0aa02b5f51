//! Password and authenticator app: for browsers that have no passkey. Either alone signs nobody in, and both together move
//! nothing.

use super::account::{Account, Password, Totp, authenticator, step_of};
use super::passkey::{Visit, signed_in_at};
use super::session::token;
use super::{Portal, Shared};
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use axum::Form;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use operator::Refusal;
use operator::password::{Weak, judge};
use operator::timeline::{Actor, Entry, Happened};
use serde::Deserialize;
use tokio::sync::Semaphore;
use wire::Msisdn;

/// Octets of a fresh secret (RFC 4226 §4, R6: 160 bits).
const SECRET: usize = 20;

fn to(path: &str) -> Response {
    Redirect::to(path).into_response()
}

fn failed(refusal: &Refusal) -> Response {
    tracing::error!(%refusal, "portal");
    to("/security?said=failed")
}

/// Hashes at once, each of 19 MiB, and those that may wait: anybody can ask for one.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
static WAITING: Semaphore = Semaphore::const_new(32);

/// Work away from the threads that answer; `None` if too many ask for it.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let _place = WAITING.try_acquire().ok()?;
    let _turn = AT_ONCE.acquire().await.ok()?;
    tokio::task::spawn_blocking(work).await.ok()
}

/// Argon2id with its recommended parameters.
async fn hash(password: String) -> Option<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    let work = move || {
        let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
        Some(hash.to_string())
    };
    apart(work).await.flatten()
}

/// `None` if nobody could look.
async fn is_right(password: String, phc: String) -> Option<bool> {
    let work = move || {
        let Ok(hash) = PasswordHash::new(&phc) else { return false };
        Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
    };
    apart(work).await
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    password: String,
}

/// Sets a password, or another one: by choice, whenever the holder likes.
pub(super) async fn set(
    State(portal): Shared,
    headers: HeaderMap,
    Form(form): Form<PasswordForm>,
) -> Response {
    let Some(session) = portal.session(&headers) else { return to("/") };
    match judge(&form.password, &session.number) {
        Ok(()) => {}
        Err(Weak::Short) => return to("/security?said=short#password"),
        Err(Weak::Long) => return to("/security?said=long#password"),
        Err(Weak::Common) => return to("/security?said=common#password"),
        Err(Weak::Yours) => return to("/security?said=yours#password"),
    }
    let Some(phc) = hash(form.password).await else { return to("/security?said=failed") };
    change(
        &portal,
        &headers,
        (session.number, "password-set"),
        "/security?said=password-set",
        move |account, now| {
            account.password = Some(Password::new(phc, now));
            true
        },
    )
    .await
}

/// Begins to set up an authenticator app: its secret is shown until a code proves that the app has it.
pub(super) async fn begin_totp(State(portal): Shared, headers: HeaderMap) -> Response {
    let Some(session) = portal.session(&headers) else { return to("/") };
    let mut secret = [0; SECRET];
    if getrandom::fill(&mut secret).is_err() {
        return to("/security?said=failed");
    }
    let secret = totp_rs::Secret::from(secret.to_vec()).to_base32();
    change(&portal, &headers, (session.number, "app-begun"), "/security#totp", move |account, _| {
        account.new_totp = Some(secret);
        true
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    code: String,
}

/// The app has the secret: it gave a right code.
pub(super) async fn confirm_totp(
    State(portal): Shared,
    headers: HeaderMap,
    Form(form): Form<CodeForm>,
) -> Response {
    let Some(session) = portal.session(&headers) else { return to("/") };
    change(&portal, &headers, (session.number, "app-set"), "/security?said=totp-set", move |account, now| {
        let Some(secret) = account.new_totp.clone() else { return false };
        let Some(step) = step_of(&secret, &form.code, now) else { return false };
        account.totp = Some(Totp { secret, step });
        account.new_totp = None;
        true
    })
    .await
}

/// Changes an account, and notes it where the holder sees it; what could not be changed is said.
async fn change(
    portal: &Portal,
    headers: &HeaderMap,
    (number, what): (Msisdn, &'static str),
    done: &'static str,
    how: impl FnOnce(&mut Account, wire::UnixTime) -> bool + Send + 'static,
) -> Response {
    let Ok(Visit { device, .. }) = Visit::of(headers) else { return to("/security?said=failed") };
    let changed = portal.node.run(move |node| {
        let mut account = Account::load(node, &number)?;
        let now = node.now();
        if !how(&mut account, now) {
            return Ok(false);
        }
        let row = account.put(node, &number);
        let noted = Entry::new(Actor::Owner, Happened::SignInChanged { what: what.into(), device });
        let record = node.entry(number, &noted);
        node.write_door(vec![row, record])
    });
    match changed.await {
        Ok(true) => to(done),
        Ok(false) => to("/security?said=wrong-code#totp"),
        Err(refusal) => failed(&refusal),
    }
}

/// The picture of an authenticator's set-up, for a camera.
pub(super) fn picture(secret: &str, number: &Msisdn) -> Option<(String, String)> {
    let uri = authenticator(secret, number)?.to_url().ok()?;
    let code = qrcode::QrCode::new(uri.as_bytes()).ok()?;
    let svg = code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(200, 200).build();
    Some((uri, svg))
}

#[derive(Deserialize)]
pub(super) struct SignInForm {
    number: String,
    password: String,
    code: String,
}

/// Signs in with password and code. Whoever fails learns nothing but that.
pub(super) async fn sign_in(
    State(portal): Shared,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Response {
    const FAILED: &str = "/?said=not-signed-in";
    let digits: String = form.number.chars().filter(char::is_ascii_digit).collect();
    let (Ok(number), Ok(visit)) = (digits.parse::<Msisdn>(), Visit::of(&headers)) else { return to(FAILED) };
    // A try is spent, durably, before anything is compared.
    let spent = portal.node.run(move |node| {
        let mut account = Account::load(node, &number)?;
        let now = node.now();
        let (Some(password), true) = (account.password.clone(), account.totp.is_some()) else {
            return Ok(None);
        };
        let left = account.spend_try(now);
        let row = account.put(node, &number);
        node.write_door(vec![row])?;
        Ok((left && !password.is_known_to_others()).then_some(password.phc))
    });
    let phc = match spent.await {
        Ok(phc) => phc,
        Err(refusal) => return failed(&refusal),
    };
    let tried = phc.is_some();
    // Without an account the work is done all the same: how long it takes says nothing.
    let phc = phc.unwrap_or_else(|| NOBODYS.into());
    let Some(right) = is_right(form.password, phc).await else { return to(FAILED) };
    let right = right && tried;
    let (code, mark) = (form.code, visit.mark.clone());
    let outcome = portal.node.run(move |node| {
        let mut account = Account::load(node, &number)?;
        let now = node.now();
        let ok = right && account.take_code(&code, now);
        // The holder's own slips, on a device that was here before, are no evidence against the password.
        if right && !ok && !account.has_device(&visit.mark) {
            account.right_with_wrong_code();
        }
        let new_device = ok && !account.knows_device(&visit.mark);
        if tried {
            let mut writes = visit.told(node, number, "password", ok, new_device);
            writes.push(account.put(node, &number));
            node.write_door(writes)?;
        }
        Ok(ok)
    });
    match outcome.await {
        Ok(true) => signed_in_at(&portal, &headers, number, &mark, Redirect::to("/").into_response())
            .unwrap_or_else(IntoResponse::into_response),
        Ok(false) => to(FAILED),
        Err(refusal) => failed(&refusal),
    }
}

/// The hash of a password that nobody has.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A fresh password that nobody guesses: six groups of four, made here and shown once.
pub(super) fn fresh() -> Option<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567890";
    let hex = token()?;
    let bytes = hex::decode(hex).ok()?;
    let symbols = bytes.iter().take(24).filter_map(|b| ALPHABET.get(usize::from(b & 31)));
    let symbols: String = symbols.map(|b| char::from(*b)).collect();
    let groups: Vec<&str> =
        symbols.as_bytes().chunks(4).filter_map(|c| std::str::from_utf8(c).ok()).collect();
    Some(groups.join("-"))
}
