//! Strangers: what others can know of a person, a phished clerk, a friend who speaks alone.

use super::Outcome;
use super::hands::{DAY, HOUR, Key, ask, desk_asks, go_on, is_on, move_to, say, skip, stuck};
use crate::demo::DemoError;
use crate::demo::attacks::theft;
use crate::demo::cast::Cast;
use crate::demo::report::refusal;
use crate::number::issue::draw;
use crate::up::seeded;
use deed::event::Body;
use deed::intent::Change;
use deed::record::{Place, Purpose};
use deed::signer::{RawSigner, SignStatement as _};
use keys::sign::Ed25519Key;

/// A phished clerk's token; the owner's approval of another card, which the clerk's page has kept.
pub(super) fn with_another_approval(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let (wanted, _) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let blank = cast.blank.clone();
    let (theirs, request) = desk_asks(cast, move_to(cast, &blank)?, None)??;
    // The page shows the owner the card that he wants, and names the request that is there.
    let mut shown = theirs.clone();
    shown.change = move_to(cast, &wanted)?;
    let as_of = cast.tip()?;
    let signed = Body::Consented { request, intent: shown };
    let approval = cast.owner.passkey.prove(&cast.owner.receipt.deed_id, as_of, &signed);
    let used = refusal(cast.say(&Body::Consented { request, intent: theirs }, &[approval]));
    cast.pass(25 * HOUR)?;
    let moved = is_on(cast, &blank)?;
    cast.pass(if moved { 25 * HOUR } else { 0 })?;
    Ok(Outcome::unless(
        moved || used.is_none(),
        "an approval of one card moved the number to another",
        used.unwrap_or_default(),
    ))
}

/// One of three trusted people, of whom two must speak together.
pub(super) fn with_one_friend(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut friends: Vec<RawSigner> = (0..3)
        .map(|_| Ok(RawSigner::new(Purpose::Guardian, Place::People, Ed25519Key::random(&mut seeded()?))))
        .collect::<Result<_, std::io::Error>>()?;
    let people = friends.iter().map(|friend| friend.factor().clone()).collect();
    let mut intent = super::hands::intent(cast, Change::Trust { needed: 2, people }, None)?;
    intent.expiry = intent.not_before + 2 * DAY;
    let mut keys = vec![Key::Passkey, Key::Sheet];
    keys.extend(friends.iter_mut().map(|friend| Key::Other(friend)));
    say(cast, &Body::Requested { intent }, keys)??;
    // Named, and grown up.
    skip(cast, 10 * DAY, DAY)?;
    let blank = cast.blank.clone();
    let Some(friend) = friends.first_mut() else { return Err(stuck("no friend")) };
    let change = move_to(cast, &blank)?;
    let asked = refusal(ask(cast, change, None, vec![Key::Other(friend)])?);
    cast.pass_in(75 * HOUR, HOUR)?;
    let why = go_on(cast)?;
    let moved = is_on(cast, &blank)?;
    Ok(Outcome::unless(moved, "one friend took the number", asked.or(why).unwrap_or_default()))
}

/// Somebody who asks a desk again and again, until the owner stops saying no.
pub(super) fn by_asking_again(cast: &mut Cast) -> Result<Outcome, DemoError> {
    for asked in 1..=11 {
        let intent = theft(cast, &cast.blank.clone())?;
        match desk_asks(cast, intent.change, None)? {
            Ok((_, request)) => cast.owner_stops(request)?,
            Err(refused) if asked == 11 => return Ok(Outcome::Refused(refused.code().into())),
            Err(refused) => return Err(refused.into()),
        }
        cast.glance(1)?;
    }
    Ok(Outcome::Through("desks ask as often as they like"))
}
