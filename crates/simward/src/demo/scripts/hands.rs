//! What attackers and owners do with what they hold.

use super::Outcome;
use crate::api::ApiError;
use crate::demo::DemoError;
use crate::demo::attacks::role;
use crate::demo::cast::{Cast, digest};
use crate::demo::phone::Phone;
use crate::demo::report::refusal;
use crate::number::issue::{draw, manifest};
use crate::number::propose::{CardSigner, wake_with};
use crate::number::{NumberError, With};
use crate::owner::{FreshKeys, Owner};
use crate::up::seeded;
use deed::event::{Body, Issued, Proof, Source};
use deed::history::Receipt;
use deed::intent::{Change, Intent};
use deed::manifest::{RoleKind, Site};
use deed::record::{Card, CardId, Place, Tenure};
use deed::signer::SignStatement;
use keys::Secret;
use server::view::{ChangedView, ObjectionBody, ReceiptView, RequestBody, StatementBody};
use wire::Msisdn;

pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

pub(super) fn stuck(why: impl std::fmt::Display) -> DemoError {
    DemoError::Stuck(why.to_string())
}

/// A key that somebody has in hand.
pub(super) enum Key<'a> {
    /// The passkey in the owner's phone.
    Passkey,
    /// The owner's recovery sheet.
    Sheet,
    /// A desk's, of this office.
    Desk(u64),
    /// Any other.
    Other(&'a mut dyn SignStatement),
}

/// A statement of this key about the number, by somebody who has just looked.
pub(super) fn prove(cast: &mut Cast, key: Key<'_>, body: &Body) -> Result<Proof, DemoError> {
    let (deed_id, as_of) = (cast.owner.receipt.deed_id, cast.tip()?);
    Ok(match key {
        Key::Passkey => cast.owner.passkey.prove(&deed_id, as_of, body),
        Key::Sheet => cast.owner.sheet().prove(&deed_id, as_of, body),
        Key::Desk(office) => desk(cast, office)?.prove(&deed_id, as_of, body),
        Key::Other(signer) => signer.prove(&deed_id, as_of, body),
    })
}

/// A desk's key, as whoever works there has it.
pub(super) fn desk(cast: &Cast, office: u64) -> Result<deed::signer::RoleSigner, DemoError> {
    role(&cast.stage.data(), &format!("keys/desk-{office}.key"), RoleKind::Desk, office)
}

/// Signs with all these keys and hands in.
pub(super) fn say(
    cast: &mut Cast,
    body: &Body,
    keys: Vec<Key<'_>>,
) -> Result<Result<ChangedView, ApiError>, DemoError> {
    let proofs = keys.into_iter().map(|key| prove(cast, key, body)).collect::<Result<Vec<_>, _>>()?;
    Ok(cast.say(body, &proofs))
}

/// An intent that is open for twenty days.
pub(super) fn intent(cast: &Cast, change: Change, over: Option<Place>) -> Result<Intent, DemoError> {
    let now = cast.show()?.witnessed;
    Ok(Intent { change, number: cast.number, not_before: now, expiry: now + 20 * DAY, over })
}

/// The card in service now.
pub(super) fn card_now(cast: &Cast) -> Result<CardId, DemoError> {
    Ok(CardId(digest(&cast.show()?.card_id)?))
}

/// From the card in service now to this one.
pub(super) fn move_to(cast: &Cast, card: &Card) -> Result<Change, DemoError> {
    Ok(Change::Move { slot: 0, from: card_now(cast)?, to: card.clone(), lost: false })
}

/// The name of the request that an answer speaks of.
pub(super) fn request_of(changed: &ChangedView) -> Result<[u8; 32], DemoError> {
    digest(changed.request.as_deref().unwrap_or_default())
}

