//! Each attack's twin: the same attack with its one defence away, and it succeeds.
//!
//! Where the defence is a line of code, the switch of [`deed::defence`] takes it away; where it is a fact of the world
//! (a PIN that is on, witnesses with clocks of their own), the world is built without it. Defences that stand behind one
//! another get their twin where they can be taken away one at a time: in `deed`'s own tests.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::attacks;
use super::cast::Cast;
use super::phone::Attach;
use super::scripts::{self, Outcome, Without};
use crate::number::issue::issue_to;
use crate::up::seeded;
use deed::defence::{Defence, danger_all_on, danger_switch_off};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Switches are the whole process's: one twin at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Switched(#[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

fn without(defence: Defence) -> Switched {
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    danger_all_on();
    danger_switch_off(defence);
    Switched(guard)
}

impl Drop for Switched {
    fn drop(&mut self) {
        danger_all_on();
    }
}

fn cast() -> (tempfile::TempDir, Cast) {
    let folder = tempfile::tempdir().unwrap();
    let cast = Cast::gather(folder.path(), true).unwrap();
    (folder, cast)
}

/// The newest attack of this name got through.
fn succeeded(cast: &Cast, name: &str) {
    let attack = cast.report.attacks.iter().rfind(|a| a.name == name).unwrap();
    assert!(!attack.refused, "{name} is refused for another reason: {}", attack.reason);
}

#[test]
fn personal_data_is_enough_where_no_desk_token_is_asked() {
    let _off = without(Defence::DeskToken);
    let (_folder, mut cast) = cast();
    attacks::by_knowledge(&mut cast).unwrap();
    succeeded(&cast, "personal-data");
}

#[test]
fn a_clerk_moves_numbers_where_a_desk_counts_as_a_place() {
    let _off = without(Defence::DesksAreNoPlace);
    let (_folder, mut cast) = cast();
    // The owner has nothing left to stop, which ends the play after the attack.
    let _ = attacks::by_the_clerk(&mut cast);
    succeeded(&cast, "bribed-clerk");
    // Codes are held for a day after such a change; then the thief reads them.
    cast.pass(25 * 3_600).unwrap();
    assert!(cast.report.stolen_code_minutes > 0, "and the figure shows it");
}

#[test]
fn a_blank_card_attaches_once_a_deed_names_it() {
    let _guard = without(Defence::DeskToken);
    danger_all_on();
    let (_folder, cast) = cast();
    let number = "8613700137000".parse().unwrap();
    let (_, profile) = issue_to(cast.stage.api().unwrap(), &number, &mut seeded().unwrap()).unwrap();
    let radio = cast.stage.radio();
    let mut phone = super::phone::Phone::new(profile, &radio, 9, seeded().unwrap()).unwrap();
    assert_eq!(phone.attach().unwrap(), Attach::Attached);
}

#[test]
fn a_bare_card_authenticates_where_its_pin_is_off() {
    let _guard = without(Defence::DeskToken);
    danger_all_on();
    let (_folder, mut cast) = cast();
    cast.phone.disable_pin().unwrap();
    // The phone goes on with its PIN, which such a card no longer takes: the play ends after the attack.
    let _ = attacks::by_the_bare_card(&mut cast);
    succeeded(&cast, "bare-card");
}

#[test]
fn the_index_moves_numbers_where_resolve_reads_the_database() {
    let _off = without(Defence::ResolveFromPins);
    let (_folder, mut cast) = cast();
    attacks::by_the_index(&mut cast).unwrap();
    succeeded(&cast, "index-edited");
    assert!(cast.report.stolen_code_minutes > 0);
}

#[test]
fn a_copied_key_darkens_the_line_where_pins_keep_no_keys() {
    let _off = without(Defence::PinsKeepKeys);
    let (_folder, mut cast) = cast();
    let _ = attacks::by_the_key(&mut cast);
    assert!(cast.report.attacks.iter().all(|a| a.name != "key-copied" || !a.refused));
    assert_ne!(cast.phone.attach().unwrap(), Attach::Attached);
}

