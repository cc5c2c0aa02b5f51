//! The play: who does what, in which order.

use super::DemoError;
use super::attacks;
use super::card_attacks;
use super::cast::Cast;
use super::rescue;
use std::path::Path;

/// Plays; whether everything went as it must.
pub(super) fn play(folder: &Path, json: bool) -> Result<bool, DemoError> {
    let mut cast = Cast::gather(folder, json)?;
    attacks::by_knowledge(&mut cast)?;
    attacks::by_the_clerk(&mut cast)?;
    attacks::by_a_blank_card(&mut cast)?;
    attacks::by_the_bare_card(&mut cast)?;
    card_attacks::by_guessing_the_pin(&mut cast)?;
    card_attacks::over_the_air(&mut cast)?;
    card_attacks::by_sending_as_the_owner(&mut cast)?;
    attacks::by_the_index(&mut cast)?;
    attacks::by_the_key(&mut cast)?;
    attacks::by_a_new_history(&mut cast)?;
    attacks::by_a_second_genesis(&mut cast)?;
    attacks::by_another_signature(&mut cast)?;
    attacks::by_a_withheld_consent(&mut cast)?;
    attacks::by_the_stolen_phone(&mut cast)?;
    attacks::by_racing_the_veto(&mut cast)?;
    let yesterday = attacks::copy_of_today(&mut cast)?;
    let before = cast.report.no_service_minutes;
    let (mut old_phone, approval) = cast.move_to_a_new_card()?;
    cast.report.figure("change of SIM", cast.report.no_service_minutes - before);
    attacks::by_replaying_the_approval(&mut cast, &approval)?;
    attacks::by_yesterdays_copy(&mut cast, &mut old_phone, &yesterday)?;
    attacks::on_the_exported_history(&mut cast)?;
    rescue::by_snatching_the_phone(&mut cast)?;
    rescue::by_forgetting_the_phone(&mut cast)?;
    card_attacks::by_listening(&mut cast)?;
    card_attacks::by_copying_and_changing(&mut cast)?;
    card_attacks::by_searching_the_disks(&mut cast)?;
    cast.report.finish();
    Ok(cast.report.good())
}
