//! Rows: whoever can write to the operator's database, from inside or through a hole.

use super::Outcome;
use super::hands::{MINUTE, story, stuck};
use crate::demo::DemoError;
use crate::demo::administrator::edit;
use crate::demo::attacks::{self, database};
use crate::demo::cast::Cast;
use crate::demo::phone::Attach;

/// The number pointed at the thief's own, legal card.
pub(super) fn pointing_elsewhere(cast: &mut Cast) -> Result<Outcome, DemoError> {
    story(cast, attacks::by_the_index)
}

/// The thief's wrapped key copied over the owner's.
pub(super) fn copying_a_key(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let outcome = story(cast, attacks::by_the_key);
    if outcome.is_err() && cast.phone.attach()? != Attach::Attached {
        return Ok(Outcome::Through("the line is dark"));
    }
    outcome
}

/// Rows of the owner changed and deleted until the line is dark.
pub(super) fn darkening(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let (number, imsi) = (cast.number, cast.phone.imsi());
    let sql = format!(
        "CREATE TABLE kept_n AS SELECT * FROM numbers WHERE number = '{number}';
         CREATE TABLE kept_c AS SELECT * FROM cards WHERE imsi = '{imsi}';
         DELETE FROM numbers WHERE number = '{number}'; DELETE FROM cards WHERE imsi = '{imsi}';"
    );
    edit(&database(cast), &sql)?;
    cast.stage.tick()?;
    cast.phone.attach()?;
    cast.pass_in(30 * MINUTE, MINUTE)?;
    let api = cast.api()?;
    let alarms: Vec<server::view::MessageView> = api.get("/v1/alarms", &api.desk)?;
    let alarm = alarms.iter().find(|a| a.code == "index").map(|a| a.code.clone());
    let dark = !cast.phone.is_attached();
    let back = "INSERT INTO numbers SELECT * FROM kept_n; DROP TABLE kept_n;
                INSERT INTO cards SELECT * FROM kept_c; DROP TABLE kept_c;";
    edit(&database(cast), back)?;
    let alarm = alarm.ok_or_else(|| stuck("nobody was told of the edit"))?;
    Ok(Outcome::unless(dark, "a deleted row darkens the line", format!("alarm {alarm}; served from the pin")))
}
