//! Desks: clerks with all their keys, shown an identity card, bribed, or both.

use super::Outcome;
use super::hands::{First, HOUR, Key, bring, desk_asks, fresh_keys, go_on, is_on, issue, move_to, say};
use crate::demo::DemoError;
use crate::demo::cast::{Cast, parse};
use crate::demo::report::refusal;
use crate::number::issue::{draw, manifest};
use crate::up::seeded;
use deed::event::{Body, Issued, Source};
use deed::intent::Change;
use deed::record::{Place, Tenure};
use deed::state::bit;
use keys::Secret;
use server::view::{CodeView, InviteBody};
use wire::Msisdn;

/// More numbers than a shop has customers in a day.
const MANY: u32 = 101;

/// Clerks alone, over whatever the phone says: they agree, and wait.
fn alone(cast: &mut Cast, offices: &[u64], hours: u64) -> Result<Outcome, DemoError> {
    let blank = cast.blank.clone();
    let (intent, request) = desk_asks(cast, move_to(cast, &blank)?, Some(Place::Phone))??;
    for office in offices {
        let body = Body::Consented { request, intent: intent.clone() };
        say(cast, &body, vec![Key::Desk(*office)])??;
    }
    cast.pass_in(hours * HOUR, HOUR)?;
    let why = go_on(cast)?;
    let moved = is_on(cast, &blank)?;
    Ok(Outcome::unless(moved, "desks moved the number", why.unwrap_or_else(|| "nobody agreed".into())))
}

/// An agent who believes a caller.
pub(super) fn believing(cast: &mut Cast) -> Result<Outcome, DemoError> {
    alone(cast, &[1], 30)
}

/// A forged identity card in a shop: one clerk, three days.
pub(super) fn with_a_false_card(cast: &mut Cast) -> Result<Outcome, DemoError> {
    alone(cast, &[1], 73)
}

/// And a second clerk of another office, eight days.
pub(super) fn two_offices(cast: &mut Cast) -> Result<Outcome, DemoError> {
    alone(cast, &[1, 2], 8 * 24)
}

/// Something asked for by a desk and agreed to by it; whether `happened`.
pub(super) fn agreed_by_a_desk(
    cast: &mut Cast,
    change: Change,
    hours: u64,
    happened: impl Fn(&mut Cast) -> Result<bool, DemoError>,
    through: &'static str,
) -> Result<Outcome, DemoError> {
    let (intent, request) = match desk_asks(cast, change, None)? {
        Ok(asked) => asked,
        Err(refused) => return Ok(Outcome::Refused(refused.code().into())),
    };
    let why = refusal(say(cast, &Body::Consented { request, intent }, vec![Key::Desk(1)])?);
    cast.pass_in(hours * HOUR, HOUR)?;
    Ok(Outcome::unless(happened(cast)?, through, why.unwrap_or_else(|| "it waits".into())))
}

/// A further card for the clerk's friend.
pub(super) fn adding_a_card(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let card = cast.blank.clone();
    let attached = |cast: &mut Cast| Ok(cast.blank_phone.is_attached());
    let change = Change::Add { slot: 1, card, dormant: false };
    agreed_by_a_desk(cast, change, 26, attached, "a further card was added")
}

/// A clerk resumes the line that the owner has suspended, whose phone the thief has.
pub(super) fn resuming(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let stand_by = super::hands::prepare_stand_by(cast)?;
    super::hands::snatch_phone(cast)?;
    crate::demo::rescue::suspend(cast)?;
    let lift = Change::ClearHolds { bits: vec![bit::SERVICE] };
    let (intent, request) = desk_asks(cast, lift, None)??;
    let why = refusal(say(cast, &Body::Consented { request, intent }, vec![Key::Desk(1)])?);
    let Some(why) = why else { return Ok(Outcome::Through("a desk agreed to resume")) };
    super::hands::wake(cast, stand_by)?;
    Ok(Outcome::Refused(why))
}

/// A first event that names a key which its owner has not shown.
pub(super) fn naming_a_key(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let number: Msisdn = parse("8613700137001")?;
    let victim = cast.owner.passkey.factor();
    let mut keys = fresh_keys(cast)?;
    let (card, _) = draw(cast.api()?, &number, &mut seeded()?)?;
    let (_, newest) = manifest(cast.api()?)?;
    let watch_key = Secret::random(&mut seeded()?);
    let (body, mut proofs) = keys.prove(&[0; 32], |mut factors| {
        // The customer's passkey by name; sheet and hold code are the clerk's own.
        if let Some(first) = factors.first_mut() {
            *first = victim;
        }
        Body::Issued(Issued {
            manifest: newest.id(),
            number,
            generation: 0,
            previous: None,
            source: Source::New,
            tenure: Tenure::Personal,
            watch_key: watch_key.clone(),
            slots: vec![(0, card)],
            factors,
        })
    });
    proofs.remove(0);
    let refused = refusal(bring(cast, &body, &proofs)?);
    cast.glance(1)?;
    Ok(Outcome::of(refused, "a deed stands on a key that nobody has shown"))
}

/// The same number issued a second time.
pub(super) fn issuing_it_again(cast: &mut Cast) -> Result<Outcome, DemoError> {
    super::hands::story(cast, crate::demo::attacks::by_a_second_genesis)
}

/// A clerk who issues numbers by the hundred.
pub(super) fn issuing_in_bulk(cast: &mut Cast) -> Result<Outcome, DemoError> {
    for n in 0..MANY {
        let first = First {
            number: parse(&format!("86136{n:08}"))?,
            source: Source::New,
            generation: 0,
            previous: None,
        };
        if let Err(refused) = issue(cast, &first, fresh_keys(cast)?)? {
            return Ok(Outcome::Refused(format!("{} after {n}", refused.code())));
        }
    }
    Ok(Outcome::Through("a hundred numbers and more in a day"))
}

/// A reseller whose customers are a list.
pub(super) fn inviting_in_bulk(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let card = hex::encode(cast.blank.encode());
    let api = cast.api()?.clone();
    for n in 0..MANY {
        let body = InviteBody { number: format!("86135{n:08}"), card: card.clone() };
        if let Some(refused) = refusal(api.post::<CodeView>("/v1/invitations", &api.desk, &body)) {
            // Nor is there anything to pull messages out by, or to send them on to.
            let pulled = refusal(api.get::<serde_json::Value>("/v1/messages", &api.bank));
            let sent_on = refusal(api.post::<serde_json::Value>("/v1/forwarding", &api.bank, &body));
            cast.glance(1)?;
            let none = pulled.is_some() && sent_on.as_deref() == Some("no-path");
            return Ok(Outcome::unless(
                !none,
                "messages can be pulled or sent on",
                format!("{refused} after {n}"),
            ));
        }
    }
    Ok(Outcome::Through("a hundred invitations and more in a day"))
}
