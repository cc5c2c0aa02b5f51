//! The HTTP door: JSON over loopback. It reads bytes, asks the node and writes what it says.
//!
//! Every endpoint stands in one table ([`ENDPOINTS`]) with who may call it; router, gate, OpenAPI description and
//! docs/api/endpoints.txt are made from it.

mod audit;
pub mod endpoint;
mod gate;
mod openapi;
pub mod risk;
mod table;
mod timeline;

pub use self::gate::{IDEMPOTENCY_KEY, REPLAYED};
pub use self::openapi::description;
pub use self::table::ENDPOINTS;
pub use self::timeline::moment;
pub(crate) use self::timeline::{LineView, TimelineQuery, actors, table};

use self::endpoint::Handler;
use self::gate::{Admitted, Gate};
use crate::bank::PostedView;
use crate::committer::Handle;
use crate::deployment::encode_manifests;
use crate::node::{Invited, Receipt, Stated};
use crate::tokens::Tokens;
use crate::view::{
    ChangedView, CodeView, DrawBody, DrawnView, ErrorView, InvitationView, InviteBody, LiveView,
    ManifestBody, ManifestView, MessageView, NumberView, ObjectionBody, ReceiptView, RequestBody, SeenView,
    ServeView, StatementBody, TipBody, TipView, UpdateBody, WITNESSED_CAVEAT,
};
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use deed::event::{Body as EventBody, Issued, Proof};
use deed::intent::Intent;
use deed::manifest::SignedManifest;
use deed::record::{Card, FactorId, Place};
use keys::Secret;
use operator::Refusal;
use operator::consent::Reply;
use serde::de::DeserializeOwned;
use std::future::poll_fn;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use wire::{Eid, Imsi, Malformed, Msisdn};

/// Longest request body: an event is at most 64 KiB, twice that in hexadecimal, and some JSON.
const MAX_BODY: usize = 192 * 1024;
/// How much of a longer one is read before it is refused.
const MAX_OVERLONG: usize = 4 * 1024 * 1024;

/// What the door knows.
pub(crate) struct Door {
    node: Handle,
    /// Places for those who listen to a timeline.
    open: Arc<tokio::sync::Semaphore>,
}

type Shared = State<Arc<Door>>;

/// The routes, with a deployment's first three tokens.
pub fn router(node: Handle, desk_token: &str, bureau_token: &str, bank_token: &str) -> Router {
    router_for(node, Tokens::first(desk_token, bureau_token, bank_token))
}

/// The routes: every endpoint of the table, behind its gate.
pub fn router_for(node: Handle, tokens: Tokens) -> Router {
    let log = node.public_log();
    let gate = Gate::new(node.clone(), Arc::new(tokens));
    let door = Arc::new(Door { node: node.clone(), open: timeline::places() });
    let (mut ours, mut banks, mut logs) = (Router::new(), Router::new(), Router::new());
    for endpoint in ENDPOINTS {
        match &endpoint.handler {
            Handler::Door(route) => ours = ours.route(endpoint.path, gate.before(endpoint, route())),
            Handler::Bank(route) => banks = banks.route(endpoint.path, gate.before(endpoint, route())),
            // Public, and read without the node's thread: nothing to guard.
            Handler::Log(route) => logs = logs.route(endpoint.path, route()),
        }
    }
    ours.with_state(door)
        .merge(banks.layer(from_fn(crate::bank::correlate)).with_state(Arc::new(crate::bank::Bank { node })))
        .merge(logs.with_state(log))
        .fallback(no_such_path)
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

/// The routes of the move page's host: no role speaks there, whatever token it has.
pub fn owners_router(node: Handle) -> Router {
    let gate = Gate::new(node.clone(), Arc::new(Tokens::none()));
    let mut owners = Router::new();
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.for_owners) {
        if let Handler::Door(route) = &endpoint.handler {
            owners = owners.route(endpoint.path, gate.before(endpoint, route()));
        }
    }
    let door = Arc::new(Door { node, open: timeline::places() });
    owners.fallback(no_such_path).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(door)
}

/// A bearer token, as it is compared: in the same time whatever it is.
pub(crate) type Token = Secret<[u8; 64]>;

pub(crate) fn token(text: &str) -> Token {
    let mut bytes = [0; 64];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    Secret::new(bytes)
}

/// The token by which whoever has a number's watch key reads the number.
pub fn reader_token(watch_key: &Secret<[u8; 32]>) -> String {
    hex::encode(keys::digest::hmac_sha256(watch_key, &[b"simward.reader.1"]))
}

/// A refusal on its way out.
pub(crate) struct Failure(Refusal);

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self(Refusal::Malformed(malformed.to_string()))
    }
}

