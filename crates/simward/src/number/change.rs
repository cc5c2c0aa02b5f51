//! Moving a number, and stopping somebody else's attempt.

use super::issue::{draw, must_not_exist};
use super::{NumberError, Where, With, show, token_of};
use crate::api::{Api, ApiError};
use crate::owner::Owner;
use crate::up::seeded;
use deed::event::{AsOf, Body};
use deed::intent::{Change, Intent};
use deed::record::{Card, CardId};
use deed::signer::SignStatement;
use server::view::{ChangedView, NumberView, RequestBody, StatementBody};
use std::path::Path;
use std::time::Duration;
use wire::Msisdn;

/// How long the request stays open.
const OPEN_FOR: u64 = 20 * 86_400;

pub(super) fn change(
    at: &Where,
    folder: &Path,
    profile: &Path,
    with: With,
    wait: bool,
) -> Result<(), NumberError> {
    must_not_exist(profile)?;
    let mut owner = Owner::load(folder)?;
    let api = Api::of_folder(&at.data)?;
    let (card, mut card_profile) = draw(&api, &at.number, &mut seeded()?)?;
    card_profile.deed_id = Some(owner.receipt.deed_id);
    crate::card::profile::save(profile, &card_profile)
        .map_err(|e| NumberError::File(profile.display().to_string(), e))?;
    let (intent, request) = ask(&api, &at.number, &token_of(&owner), &card)?;
    println!("asked for: +{} to the card {} (test deed)", at.number, profile.display());
    for key in keys(with).iter().copied() {
        let number = show(&api, &at.number, &token_of(&owner))?;
        let body = Body::Consented { request, intent: intent.clone() };
        let changed = state(&api, &number, key, &mut owner, &body)?;
        println!("agreed with {}: event {}", name(key), changed.seq);
    }
    if !wait {
        println!("the change is done once its wait has passed; until then one veto stops it");
        return Ok(());
    }
    let wanted = hex::encode(card.id().0);
    loop {
        let now = show(&api, &at.number, &token_of(&owner))?;
        if now.card_id == wanted {
            println!("done: the new card is in service, the old one is refused");
            return Ok(());
        }
        if now.live.is_none() {
            return Err(NumberError::Asked(
                "the request has ended without a change: somebody stopped it".into(),
            ));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A desk asks for a new card; the owner agrees, or stops it, on the move page.
pub(super) fn ask_at_desk(at: &Where, profile: &Path) -> Result<(), NumberError> {
    must_not_exist(profile)?;
    let api = Api::of_folder(&at.data)?;
    let (card, card_profile) = draw(&api, &at.number, &mut seeded()?)?;
    // The card first: the owner may agree before this command has ended.
    crate::card::profile::save(profile, &card_profile)
        .map_err(|e| NumberError::File(profile.display().to_string(), e))?;
    ask(&api, &at.number, &api.desk, &card)?;
    println!("asked for: +{} to the card {} (test deed)", at.number, profile.display());
    println!("the owner is told, and agrees or stops it on the move page");
    Ok(())
}

const fn keys(with: With) -> &'static [With] {
    match with {
        With::Phone => &[With::Phone],
        With::Paper => &[With::Paper],
        With::Both => &[With::Phone, With::Paper],
    }
}

pub(super) const fn name(key: With) -> &'static str {
    match key {
        With::Phone => "the passkey",
        With::Paper => "the recovery sheet",
        With::Both => "both keys",
    }
}

/// A desk asks for a change of SIM to `card`.
pub(crate) fn ask(
    api: &Api,
    number: &Msisdn,
    token: &str,
    card: &Card,
) -> Result<(Intent, [u8; 32]), NumberError> {
    let now = show(api, number, token)?;
    let from = CardId(digest(&now.card_id)?);
    let intent = Intent {
        change: Change::Move { slot: 0, from, to: card.clone(), lost: false },
        number: *number,
        not_before: now.witnessed,
        expiry: now.witnessed + OPEN_FOR,
        over: None,
    };
    let body = RequestBody { intent: hex::encode(intent.encode()) };
    let changed: ChangedView = api.post(&format!("/v1/numbers/{number}/requests"), &api.desk, &body)?;
    let request = changed.request.ok_or_else(|| ApiError::Answer("no request".into()))?;
    Ok((intent, digest(&request)?))
}

/// One key's statement on the number as it stands.
fn state(
    api: &Api,
    number: &NumberView,
    key: With,
    owner: &mut Owner,
    body: &Body,
) -> Result<ChangedView, NumberError> {
    let as_of = AsOf { seq: number.seq, head: digest(&number.head)? };
    let deed_id = owner.receipt.deed_id;
    let mut sheet = owner.sheet();
    let signer: &mut dyn SignStatement = if key == With::Paper { &mut sheet } else { &mut owner.passkey };
    let proof = signer.prove(&deed_id, as_of, body);
    let statement = StatementBody {
        kind: body.kind(),
        body: hex::encode(body.encode()),
        proofs: vec![hex::encode(proof.encode())],
    };
    Ok(api.post(&format!("/v1/numbers/{}/statements", number.number), "", &statement)?)
}

pub(super) fn veto(at: &Where, folder: &Path, with: With) -> Result<(), NumberError> {
    let mut owner = Owner::load(folder)?;
    let api = Api::of_folder(&at.data)?;
    let number = show(&api, &at.number, &token_of(&owner))?;
    let live = number
        .live
        .as_ref()
        .ok_or_else(|| NumberError::Asked("there is nothing to stop: no request is live".into()))?;
    let body = Body::Vetoed { request: digest(&live.request)?, reason: 1 };
    let changed = state(&api, &number, with, &mut owner, &body)?;
    let in_time = changed.receipt.as_ref().is_some_and(|r| r.in_time);
    if !in_time {
        return Err(NumberError::Asked(
            "too late: the change was already being written. It is kept as a hold on the next one; undo it by a new change"
                .into(),
        ));
    }
    let place = if changed.in_deed { format!("event {}", changed.seq) } else { "not yet in the deed".into() };
    println!("stopped: {} ({place}, receipt in time)", live.what);
    Ok(())
}

pub(super) fn digest(text: &str) -> Result<[u8; 32], ApiError> {
    let bytes = hex::decode(text).ok().and_then(|b| b.try_into().ok());
    bytes.ok_or_else(|| ApiError::Answer("a digest that is none".into()))
}
