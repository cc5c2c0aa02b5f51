//! Histories: restored, forked, kept from the owner, read by strangers, begun elsewhere.

use super::Outcome;
use super::hands::{
    DAY, First, HOUR, Key, MINUTE, ask, fresh_keys, go_on, issue, move_to, skip, story, stuck, veto,
};
use crate::demo::DemoError;
use crate::demo::administrator::edit;
use crate::demo::attacks;
use crate::demo::cast::{Cast, parse};
use crate::number::issue::draw;
use crate::up::seeded;
use crate::watch::source::{Http, checkpoint, entries};
use deed::event::Source;
use deed::log::note::Checkpoint;
use deed::log::tile::{Kind, Tile};
use keys::Secret;
use std::path::Path;

/// Minutes until the right copies are back.
const SEARCH: u64 = 15;

/// The owner's veto is forked away: the operator goes back to copies from before it.
pub(super) fn forked_away(cast: &mut Cast) -> Result<Outcome, DemoError> {
    forked(cast, false)
}

/// The same where the witnesses go back as well: the twin.
#[cfg(all(test, feature = "danger_switches"))]
pub(in crate::demo) fn forked_away_and_witnesses_forget(cast: &mut Cast) -> Result<Outcome, DemoError> {
    forked(cast, true)
}

/// What a deployment's own witnesses remember.
fn copy_witnesses(from: &Path, to: &Path) -> Result<(), DemoError> {
    std::fs::create_dir_all(to.join("witness"))?;
    for entry in std::fs::read_dir(from.join("witness"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join("witness").join(entry.file_name()))?;
    }
    Ok(())
}

fn forked(cast: &mut Cast, witnesses_too: bool) -> Result<Outcome, DemoError> {
    let blank = cast.blank.clone();
    let change = move_to(cast, &blank)?;
    ask(cast, change, None, vec![Key::Passkey])??;
    let before = attacks::copy_of_today(cast)?;
    copy_witnesses(&cast.stage.data(), &before)?;
    cast.owner_attaches("after the restart")?;
    if let Some(refused) = veto(cast, Key::Sheet)? {
        return Err(stuck(format!("the owner's veto was refused: {refused}")));
    }
    let (data, today) = (cast.stage.data(), cast.stage.folder.join("today"));
    cast.stage.stop();
    attacks::copy_stores(&data, &today)?;
    attacks::copy_stores(&before, &data)?;
    if witnesses_too {
        copy_witnesses(&before, &data)?;
    }
    cast.stage.start()?;
    cast.pass_in(SEARCH * MINUTE, MINUTE)?;
    let why = cast.why_refused(cast.blank_phone.imsi())?;
    skip(cast, 25 * HOUR, 25 * HOUR)?;
    let _ = go_on(cast)?;
    cast.blank_phone.attach()?;
    if cast.blank_phone.is_attached() {
        return Ok(Outcome::Through("the veto is forgotten and the number moves"));
    }
    cast.stage.stop();
    attacks::copy_stores(&today, &data)?;
    cast.stage.start()?;
    cast.owner_attaches("after the right copies are back")?;
    Ok(Outcome::Refused(why))
}

/// Pins, and then everything, from before a change of SIM.
pub(super) fn restored(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let yesterday = attacks::copy_of_today(cast)?;
    let (mut old_phone, _) = cast.move_to_a_new_card()?;
    story(cast, |cast| attacks::by_yesterdays_copy(cast, &mut old_phone, &yesterday))
}

/// The whole history replaced by one that the real issuer signed.
pub(super) fn replaced(cast: &mut Cast) -> Result<Outcome, DemoError> {
    story(cast, attacks::by_a_new_history)
}

/// A byte of the exported history changed.
pub(super) fn changed(cast: &mut Cast) -> Result<Outcome, DemoError> {
    story(cast, attacks::on_the_exported_history)
}

/// All leaves that anybody may read, by HTTP.
fn leaves(cast: &Cast) -> Result<Vec<Vec<u8>>, DemoError> {
    let source = Http::new(&format!("{}/log", cast.api()?.url()));
    let note = checkpoint(&source).map_err(stuck)?;
    let size = Checkpoint::parse(&note.text).map_err(stuck)?.size;
    let mut all = Vec::new();
    while (all.len() as u64) < size {
        let tile = Tile::with(Kind::Entries, all.len() as u64 / 256, size).ok_or_else(|| stuck("no tile"))?;
        let more = entries(&source, &tile).map_err(stuck)?;
        if more.is_empty() {
            return Err(stuck("an empty tile"));
        }
        all.extend(more);
    }
    Ok(all)
}

