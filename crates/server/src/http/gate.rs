//! The gate before every endpoint: who calls, whether that may be, whether it was said before. Handlers begin behind it.

use super::endpoint::{Endpoint, Twice, Who};
use super::{bearer, reader_token, token, whole_body};
use crate::call::{Answers, CALL, Call, Once};
use crate::committer::Handle;
use crate::tokens::{Caller, Role, Tokens};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use deed::defence::{Defence, stands};
use operator::Refusal;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use wire::Msisdn;

/// The header that names a call.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Says that an answer was given before.
pub const REPLAYED: &str = "idempotency-replayed";
/// Longest name of a call.
const LONGEST_KEY: usize = 64;
/// Longest answer that is kept.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// Somebody without a token that counts here.
    Stranger,
    /// Whoever has the number's watch key.
    Holder,
    /// Somebody with a token.
    Caller(Caller),
}

/// What the gate knows.
pub(crate) struct Gate {
    node: Handle,
    tokens: Arc<Tokens>,
    under_way: Mutex<HashSet<[u8; 32]>>,
}

/// A call with a key that is under way; it is over when this is dropped.
struct UnderWay<'a>(&'a Gate, [u8; 32]);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl Gate {
    pub(crate) fn new(node: Handle, tokens: Arc<Tokens>) -> Arc<Self> {
        Arc::new(Self { node, tokens, under_way: Mutex::default() })
    }

    /// Puts itself before a handler.
    pub(crate) fn before<S: Clone + Send + Sync + 'static>(
        self: &Arc<Self>,
        endpoint: &'static Endpoint,
        route: MethodRouter<S>,
    ) -> MethodRouter<S> {
        route.route_layer(from_fn_with_state((self.clone(), endpoint), guard))
    }

    /// Who calls, if that may be.
    async fn admit(
        &self,
        who: &Who,
        headers: &HeaderMap,
        number: Option<&str>,
    ) -> Result<(Admitted, Option<Caller>), Refusal> {
        let shown = bearer(headers);
        let caller = self.tokens.caller(shown);
        let (roles, holder): (&[Role], bool) = match who {
            Who::Anybody | Who::Signature | Who::Code => return Ok((Admitted::Stranger, caller)),
            Who::Machine(scope) => {
                let may = |caller: &Caller| {
                    caller.role == Role::Machine && caller.scopes.iter().any(|given| given == scope)
                };
                return match caller {
                    Some(caller) if may(&caller) => Ok((Admitted::Caller(caller.clone()), Some(caller))),
                    _ => Err(Refusal::refused("unauthenticated", "only a relying party may ask this")),
                };
            }
            Who::Holder => (&[], true),
            Who::Roles(roles) => (roles, false),
            Who::RolesOrHolder(roles) => (roles, true),
        };
        if let Some(caller) = caller.clone().filter(|caller| roles.contains(&caller.role)) {
            return Ok((Admitted::Caller(caller.clone()), Some(caller)));
        }
        if holder {
            // A stranger cannot tell whether the number exists.
            let stranger =
                || Refusal::refused("unauthenticated", "only whoever has the number's watch key reads this");
            let number: Msisdn = number.unwrap_or_default().parse()?;
            let given = token(shown);
            let known = self
                .node
                .run(move |node| Ok(token(&reader_token(&node.pin(&number)?.state.watch_key)) == given));
            return match known.await {
                Ok(true) => Ok((Admitted::Holder, caller)),
                _ => Err(stranger()),
            };
        }
        if !stands(Defence::DeskToken) {
            let name = "nobody".into();
            return Ok((Admitted::Caller(Caller { name, role: Role::Supervisor, scopes: Vec::new() }), None));
        }
        let names = roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" or ");
        let why = format!("only a {names} may do this; what others can know of a person proves nothing here");
        Err(Refusal::refused("unauthenticated", why))
    }

    async fn pass(
        &self,
        endpoint: &'static Endpoint,
        request: Request,
        next: Next,
    ) -> Result<Response, Refusal> {
        let (mut parts, body) = request.into_parts();
        let body = match endpoint.method {
            "POST" => whole_body(body).await.map_err(|failure| failure.0)?,
            _ => Vec::new(),
        };
        let path = parts.uri.path().to_string();
        let number = path.strip_prefix("/v1/numbers/").and_then(|rest| rest.split('/').next());
        let admitted = self.admit(&endpoint.who, &parts.headers, number).await;
        let shown = match &admitted {
            Ok((_, shown)) => shown.clone(),
            Err(_) => self.tokens.caller(bearer(&parts.headers)),
        };
        // Whoever is known by a token is written down, whatever comes of it; strangers fill no disk.
        let audited = shown.filter(|_| !matches!(endpoint.who, Who::Anybody | Who::Signature | Who::Code));
        let what = format!("{} {}", endpoint.method, endpoint.path);
        let about = path.rsplit('/').find_map(|part| part.parse::<Msisdn>().ok());
        let about = about.or_else(|| number_in(&body));
        let once = match (&admitted, endpoint.twice) {
            (Ok((admitted, _)), Twice::Key) => once(admitted, &path, &parts.headers, &body)?,
            _ => None,
        };
        let call = Arc::new(Call::new(audited, what, about, once, Answers::of(endpoint)));
        let (admitted, _) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                self.close(&call, refusal.code()).await?;
                return Err(refusal);
            }
        };
        let _under_way = match call.once {
            Some(once) => {
                let under_way = self.begin(once.name)?;
                let said = self.node.run(move |node| node.said_before(&once)).await?;
                if let Some(answer) = said {
                    self.close(&call, "replayed").await?;
                    return Ok(replayed(answer));
                }
                Some(under_way)
            }
            None => None,
        };
        parts.extensions.insert(admitted);
        let request = Request::from_parts(parts, Body::from(body));
        let response = CALL.scope(call.clone(), next.run(request)).await;
        self.finish(&call, response).await
    }

    fn begin(&self, name: [u8; 32]) -> Result<UnderWay<'_>, Refusal> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if !under_way.insert(name) {
            return Err(Refusal::OutOfPlace("a call with this idempotency key is under way".into()));
        }
        Ok(UnderWay(self, name))
    }

    /// What was done is written down, and what was answered, before the caller hears of it.
    async fn finish(&self, call: &Arc<Call>, response: Response) -> Result<Response, Refusal> {
        let good = response.status().is_success();
        if call.once.is_none() || !good {
            let outcome = if good { "done".into() } else { response.status().as_u16().to_string() };
            self.close(call, &outcome).await?;
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let answer: Bytes =
            to_bytes(body, LONGEST_ANSWER).await.map_err(|e| Refusal::Broken(e.to_string()))?;
        let (keep, said) = (call.clone(), answer.to_vec());
        self.node.run(move |node| node.close_call(&keep, "done", Some(said))).await?;
        Ok(Response::from_parts(parts, Body::from(answer)))
    }

    async fn close(&self, call: &Arc<Call>, outcome: &str) -> Result<(), Refusal> {
        if !call.is_kept() {
            return Ok(());
        }
        let (call, outcome) = (call.clone(), outcome.to_string());
        self.node.run(move |node| node.close_call(&call, &outcome, None)).await
    }
}

