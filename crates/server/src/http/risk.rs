//! Caution at the HTTP door: the rules, their signatures, and what they make of a number.

use super::{Failure, JsonBody, Shared, bytes, path};
use crate::node::RulesNow;
use axum::Json;
use axum::extract::{Path, State};
use operator::risk::{Approval, Reason, RuleSet};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wire::{Malformed, Msisdn, UnixTime};

/// A version of the rules.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AllRulesView {
    /// In force.
    pub active: Option<RulesView>,
    /// Proposed.
    pub proposed: Option<RulesView>,
    /// On trial.
    pub trial: Option<RulesView>,
}

/// How careful the node is with a number, and why. It allows nothing and refuses nothing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
    #[schema(value_type = Vec<Object>)]
    pub reasons: Vec<Reason>,
}

/// Rules, as text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RulesBody {
    /// The file.
    pub rules: String,
}

/// An office's word.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApprovedView {
    /// In force, or one more office is needed.
    pub active: bool,
}

/// A reason to be set aside.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AsideBody {
    /// The rule.
    pub rule: String,
    /// Until when.
    pub until: u64,
}

/// The owner is travelling.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TravelBody {
    /// Until when.
    pub until: u64,
}

/// A secret was wrong at the card.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardSecretBody {
    /// `pin`, `puk` or `adm`.
    pub which: String,
    /// Tries that are left.
    pub left: u64,
}

/// Nothing more to say.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DoneView {}

fn view(rules: &RuleSet, text: String, offices: Vec<u64>) -> RulesView {
    RulesView { version: rules.version(), digest: hex::encode(rules.digest()), offices, rules: text }
}

pub(super) async fn rules(State(door): Shared) -> Result<Json<AllRulesView>, Failure> {
    let RulesNow { active, proposed, trial } = door.node.run(|node| node.rules()).await?;
    Ok(Json(AllRulesView {
        active: active.map(|(rules, text, offices)| view(&rules, text, offices)),
        proposed: proposed.map(|(rules, text, offices)| view(&rules, text, offices)),
        trial: trial.map(|(rules, text)| view(&rules, text, Vec::new())),
    }))
}

pub(super) async fn propose(
    State(door): Shared,
    JsonBody(body): JsonBody<RulesBody>,
) -> Result<Json<RulesView>, Failure> {
    let text = body.rules.clone();
    let rules = door.node.run(move |node| node.propose_rules(&text)).await?;
    Ok(Json(view(&rules, body.rules, Vec::new())))
}

pub(super) async fn approve(
    State(door): Shared,
    JsonBody(body): JsonBody<ApprovalBody>,
) -> Result<Json<ApprovedView>, Failure> {
    let digest = |text: &str, what| -> Result<[u8; 32], Failure> {
        bytes(text, what)?.try_into().map_err(|_| Malformed::new(what, "not 32 octets").into())
    };
    let (rules, role) = (digest(&body.digest, "digest")?, digest(&body.role, "role")?);
    let approval = Approval { role, signature: bytes(&body.signature, "signature")? };
    let active = door.node.run(move |node| node.approve_rules(&rules, approval)).await?;
    Ok(Json(ApprovedView { active }))
}

pub(super) async fn on_trial(
    State(door): Shared,
    JsonBody(body): JsonBody<RulesBody>,
) -> Result<Json<DoneView>, Failure> {
    door.node.run(move |node| node.try_rules(&body.rules)).await?;
    Ok(Json(DoneView {}))
}

pub(super) async fn aside(
    State(door): Shared,
    Path(number): Path<String>,
    JsonBody(body): JsonBody<AsideBody>,
) -> Result<Json<DoneView>, Failure> {
    let number: Msisdn = path(&number)?;
    door.node.run(move |node| node.set_aside(&number, &body.rule, UnixTime(body.until))).await?;
    Ok(Json(DoneView {}))
}

pub(super) async fn of_number(
    State(door): Shared,
    Path(number): Path<String>,
) -> Result<Json<CautionView>, Failure> {
    let number: Msisdn = path(&number)?;
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

pub(super) async fn travel(
    State(door): Shared,
    Path(number): Path<String>,
    JsonBody(body): JsonBody<TravelBody>,
) -> Result<Json<DoneView>, Failure> {
    let number: Msisdn = path(&number)?;
    door.node.run(move |node| node.travelling(&number, UnixTime(body.until))).await?;
    Ok(Json(DoneView {}))
}

pub(super) async fn card_secret(
    State(door): Shared,
    Path(number): Path<String>,
    JsonBody(body): JsonBody<CardSecretBody>,
) -> Result<Json<DoneView>, Failure> {
    let number: Msisdn = path(&number)?;
    door.node.run(move |node| node.secret_failed(&number, &body.which, body.left)).await?;
    Ok(Json(DoneView {}))
}
