//! `simward card make`: a new card in a folder, from its profile.

use super::folder::{DeviceKeys, Folder};
use super::{CardError, Found, hide, load, open, system};
use crate::random;
use std::path::PathBuf;

/// Make a card in a folder, from its profile, without running it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder, which must hold no card yet.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The card's profile (TOML).
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// Folder of the device keys [default: $SIMWARD_DEVICE_KEYS, or ~/.local/state/simward/device-keys].
    #[arg(long, value_name = "DIR")]
    device_keys: Option<PathBuf>,
    /// A TPM 2.0 that the card counts in, so that no copy of the disk is put back unseen: /dev/tpmrm0, or HOST:PORT
    /// [default: $SIMWARD_TPM, or none]. A card that was made with one does not open without it.
    #[arg(long, value_name = "TPM")]
    tpm: Option<String>,
}

/// Makes it.
pub(crate) fn run(args: &Args) -> Result<(), CardError> {
    hide()?;
    let Args { state, profile, device_keys, tpm } = args;
    let mut rng = random::system().map_err(system("get randomness"))?;
    let profile = load(profile)?;
    if Folder::exists(state) {
        return Err(CardError::NotEmpty(state.clone()));
    }
    match open(
        state,
        &DeviceKeys::folder(device_keys.as_deref()).with_tpm(tpm.as_deref()),
        Some(&profile),
        &mut rng,
    )? {
        Found::Card(..) => println!("made: card {} in {}", profile.iccid, state.display()),
        Found::Terminated(terminated) => println!("{terminated}"),
    }
    Ok(())
}
