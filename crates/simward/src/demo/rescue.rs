//! What owners live through: a phone snatched abroad, a phone forgotten at home. Each on a number of its own; the minutes
//! without service are counted from codes that travel, and published.

use super::DemoError;
use super::cast::{Cast, digest, parse};
use super::phone::{Attach, Phone};
use super::report::{Attack, refusal};
use crate::api::ApiError;
use crate::number::issue::{draw, issue_to};
use crate::number::propose::{CardSigner, propose, wake_with};
use crate::number::{NumberError, With};
use crate::owner::Owner;
use crate::up::seeded;
use deed::event::Body;
use deed::intent::Change;
use deed::record::{Card, CardId};
use deed::signer::SignStatement as _;
use deed::state::bit;
use server::view::{ObjectionBody, ReceiptView};
use std::time::Instant;
use wire::Msisdn;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// An owner with a number, a phone, and a stand-by card that sleeps in a drawer.
struct Line {
    number: Msisdn,
    owner: Owner,
    phone: Phone,
    first: Card,
    stand_by: Card,
    spare: Phone,
}

impl Line {
    fn prepare(cast: &mut Cast, number: &str, serial: u8) -> Result<Self, DemoError> {
        let number: Msisdn = parse(number)?;
        let radio = cast.stage.radio();
        let (owner, profile) = issue_to(cast.api()?, &number, &mut seeded()?)?;
        let phone = Phone::new(profile, &radio, serial, seeded()?)?;
        let (stand_by, profile) = draw(cast.api()?, &number, &mut seeded()?)?;
        let spare = Phone::new(profile, &radio, serial + 1, seeded()?)?;
        let first = stand_by.clone();
        let mut line = Self { number, owner, phone, first, stand_by, spare };
        line.play(cast, |cast, line| {
            cast.phone.attach()?;
            let now = cast.show()?;
            let slots =
                cast.stage.handle()?.run_blocking(move |node| Ok(node.pin(&number)?.state.slots.clone()))?;
            line.first = slots.first().map(|slot| slot.card.clone()).ok_or_else(|| stuck("no card"))?;
            let change = Change::Add { slot: 1, card: line.stand_by.clone(), dormant: true };
            let api = cast.api()?.clone();
            propose(&api, &now, &mut cast.owner, With::Phone, change, None, None)?;
            cast.pass(DAY)?;
            match line.spare.attach()? {
                Attach::RefusedByNetwork(_) => Ok(()),
                other => Err(stuck(&format!("the stand-by card is awake already: {other:?}"))),
            }
        })?;
        Ok(line)
    }

    /// Plays a scene in which this line is the one that codes are posted to.
    fn play<T>(
        &mut self,
        cast: &mut Cast,
        scene: impl FnOnce(&mut Cast, &mut Self) -> Result<T, DemoError>,
    ) -> Result<T, DemoError> {
        let swap = |cast: &mut Cast, line: &mut Self| {
            std::mem::swap(&mut cast.number, &mut line.number);
            std::mem::swap(&mut cast.owner, &mut line.owner);
            std::mem::swap(&mut cast.phone, &mut line.phone);
        };
        swap(cast, self);
        let outcome = scene(cast, self);
        swap(cast, self);
        outcome
    }

    /// The sheet agrees, and the stand-by card itself.
    fn wake(&mut self, cast: &mut Cast, lost: bool) -> Result<(), DemoError> {
        let (api, now) = (cast.api()?.clone(), cast.show()?);
        let spare = &mut self.spare;
        let mut sign = |digest: &[u8; 32]| spare.sign(digest).map_err(NumberError::Io);
        let signer: CardSigner<'_> = (self.stand_by.id(), &mut sign);
        wake_with(&api, &now, &mut cast.owner, With::Paper, &self.stand_by, signer, lost)?;
        cast.pass(14 * MINUTE)?;
        if cast.show()?.card_id == hex::encode(self.stand_by.id().0) {
            return Err(stuck("the stand-by card woke before its wait had passed"));
        }
        cast.pass(MINUTE)?;
        if cast.show()?.card_id != hex::encode(self.stand_by.id().0) {
            return Err(stuck("the stand-by card did not wake"));
        }
        Ok(())
    }
}

fn stuck(why: &str) -> DemoError {
    DemoError::Stuck(why.into())
}

/// The hold code, typed into a browser that is not the owner's; how many milliseconds it took.
pub(super) fn suspend(cast: &mut Cast) -> Result<u128, DemoError> {
    let began = Instant::now();
    let as_of = cast.tip()?;
    let hold = cast.owner.hold_signer().ok_or_else(|| stuck("a sheet without a hold code"))?;
    let body = Body::Held { bits: vec![bit::SERVICE], silenced: Vec::new(), reason: 1 };
    let mut hold = hold;
    let objection = hold.object(&cast.owner.receipt.deed_id, as_of, &body).encode();
    let body = ObjectionBody { objection: hex::encode(objection) };
    let receipt: ReceiptView = cast.api()?.post("/v1/objections", "", &body)?;
    if !receipt.in_time || cast.show()?.served != "emergency-only" {
        return Err(stuck("the line is still served after it was suspended"));
    }
    Ok(began.elapsed().as_millis())
}