/// Whether a leaf with this tag is in the public log.
fn seen(leaves: &[Vec<u8>], tag: &[u8; 32]) -> bool {
    leaves.iter().any(|leaf| leaf.windows(32).any(|window| window == tag))
}

/// The operator deletes every notice of a request; a friend of the owner watches the log with this key.
fn suppressed(cast: &mut Cast, watch_key: Option<Secret<[u8; 32]>>) -> Result<Outcome, DemoError> {
    let key = watch_key.unwrap_or_else(|| cast.owner.receipt.watch_key.clone());
    let before = cast.show()?.seq;
    let change = move_to(cast, &cast.blank.clone())?;
    ask(cast, change, None, vec![Key::Passkey])??;
    edit(&attacks::database(cast), &format!("DELETE FROM notices WHERE number = '{}';", cast.number))?;
    cast.stage.tick()?;
    let told = seen(&leaves(cast)?, &deed::tag(&key, before + 1));
    cast.pass(HOUR)?;
    if !told {
        return Ok(Outcome::Through("nobody hears of the request"));
    }
    veto(cast, Key::Sheet)?;
    Ok(Outcome::Refused("the leaf of the request is in the public log".into()))
}

/// The same, watched with the owner's own watch key.
pub(super) fn notices_suppressed(cast: &mut Cast) -> Result<Outcome, DemoError> {
    suppressed(cast, None)
}

/// The same, watched by somebody who has another key: the twin.
#[cfg(all(test, feature = "danger_switches"))]
pub(in crate::demo) fn notices_suppressed_and_nobody_watches(cast: &mut Cast) -> Result<Outcome, DemoError> {
    suppressed(cast, Some(Secret::new([7; 32])))
}

/// A stranger reads the whole log, knows the number, and looks for it.
pub(super) fn read_by_strangers(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let leaves = leaves(cast)?;
    let nobodys = Secret::new([0; 32]);
    let guessed = deed::roll_tag(&nobodys, 0, &cast.number);
    let mut names: Vec<Vec<u8>> =
        vec![guessed.to_vec(), keys::digest::sha256(&[cast.number.as_str().as_bytes()]).to_vec()];
    names.push(cast.number.as_str().as_bytes().to_vec());
    names.push(cast.phone.imsi().to_string().into_bytes());
    names.push(cast.show()?.iccid.into_bytes());
    let found =
        leaves.iter().any(|leaf| names.iter().any(|name| leaf.windows(name.len()).any(|w| w == name)));
    cast.glance(1)?;
    Ok(Outcome::unless(
        found,
        "a stranger finds the number in the log",
        format!("{} leaves say nothing", leaves.len()),
    ))
}

/// A number stolen elsewhere is ported in, and moved on at once with both keys of whoever brought it.
pub(super) fn ported_in(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let first =
        First { number: parse("8613600136008")?, source: Source::Ported, generation: 0, previous: None };
    let (thief, _) = issue(cast, &first, fresh_keys(cast)?)??;
    let own = std::mem::replace(&mut cast.number, first.number);
    let owner = std::mem::replace(&mut cast.owner, thief);
    let (card, _) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let change = move_to(cast, &card)?;
    ask(cast, change, None, vec![Key::Passkey, Key::Sheet])??;
    skip(cast, 20 * MINUTE, 10 * MINUTE)?;
    let why = go_on(cast)?;
    let moved = super::hands::is_on(cast, &card)?;
    // The rightful holder, told by the operator that it was taken from, has the desk stop it.
    let stopped = veto(cast, Key::Desk(1))?;
    cast.number = own;
    cast.owner = owner;
    cast.glance(20)?;
    if !moved && stopped.is_some() {
        return Err(stuck("the desk's veto was refused"));
    }
    skip(cast, DAY, DAY)?;
    Ok(Outcome::unless(moved, "a ported number moves on in a quarter of an hour", why.unwrap_or_default()))
}
