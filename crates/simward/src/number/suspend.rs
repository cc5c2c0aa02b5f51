//! Suspending a line (挂失): instant, with any key of the owner's, best with the one that can do nothing else.

use super::change::digest;
use super::{NumberError, Where, show, token_of};
use crate::api::Api;
use crate::owner::Owner;
use clap::ValueEnum;
use deed::event::{AsOf, Body};
use deed::signer::SignStatement;
use deed::state::bit;
use server::view::{ObjectionBody, ReceiptView};
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

pub(super) fn suspend(at: &Where, folder: &Path, by: By) -> Result<(), NumberError> {
    let mut owner = Owner::load(folder)?;
    let api = Api::of_folder(&at.data)?;
    let began = Instant::now();
    let now = show(&api, &at.number, &token_of(&owner))?;
    let as_of = AsOf { seq: now.seq, head: digest(&now.head)? };
    let body = Body::Held { bits: vec![bit::SERVICE], silenced: Vec::new(), reason: 1 };
    let deed_id = owner.receipt.deed_id;
    let objection = match by {
        By::Phone => owner.passkey.object(&deed_id, as_of, &body),
        By::Paper => owner.sheet().object(&deed_id, as_of, &body),
        By::HoldCode => {
            let none = || NumberError::Asked("this owner's sheet has no hold code; use --by phone".into());
            owner.hold_signer().ok_or_else(none)?.object(&deed_id, as_of, &body)
        }
    };
    let body = ObjectionBody { objection: hex::encode(objection.encode()) };
    let receipt: ReceiptView = api.post("/v1/objections", "", &body)?;
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