/// A number that a body names: whose tail is written down.
fn number_in(body: &[u8]) -> Option<Msisdn> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    ["number", "to", "phoneNumber"].iter().find_map(|name| {
        let text = body.get(name)?.as_str()?;
        text.strip_prefix('+').unwrap_or(text).parse().ok()
    })
}

/// The name that a caller gives a call: other callers' and other paths' are other names.
fn once(admitted: &Admitted, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<Option<Once>, Refusal> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Refusal::Malformed("Idempotency-Key is 1 to 64 visible ASCII characters".into()));
    }
    let who = match admitted {
        Admitted::Stranger => "anybody".into(),
        // Its number is in the path.
        Admitted::Holder => "holder".into(),
        Admitted::Caller(caller) => format!("token/{}", caller.name),
    };
    let parts = [who.as_bytes(), b"\0", path.as_bytes(), b"\0", key.as_bytes()];
    Ok(Some(Once { name: keys::digest::sha256(&parts), digest: keys::digest::sha256(&[body]) }))
}

fn replayed(answer: Vec<u8>) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

async fn guard(
    State((gate, endpoint)): State<(Arc<Gate>, &'static Endpoint)>,
    request: Request,
    next: Next,
) -> Response {
    match gate.pass(endpoint, request, next).await {
        Ok(response) => response,
        Err(refusal) if endpoint.is_camara() => crate::bank::Failed::from(refusal).into_response(),
        Err(refusal) => super::Failure(refusal).into_response(),
    }
}
