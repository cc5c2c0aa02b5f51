//! Leaving: to another operator, to another owner.

use super::Outcome;
use super::hands::{
    DAY, HOUR, Key, MINUTE, ask, desk_asks, fresh_keys, go_on, intent, say, skip, stuck, veto,
};
use super::phones::stopped_by_the_sheet;
use crate::demo::DemoError;
use crate::demo::cast::Cast;
use crate::demo::report::refusal;
use deed::event::Body;
use deed::intent::Change;
use deed::record::Factor;
use deed::signer::{RawSigner, Sheet, SignStatement, SoftPasskey};
use deed::state::bit;

fn port_out() -> Change {
    Change::PortOut { recipient: "Other Mobile".into(), code: keys::digest::sha256(&[b"4711"]) }
}

fn has_left(cast: &Cast) -> Result<bool, DemoError> {
    let number = cast.number;
    Ok(cast.stage.handle()?.run_blocking(move |node| Ok(node.pin(&number)?.state.closed.is_some()))?)
}

/// The stolen phone orders a port-out of a number that its owner has locked.
pub(super) fn though_locked(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let lock = Body::Held { bits: vec![bit::PORT_OUT], silenced: Vec::new(), reason: 1 };
    say(cast, &lock, vec![Key::Passkey])??;
    let refused = refusal(ask(cast, port_out(), None, vec![Key::Passkey])?);
    cast.pass(2 * HOUR)?;
    Ok(Outcome::of(refused, "a locked number is ordered away"))
}

/// The stolen phone orders a port-out of a number that is not locked; nobody looks for six days after a change of SIM.
pub(super) fn after_a_move(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let _ = cast.move_to_a_new_card()?;
    ask(cast, port_out(), None, vec![Key::Passkey])??;
    cast.pass_in(6 * DAY, HOUR)?;
    let why = go_on(cast)?;
    if has_left(cast)? {
        return Ok(Outcome::Through("the number left within a week of a change of SIM"));
    }
    // The sheet is used up by the move; the phone's own veto is as good.
    if veto(cast, Key::Passkey)?.is_some() {
        return Err(stuck("the owner's veto was refused"));
    }
    Ok(Outcome::Refused(why.unwrap_or_default()))
}

/// The stolen phone orders a port-out; the owner says no within the day.
pub(super) fn by_the_phone_alone(cast: &mut Cast) -> Result<Outcome, DemoError> {
    ask(cast, port_out(), None, vec![Key::Passkey])??;
    cast.pass(23 * HOUR)?;
    if has_left(cast)? {
        return Ok(Outcome::Through("one place ordered it away at once"));
    }
    stopped_by_the_sheet(cast)
}

/// A clerk has a port order.
pub(super) fn by_a_desk(cast: &mut Cast) -> Result<Outcome, DemoError> {
    super::desks::agreed_by_a_desk(cast, port_out(), 26, |cast| has_left(cast), "a desk ordered it away")
}

/// Somebody who would be the owner.
struct Heir {
    passkey: SoftPasskey,
    sheet: Sheet,
    hold: RawSigner,
}

impl Heir {
    fn new(cast: &Cast) -> Result<Self, DemoError> {
        let keys = fresh_keys(cast)?;
        let hold =
            RawSigner::new(deed::record::Purpose::HoldOnly, deed::record::Place::Elsewhere, keys.hold.key());
        Ok(Self { passkey: keys.passkey, sheet: Sheet::new(keys.code.key()), hold })
    }

    fn factors(&self) -> Vec<Factor> {
        vec![self.passkey.factor(), self.sheet.factor(), self.hold.factor().clone()]
    }

    fn keys(&mut self) -> Vec<Key<'_>> {
        let signers: [&mut dyn SignStatement; 3] = [&mut self.passkey, &mut self.sheet, &mut self.hold];
        signers.into_iter().map(Key::Other).collect()
    }

    fn owns(&self, cast: &Cast) -> Result<bool, DemoError> {
        let id = hex::encode(self.passkey.factor().id().0);
        Ok(cast.show()?.factors.iter().any(|factor| factor.id == id))
    }
}

/// The stolen phone transfers the number to the thief's keys.
pub(super) fn to_a_thief(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut heir = Heir::new(cast)?;
    let body = Body::Requested { intent: intent(cast, Change::Transfer { factors: heir.factors() }, None)? };
    let mut keys = vec![Key::Passkey];
    keys.extend(heir.keys());
    say(cast, &body, keys)??;
    cast.pass_in(6 * DAY, HOUR)?;
    if heir.owns(cast)? {
        return Ok(Outcome::Through("one place gave the number away"));
    }
    stopped_by_the_sheet(cast)
}

/// A death certificate that a clerk believes.
pub(super) fn to_an_heir(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut heir = Heir::new(cast)?;
    let (intent, request) = desk_asks(cast, Change::Transfer { factors: heir.factors() }, None)??;
    let body = Body::Consented { request, intent };
    let mut keys = vec![Key::Desk(1)];
    keys.extend(heir.keys());
    let why = refusal(say(cast, &body, keys)?);
    cast.pass_in(8 * DAY, HOUR)?;
    let gone = heir.owns(cast)?;
    skip(cast, MINUTE, MINUTE)?;
    Ok(Outcome::unless(gone, "a desk gave the number away", why.unwrap_or_default()))
}
