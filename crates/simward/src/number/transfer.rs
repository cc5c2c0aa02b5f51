//! A transfer of ownership (过户), in three steps: the new owner makes keys and an offer; the old one asks, and hands the request
//! with the number's receipt over; the new one proves to have the keys.

use super::asking::{Done, Signing, ask, say, submit};
use super::request_file::RequestFile;
use super::{NumberError, Where, show, token_of};
use crate::api::{Api, ApiError};
use crate::owner::{FreshKeys, Owner};
use crate::up::seeded;
use deed::event::{Body, Proof};
use deed::history::Receipt;
use deed::intent::Change;
use deed::record::Factor;
use deed::signer::SignStatement;
use keys::Secret;
use serde::{Deserialize, Serialize};
use server::deployment::write_private;
use server::view::NumberView;
use std::path::Path;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfferText {
    number: String,
    factors: Vec<String>,
}

/// The new owner's keys, and what the old one gets of them.
pub(super) fn offer(at: &Where, folder: &Path, offer: &Path) -> Result<(), NumberError> {
    super::issue::must_not_exist(offer)?;
    let api = Api::of_anybody(&at.data)?;
    let (_, manifest) = super::issue::manifest(&api)?;
    let site = manifest.sites.first().ok_or_else(|| ApiError::Answer("a manifest without a site".into()))?;
    let FreshKeys { passkey, code, hold } = FreshKeys::random(site, &mut seeded()?);
    let nothing = Receipt {
        deed_id: [0; 32],
        root_digest: [0; 32],
        watch_key: Secret::new([0; 32]),
        seq: 0,
        head: [0; 32],
    };
    let owner = Owner { receipt: nothing, passkey, code, hold: Some(hold) };
    owner.save_keys(folder, &at.number)?;
    let factors = own_factors(&owner).iter().map(|factor| hex::encode(factor.encode())).collect();
    let text = toml::to_string(&OfferText { number: at.number.to_string(), factors })
        .map_err(|e| NumberError::Asked(e.to_string()))?;
    write_private(offer, text.as_bytes()).map_err(|e| NumberError::File(offer.display().to_string(), e))?;
    println!("the keys that +{} may be transferred to are in {}", at.number, folder.display());
    println!("hand {} to its owner: it is no secret, but it must be yours when it arrives", offer.display());
    Ok(())
}

fn own_factors(owner: &Owner) -> Vec<Factor> {
    let hold = owner.hold_signer().map(|hold| hold.factor().clone());
    [owner.passkey.factor(), owner.sheet().factor()].into_iter().chain(hold).collect()
}

/// The old owner asks.
pub(super) fn transfer(at: &Where, offer: &Path, signing: &Signing) -> Result<(), NumberError> {
    let Some(request) = &signing.request else {
        return Err(NumberError::Asked(
            "--request names the file that the new owner gets: without it nobody proves to have the new keys"
                .into(),
        ));
    };
    let text =
        std::fs::read_to_string(offer).map_err(|e| NumberError::File(offer.display().to_string(), e))?;
    let none = || NumberError::Asked(format!("{}: not an offer", offer.display()));
    let text: OfferText = toml::from_str(&text).map_err(|_| none())?;
    if text.number != at.number.to_string() {
        return Err(NumberError::Asked(format!("the offer is for +{}, not for +{}", text.number, at.number)));
    }
    let decode = |text: &String| Factor::decode(&hex::decode(text).ok()?).ok();
    let factors = text.factors.iter().map(decode).collect::<Option<Vec<_>>>().ok_or_else(none)?;
    let id = factors.first().map(|factor| hex::encode(factor.id().0)).unwrap_or_default();
    let change = |_: &NumberView| Ok(Change::Transfer { factors });
    // It waits for the new owner, who has no request yet; so this command does not.
    let signing_now = Signing {
        owner: signing.owner.clone(),
        with: signing.with,
        key: signing.key.clone(),
        over: signing.over,
        request: Some(request.clone()),
        wait: false,
        json: signing.json,
    };
    let is_done = |now: &NumberView| now.factors.iter().any(|factor| factor.id == id);
    ask(at, &signing_now, "transfer", change, &mut [], is_done)?;
    let receipt = Owner::load(&signing.owner)?.receipt;
    RequestFile::load(request)?.with_receipt(&receipt).save(request)?;
    if !signing.json {
        println!(
            "hand {} to the new owner, and to nobody else: with it the number is read",
            request.display()
        );
        println!(
            "the new owner says `simward number transfer-accept`; from then on `simward number watch-key` shuts you out once the new keys are grown up"
        );
    }
    Ok(())
}

/// The new owner proves to have the keys.
pub(super) fn accept(
    at: &Where,
    folder: &Path,
    request: &Path,
    wait: bool,
    json: bool,
) -> Result<(), NumberError> {
    let request = RequestFile::load(request)?;
    let intent = request.intent()?;
    if intent.number != at.number {
        return Err(NumberError::Asked(format!(
            "the request is for +{}, not for +{}",
            intent.number, at.number
        )));
    }
    let Change::Transfer { factors } = &intent.change else {
        return Err(NumberError::Asked(format!("this request is no transfer: {}", request.what)));
    };
    let receipt = request.receipt()?;
    let mut owner = Owner::load_with(folder, receipt)?;
    let own = own_factors(&owner);
    if own.iter().map(Factor::id).ne(factors.iter().map(Factor::id)) {
        return Err(NumberError::Asked(
            "the transfer is not to these keys, or not to these alone; ask the owner what was asked for"
                .into(),
        ));
    }
    let api = Api::of_anybody(&at.data)?;
    let body = Body::Consented { request: request.request()?, intent };
    let (deed_id, as_of) = (request.deed_id()?, request.as_of()?);
    let (mut sheet, mut hold) = (owner.sheet(), owner.hold_signer());
    let mut proofs: Vec<Proof> = vec![owner.passkey.prove(&deed_id, as_of, &body)];
    proofs.push(sheet.prove(&deed_id, as_of, &body));
    proofs.extend(hold.as_mut().map(|hold| hold.prove(&deed_id, as_of, &body)));
    // The receipt before the proofs: the number may be the new owner's before this command has ended.
    owner.save_receipt(folder, &at.number)?;
    let changed = match submit(&api, &at.number.to_string(), &body, &proofs) {
        Err(NumberError::Api(refused)) if refused.is_certain() => {
            let _ = std::fs::remove_file(folder.join("receipt.toml"));
            return Err(refused.into());
        }
        changed => changed?,
    };
    let mine = |now: &NumberView| {
        own.iter().all(|factor| now.factors.iter().any(|known| known.id == hex::encode(factor.id().0)))
    };
    let mut now = show(&api, &at.number, &token_of(&owner))?;
    while wait && !mine(&now) {
        if now.live.is_none() {
            return Err(NumberError::Asked("the transfer has ended: somebody stopped it".into()));
        }
        std::thread::sleep(Duration::from_millis(200));
        now = show(&api, &at.number, &token_of(&owner))?;
    }
    let done = mine(&now);
    let words = match done {
        true => format!(
            "+{} is yours. The old owner can still read it: change the watch key (`simward number watch-key`) after your first own change, a week from now or later",
            at.number
        ),
        false => format!("proved; +{} is yours once its wait has passed and its owner has agreed", at.number),
    };
    let number = at.number.to_string();
    say(
        json,
        &Done { action: "transfer-accept", number, done, request: changed.request, seq: now.seq },
        &words,
    )
}