/// Whoever holds these keys asks for a change in his own name.
pub(super) fn ask(
    cast: &mut Cast,
    change: Change,
    over: Option<Place>,
    keys: Vec<Key<'_>>,
) -> Result<Result<ChangedView, ApiError>, DemoError> {
    let body = Body::Requested { intent: intent(cast, change, over)? };
    say(cast, &body, keys)
}

/// Whoever has a desk's token asks for a change of somebody's number.
pub(super) fn desk_asks(
    cast: &Cast,
    change: Change,
    over: Option<Place>,
) -> Result<Result<(Intent, [u8; 32]), ApiError>, DemoError> {
    let intent = intent(cast, change, over)?;
    let body = RequestBody { intent: hex::encode(intent.encode()) };
    let api = cast.api()?;
    match api.post::<ChangedView>(&format!("/v1/numbers/{}/requests", cast.number), &api.desk, &body) {
        Ok(changed) => Ok(Ok((intent, request_of(&changed)?))),
        Err(refused) => Ok(Err(refused)),
    }
}

/// Takes the live request on, as the operator's own service does all the time: what is in its way.
pub(super) fn go_on(cast: &Cast) -> Result<Option<String>, DemoError> {
    let number = cast.number;
    let outcome = cast.stage.handle()?.run_blocking(move |node| node.progress(&number));
    Ok(outcome.err().map(|refusal| refusal.code().to_string()))
}

/// Whether the number is on this card.
pub(super) fn is_on(cast: &Cast, card: &Card) -> Result<bool, DemoError> {
    Ok(cast.show()?.card_id == hex::encode(card.id().0))
}

/// The owner's veto of the live request, with this key.
pub(super) fn veto(cast: &mut Cast, key: Key<'_>) -> Result<Option<String>, DemoError> {
    let Some(live) = cast.show()?.live else { return Ok(Some("no-request".into())) };
    let body = Body::Vetoed { request: digest(&live.request)?, reason: 1 };
    Ok(refusal(say(cast, &body, vec![key])?))
}

/// Hands an objection in to the enforcement point's own door.
pub(super) fn object(cast: &Cast, objection: &[u8]) -> Result<Option<String>, DemoError> {
    let body = ObjectionBody { objection: hex::encode(objection) };
    Ok(refusal(cast.api()?.post::<ReceiptView>("/v1/objections", "", &body)))
}

/// A story of the demo, as a script: through if any attack in it succeeded.
pub(super) fn story(
    cast: &mut Cast,
    tell: impl FnOnce(&mut Cast) -> Result<(), DemoError>,
) -> Result<Outcome, DemoError> {
    let told = tell(cast);
    if cast.report.attacks.iter().any(|attack| !attack.refused) {
        return Ok(Outcome::Through("it succeeded"));
    }
    told?;
    let reasons: Vec<&str> = cast.report.attacks.iter().map(|attack| attack.reason.as_str()).collect();
    if reasons.is_empty() {
        Err(stuck("nothing was attacked"))
    } else {
        Ok(Outcome::Refused(reasons.join(", ")))
    }
}

/// The site of the move page.
pub(super) fn site(cast: &Cast) -> Result<Site, DemoError> {
    let (_, newest) = manifest(cast.api()?)?;
    newest.sites.into_iter().next().ok_or_else(|| stuck("no site"))
}

/// Keys of somebody new.
pub(super) fn fresh_keys(cast: &Cast) -> Result<FreshKeys, DemoError> {
    Ok(FreshKeys::random(&site(cast)?, &mut seeded()?))
}

/// A number's first event, as a desk brings it: which one and from where.
pub(super) struct First {
    pub(super) number: Msisdn,
    pub(super) source: Source,
    pub(super) generation: u64,
    pub(super) previous: Option<[u8; 32]>,
}

