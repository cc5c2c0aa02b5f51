//! Issuing: card, keys and number come into being together.

use super::{NumberError, Where};
use crate::api::{Api, ApiError};
use crate::owner::{FreshKeys, Owner};
use crate::up::seeded;
use card::{Code, MncLength, Profile};
use deed::event::{Body, Issued, Source};
use deed::history::Receipt;
use deed::manifest::Manifest;
use deed::record::Card;
use deed::record::Tenure;
use keys::Secret;
use keys::aka::AkaKeys;
use keys::ota::OtaKeys;
use rand_core::CryptoRng;
use server::deployment::write_private;
use server::view::{ChangedView, CodeView, DrawBody, DrawnView, InviteBody, ManifestView, StatementBody};
use std::path::Path;
use wire::Msisdn;

pub(super) fn issue(at: &Where, profile: &Path, owner: &Path) -> Result<(), NumberError> {
    must_not_exist(profile)?;
    Owner::must_be_new(owner)?;
    let api = Api::of_folder(&at.data)?;
    let mut rng = seeded()?;
    let prepared = prepare(&api, &at.number, &mut rng)?;
    // On disk before the number lives: a number whose keys nobody has could never be moved again, nor issued anew.
    save_profile(profile, &prepared.profile)?;
    prepared.owner.save(owner, &at.number)?;
    let (saved, card_profile) = match issue_prepared(&api, prepared) {
        // Said for certain: nothing lives by these keys. A node that broke while it wrote cannot say so; they stay.
        Err(NumberError::Api(refused)) if refused.is_certain() => {
            let _ = std::fs::remove_file(profile);
            Owner::forget(owner);
            return Err(refused.into());
        }
        issued => issued?,
    };
    saved.save_receipt(owner, &at.number)?;
    write_private(profile, crate::card::profile::to_toml(&card_profile).as_bytes())
        .map_err(|e| NumberError::File(profile.display().to_string(), e))?;
    println!("+{} is issued (test deed)", at.number);
    println!("  card     {}  ICCID {}", profile.display(), card_profile.iccid);
    println!("  owner    {}  deed {}", owner.display(), hex::encode(saved.receipt.deed_id));
    println!("  PIN      {}   (printed once; it also stands in the profile)", text_of(&card_profile.pin));
    println!("Print {} and put it away from the phone.", owner.join("sheet.txt").display());
    Ok(())
}