#[test]
fn another_signature_moves_numbers_where_the_challenge_is_not_compared() {
    let _off = without(Defence::ChallengeIsTheStatement);
    let (_folder, mut cast) = cast();
    let _ = attacks::by_another_signature(&mut cast);
    succeeded(&cast, "sign-in-as-approval");
}

#[test]
fn a_dropped_veto_is_lost_where_objections_live_in_the_chain_alone() {
    let _off = without(Defence::ObjectionsStop);
    let (_folder, mut cast) = cast();
    let _ = attacks::by_the_stolen_phone(&mut cast);
    succeeded(&cast, "veto-dropped");
}

#[test]
fn a_clock_moves_numbers_where_witnesses_have_the_operators_clock() {
    let _guard = without(Defence::DeskToken);
    danger_all_on();
    let folder = tempfile::tempdir().unwrap();
    let mut cast = Cast::gather_with_one_clock(folder.path(), true).unwrap();
    let _ = attacks::by_the_stolen_phone(&mut cast);
    succeeded(&cast, "clock");
}

#[test]
fn yesterdays_pins_serve_the_old_card_where_nothing_is_replayed() {
    let _off = without(Defence::ReplayOnStart);
    let (_folder, mut cast) = cast();
    let yesterday = attacks::copy_of_today(&mut cast).unwrap();
    let (mut old_phone, _) = cast.move_to_a_new_card().unwrap();
    let _ = attacks::by_yesterdays_copy(&mut cast, &mut old_phone, &yesterday);
    succeeded(&cast, "pins-restored");
}

#[test]
fn yesterdays_copy_of_everything_serves_the_old_card_where_no_witness_is_asked() {
    let _off = without(Defence::WitnessesRemember);
    let (_folder, mut cast) = cast();
    let yesterday = attacks::copy_of_today(&mut cast).unwrap();
    let (mut old_phone, _) = cast.move_to_a_new_card().unwrap();
    let _ = attacks::by_yesterdays_copy(&mut cast, &mut old_phone, &yesterday);
    succeeded(&cast, "all-restored");
}

#[test]
fn a_changed_history_passes_where_it_is_not_looked_for_in_the_log() {
    let _off = without(Defence::HistoryIsLogged);
    let (_folder, mut cast) = cast();
    attacks::on_the_exported_history(&mut cast).unwrap();
    succeeded(&cast, "history-changed");
}

/// Every script of `simward demo --attacks` whose defence is a switch: without it the attack gets through.
#[test]
fn every_script_gets_through_where_its_one_defence_is_away() {
    let only = std::env::var("SIMWARD_TWIN").ok();
    let mut wrong = Vec::new();
    for script in scripts::scripts().iter().filter(|s| only.as_ref().is_none_or(|only| s.id == only)) {
        let Without::Switches(defences) = script.without else { continue };
        let off: Vec<Switched> = defences.first().map(|first| without(*first)).into_iter().collect();
        defences.iter().skip(1).for_each(|more| danger_switch_off(*more));
        let folder = tempfile::tempdir().unwrap();
        let played = scripts::play(script, folder.path());
        drop(off);
        match played {
            Ok(played) if !played.good(script) => {}
            other => wrong.push(format!("{} without {defences:?}: {other:?}", script.id)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_veto_is_forked_away_where_the_witnesses_forget_too() {
    let _guard = without(Defence::DeskToken);
    danger_all_on();
    let (_folder, mut cast) = cast();
    let outcome = scripts::histories::forked_away_and_witnesses_forget(&mut cast).unwrap();
    assert!(matches!(outcome, Outcome::Through(_)), "{outcome:?}");
}

#[test]
fn a_request_goes_unheard_where_nobody_watches_the_log() {
    let _guard = without(Defence::DeskToken);
    danger_all_on();
    let (_folder, mut cast) = cast();
    let outcome = scripts::histories::notices_suppressed_and_nobody_watches(&mut cast).unwrap();
    assert!(matches!(outcome, Outcome::Through(_)), "{outcome:?}");
}
