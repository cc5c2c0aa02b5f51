//! A new watch key. There is always a receipt that reads the number: the one to come is on disk before it is asked for, and
//! takes the place of the old one only when the deed has it.
//!
//! ```text
//! OWNER/receipt.toml        reads the number
//! OWNER/receipt-next.toml   will, once the deed has the new key; its event may have been accepted already
//! ```

use super::asking::{Done, Party, say, submit};
use super::change::digest;
use super::{NumberError, Where, With, show, token_of};
use crate::api::{Api, ApiError};
use crate::owner::{Owner, OwnerError, read_receipt};
use crate::up::seeded;
use deed::event::Body;
use deed::history::Receipt;
use keys::Secret;
use std::path::{Path, PathBuf};

const NEXT: &str = "receipt-next.toml";

pub(super) fn change(
    at: &Where,
    folder: &Path,
    with: Option<With>,
    further: &[PathBuf],
    json: bool,
) -> Result<(), NumberError> {
    let with = if further.is_empty() { Some(with.unwrap_or(With::Phone)) } else { with };
    let mut party = Party::new(at, folder, with, further)?;
    if !party.one_key() {
        return Err(NumberError::Asked(
            "one key changes the watch key: --with phone, --with paper, or one --key".into(),
        ));
    }
    let next = next_receipt(at, folder, &party.owner)?;
    let mut renewed = Owner::load_with(folder, next)?;
    if let Some(seq) = known(&party.api, at, &mut renewed)? {
        // Accepted before, and the receipt was not renewed: somebody was interrupted.
        return finish(at, folder, &renewed, seq, json);
    }
    let now = party.look(at)?;
    let body = Body::Watched { watch_key: renewed.receipt.watch_key.clone() };
    let proofs = party.prove(&now, &body)?;
    let changed = match submit(&party.api, &now.number, &body, &proofs) {
        Err(NumberError::Api(refused)) if refused.is_certain() => {
            // A statement that was said to have timed out may have been accepted since: the key is thrown away only where the
            // deed, asked again, does not have it.
            if let Some(seq) = known(&party.api, at, &mut renewed)? {
                return finish(at, folder, &renewed, seq, json);
            }
            let _ = std::fs::remove_file(folder.join(NEXT));
            return Err(refused.into());
        }
        changed => changed?,
    };
    renewed.receipt.seq = changed.seq;
    renewed.receipt.head = digest(&changed.head)?;
    finish(at, folder, &renewed, changed.seq, json)
}

/// The receipt to come: the one that somebody was interrupted with, or a fresh one, durable before it is used.
fn next_receipt(at: &Where, folder: &Path, owner: &Owner) -> Result<Receipt, NumberError> {
    match read_receipt(&folder.join(NEXT)) {
        Ok(next) if next.deed_id == owner.receipt.deed_id => return Ok(next),
        Ok(_) => {
            return Err(NumberError::Asked(format!(
                "{} is of another number; move it away first",
                folder.join(NEXT).display()
            )));
        }
        Err(OwnerError::Io(_, e)) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(damaged) => return Err(damaged.into()),
    }
    let next = Receipt { watch_key: Secret::random(&mut seeded()?), ..owner.receipt.clone() };
    Owner::load_with(folder, next.clone())?.save_receipt_as(folder, NEXT, &at.number)?;
    Ok(next)
}

/// Whether the deed has the new key already: then the number is read by it.
fn known(api: &Api, at: &Where, renewed: &mut Owner) -> Result<Option<u64>, NumberError> {
    match show(api, &at.number, &token_of(renewed)) {
        Ok(now) => {
            renewed.receipt.seq = now.seq;
            renewed.receipt.head = digest(&now.head)?;
            Ok(Some(now.seq))
        }
        Err(ApiError::Refused { code, .. }) if code == "unauthenticated" => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// The deed has the new key: now, and not before, the receipt is the new one.
fn finish(at: &Where, folder: &Path, renewed: &Owner, seq: u64, json: bool) -> Result<(), NumberError> {
    renewed.save_receipt(folder, &at.number)?;
    let next = folder.join(NEXT);
    std::fs::remove_file(&next).map_err(|e| NumberError::File(next.display().to_string(), e))?;
    let words = format!(
        "the watch key is changed (event {seq}); {} is new: give it to whoever watches for you",
        folder.join("receipt.toml").display()
    );
    let number = at.number.to_string();
    say(json, &Done { action: "watch-key", number, done: true, request: None, seq }, &words)
}