/// Phone snatched abroad, unlocked: suspended from a borrowed browser, alive again on the stand-by card.
pub(super) fn by_snatching_the_phone(cast: &mut Cast) -> Result<(), DemoError> {
    let mut line = Line::prepare(cast, "8613600136000", 10)?;
    let before = cast.report.no_service_minutes;
    line.play(cast, |cast, line| {
        // From here on the phone is the thief's, and whatever is read in it is stolen.
        let spare = Phone::nothing(&line.spare, seeded()?)?;
        cast.stolen = Some(std::mem::replace(&mut cast.phone, spare));
        cast.report.step("thief", "snatches the unlocked phone abroad", "has phone, card, PIN and passkey");
        let took = suspend(cast)?;
        cast.report.step("owner", "borrowed browser, hold code: suspended", &format!("in {took} ms"));
        let read = cast.report.codes.read_by_thief;
        cast.glance(0)?;
        let reason = cast.stolen.as_mut().map(Phone::attach).transpose()?.map(|outcome| match outcome {
            Attach::RefusedByNetwork(why) if why.contains("suspended") => "suspended".to_string(),
            other => format!("{other:?}"),
        });
        let reason = reason.unwrap_or_default();
        cast.report.attack(Attack {
            name: "code-after-suspension",
            words: "thief asks a bank for a code, in the snatched phone",
            refused: reason == "suspended" && cast.report.codes.read_by_thief == read,
            reason,
            why: "suspended is suspended for every network, and codes are held",
        });
        thief_resumes(cast)?;
        silence(cast)?;
        line.wake(cast, true)?;
        cast.phone = std::mem::replace(&mut line.spare, Phone::nothing(&cast.phone, seeded()?)?);
        cast.owner_attaches("with the stand-by card")?;
        let stolen = cast.stolen.as_mut().map(Phone::attach).transpose()?;
        if !stolen.is_some_and(|outcome| outcome.by_network()) {
            return Err(stuck("the snatched card is still served"));
        }
        Ok(())
    })?;
    let minutes = cast.report.no_service_minutes - before;
    cast.report.figure("snatched phone, stand-by card at hand", minutes);
    // What was held comes, to the owner.
    let read = cast.report.codes.read_by_owner;
    line.play(cast, |cast, _| cast.pass(DAY + 15 * MINUTE))?;
    if cast.report.codes.read_by_owner <= read {
        return Err(stuck("codes that were held did not come"));
    }
    cast.report.step("owner", "a day later: reads the codes that were held", "delivered");
    cast.stolen = None;
    Ok(())
}

/// The thief has the passkey, and tries what it is good for.
fn thief_resumes(cast: &mut Cast) -> Result<(), DemoError> {
    let (api, now) = (cast.api()?.clone(), cast.show()?);
    let resumed = propose(
        &api,
        &now,
        &mut cast.owner,
        With::Phone,
        Change::ClearHolds { bits: vec![bit::SERVICE] },
        None,
        None,
    );
    let change =
        Change::Move { slot: 0, from: CardId(digest(&now.card_id)?), to: cast.blank.clone(), lost: false };
    let moved = propose(&api, &now, &mut cast.owner, With::Phone, change, None, None);
    let code = |outcome: Result<_, NumberError>| match outcome {
        Err(NumberError::Api(error)) => refusal(Err::<(), ApiError>(error)),
        _ => None,
    };
    let (resumed, moved) = (code(resumed), code(moved));
    cast.report.attack(Attack {
        name: "thief-resumes",
        words: "thief resumes the line, or moves it, with the stolen passkey",
        refused: resumed.is_some() && moved.is_some(),
        reason: resumed.unwrap_or_default(),
        why: "while a line is suspended, a key in the phone alone is worth nothing",
    });
    Ok(())
}

/// The sheet takes the stolen passkey's voice away, for good.
fn silence(cast: &mut Cast) -> Result<(), DemoError> {
    let passkey = cast.owner.passkey.factor().id();
    let body = Body::Held { bits: Vec::new(), silenced: vec![(passkey, 1)], reason: 1 };
    let mut sheet = cast.owner.sheet();
    let proof = cast.sign(&mut sheet, &body)?;
    cast.say(&body, &[proof])?;
    cast.report.step("owner", "with the sheet: the stolen passkey has no voice any more", "silenced");
    Ok(())
}

/// Phone forgotten at home, and it is a day until one is back: the stand-by card in the wallet.
pub(super) fn by_forgetting_the_phone(cast: &mut Cast) -> Result<(), DemoError> {
    let mut line = Line::prepare(cast, "8613600136001", 20)?;
    let before = cast.report.no_service_minutes;
    line.play(cast, |cast, line| {
        suspend(cast)?;
        // What rings at home, nobody reads; it is nobody else's home.
        let mut at_home = std::mem::replace(&mut cast.phone, Phone::nothing(&line.spare, seeded()?)?);
        line.wake(cast, false)?;
        cast.phone = std::mem::replace(&mut line.spare, Phone::nothing(&at_home, seeded()?)?);
        cast.owner_attaches("with the stand-by card from the wallet")?;
        cast.pass(8 * 60 * MINUTE)?;
        // Home again: back to the first card, which was kept in reserve; the stand-by card serves until then.
        let (api, now) = (cast.api()?.clone(), cast.show()?);
        let change = Change::Move { slot: 0, from: line.stand_by.id(), to: line.first.clone(), lost: false };
        propose(&api, &now, &mut cast.owner, With::Both, change, None, None)?;
        cast.pass(15 * MINUTE)?;
        std::mem::swap(&mut cast.phone, &mut at_home);
        cast.owner_attaches("at home, with the first card again")
    })?;
    let minutes = cast.report.no_service_minutes - before;
    cast.report.figure("phone forgotten at home, stand-by card in the wallet", minutes);
    Ok(())
}
