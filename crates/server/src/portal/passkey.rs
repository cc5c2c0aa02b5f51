//! Sign-in ceremonies: a passkey on `my.<domain>`, with fingerprint, face or device PIN. It is no factor of any deed.

use super::account::{Account, SignInKey, number_of};
use super::session::{device, mark_device, token};
use super::{Portal, Shared, device as browser, locked};
use crate::node::Node;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use operator::Refusal;
use operator::timeline::{Actor, Entry, Happened};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Uuid,
};
use wire::Msisdn;

/// How long a ceremony may take, and how many may be under way.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
const MOST: usize = 4_096;

/// A ceremony under way.
enum Ceremony {
    Begin { code: String, handle: Uuid, state: PasskeyRegistration },
    SignIn(DiscoverableAuthentication),
}

/// All of them; each is finished once.
#[derive(Default)]
pub(super) struct Ceremonies(HashMap<String, (Instant, Ceremony)>);

impl Ceremonies {
    fn begin(&mut self, ceremony: Ceremony) -> Result<String, Failed> {
        let now = Instant::now();
        self.0.retain(|_, (since, _)| now.duration_since(*since) < PATIENCE);
        let signing_in = |ceremony: &Ceremony| matches!(ceremony, Ceremony::SignIn(_));
        let alike = signing_in(&ceremony);
        let others = || self.0.iter().filter(|(_, (_, other))| signing_in(other) == alike);
        if others().count() >= MOST {
            // Anybody may begin to sign in: the oldest gives way, or strangers would keep everybody out.
            let oldest = others().min_by_key(|(_, (since, _))| *since).map(|(id, _)| id.clone());
            let oldest = oldest.filter(|_| alike).ok_or(Failed::new("busy"))?;
            self.0.remove(&oldest);
        }
        let id = token().ok_or(Failed::new("broken"))?;
        self.0.insert(id.clone(), (now, ceremony));
        Ok(id)
    }

    fn finish(&mut self, id: &str) -> Option<Ceremony> {
        let (since, ceremony) = self.0.remove(id)?;
        (since.elapsed() < PATIENCE).then_some(ceremony)
    }
}

/// A ceremony that came to nothing; the page has the words for it.
#[derive(Debug)]
pub(super) struct Failed {
    code: &'static str,
}

impl Failed {
    const fn new(code: &'static str) -> Self {
        Self { code }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Refused { code, .. } => Self::new(code),
            Refusal::Broken(why) => {
                tracing::error!(%why, "portal");
                Self::new("broken")
            }
            _ => Self::new("refused"),
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        tracing::info!(code = self.code, "portal");
        (StatusCode::FORBIDDEN, Json(json!({ "code": self.code }))).into_response()
    }
}

#[derive(Deserialize)]
pub(super) struct CodeBody {
    code: String,
}

#[derive(Deserialize)]
pub(super) struct FinishBody<T> {
    id: String,
    credential: T,
}

#[derive(Serialize)]
pub(super) struct Options {
    id: String,
    options: Value,
}

fn as_json(options: &impl Serialize) -> Result<Value, Failed> {
    let mut value = serde_json::to_value(options).map_err(|_| Failed::new("broken"))?;
    Ok(value.get_mut("publicKey").map(Value::take).unwrap_or_default())
}

/// What the browser should make: a passkey it can find again by itself, and no attestation.
pub(super) async fn begin(
    State(portal): Shared,
    Json(body): Json<CodeBody>,
) -> Result<Json<Options>, Failed> {
    let code = body.code.clone();
    let number = portal.node.run(move |node| node.invited_to_portal(&code)).await?;
    let handle = random_handle().ok_or(Failed::new("broken"))?;
    let name = format!("+{number}");
    let started = portal.webauthn.start_passkey_registration(handle, &name, &name, None);
    let (options, state) = started.map_err(|_| Failed::new("broken"))?;
    let mut options = as_json(&options)?;
    if let Some(selection) = options.get_mut("authenticatorSelection").and_then(Value::as_object_mut) {
        selection.insert("residentKey".into(), "required".into());
        selection.insert("requireResidentKey".into(), true.into());
    }
    let id = locked(&portal.ceremonies).begin(Ceremony::Begin { code: body.code, handle, state })?;
    Ok(Json(Options { id, options }))
}

fn random_handle() -> Option<Uuid> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(Uuid::from_bytes(bytes))
}

