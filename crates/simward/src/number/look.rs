//! Looking at a number.

use super::{NumberError, Where, show as fetch, token_of};
use crate::api::{Api, ApiError};
use crate::owner::Owner;
use deed::event::{Body, Event, Observation};
use deed::history::History;
use server::deployment::write_private;
use server::http::risk::{CautionView, DoneView, TravelBody};
use server::view::HappenedView;
use std::path::Path;

pub(super) fn show(at: &Where, json: bool) -> Result<(), NumberError> {
    let api = Api::of_folder(&at.data)?;
    let number = fetch(&api, &at.number, &api.desk)?;
    if json {
        let text = serde_json::to_string(&number).map_err(|e| ApiError::Answer(e.to_string()))?;
        println!("{text}");
        return Ok(());
    }
    println!("+{}   {}", number.number, number.served);
    println!("  card     ICCID {}  IMSI {}", number.iccid, number.imsi);
    println!("  deed     {}  event {}", number.deed_id, number.seq);
    for factor in &number.factors {
        let place = match factor.place {
            1 => "in the phone",
            2 => "elsewhere",
            _ => "other people",
        };
        let id = factor.id.get(..8).unwrap_or_default();
        println!("  key      {id}  {place}{}", if factor.spent { ", used up" } else { "" });
    }
    if let Some(seen) = &number.seen {
        let when = if seen.attached { "now".into() } else { date(seen.at) };
        let (country, network) = seen.plmn.split_at(seen.plmn.len().min(3));
        println!(
            "  seen     {when}, network {country}-{network}, area {:04X}, phone {}",
            seen.area, seen.imei
        );
    }
    match &number.live {
        Some(live) => println!(
            "  waiting  {}, {} agreed; until {} it can be stopped",
            live.what, live.consents, live.expiry
        ),
        None => println!("  waiting  nothing"),
    }
    if !number.holds.is_empty() {
        println!("  holds    {:?}", number.holds);
    }
    if let Some(until) = number.sms_held_until {
        println!("  codes    held until {until}");
    }
    let test = if number.test_deed { "test deed; " } else { "" };
    println!("  note     {test}{}", number.caveat);
    Ok(())
}

pub(crate) fn date(at: u64) -> String {
    let time = i64::try_from(at).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// What happened about a number: cards at the network, sign-ins, alarms.
pub(super) fn log(at: &Where, owner: &Path) -> Result<(), NumberError> {
    let api = Api::of_folder(&at.data)?;
    let token = token_of(&Owner::load(owner)?);
    let all: Vec<HappenedView> = api.get(&format!("/v1/numbers/{}/log", at.number), &token)?;
    for HappenedView { at, kind, outcome, about } in all {
        println!("{}  {kind:<8} {outcome:<14} {about}", date(at));
    }
    Ok(())
}

/// How careful the node is with a number, and why.
pub(super) fn risk(at: &Where, json: bool) -> Result<(), NumberError> {
    let api = Api::of_folder(&at.data)?;
    let caution: CautionView = api.get(&format!("/v1/numbers/{}/risk", at.number), &api.desk)?;
    if json {
        println!("{}", serde_json::to_string(&caution).map_err(|e| ApiError::Answer(e.to_string()))?);
        return Ok(());
    }
    let Some(version) = caution.version else {
        println!("no rules of caution are in force");
        return Ok(());
    };
    println!("score {} by version {version} of the rules", caution.score);
    for reason in &caution.reasons {
        println!("  {:+4}  {}  {} ({} times)", reason.weight, date(reason.last), reason.en, reason.times);
    }
    let hours = |seconds: u64| seconds / 3_600;
    println!(
        "a change waits at least {} h since it was agreed to; codes are held {} h",
        hours(caution.wait),
        hours(caution.hold_codes)
    );
    Ok(())
}

/// The owner is travelling.
pub(super) fn travel(at: &Where, owner: &Path, days: u64) -> Result<(), NumberError> {
    let api = Api::of_folder(&at.data)?;
    let token = token_of(&Owner::load(owner)?);
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    let until = now + days * 86_400;
    let body = TravelBody { until };
    let _: DoneView = api.post(&format!("/v1/numbers/{}/travel", at.number), &token, &body)?;
    println!("travelling until {}", date(until));
    Ok(())
}

pub(super) fn history(at: &Where, owner: &Path, export: Option<&Path>) -> Result<(), NumberError> {
    let api = Api::of_folder(&at.data)?;
    let token = token_of(&Owner::load(owner)?);
    let bytes = api.get_bytes(&format!("/v1/numbers/{}/history", at.number), &token)?;
    if let Some(path) = export {
        write_private(path, &bytes).map_err(|e| NumberError::File(path.display().to_string(), e))?;
        println!("{} bytes written to {}; check them with `simward verify`", bytes.len(), path.display());
        println!(
            "keep it to yourself: whoever has it can read the number's log and invite a browser to its portal"
        );
        return Ok(());
    }
    let history = History::decode(&bytes).map_err(|e| ApiError::Answer(e.to_string()))?;
    for logged in &history.events {
        let event = Event::decode(&logged.event).map_err(|e| ApiError::Answer(e.to_string()))?;
        println!(
            "{:>4}  leaf {:>6}  {}  {}",
            event.seq,
            logged.index,
            hex::encode(event.head),
            word(&event.body)
        );
    }
    println!("test deed");
    Ok(())
}

/// An event in a few words.
pub(crate) fn word(body: &Body) -> String {
    match body {
        Body::Issued(_) => "issued".into(),
        Body::Requested { intent } => format!("requested: {}", operator::consent::describe(intent)),
        Body::Consented { .. } => "consented".into(),
        Body::Notified { .. } => "notified".into(),
        Body::Vetoed { .. } => "vetoed".into(),
        Body::Ended { .. } => "ended".into(),
        Body::Held { bits, .. } => format!("held: bits {bits:?}"),
        Body::Committed { .. } => "committed".into(),
        Body::Watched { .. } => "watched: a new watch key".into(),
        Body::Adopted { .. } => "adopted: a later manifest".into(),
        Body::Observed { what, .. } => match what {
            Observation::Clone => "observed: sequence numbers that one card alone does not make".into(),
            Observation::Edit => "observed: an edit of the database, refused".into(),
            Observation::Reroute => "observed: routed elsewhere without this deed".into(),
        },
    }
}