fn text_of(code: &Code) -> String {
    code.danger_expose().iter().filter(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect()
}

fn save_profile(path: &Path, profile: &Profile) -> Result<(), NumberError> {
    crate::card::profile::save(path, profile).map_err(|e| NumberError::File(path.display().to_string(), e))
}

/// Issues a number to a new owner.
pub(crate) fn issue_to(
    api: &Api,
    number: &Msisdn,
    rng: &mut impl CryptoRng,
) -> Result<(Owner, Profile), NumberError> {
    issue_prepared(api, prepare(api, number, rng)?)
}

/// All that a number's first event needs, and whose keys it is signed with.
struct Prepared {
    /// The receipt in it names no deed yet.
    owner: Owner,
    profile: Profile,
    first: StatementBody,
}

fn digest(text: &str) -> Result<[u8; 32], ApiError> {
    let bytes = hex::decode(text).ok().and_then(|b| b.try_into().ok());
    bytes.ok_or_else(|| ApiError::Answer("a digest that is none".into()))
}

fn prepare(api: &Api, number: &Msisdn, rng: &mut impl CryptoRng) -> Result<Prepared, NumberError> {
    let (card, profile) = draw(api, number, rng)?;
    let (view, newest) = manifest(api)?;
    let site = newest.sites.first().ok_or_else(|| ApiError::Answer("a manifest without a site".into()))?;
    let mut keys = FreshKeys::random(site, rng);
    let watch_key = Secret::random(rng);
    let (body, proofs) = keys.prove(&[0; 32], |factors| {
        Body::Issued(Issued {
            manifest: newest.id(),
            number: *number,
            generation: 0,
            previous: None,
            source: Source::New,
            tenure: Tenure::Personal,
            watch_key: watch_key.clone(),
            slots: vec![(0, card)],
            factors,
        })
    });
    let proofs = proofs.iter().map(|proof| hex::encode(proof.encode())).collect();
    let first = StatementBody { kind: 0, body: hex::encode(body.encode()), proofs };
    let root_digest = digest(&view.root_digest)?;
    let receipt = Receipt { deed_id: [0; 32], root_digest, watch_key, seq: 0, head: [0; 32] };
    let FreshKeys { passkey, code, hold } = keys;
    Ok(Prepared { owner: Owner { receipt, passkey, code, hold: Some(hold) }, profile, first })
}

fn issue_prepared(api: &Api, prepared: Prepared) -> Result<(Owner, Profile), NumberError> {
    let Prepared { mut owner, profile, first } = prepared;
    let issued: ChangedView = api.post("/v1/numbers", &api.desk, &first)?;
    let (deed_id, head) = (digest(&issued.deed_id)?, digest(&issued.head)?);
    owner.receipt = Receipt { deed_id, seq: issued.seq, head, ..owner.receipt };
    Ok((owner, Profile { deed_id: Some(deed_id), ..profile }))
}

/// The node's newest manifest, and what it says beside it.
pub(crate) fn manifest(api: &Api) -> Result<(ManifestView, Manifest), ApiError> {
    let view: ManifestView = api.get("/v1/manifest", "")?;
    let answer = |why: &str| ApiError::Answer(why.into());
    let signed = hex::decode(&view.manifests).ok();
    let signed = signed.and_then(|bytes| server::deployment::decode_manifests(&bytes).ok());
    let newest = signed.and_then(|signed| Manifest::decode(&signed.last()?.manifest).ok());
    Ok((view, newest.ok_or_else(|| answer("no manifest"))?))
}

/// A desk invites the owner of a new number to make the keys in a browser.
pub(super) fn invite(at: &Where, profile: &Path) -> Result<(), NumberError> {
    must_not_exist(profile)?;
    let api = Api::of_folder(&at.data)?;
    let (card, card_profile) = draw(&api, &at.number, &mut seeded()?)?;
    let (_, newest) = manifest(&api)?;
    let origin = move_origin(&newest)?;
    let body = InviteBody { number: at.number.to_string(), card: hex::encode(card.encode()) };
    save_profile(profile, &card_profile)?;
    let CodeView { code } = api.post("/v1/invitations", &api.desk, &body)?;
    println!("+{} waits for its owner (test deed)", at.number);
    println!("  card     {}  ICCID {}", profile.display(), card_profile.iccid);
    println!("  PIN      {}   (printed once; it also stands in the profile)", text_of(&card_profile.pin));
    println!("  link     {origin}/#begin={code}");
    println!(
        "The link works once, for seven days. Whoever opens it makes the number's keys: give it to the owner alone."
    );
    Ok(())
}

/// The move page's origin, as the manifest names it.
fn move_origin(manifest: &Manifest) -> Result<&str, ApiError> {
    let origin = manifest.sites.first().and_then(|site| site.origins.first());
    origin.map(String::as_str).ok_or_else(|| ApiError::Answer("a manifest without a site".into()))
}

/// Invites a browser to the holder's portal.
pub(super) fn portal(at: &Where, owner: &Path) -> Result<(), NumberError> {
    let api = Api::of_folder(&at.data)?;
    let token = super::token_of(&Owner::load(owner)?);
    let (_, newest) = manifest(&api)?;
    let portal = move_origin(&newest)?.replacen("//move.", "//my.", 1);
    let path = format!("/v1/numbers/{}/portal", at.number);
    let CodeView { code } = api.post(&path, &token, &serde_json::json!({}))?;
    println!("{portal}/begin#{code}");
    println!(
        "The link works once, for 15 minutes. It opens a page that can stop a change and suspend the line, and move nothing."
    );
    Ok(())
}

pub(super) fn must_not_exist(profile: &Path) -> Result<(), NumberError> {
    if profile.exists() {
        return Err(NumberError::Asked(format!("{} exists; nothing was overwritten", profile.display())));
    }
    Ok(())
}

/// Draws a card from the stock: its record for the deed, its profile for the chip.
pub(crate) fn draw(
    api: &Api,
    number: &Msisdn,
    rng: &mut impl CryptoRng,
) -> Result<(Card, Profile), NumberError> {
    let drawn: DrawnView = api.post("/v1/cards", &api.bureau, &DrawBody::default())?;
    let answer = |why: &str| NumberError::Api(ApiError::Answer(why.into()));
    let card = hex::decode(&drawn.card)
        .ok()
        .and_then(|b| Card::decode(&b).ok())
        .ok_or_else(|| answer("a card that is none"))?;
    let key = |text: &str| -> Result<Secret<[u8; 16]>, NumberError> {
        let bytes: Option<[u8; 16]> = hex::decode(text).ok().and_then(|b| b.try_into().ok());
        bytes.map(Secret::new).ok_or_else(|| answer("a key that is none"))
    };
    let card_key = hex::decode(&drawn.card_key).ok().and_then(|b| <[u8; 32]>::try_from(b).ok());
    let card_key = card_key.map(Secret::new).ok_or_else(|| answer("a card key that is none"))?;
    let [kic, kid] = &drawn.ota;
    let ota = OtaKeys::new(key(kic)?, key(kid)?);
    let mut digits = |n: usize| -> String {
        let mut bytes = vec![0; n * 2];
        rng.fill_bytes(&mut bytes);
        // 250 is the largest multiple of ten that a byte holds; with twice the bytes, too few digits are next to impossible.
        let mut text: String =
            bytes.iter().filter(|b| **b < 250).map(|b| char::from(b'0' + b % 10)).take(n).collect();
        while text.len() < n {
            text.push('7');
        }
        text
    };
    let code = |code: Result<Code, wire::Malformed>| code.map_err(|e| NumberError::Asked(e.to_string()));
    let profile = Profile {
        iccid: card.iccid,
        imsi: card.imsi,
        mnc_length: MncLength::Two,
        aka: AkaKeys::Milenage { k: key(&drawn.k)?, opc: key(&drawn.opc)? },
        pin: code(Code::pin(&digits(4)))?,
        puk: code(Code::eight(&digits(8)))?,
        adm1: code(Code::eight(&digits(8)))?,
        pin2: None,
        universal_pin: None,
        more_adm: Vec::new(),
        concealment: None,
        gsm: true,
        msisdn: Some(*number),
        deed_id: None,
        card_key: Some(card_key),
        alert_number: None,
        alert_endpoint: None,
        ota: Some(ota),
    };
    Ok((card, profile))
}