/// The passkey is made: it belongs to the invitation's number, and the browser is signed in.
pub(super) async fn begin_finish(
    State(portal): Shared,
    headers: HeaderMap,
    Json(body): Json<FinishBody<RegisterPublicKeyCredential>>,
) -> Result<Response, Failed> {
    let ceremony = locked(&portal.ceremonies).finish(&body.id);
    let Some(Ceremony::Begin { code, handle, state }) = ceremony else { return Err(Failed::new("too-late")) };
    let passkey = portal.webauthn.finish_passkey_registration(&body.credential, &state);
    let passkey = passkey.map_err(|_| Failed::new("passkey"))?;
    let visit = Visit::of(&headers)?;
    let mark = visit.mark.clone();
    let number = portal
        .node
        .run(move |node| {
            let number = node.invited_to_portal(&code)?;
            let mut account = Account::load(node, &number)?;
            let new_device = !account.knows_device(&visit.mark);
            let key = SignInKey::new(handle, passkey, visit.device.clone(), node.now());
            let mut writes = account.add(node, &number, key)?;
            writes.extend(visit.told(node, number, "begin", true, new_device));
            node.use_portal_code(&code, writes)?;
            Ok(number)
        })
        .await?;
    signed_in(&portal, &headers, number, &mark)
}

/// A challenge for whatever passkey the holder chooses.
pub(super) async fn sign_in(State(portal): Shared) -> Result<Json<Options>, Failed> {
    let started = portal.webauthn.start_discoverable_authentication();
    let (options, state) = started.map_err(|_| Failed::new("broken"))?;
    let options = as_json(&options)?;
    let id = locked(&portal.ceremonies).begin(Ceremony::SignIn(state))?;
    Ok(Json(Options { id, options }))
}

/// The passkey has answered.
pub(super) async fn sign_in_finish(
    State(portal): Shared,
    headers: HeaderMap,
    Json(body): Json<FinishBody<PublicKeyCredential>>,
) -> Result<Response, Failed> {
    let ceremony = locked(&portal.ceremonies).finish(&body.id);
    let Some(Ceremony::SignIn(state)) = ceremony else { return Err(Failed::new("too-late")) };
    let credential = body.credential;
    let identified = portal.webauthn.identify_discoverable_authentication(&credential);
    let (handle, _) = identified.map_err(|_| Failed::new("passkey"))?;
    let visit = Visit::of(&headers)?;
    let mark = visit.mark.clone();
    let webauthn = portal.webauthn.clone();
    let outcome = portal
        .node
        .run(move |node| {
            let Some(number) = number_of(node, &handle)? else { return Ok(None) };
            let mut account = Account::load(node, &number)?;
            let now = node.now();
            let Some(key) = account.by_handle(&handle) else { return Ok(None) };
            let checked = webauthn.finish_discoverable_authentication_v2(&credential, state, &key.passkey);
            let ok = checked.as_ref().is_ok_and(|result| result.user_verified());
            if let (true, Ok(result)) = (ok, &checked) {
                key.passkey.update_credential(result);
                key.used = Some(now.0);
            }
            let new_device = ok && !account.knows_device(&visit.mark);
            let mut writes = visit.told(node, number, "passkey", ok, new_device);
            if ok {
                writes.push(account.put(node, &number));
            }
            node.write_door(writes)?;
            Ok(ok.then_some(number))
        })
        .await?;
    let number = outcome.ok_or(Failed::new("passkey"))?;
    signed_in(&portal, &headers, number, &mark)
}

/// Who stands at the door.
pub(super) struct Visit {
    pub(super) device: String,
    pub(super) mark: String,
}

impl Visit {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Failed> {
        let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let mark = match device(headers) {
            Some(mark) => mark.to_string(),
            None => token().ok_or(Failed::new("broken"))?,
        };
        Ok(Self { device: browser::describe(agent), mark })
    }

    /// What a sign-in, or an attempt, is in the timeline. `begin` made the passkey that it signs in with.
    pub(super) fn told(
        &self,
        node: &mut Node,
        number: Msisdn,
        how: &str,
        ok: bool,
        new_device: bool,
    ) -> Vec<operator::store::Write> {
        let device = self.device.clone();
        if !ok {
            let failed = Happened::SignInFailed { how: how.into(), device };
            return vec![node.entry(number, &Entry::new(Actor::Unknown, failed))];
        }
        let made =
            (how == "begin").then(|| Happened::SignInChanged { what: how.into(), device: device.clone() });
        let new = new_device.then(|| Happened::NewDevice { device: device.clone() });
        let how = if how == "begin" { "passkey" } else { how };
        let told = [made, new, Some(Happened::SignedIn { how: how.into(), device })];
        told.into_iter().flatten().map(|what| node.entry(number, &Entry::new(Actor::Owner, what))).collect()
    }
}

fn signed_in(portal: &Portal, headers: &HeaderMap, number: Msisdn, mark: &str) -> Result<Response, Failed> {
    signed_in_at(portal, headers, number, mark, Json(json!({ "to": "/" })).into_response())
}

/// Begins a session; its cookies go out with this answer.
pub(super) fn signed_in_at(
    portal: &Portal,
    headers: &HeaderMap,
    number: Msisdn,
    mark: &str,
    mut response: Response,
) -> Result<Response, Failed> {
    let session = locked(&portal.sessions).begin(headers, number).ok_or(Failed::new("broken"))?;
    for cookie in [session, mark_device(mark)] {
        if let Ok(value) = cookie.parse() {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    Ok(response)
}