/// A desk issues a number to whoever has these keys.
pub(super) fn issue(
    cast: &Cast,
    first: &First,
    mut keys: FreshKeys,
) -> Result<Result<(Owner, Phone), ApiError>, DemoError> {
    let (card, profile) = draw(cast.api()?, &first.number, &mut seeded()?)?;
    let (view, newest) = manifest(cast.api()?)?;
    let watch_key = Secret::random(&mut seeded()?);
    let (body, proofs) = keys.prove(&[0; 32], |factors| {
        Body::Issued(Issued {
            manifest: newest.id(),
            number: first.number,
            generation: first.generation,
            previous: first.previous,
            source: first.source,
            tenure: Tenure::Personal,
            watch_key: watch_key.clone(),
            slots: vec![(0, card)],
            factors,
        })
    });
    let issued = match bring(cast, &body, &proofs)? {
        Ok(issued) => issued,
        Err(refused) => return Ok(Err(refused)),
    };
    let (deed_id, head) = (digest(&issued.deed_id)?, digest(&issued.head)?);
    let root_digest = digest(&view.root_digest)?;
    let receipt = Receipt { deed_id, root_digest, watch_key, seq: issued.seq, head };
    let FreshKeys { passkey, code, hold } = keys;
    let phone = Phone::new(profile, &cast.stage.radio(), 40, seeded()?)?;
    Ok(Ok((Owner { receipt, passkey, code, hold: Some(hold) }, phone)))
}

/// A desk brings a first event.
pub(super) fn bring(
    cast: &Cast,
    body: &Body,
    proofs: &[Proof],
) -> Result<Result<ChangedView, ApiError>, DemoError> {
    let statement = StatementBody {
        kind: 0,
        body: hex::encode(body.encode()),
        proofs: proofs.iter().map(|proof| hex::encode(proof.encode())).collect(),
    };
    let api = cast.api()?;
    Ok(api.post::<ChangedView>("/v1/numbers", &api.desk, &statement))
}

/// From here on whatever is read in the owner's phone is stolen.
pub(super) fn snatch_phone(cast: &mut Cast) -> Result<(), DemoError> {
    let nothing = Phone::nothing(&cast.phone, seeded()?)?;
    cast.stolen = Some(std::mem::replace(&mut cast.phone, nothing));
    Ok(())
}

/// Time in which nobody is looked at: before a play, or after it.
pub(super) fn skip(cast: &Cast, seconds: u64, step: u64) -> Result<(), DemoError> {
    let mut left = seconds;
    while left > 0 {
        let now = left.min(step);
        cast.stage.advance(now);
        cast.stage.tick()?;
        left -= now;
    }
    Ok(())
}

/// A stand-by card that sleeps in a drawer.
pub(super) struct StandBy {
    card: Card,
    phone: Phone,
}

/// Before anything happens: the owner has a stand-by card.
pub(super) fn prepare_stand_by(cast: &mut Cast) -> Result<StandBy, DemoError> {
    let (card, profile) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let phone = Phone::new(profile, &cast.stage.radio(), 41, seeded()?)?;
    ask(cast, Change::Add { slot: 1, card: card.clone(), dormant: true }, None, vec![Key::Passkey])??;
    skip(cast, DAY + HOUR, DAY + HOUR)?;
    Ok(StandBy { card, phone })
}

/// The owner wakes it, with the sheet and the card itself: a quarter of an hour, and the line is back.
pub(super) fn wake(cast: &mut Cast, mut stand_by: StandBy) -> Result<(), DemoError> {
    let (api, now) = (cast.api()?.clone(), cast.show()?);
    let spare = &mut stand_by.phone;
    let mut sign = |digest: &[u8; 32]| spare.sign(digest).map_err(NumberError::Io);
    let signer: CardSigner<'_> = (stand_by.card.id(), &mut sign);
    wake_with(&api, &now, &mut cast.owner, With::Paper, &stand_by.card, signer, true)?;
    cast.pass_in(15 * MINUTE, MINUTE)?;
    if !is_on(cast, &stand_by.card)? {
        return Err(stuck("the stand-by card did not wake"));
    }
    cast.phone = stand_by.phone;
    cast.owner_attaches("with the stand-by card")
}
