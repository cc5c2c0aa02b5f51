//! Clocks: the operator's set wrong, a witness's that lies, and a race with them.

use super::Outcome;
use super::hands::{DAY, HOUR, Key, MINUTE, ask, go_on, is_on, move_to, story, veto};
use crate::demo::DemoError;
use crate::demo::attacks;
use crate::demo::cast::Cast;

/// The time that the operator's machine is told is wrong by ten days, either way.
pub(super) fn set_wrong(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let blank = cast.blank.clone();
    let change = move_to(cast, &blank)?;
    ask(cast, change, None, vec![Key::Passkey])??;
    let outcome = story(cast, |cast| attacks::by_the_clock(cast, &blank))?;
    cast.pass(HOUR)?;
    veto(cast, Key::Sheet)?;
    Ok(outcome)
}

/// One witness of three is the thief's: its clock is ten days ahead.
pub(super) fn one_witness_lies(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let blank = cast.blank.clone();
    let change = move_to(cast, &blank)?;
    ask(cast, change, None, vec![Key::Passkey])??;
    cast.stage.witness_clock.one_of_three_is_ahead(10 * DAY);
    cast.pass(2 * HOUR)?;
    let why = go_on(cast)?;
    if is_on(cast, &blank)? {
        cast.pass(26 * HOUR)?;
        return Ok(Outcome::Through("the fastest clock ended the wait"));
    }
    veto(cast, Key::Sheet)?;
    cast.pass_in(30 * MINUTE, 5 * MINUTE)?;
    Ok(Outcome::Refused(why.unwrap_or_default()))
}

/// Vetoes that race their commits.
pub(super) fn racing(cast: &mut Cast) -> Result<Outcome, DemoError> {
    story(cast, attacks::by_racing_the_veto)
}

/// A veto that the operator's service drops.
pub(super) fn dropping_the_veto(cast: &mut Cast) -> Result<Outcome, DemoError> {
    story(cast, attacks::by_the_stolen_phone)
}
