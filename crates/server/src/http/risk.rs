//! Caution at the HTTP door: the rules, their signatures, and what they make of a number.

use super::{Door, Failure, JsonBody, Shared, bytes, path};
use crate::node::RulesNow;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use operator::risk::{Approval, Reason, RuleSet};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::{Malformed, Msisdn, UnixTime};

/// What desks ask. The rules count by their signatures, not by who brings them.
pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/v1/risk", get(rules))
        .route("/v1/risk/proposal", post(propose))
        .route("/v1/risk/approval", post(approve))
        .route("/v1/risk/trial", post(on_trial))
        .route("/v1/numbers/{number}/risk/aside", post(aside))
}

/// What owners ask.
pub(super) fn owners() -> Router<Arc<Door>> {
    Router::new()
        .route("/v1/numbers/{number}/risk", get(of_number))
        .route("/v1/numbers/{number}/travel", post(travel))
        .route("/v1/numbers/{number}/card-secret", post(card_secret))
}

/// A version of the rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RulesView {
    /// Which.
    pub version: u64,
    /// SHA-256 of its octets.
    pub digest: String,
    /// Offices that have signed it.
    pub offices: Vec<u64>,
    /// Its octets, as text.
    pub rules: String,
}

/// All rules that the node has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AllRulesView {
    /// In force.
    pub active: Option<RulesView>,
    /// Proposed.
    pub proposed: Option<RulesView>,
    /// On trial.
    pub trial: Option<RulesView>,
}

/// How careful the node is with a number, and why. It allows nothing and refuses nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CautionView {
    /// Under which version; nothing, if no rules are in force.
    pub version: Option<u64>,
    /// The sum of the weights.
    pub score: u64,
    /// A change waits at least this long, in seconds.
    pub wait: u64,
    /// Codes are held so long, in seconds.
    pub hold_codes: u64,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// Rules, as text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesBody {
    /// The file.
    pub rules: String,
}

/// An office's word.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalBody {
    /// SHA-256 of the rules.
    pub digest: String,
    /// The role's name in the manifest.
    pub role: String,
    /// Over `simward.rules.1` ‖ 0x00 ‖ octets.
    pub signature: String,
}

/// Whether rules are in force now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApprovedView {
    /// In force, or one more office is needed.
    pub active: bool,
}

/// A reason to be set aside.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsideBody {
    /// The rule.
    pub rule: String,
    /// Until when.
    pub until: u64,
}

/// The owner is travelling.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TravelBody {
    /// Until when.
    pub until: u64,
}

/// A secret was wrong at the card.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardSecretBody {
    /// `pin`, `puk` or `adm`.
    pub which: String,
    /// Tries that are left.
    pub left: u64,
}

/// Nothing more to say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DoneView {}

fn view(rules: &RuleSet, text: String, offices: Vec<u64>) -> RulesView {
    RulesView { version: rules.version(), digest: hex::encode(rules.digest()), offices, rules: text }
}

async fn rules(State(door): Shared, headers: HeaderMap) -> Result<Json<AllRulesView>, Failure> {
    door.desk(&headers)?;
    let RulesNow { active, proposed, trial } = door.node.run(|node| node.rules()).await?;
    Ok(Json(AllRulesView {
        active: active.map(|(rules, text, offices)| view(&rules, text, offices)),
        proposed: proposed.map(|(rules, text, offices)| view(&rules, text, offices)),
        trial: trial.map(|(rules, text)| view(&rules, text, Vec::new())),
    }))
}

async fn propose(
    State(door): Shared,
    headers: HeaderMap,
    JsonBody(body): JsonBody<RulesBody>,
) -> Result<Json<RulesView>, Failure> {
    door.desk(&headers)?;
    let text = body.rules.clone();
    let rules = door.node.run(move |node| node.propose_rules(&text)).await?;
    Ok(Json(view(&rules, body.rules, Vec::new())))
}

async fn approve(
    State(door): Shared,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ApprovalBody>,
) -> Result<Json<ApprovedView>, Failure> {
    door.desk(&headers)?;
    let digest = |text: &str, what| -> Result<[u8; 32], Failure> {
        bytes(text, what)?.try_into().map_err(|_| Malformed::new(what, "not 32 octets").into())
    };
    let (rules, role) = (digest(&body.digest, "digest")?, digest(&body.role, "role")?);
    let approval = Approval { role, signature: bytes(&body.signature, "signature")? };
    let active = door.node.run(move |node| node.approve_rules(&rules, approval)).await?;
    Ok(Json(ApprovedView { active }))
}

async fn on_trial(
    State(door): Shared,
    headers: HeaderMap,
    JsonBody(body): JsonBody<RulesBody>,
) -> Result<Json<DoneView>, Failure> {
    door.desk(&headers)?;
    door.node.run(move |node| node.try_rules(&body.rules)).await?;
    Ok(Json(DoneView {}))
}

async fn aside(
    State(door): Shared,
    Path(number): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<AsideBody>,
) -> Result<Json<DoneView>, Failure> {
    door.desk(&headers)?;
    let number: Msisdn = path(&number)?;
    door.node.run(move |node| node.set_aside(&number, &body.rule, UnixTime(body.until))).await?;
    Ok(Json(DoneView {}))
}

async fn of_number(
    State(door): Shared,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Result<Json<CautionView>, Failure> {
    let number: Msisdn = path(&number)?;
    door.reader(&headers, number).await?;
    let view = door.node.run(move |node| {
        node.pin(&number)?;
        let caution = node.caution(&number);
        let version = node.rules()?.active.map(|(rules, ..)| rules.version());
        Ok(CautionView {
            version,
            score: caution.score(),
            wait: caution.wait(),
            hold_codes: caution.hold(),
            reasons: caution.reasons().to_vec(),
        })
    });
    Ok(Json(view.await?))
}

async fn travel(
    State(door): Shared,
    Path(number): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<TravelBody>,
) -> Result<Json<DoneView>, Failure> {
    let number: Msisdn = path(&number)?;
    door.watcher(&headers, number).await?;
    door.node.run(move |node| node.travelling(&number, UnixTime(body.until))).await?;
    Ok(Json(DoneView {}))
}

async fn card_secret(
    State(door): Shared,
    Path(number): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CardSecretBody>,
) -> Result<Json<DoneView>, Failure> {
    let number: Msisdn = path(&number)?;
    door.watcher(&headers, number).await?;
    door.node.run(move |node| node.secret_failed(&number, &body.which, body.left)).await?;
    Ok(Json(DoneView {}))
}
