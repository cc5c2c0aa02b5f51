//! Objections: dropped, outrun, withheld, made for ever; and the one slot for requests.

use super::Outcome;
use super::hands::{
    DAY, HOUR, Key, MINUTE, ask, desk_asks, intent, is_on, move_to, prove, request_of, say, veto,
};
use crate::demo::DemoError;
use crate::demo::cast::Cast;
use crate::demo::phone::Phone;
use crate::demo::report::refusal;
use crate::number::issue::draw;
use crate::up::seeded;
use deed::event::{Body, Evidence, Proof};
use deed::intent::Change;
use deed::record::Place;
use deed::signer::SignStatement as _;
use deed::state::bit;

/// The order of the group of P-256 (SEC 2, §2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// While the owner signs a veto, the thief moves the deed on: what the owner has seen is not its newest event any more.
pub(super) fn outrunning_the_veto(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let change = move_to(cast, &cast.blank.clone())?;
    let asked = ask(cast, change, None, vec![Key::Passkey])??;
    let veto = Body::Vetoed { request: request_of(&asked)?, reason: 1 };
    let signed = prove(cast, Key::Sheet, &veto)?;
    for hold in [bit::FORWARDING, bit::ROAMING, bit::TWO_G] {
        let body = Body::Held { bits: vec![hold], silenced: Vec::new(), reason: 1 };
        say(cast, &body, vec![Key::Passkey])??;
    }
    let kept_out = refusal(cast.say(&veto, &[signed]));
    let stands = cast.show()?.live.is_some();
    cast.pass(25 * HOUR)?;
    Ok(Outcome::unless(
        stands || kept_out.is_some(),
        "a veto was outrun",
        "the veto is as good as when it was signed",
    ))
}

/// The owner's own request, kept back with the card of whoever kept it, and handed in after the owner said no.
pub(super) fn withholding(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let blank = cast.blank.clone();
    let change = move_to(cast, &blank)?;
    let body = Body::Requested { intent: intent(cast, change.clone(), None)? };
    let withheld = prove(cast, Key::Passkey, &body)?;
    // The owner hears nothing for a while, sees that something else is asked for, and stops it.
    desk_asks(cast, change, None)??;
    veto(cast, Key::Sheet)?;
    let refused = refusal(cast.say(&body, &[withheld]));
    cast.pass(HOUR)?;
    if refused.is_none() {
        cast.pass(49 * HOUR)?;
    }
    Ok(Outcome::of(refused, "what was signed before an objection moved the number after it"))
}

/// Somebody who objects for ever to what the owner wants; the owner names the place that is overridden.
fn for_ever(
    cast: &mut Cast,
    over: Place,
    owners: fn() -> Vec<Key<'static>>,
    objector: fn() -> Key<'static>,
    wait: u64,
) -> Result<Outcome, DemoError> {
    let (card, profile) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let phone = Phone::new(profile, &cast.stage.radio(), 42, seeded()?)?;
    let change = move_to(cast, &card)?;
    // Without naming anybody, the objector ends it each time.
    ask(cast, change.clone(), None, vec![Key::Sheet])??;
    veto(cast, objector())?;
    ask(cast, change, Some(over), owners())??;
    let mut why = None;
    for _ in 0..wait / DAY {
        why = veto(cast, objector())?;
        if why.is_none() {
            return Ok(Outcome::Through("one place keeps the owner from the number for ever"));
        }
        cast.pass_in(DAY, HOUR)?;
    }
    cast.pass_in(HOUR, 5 * MINUTE)?;
    if !is_on(cast, &card)? {
        return Ok(Outcome::Through("the owner's change was not done"));
    }
    cast.phone = phone;
    cast.owner_attaches("with the new card")?;
    Ok(Outcome::Refused(why.unwrap_or_default()))
}

/// A former partner has the account that syncs the passkey: sheet and two desks, seven days.
pub(super) fn of_a_former_partner(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let owners = || vec![Key::Sheet, Key::Desk(1), Key::Desk(2)];
    for_ever(cast, Place::Phone, owners, || Key::Passkey, 7 * DAY)
}

