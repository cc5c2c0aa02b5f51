//! Suspending a line (挂失): instant, with any key of the owner's, best with the one that can do nothing else.

use super::asking::{Done, say};
use super::change::digest;
use super::{NumberError, Where, show, token_of};
use crate::api::Api;
use crate::owner::Owner;
use clap::ValueEnum;
use deed::event::{AsOf, Body};
use deed::signer::SignStatement;
use deed::state::bit;
use server::view::{ChangedView, NumberView, ObjectionBody, ReceiptView, StatementBody};
use std::path::Path;
use std::time::Instant;

/// Who suspends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// The hold code: it can do nothing else.
    HoldCode,
    /// The passkey.
    Phone,
    /// The recovery sheet's move code.
    Paper,
}

/// The phone is in a thief's hands: its passkey agrees to nothing any more, for good. It takes a key that is not in the phone.
pub(super) fn silence_phone(at: &Where, folder: &Path) -> Result<(), NumberError> {
    let owner = Owner::load(folder)?;
    let changed = silence(&Api::of_folder(&at.data)?, at, &owner)?;
    println!("silenced: the passkey in the phone agrees to nothing any more (event {})", changed.seq);
    println!("make a new key with `simward number new-sheet --with paper`, while the sheet is not used up");
    Ok(())
}

/// The sheet takes the passkey's voice away.
pub(super) fn silence(api: &Api, at: &Where, owner: &Owner) -> Result<ChangedView, NumberError> {
    let now = show(api, &at.number, &token_of(owner))?;
    let as_of = AsOf { seq: now.seq, head: digest(&now.head)? };
    let silenced = vec![(owner.passkey.factor().id(), CONSENT)];
    let body = Body::Held { bits: Vec::new(), silenced, reason: 1 };
    let proof = owner.sheet().prove(&owner.receipt.deed_id, as_of, &body);
    let statement = StatementBody {
        kind: body.kind(),
        body: hex::encode(body.encode()),
        proofs: vec![hex::encode(proof.encode())],
    };
    Ok(api.post(&format!("/v1/numbers/{}/statements", at.number), "", &statement)?)
}

/// What is silenced, as event 6 writes it: consent, not objections.
const CONSENT: u64 = 1;

/// Forbids something at once.
pub(super) fn lock(at: &Where, bits: &[u64], folder: &Path, by: By, json: bool) -> Result<(), NumberError> {
    let mut owner = Owner::load(folder)?;
    let api = Api::of_folder(&at.data)?;
    let now = show(&api, &at.number, &token_of(&owner))?;
    let receipt = hold(&api, &mut owner, &now, bits, by)?;
    let now = show(&api, &at.number, &token_of(&owner))?;
    let done = bits.iter().all(|bit| now.holds.contains(bit));
    let words = match (done, receipt.in_time) {
        (true, _) => "locked; only the owner unlocks it, after a wait",
        (false, true) => "the node has it; it stands outside the deed as an objection",
        (false, false) => "too late for the change being written; it stands against the next one",
    };
    let number = at.number.to_string();
    say(json, &Done { action: "lock", number, done, request: None, seq: now.seq }, words)
}

/// Sets hold bits by an objection that one key signs.
fn hold(
    api: &Api,
    owner: &mut Owner,
    now: &NumberView,
    bits: &[u64],
    by: By,
) -> Result<ReceiptView, NumberError> {
    let as_of = AsOf { seq: now.seq, head: digest(&now.head)? };
    let body = Body::Held { bits: bits.to_vec(), silenced: Vec::new(), reason: 1 };
    let deed_id = owner.receipt.deed_id;
    let objection = match by {
        By::Phone => owner.passkey.object(&deed_id, as_of, &body),
        By::Paper => owner.sheet().object(&deed_id, as_of, &body),
        By::HoldCode => {
            let none = || NumberError::Asked("this owner's sheet has no hold code; use --by phone".into());
            owner.hold_signer().ok_or_else(none)?.object(&deed_id, as_of, &body)
        }
    };
    Ok(api.post("/v1/objections", "", &ObjectionBody { objection: hex::encode(objection.encode()) })?)
}

pub(super) fn suspend(at: &Where, folder: &Path, by: By) -> Result<(), NumberError> {
    let mut owner = Owner::load(folder)?;
    let api = Api::of_folder(&at.data)?;
    let began = Instant::now();
    let now = show(&api, &at.number, &token_of(&owner))?;
    let receipt = hold(&api, &mut owner, &now, &[bit::SERVICE], by)?;
    let took = began.elapsed().as_millis();
    let served = show(&api, &at.number, &token_of(&owner))?.served;
    if served != "emergency-only" {
        return Err(NumberError::Asked(format!("the node has it and still serves the line: {served}")));
    }
    let in_time =
        if receipt.in_time { "receipt in time" } else { "the change being written was too far gone" };
    println!(
        "suspended in {took} ms: the authentication centre refuses the card, codes are held ({in_time})"
    );
    println!("to resume: `simward number resume`, with a key of yours that can agree, after a wait");
    Ok(())
}
