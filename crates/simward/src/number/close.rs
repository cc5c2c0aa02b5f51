//! Giving up the number of an owner who does not speak: two desks of two offices, and a long wait. A desk asks and agrees with
//! a key of its own; it takes nothing from an owner who says one word.

use super::asking::{Done, say, submit};
use super::change::digest;
use super::issue::manifest;
use super::{NumberError, Where, show};
use crate::api::Api;
use deed::event::{AsOf, Body};
use deed::intent::{Change, Intent};
use deed::manifest::{RoleKey, RoleKind};
use deed::signer::{RoleSigner, SignStatement};
use deed::wait::{ABANDONED, LONGEST_REQUEST};
use keys::Secret;
use keys::sign::Ed25519Key;
use std::path::Path;

pub(super) fn give_up(at: &Where, key: &Path, json: bool) -> Result<(), NumberError> {
    let api = Api::of_folder(&at.data)?;
    let mut desk = desk(&api, key)?;
    let now = show(&api, &at.number, &api.desk)?;
    let as_of = AsOf { seq: now.seq, head: digest(&now.head)? };
    let live = now.live.as_ref().and_then(|live| {
        let intent = Intent::decode(&hex::decode(&live.intent).ok()?).ok()?;
        matches!(intent.change, Change::Close).then_some((live, intent))
    });
    let (body, said) = match live {
        Some((live, intent)) => (Body::Consented { request: digest(&live.request)?, intent }, "agreed"),
        None => {
            let intent = Intent {
                change: Change::Close,
                number: at.number,
                // It opens when its wait may be over.
                not_before: now.witnessed + opens_in(&api)?,
                expiry: now.witnessed + opens_in(&api)? + LONGEST_REQUEST,
                over: None,
            };
            (Body::Requested { intent }, "asked for")
        }
    };
    let proof = desk.prove(&digest(&now.deed_id)?, as_of, &body);
    let changed = submit(&api, &now.number, &body, &[proof])?;
    let words = format!(
        "giving +{} up: {said} by the desk of office {} (event {}); it takes two offices, and any key of the owner's stops it",
        now.number, desk.role.office, changed.seq
    );
    let done = Done {
        action: "give-up",
        number: now.number,
        done: false,
        request: changed.request,
        seq: changed.seq,
    };
    say(json, &done, &words)
}

/// After how long a request to give a number up may be done: 90 days, or what a test deployment says.
fn opens_in(api: &Api) -> Result<u64, NumberError> {
    let (_, newest) = manifest(api)?;
    Ok(newest
        .delay(Change::Close.kind(), deed::class::Class::X)
        .filter(|_| !newest.live)
        .unwrap_or(ABANDONED))
}

/// The desk whose key this is, with the office that the manifest gives it.
fn desk(api: &Api, path: &Path) -> Result<RoleSigner, NumberError> {
    let text = std::fs::read_to_string(path).map_err(|e| NumberError::File(path.display().to_string(), e))?;
    let mut seed = [0; 32];
    let none = |why: &str| NumberError::Asked(format!("{}: {why}", path.display()));
    hex::decode_to_slice(text.trim(), &mut seed).map_err(|_| none("not a key of 32 bytes"))?;
    let key = Ed25519Key::from_seed(&Secret::new(seed));
    let (_, newest) = manifest(api)?;
    let public = RoleKey::Ed25519(key.public());
    let role = newest.roles.iter().find(|role| role.kind == RoleKind::Desk && role.key == public);
    let role = role.ok_or_else(|| none("not a desk's key under the newest manifest"))?.clone();
    let mut signer = RoleSigner::new(RoleKind::Desk, role.office, key);
    signer.role = role;
    Ok(signer)
}