/// A desk objects for ever: one key of the owner's, three days.
pub(super) fn of_a_desk(cast: &mut Cast) -> Result<Outcome, DemoError> {
    for_ever(cast, Place::Operator, || vec![Key::Passkey, Key::Sheet], || Key::Desk(1), 3 * DAY)
}

/// A desk fills the one slot for requests.
pub(super) fn squatting(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let change = move_to(cast, &cast.blank.clone())?;
    desk_asks(cast, change.clone(), None)??;
    let again = refusal(desk_asks(cast, change, None)?);
    let (card, _) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let own = move_to(cast, &card)?;
    let kept_out = refusal(ask(cast, own, None, vec![Key::Passkey, Key::Sheet])?);
    cast.glance(1)?;
    veto(cast, Key::Sheet)?;
    let why = format!("the owner's request ends it; a desk's second: {}", again.unwrap_or_default());
    Ok(Outcome::unless(kept_out.is_some(), "a desk's request keeps the owner's out", why))
}

/// A consent sent again in the second form of its signature, so that the wait begins anew each time.
pub(super) fn in_another_form(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let (card, _) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let (intent, request) = cast.ask_for(&card)?;
    let body = Body::Consented { request, intent };
    let as_of = cast.tip()?;
    let proof = cast.owner.passkey.prove(&cast.owner.receipt.deed_id, as_of, &body);
    cast.say(&body, std::slice::from_ref(&proof))?;
    let refused = refusal(cast.say(&body, &[other_form(proof)]));
    cast.glance(1)?;
    veto(cast, Key::Sheet)?;
    Ok(Outcome::of(refused, "one signature counts twice"))
}

/// r ‖ n − s, which verifies wherever r ‖ s does.
fn other_form(mut proof: Proof) -> Proof {
    if let Evidence::Passkey { signature, .. } = &mut proof.evidence {
        let mut borrow = 0_i16;
        for (s, n) in signature.iter_mut().skip(32).zip(ORDER).rev() {
            let difference = i16::from(n) - i16::from(*s) - borrow;
            borrow = i16::from(difference < 0);
            *s = u8::try_from(difference.rem_euclid(256)).unwrap_or_default();
        }
    }
    proof
}

/// A hold on the owner's other number, turned against this one: the same hold code is in both deeds.
pub(super) fn of_another_number(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut keys = super::hands::fresh_keys(cast)?;
    if let Some(hold) = &cast.owner.hold {
        keys.hold = hold.clone();
    }
    let first = super::hands::First {
        number: crate::demo::cast::parse("8613600136009")?,
        source: deed::event::Source::New,
        generation: 0,
        previous: None,
    };
    let (other, _) = super::hands::issue(cast, &first, keys)??;
    let mut hold = other.hold_signer().ok_or_else(|| super::hands::stuck("no hold code"))?;
    let seen = deed::event::AsOf { seq: other.receipt.seq, head: other.receipt.head };
    let body = Body::Held { bits: vec![bit::SERVICE], silenced: Vec::new(), reason: 1 };
    let mut objection = hold.object(&other.receipt.deed_id, seen, &body);
    if let Some(refused) = super::hands::object(cast, &objection.encode())? {
        return Err(super::hands::stuck(format!("the owner's own hold was refused: {refused}")));
    }
    objection.deed_id = cast.owner.receipt.deed_id;
    let refused = super::hands::object(cast, &objection.encode())?;
    cast.pass_in(10 * MINUTE, MINUTE)?;
    Ok(Outcome::of(refused, "a hold on one number stops another"))
}

/// The thief orders what a change of tenure would loosen; only here so that a kind without cards is tried too.
pub(super) fn of_tenure(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let change = Change::Tenure { tenure: deed::record::Tenure::Business };
    ask(cast, change, None, vec![Key::Passkey])??;
    cast.pass_in(6 * DAY, HOUR)?;
    let number = cast.number;
    let tenure = cast.stage.handle()?.run_blocking(move |node| Ok(node.pin(&number)?.state.tenure))?;
    if tenure == deed::record::Tenure::Business {
        return Ok(Outcome::Through("one place made it a company's number at once"));
    }
    super::phones::stopped_by_the_sheet(cast)
}