impl From<deed::Reason> for Failure {
    fn from(reason: deed::Reason) -> Self {
        Self(Refusal::Malformed(reason.to_string()))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
            Refusal::OutOfPlace(_) => StatusCode::CONFLICT,
            Refusal::Refused { code: "no-number" | "no-path", .. } => StatusCode::NOT_FOUND,
            Refusal::Refused { code: "rate", .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Refused { code: "other-body", .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Refused { code: "unauthenticated", .. } => StatusCode::UNAUTHORIZED,
            Refusal::Refused { .. } | Refusal::Wait { .. } => StatusCode::FORBIDDEN,
            Refusal::Broken(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        // The outside hears only what it may act on; the inside keeps the cause.
        let message = match &self.0 {
            Refusal::Broken(why) => {
                tracing::error!(%why, "request failed");
                "the operator's system failed; look whether it was done before trying again".into()
            }
            other => {
                tracing::info!(code = other.code(), "request refused");
                other.to_string()
            }
        };
        (status, Json(ErrorView { code: self.0.code().into(), message })).into_response()
    }
}

/// A JSON body whose errors are ours.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, Body::from(whole_body(body).await?));
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(Failure(Refusal::Malformed(rejection.body_text()))),
        }
    }
}

/// A whole body. One that is too long is refused only when it has been read: a door that closes while its caller still
/// talks cuts off its own answer.
async fn whole_body(mut body: Body) -> Result<Vec<u8>, Failure> {
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|e| Failure(Refusal::Malformed(e.to_string())))?;
        let data = frame.data_ref().map(AsRef::as_ref).unwrap_or_default();
        length = length.saturating_add(data.len());
        if length <= MAX_BODY {
            bytes.extend_from_slice(data);
        } else if length > MAX_OVERLONG {
            break;
        }
    }
    if length > MAX_BODY {
        return Err(Malformed::new("body", "longer than anything this door takes").into());
    }
    Ok(bytes)
}

pub(crate) fn bearer(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.strip_prefix("Bearer ").unwrap_or_default()
}

fn bytes(text: &str, what: &'static str) -> Result<Vec<u8>, Failure> {
    hex::decode(text).map_err(|_| Malformed::new(what, "not hexadecimal").into())
}

fn proofs(texts: &[String]) -> Result<Vec<Proof>, Failure> {
    texts.iter().map(|text| Ok(Proof::decode(&bytes(text, "proof")?)?)).collect()
}

fn path<T: FromStr<Err = Malformed>>(text: &str) -> Result<T, Failure> {
    Ok(text.parse()?)
}

fn changed(reply: &Reply) -> Json<ChangedView> {
    Json(changed_view(&reply.state, None))
}

fn changed_view(state: &deed::State, receipt: Option<&Receipt>) -> ChangedView {
    ChangedView::after(state, receipt.map(receipt_view))
}

pub(crate) fn receipt_view(receipt: &Receipt) -> ReceiptView {
    ReceiptView {
        in_time: receipt.in_time,
        message: hex::encode(&receipt.message),
        signature: hex::encode(receipt.signature),
    }
}

async fn no_such_path(request: Request) -> Failure {
    match whole_body(request.into_body()).await {
        Ok(_) => Failure(Refusal::refused("no-path", "no such path")),
        Err(failure) => failure,
    }
}

async fn manifest(State(door): Shared) -> Result<Json<ManifestView>, Failure> {
    let view = door.node.run(|node| {
        Ok(ManifestView {
            manifests: hex::encode(encode_manifests(node.signed_manifests())),
            root_digest: hex::encode(node.root_digest()),
            witnessed: node.witnessed().0,
        })
    });
    Ok(Json(view.await?))
}

/// The next manifest: its root's signature is the authority.
async fn publish_manifest(
    State(door): Shared,
    JsonBody(body): JsonBody<ManifestBody>,
) -> Result<Json<ManifestView>, Failure> {
    let signed = SignedManifest::decode(&bytes(&body.signed, "manifest")?)?;
    door.node.run(move |node| node.publish_manifest(signed)).await?;
    manifest(State(door)).await
}

async fn draw(State(door): Shared, JsonBody(body): JsonBody<DrawBody>) -> Result<Json<DrawnView>, Failure> {
    let eid: Option<Eid> = body.eid.as_deref().map(path).transpose()?;
    let drawn = door.node.run(move |node| node.draw_card(eid)).await?;
    Ok(Json(DrawnView {
        card: hex::encode(drawn.card.encode()),
        iccid: drawn.card.iccid.to_string(),
        imsi: drawn.card.imsi.to_string(),
        k: hex::encode(drawn.keys.k().danger_expose()),
        opc: hex::encode(drawn.keys.opc().danger_expose()),
        card_key: hex::encode(drawn.card_key.scalar().danger_expose()),
        ota: [drawn.ota.kic(), drawn.ota.kid()].map(|key| hex::encode(key.danger_expose())),
    }))
}

