//! Recycling: a number given up for an owner who is silent, and issued to somebody else.

use super::Outcome;
use super::hands::{DAY, First, HOUR, Key, MINUTE, desk_asks, fresh_keys, issue, say, skip, stuck, veto};
use crate::demo::DemoError;
use crate::demo::cast::{Cast, digest};
use crate::demo::report::refusal;
use crate::number::show;
use deed::event::{Body, Source};
use deed::intent::Change;
use serde_json::{Value, json};
use server::http::reader_token;

fn closed(cast: &Cast) -> Result<bool, DemoError> {
    let number = cast.number;
    Ok(cast.stage.handle()?.run_blocking(move |node| Ok(node.pin(&number)?.state.closed.is_some()))?)
}

/// Two desks of two offices say that nobody speaks for the number.
fn given_up(cast: &mut Cast) -> Result<(), DemoError> {
    let mut intent = super::hands::intent(cast, Change::Close, None)?;
    // Open for thirty days from the day on which it may be done at the earliest.
    intent.not_before += 89 * DAY;
    intent.expiry = intent.not_before + 30 * DAY;
    let body = server::view::RequestBody { intent: hex::encode(intent.encode()) };
    let api = cast.api()?.clone();
    let path = format!("/v1/numbers/{}/requests", cast.number);
    let changed: server::view::ChangedView = api.post(&path, &api.desk, &body)?;
    let request = super::hands::request_of(&changed)?;
    for office in [1, 2] {
        say(cast, &Body::Consented { request, intent: intent.clone() }, vec![Key::Desk(office)])??;
    }
    Ok(())
}

/// Clerks give a living number up; its owner reads of it on the nineteenth day.
pub(super) fn a_living_number(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let (intent, request) = desk_asks(cast, Change::Close, None)??;
    for office in [1, 2] {
        say(cast, &Body::Consented { request, intent: intent.clone() }, vec![Key::Desk(office)])??;
    }
    cast.pass_in(19 * DAY, 6 * HOUR)?;
    if closed(cast)? {
        return Ok(Outcome::Through("two desks gave a living number up at once"));
    }
    if let Some(refused) = veto(cast, Key::Passkey)? {
        return Err(stuck(format!("the owner's veto was refused: {refused}")));
    }
    cast.pass_in(DAY, HOUR)?;
    Ok(Outcome::unless(
        closed(cast)?,
        "the owner's veto stopped nothing",
        "ninety days, and one veto ends it",
    ))
}

/// What is found out about a number that was issued again.
struct Reissued {
    early: Option<String>,
    late: Option<String>,
    reads_the_old: bool,
    banks_are_told: bool,
}

/// Given up by its owner's silence, and issued to somebody else: too early, and then in its time.
fn reissued(cast: &mut Cast) -> Result<Reissued, DemoError> {
    cast.pass(HOUR)?;
    given_up(cast)?;
    // Ninety days in which nobody speaks, and nobody has the number's codes sent either.
    skip(cast, 91 * DAY, DAY)?;
    if !closed(cast)? {
        return Err(stuck("the number was not given up"));
    }
    let token = reader_token(&cast.owner.receipt.watch_key);
    let old = show(cast.api()?, &cast.number, &token)?;
    let next =
        First { number: cast.number, source: Source::New, generation: 1, previous: Some(digest(&old.head)?) };
    let early = refusal(issue(cast, &next, fresh_keys(cast)?)?);
    let mut late = None;
    let mut reads_the_old = false;
    let mut banks_are_told = true;
    if early.is_some() {
        skip(cast, 91 * DAY, DAY)?;
        match issue(cast, &next, fresh_keys(cast)?)? {
            Ok((new, _)) => {
                let api = cast.api()?;
                let history = api.get_bytes(
                    &format!("/v1/numbers/{}/history", cast.number),
                    &reader_token(&new.receipt.watch_key),
                )?;
                let old = cast.owner.receipt.deed_id;
                reads_the_old = history.windows(32).any(|window| window == old);
                let asked = json!({ "phoneNumber": format!("+{}", cast.number), "maxAge": 240 });
                let told: Value = api.post("/sim-swap/v2/check", &api.bank, &asked)?;
                banks_are_told = told.get("swapped") == Some(&Value::Bool(true));
            }
            Err(refused) => late = Some(refused.code().to_string()),
        }
    }
    skip(cast, MINUTE, MINUTE)?;
    Ok(Reissued { early, late, reads_the_old, banks_are_told })
}

/// Issued again before it has rested.
pub(super) fn too_early(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let Reissued { early, late, .. } = reissued(cast)?;
    if let Some(refused) = late {
        return Err(stuck(format!("nor was it issued in its time: {refused}")));
    }
    Ok(Outcome::of(early, "a number was issued again before it had rested"))
}

/// The new holder looks for what the old one left, and banks go on sending codes.
pub(super) fn in_its_time(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let Reissued { reads_the_old, banks_are_told, early, late } = reissued(cast)?;
    if let Some(refused) = late {
        return Err(stuck(format!("it was not issued in its time: {refused}")));
    }
    let through = reads_the_old || !banks_are_told || early.is_none();
    Ok(Outcome::unless(
        through,
        "the new holder has the old one's history",
        "a new deed; banks are told of a change",
    ))
}
