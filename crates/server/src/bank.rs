//! The door of relying parties: messages to a number, and whether its SIM was just changed.
//!
//! The second is CAMARA SIM Swap 2.1.0 (`/sim-swap/v2`: check and retrieve-date) with its error form; who agreed is our own
//! addition, under a path of its own.

use crate::committer::Handle;
use crate::http::JsonBody;
use crate::node::{LastChange, Posted};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use deed::record::Place;
use operator::Refusal;
use operator::message::Queued;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;
use wire::Msisdn;

/// Hours that `maxAge` may name, and its default.
const MAX_AGE: std::ops::RangeInclusive<u64> = 1..=2_400;
const DEFAULT_MAX_AGE: u64 = 240;
const CORRELATOR: &str = "x-correlator";

/// What the door knows.
pub(crate) struct Bank {
    pub(crate) node: Handle,
}

type Shared = State<Arc<Bank>>;

/// The caller's correlator comes back with the answer.
pub(crate) async fn correlate(request: Request, next: Next) -> Response {
    let correlator = request.headers().get(CORRELATOR).cloned();
    let mut response = next.run(request).await;
    let good = |value: &HeaderValue| {
        value.len() <= 256
            && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_:;./<>{}".contains(b))
    };
    if let Some(value) = correlator.filter(good) {
        response.headers_mut().insert(CORRELATOR, value);
    }
    response
}

/// ErrorInfo of CAMARA Commonalities.
pub(crate) struct Failed {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Failed {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn argument(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message)
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(why) => Self::argument(why),
            Refusal::Refused { code: "no-number", .. } => {
                Self::new(StatusCode::NOT_FOUND, "IDENTIFIER_NOT_FOUND", "no such number here")
            }
            Refusal::Refused { code: "rate", why } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", why)
            }
            Refusal::Refused { code: "unauthenticated", why } => {
                Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", why)
            }
            Refusal::Refused { code: "other-body", why } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "UNPROCESSABLE_ENTITY", why)
            }
            Refusal::OutOfPlace(why) => Self::new(StatusCode::CONFLICT, "CONFLICT", why),
            Refusal::Broken(why) => {
                tracing::error!(%why, "a relying party's request failed");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "the operator's system failed")
            }
            other => Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", other.to_string()),
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let body = json!({ "status": self.status.as_u16(), "code": self.code, "message": self.message });
        (self.status, Json(body)).into_response()
    }
}

/// A number as CAMARA writes it: with `+`.
fn number(text: Option<&str>) -> Result<Msisdn, Failed> {
    let missing = || {
        Failed::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "MISSING_IDENTIFIER",
            "phoneNumber is needed with this token",
        )
    };
    let digits = text
        .ok_or_else(missing)?
        .strip_prefix('+')
        .ok_or_else(|| Failed::argument("phoneNumber begins with +"))?;
    digits.parse().map_err(|e: wire::Malformed| Failed::argument(e.to_string()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageBody {
    to: String,
    from: String,
    text: String,
}

/// What became of a message.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PostedView {
    /// `sent`, `waiting` or `held`.
    pub state: String,
    /// Until when codes are held, if that is known.
    pub until: Option<u64>,
}

impl PostedView {
    /// Of what became of it.
    pub fn of(posted: Posted) -> Self {
        let (state, until) = match posted {
            Posted::Sent => ("sent", None),
            Posted::Waiting => ("waiting", None),
            Posted::Held(until) => ("held", until.map(|t| t.0)),
        };
        Self { state: state.into(), until }
    }
}

/// A bank posts a code.
pub(crate) async fn message(
    State(bank): Shared,
    JsonBody(body): JsonBody<MessageBody>,
) -> Result<Json<PostedView>, Failed> {
    let to = number(Some(&body.to))?;
    if !body.from.chars().any(char::is_alphabetic) {
        // Nobody but the holder sends as a number, and the holder sends from the phone.
        return Err(Failed::argument(
            "from is a name with a letter in it: a number sends from its own phone alone",
        ));
    }
    let queued = Queued::code(&body.from, &body.text);
    let posted = bank.node.run(move |node| node.post(&to, &queued)).await?;
    Ok(Json(PostedView::of(posted)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CheckBody {
    phone_number: Option<String>,
    max_age: Option<u64>,
}

async fn last(bank: &Bank, to: Msisdn) -> Result<(LastChange, u64), Failed> {
    Ok(bank.node.run(move |node| Ok((node.last_change(&to)?, node.witnessed().0))).await?)
}

pub(crate) async fn check(
    State(bank): Shared,
    JsonBody(body): JsonBody<CheckBody>,
) -> Result<Json<Value>, Failed> {
    let hours = body.max_age.unwrap_or(DEFAULT_MAX_AGE);
    if !MAX_AGE.contains(&hours) {
        return Err(Failed::new(StatusCode::BAD_REQUEST, "OUT_OF_RANGE", "maxAge is 1 to 2400 hours"));
    }
    let (change, now) = last(&bank, number(body.phone_number.as_deref())?).await?;
    // A new subscription is a change too: whoever had the number before has another card.
    Ok(Json(json!({ "swapped": now.saturating_sub(change.at.0) <= hours * 3_600 })))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct DateBody {
    phone_number: Option<String>,
}

/// A time as machines read it.
pub(crate) fn date(at: wire::UnixTime) -> String {
    let seconds = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map(|t| t.to_string()).unwrap_or_default()
}

pub(crate) async fn retrieve_date(
    State(bank): Shared,
    JsonBody(body): JsonBody<DateBody>,
) -> Result<Json<Value>, Failed> {
    let (change, _) = last(&bank, number(body.phone_number.as_deref())?).await?;
    Ok(Json(json!({ "latestSimChange": date(change.at) })))
}

/// Who agreed to the last change: what CAMARA's answer leaves a bank to guess.
pub(crate) async fn who_agreed(
    State(bank): Shared,
    JsonBody(body): JsonBody<DateBody>,
) -> Result<Json<Value>, Failed> {
    let (change, _) = last(&bank, number(body.phone_number.as_deref())?).await?;
    let place = |place: &Place| match place {
        Place::Phone => "key-in-the-phone",
        Place::Elsewhere => "key-elsewhere",
        Place::People => "trusted-people",
        Place::Operator => "operator",
    };
    let agreed: Vec<&str> = change.agreed.iter().map(place).collect();
    Ok(Json(json!({ "latestSimChange": date(change.at), "changed": change.changed, "agreed": agreed })))
}