async fn issue(
    State(door): Shared,
    JsonBody(body): JsonBody<StatementBody>,
) -> Result<Json<ChangedView>, Failure> {
    let (issued, proofs) = first_event(&body)?;
    let reply = door.node.run(move |node| node.issue_at_desk(issued, proofs)).await?;
    Ok(changed(&reply))
}

/// A desk updates a file of the number's card, from afar.
async fn update_card(
    State(door): Shared,
    Path(number): Path<String>,
    JsonBody(body): JsonBody<UpdateBody>,
) -> Result<Json<PostedView>, Failure> {
    let number: Msisdn = path(&number)?;
    let fids = bytes(&body.path, "path")?;
    let (fids, []) = fids.as_chunks::<2>() else {
        return Err(Malformed::new("path", "not whole files").into());
    };
    let fids: Vec<u16> = fids.iter().map(|fid| u16::from_be_bytes(*fid)).collect();
    let octets = bytes(&body.octets, "octets")?;
    let posted = door.node.run(move |node| node.update_card(&number, &fids, body.offset, &octets)).await?;
    Ok(Json(PostedView::of(posted)))
}

async fn invite(
    State(door): Shared,
    JsonBody(body): JsonBody<InviteBody>,
) -> Result<Json<CodeView>, Failure> {
    let invited = Invited { number: path(&body.number)?, card: Card::decode(&bytes(&body.card, "card")?)? };
    let code = door.node.run(move |node| node.invite_owner(&invited)).await?;
    Ok(Json(CodeView { code }))
}

async fn invitation(State(door): Shared, Path(code): Path<String>) -> Result<Json<InvitationView>, Failure> {
    let view = door.node.run(move |node| {
        let Invited { number, card } = node.invited_owner(&code)?;
        Ok(InvitationView {
            number: number.to_string(),
            card: hex::encode(card.encode()),
            manifest_id: node.manifest_id().map(hex::encode).unwrap_or_default(),
            root_digest: hex::encode(node.root_digest()),
            test_deed: !node.is_live(),
        })
    });
    Ok(Json(view.await?))
}

async fn accept_invitation(
    State(door): Shared,
    Path(code): Path<String>,
    JsonBody(body): JsonBody<StatementBody>,
) -> Result<Json<ChangedView>, Failure> {
    let (issued, proofs) = first_event(&body)?;
    let reply = door.node.run(move |node| node.accept_invitation(&code, issued, proofs)).await?;
    Ok(changed(&reply))
}

async fn invite_to_portal(
    State(door): Shared,
    Path(number): Path<String>,
) -> Result<Json<CodeView>, Failure> {
    let number: Msisdn = path(&number)?;
    let code = door.node.run(move |node| node.invite_to_portal(&number)).await?;
    Ok(Json(CodeView { code }))
}

fn first_event(body: &StatementBody) -> Result<(Issued, Vec<Proof>), Failure> {
    match EventBody::decode(0, &bytes(&body.body, "first event")?)? {
        EventBody::Issued(issued) => Ok((issued, proofs(&body.proofs)?)),
        _ => Err(Malformed::new("first event", "of another type").into()),
    }
}

async fn request(
    State(door): Shared,
    Path(number): Path<String>,
    JsonBody(body): JsonBody<RequestBody>,
) -> Result<Json<ChangedView>, Failure> {
    let number: Msisdn = path(&number)?;
    let intent = Intent::decode(&bytes(&body.intent, "intent")?)?;
    let reply = door.node.run(move |node| node.request(&number, intent)).await?;
    Ok(changed(&reply))
}

async fn statement(
    State(door): Shared,
    Path(number): Path<String>,
    JsonBody(body): JsonBody<StatementBody>,
) -> Result<Json<ChangedView>, Failure> {
    let number: Msisdn = path(&number)?;
    let (bytes, proofs) = (bytes(&body.body, "statement")?, proofs(&body.proofs)?);
    let kind = body.kind;
    let view = door.node.run(move |node| {
        let Stated { reply, receipt } = node.statement(&number, kind, bytes, proofs)?;
        // An objection that stands is a success, whatever the chain did; where it stands the receipt says.
        match reply {
            Ok(reply) => Ok(changed_view(&reply.state, receipt.as_ref())),
            Err(_) => {
                let view = changed_view(&node.pin(&number)?.state, receipt.as_ref());
                Ok(ChangedView { in_deed: false, ..view })
            }
        }
    });
    Ok(Json(view.await?))
}

