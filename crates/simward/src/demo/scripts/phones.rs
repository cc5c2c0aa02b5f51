//! The phone in a thief's hands, unlocked: its passkey, its card, its mailbox, its messages.

use super::Outcome;
use super::hands::{
    DAY, HOUR, Key, MINUTE, ask, intent, is_on, move_to, prepare_stand_by, say, skip, snatch_phone, veto,
    wake,
};
use crate::demo::DemoError;
use crate::demo::cast::Cast;
use crate::demo::report::refusal;
use crate::demo::rescue::suspend;
use crate::up::seeded;
use deed::event::Body;
use deed::intent::Change;
use deed::record::Place;
use deed::signer::SoftPasskey;
use deed::state::bit;
use keys::sign::Es256Key;

/// Rounds of the duel in one night.
const ROUNDS: u64 = 10;

/// The passkey alone asks for a move; the owner says no with the sheet, late.
pub(super) fn moving(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let blank = cast.blank.clone();
    let change = move_to(cast, &blank)?;
    ask(cast, change, None, vec![Key::Passkey])??;
    cast.pass(23 * HOUR)?;
    if is_on(cast, &blank)? {
        cast.pass(26 * HOUR)?;
        return Ok(Outcome::Through("one place moved the number at once"));
    }
    stopped_by_the_sheet(cast)
}

/// The passkey alone adds a companion: a watch, or the thief's phone.
pub(super) fn adding_a_companion(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let change = Change::Add { slot: 1, card: cast.blank.clone(), dormant: false };
    ask(cast, change, None, vec![Key::Passkey])??;
    cast.pass(23 * HOUR)?;
    if cast.blank_phone.is_attached() {
        return Ok(Outcome::Through("one place added a card at once"));
    }
    stopped_by_the_sheet(cast)
}

/// A day is not over; the sheet says no, and then it has been over and nothing has come of it.
pub(super) fn stopped_by_the_sheet(cast: &mut Cast) -> Result<Outcome, DemoError> {
    if let Some(refused) = veto(cast, Key::Sheet)? {
        return Err(super::hands::stuck(format!("the owner's veto was refused: {refused}")));
    }
    let still = cast.show()?.live.is_some();
    cast.pass(2 * HOUR)?;
    Ok(Outcome::unless(still, "the veto stopped nothing", "vetoed by the sheet within the wait"))
}

/// The thief resumes what the owner suspends, all night.
pub(super) fn duelling(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let stand_by = prepare_stand_by(cast)?;
    snatch_phone(cast)?;
    suspend(cast)?;
    let mut why = String::new();
    for _ in 0..ROUNDS {
        let lift = Change::ClearHolds { bits: vec![bit::SERVICE] };
        match refusal(ask(cast, lift, None, vec![Key::Passkey])?) {
            Some(refused) => why = refused,
            None => return Ok(Outcome::Through("the stolen phone resumes the line")),
        }
        let change = move_to(cast, &cast.blank.clone())?;
        if ask(cast, change, None, vec![Key::Passkey])?.is_ok() {
            return Ok(Outcome::Through("the stolen phone moves the line"));
        }
        cast.pass_in(MINUTE, MINUTE)?;
    }
    wake(cast, stand_by)?;
    Ok(Outcome::Refused(why))
}

/// The account that syncs passkeys is taken over: its new key claims to be elsewhere.
pub(super) fn claiming_another_place(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let site = super::hands::site(cast)?;
    let origin = site.origins.first().cloned().unwrap_or_default();
    let mut thiefs = SoftPasskey::synced(Es256Key::random(&mut seeded()?), &site.rp_id, &origin, &[9; 32]);
    let mut factor = thiefs.factor();
    factor.place = Place::Elsewhere;
    let body = Body::Requested { intent: intent(cast, Change::AddFactor { factor }, None)? };
    let refused = refusal(say(cast, &body, vec![Key::Passkey, Key::Other(&mut thiefs)])?);
    cast.glance(1)?;
    Ok(Outcome::of(refused, "a synced passkey is a place of its own"))
}

/// A key that the thief adds and uses as soon as it is in the deed.
pub(super) fn using_a_new_key(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let site = super::hands::site(cast)?;
    let origin = site.origins.first().cloned().unwrap_or_default();
    let mut thiefs =
        SoftPasskey::security_key(Es256Key::random(&mut seeded()?), &site.rp_id, &origin, &[8; 32]);
    let mut adding = intent(cast, Change::AddFactor { factor: thiefs.factor() }, None)?;
    adding.expiry = adding.not_before + 20 * DAY;
    say(cast, &Body::Requested { intent: adding }, vec![Key::Passkey, Key::Other(&mut thiefs)])??;
    // The owner is on a journey and has told nobody.
    skip(cast, 9 * DAY, DAY)?;
    let blank = cast.blank.clone();
    let change = move_to(cast, &blank)?;
    ask(cast, change, None, vec![Key::Passkey, Key::Other(&mut thiefs)])??;
    cast.pass(20 * MINUTE)?;
    if is_on(cast, &blank)? {
        return Ok(Outcome::Through("a young key earned the short wait"));
    }
    stopped_by_the_sheet(cast)
}