async fn objection(
    State(door): Shared,
    JsonBody(body): JsonBody<ObjectionBody>,
) -> Result<Json<ReceiptView>, Failure> {
    let bytes = bytes(&body.objection, "objection")?;
    let receipt = door.node.run(move |node| node.object(&bytes)).await?;
    Ok(Json(receipt_view(&receipt)))
}

/// The newest event of the deed that a factor is in: all that a hold-only code needs. Whoever names the factor has its key,
/// or has read the history it stands in.
async fn tip(State(door): Shared, JsonBody(body): JsonBody<TipBody>) -> Result<Json<TipView>, Failure> {
    let factor = <[u8; 32]>::try_from(bytes(&body.factor, "factor")?);
    let factor = FactorId(factor.map_err(|_| Malformed::new("factor", "not 32 octets"))?);
    let view = door.node.run(move |node| {
        let state = node.state_of_factor(&factor)?;
        let person = state.factor(&factor).is_some_and(|known| known.factor.place == Place::People);
        Ok(TipView {
            deed_id: hex::encode(state.deed_id),
            seq: state.seq(),
            head: hex::encode(state.head()),
            live: state.live.as_ref().filter(|_| person).map(|live| LiveView::of(live, None)),
        })
    });
    Ok(Json(view.await?))
}

async fn show(State(door): Shared, Path(number): Path<String>) -> Result<Json<NumberView>, Failure> {
    let number: Msisdn = path(&number)?;
    let view = door.node.run(move |node| {
        let live = node.is_live();
        let pin = node.pin(&number)?;
        let ready = pin.state.live.as_ref().and_then(|live| node.ready_at(&live.head));
        let view = NumberView::of(pin, node.witnessed(), live, ready);
        let attached = node.is_attached(&number);
        // A record that does not read must not stand between an owner and his objection.
        let seen = node.last_seen(&number).unwrap_or_default().map(|seen| SeenView {
            at: seen.at.0,
            attached,
            plmn: seen.plmn.to_string(),
            area: seen.area,
            imei: seen.imei.to_string(),
        });
        let caveat = if node.has_own_witnesses() { view.caveat } else { WITNESSED_CAVEAT.into() };
        Ok(NumberView { seen, caveat, ..view })
    });
    Ok(Json(view.await?))
}

async fn history(State(door): Shared, Path(number): Path<String>) -> Result<Vec<u8>, Failure> {
    let number: Msisdn = path(&number)?;
    Ok(door.node.run(move |node| Ok(node.history(&number)?.encode())).await?)
}

async fn notices(
    State(door): Shared,
    Path(number): Path<String>,
    Extension(admitted): Extension<Admitted>,
) -> Result<Json<Vec<MessageView>>, Failure> {
    let number: Msisdn = path(&number)?;
    let owner = admitted == Admitted::Holder;
    let rows = door.node.run(move |node| {
        let rows = node.notices(&number)?;
        if owner {
            // Whoever has the watch key has been told; the notices are shown whatever becomes of this.
            node.notices_seen(&number, rows.len() as u64).unwrap_or_else(|e| tracing::error!(%e, "notices"));
        }
        Ok(rows)
    });
    let rows = rows.await?;
    let view = |row: operator::store::NoticeRow| MessageView { at: row.at.0, code: row.code, text: row.text };
    Ok(Json(rows.into_iter().map(view).collect()))
}

async fn alarms(State(door): Shared) -> Result<Json<Vec<MessageView>>, Failure> {
    let rows = door.node.run(|node| node.alarms()).await?;
    let view = |row: operator::store::AlarmRow| MessageView { at: row.at.0, code: row.code, text: row.text };
    Ok(Json(rows.into_iter().map(view).collect()))
}

async fn resolve(State(door): Shared, Path(number): Path<String>) -> Result<String, Failure> {
    let number: Msisdn = path(&number)?;
    let imsi = door.node.run(move |node| Ok(node.resolve(&number))).await?;
    let imsi = imsi.ok_or_else(|| Refusal::refused("no-number", "no such number"))?;
    Ok(imsi.to_string())
}

async fn serve(State(door): Shared, Path(imsi): Path<String>) -> Result<Json<ServeView>, Failure> {
    let imsi: Imsi = path(&imsi)?;
    let view = door.node.run(move |node| {
        let number = node.number_of(&imsi).map(|n| n.to_string());
        Ok(ServeView::of(&node.serve(&imsi), number))
    });
    Ok(Json(view.await?))
}
