//! `simward card`: one card. Runs it behind a reader, or shows and changes what is on it.

mod authenticate;
mod backup;
mod contact;
mod draw;
mod exchange;
pub(crate) mod files;
pub(crate) mod folder;
mod host;
mod info;
mod make;
mod pin;
pub(crate) mod profile;
pub(crate) mod secret_input;
mod tamper;
pub(crate) mod terminal;
mod vpcd;

use crate::random;
use ::card::{Card, Lock, OpenError, Profile};
use folder::{AnchorFile, Banks, DeviceKeys, Folder, Opening, Terminated};
use profile::ProfileError;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, getrlimit, set_dumpable_behavior};
use std::io;
use std::path::{Path, PathBuf};
use terminal::TerminalError;
use wire::{Iccid, UnixTime};

/// Run a virtual card behind a PC/SC reader (vsmartcard's vpcd), or look at one.
///
/// Without a subcommand the card runs until it is told to stop. The subcommands speak to a card that does not run, in
/// its folder (--state DIR), or to one in a PC/SC reader (--reader NAME), ours or anybody's.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    host: host::Args,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Profile(draw::Args),
    Make(make::Args),
    Info(info::Info),
    Files(files::Args),
    Log(info::Log),
    Authenticate(authenticate::Args),
    #[command(subcommand)]
    Contact(contact::Command),
    #[command(subcommand)]
    Pin(pin::Command),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Export(exchange::Export),
    Import(exchange::Import),
    MoveTo(MoveTo),
    End(tamper::End),
}

/// Move a card to another folder. A card copied or moved by hand is refused; this is the way.
///
/// For a card that was moved by hand already: give the folder it is in now, twice.
#[derive(Debug, clap::Args)]
struct MoveTo {
    /// The folder the card is in.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Folder of the device keys [default: $SIMWARD_DEVICE_KEYS, or ~/.local/state/simward/device-keys].
    #[arg(long, value_name = "DIR")]
    device_keys: Option<PathBuf>,
    /// The folder it goes to, which must not be there yet.
    #[arg(value_name = "NEWDIR")]
    to: PathBuf,
}

/// Does what was asked.
pub(crate) fn run(args: &Args) -> Result<(), CardError> {
    match &args.command {
        None => host::run(&args.host),
        Some(Command::Profile(args)) => draw::run(args),
        Some(Command::Make(args)) => make::run(args),
        Some(Command::Authenticate(args)) => authenticate::run(args),
        Some(Command::Files(args)) => files::run(args),
        Some(Command::Info(args)) => info::info(args),
        Some(Command::Log(args)) => info::log(args),
        Some(Command::Export(args)) => exchange::export(args),
        Some(Command::Import(args)) => exchange::import(args),
        Some(Command::Contact(command)) => contact::run(command),
        Some(Command::Pin(command)) => pin::run(command),
        Some(Command::Backup(args)) => backup::backup(args),
        Some(Command::Restore(args)) => backup::restore(args),
        Some(Command::End(args)) => tamper::end(args),
        Some(Command::MoveTo(MoveTo { state, device_keys, to })) => {
            if !Folder::exists(state) {
                return Err(CardError::NoCard(state.clone()));
            }
            Folder::move_to(state, to, &DeviceKeys::folder(device_keys.as_deref()))?;
            println!("the card lives in {}", to.display());
            Ok(())
        }
    }
}

/// No core dump and no debugger of the same user sees a key or a code.
fn hide() -> Result<(), CardError> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| system("make the process non-dumpable")(e.into()))
}

/// Keeps the card's memory out of swap, where the system lets a process lock as much as it likes. Where it does not, locking
/// what there is would fail later, at some other allocation, so nothing is locked and it is said.
fn lock_memory() {
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    let locked = unlimited && mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).is_ok();
    if !locked {
        tracing::info!(
            "memory is not locked (ulimit -l is not unlimited): a swap file may hold what this process knows"
        );
    }
}

/// Why the card does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CardError {
    /// Nothing to personalise it with.
    #[error("{} holds no card yet; give --profile FILE to make one", .0.display())]
    NoProfile(PathBuf),
    /// Somebody's card is there.
    #[error("{} holds a card already; nothing was changed", .0.display())]
    NotEmpty(PathBuf),
    /// Nothing to look at.
    #[error("{} holds no card", .0.display())]
    NoCard(PathBuf),
    /// The profile's file cannot be read.
    #[error("cannot read the profile {}: {source}", path.display())]
    ProfileFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The profile is not one.
    #[error("the profile {} is not usable: {source}", path.display())]
    Profile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: ProfileError,
    },
    /// The folder holds another card than the profile speaks of.
    #[error(
        "{} holds card {found}, but the profile is for {wanted}; give another --state, or leave --profile out",
        state.display()
    )]
    OtherCard {
        /// The folder.
        state: PathBuf,
        /// The card in it.
        found: Iccid,
        /// The profile's card.
        wanted: Iccid,
    },
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] folder::FolderError),
    /// The card's memory failed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The card in the folder is not its newest state.
    #[error("the card in {} is locked and answers nothing but a reset: {lock}", state.display())]
    Locked {
        /// The folder.
        state: PathBuf,
        /// What was found.
        lock: Lock,
    },
    /// Somebody changed the card's state, and its keys were destroyed.
    #[error("{0}")]
    Terminated(Terminated),
    /// The card, or the way to it, did not do as asked.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// A code or a passphrase could not be had.
    #[error(transparent)]
    Input(#[from] secret_input::InputError),
    /// What was given does not fit the card.
    #[error("{0}")]
    DoesNotFit(#[from] wire::Malformed),
    /// The backup could not be written, read or put back.
    #[error(transparent)]
    Backup(#[from] backup::BackupError),
    /// Contacts and messages did not come or go.
    #[error(transparent)]
    Exchange(#[from] exchange::ExchangeError),
    /// There is no room.
    #[error("all {0} records for contacts are in use")]
    Full(usize),
    /// The operating system did not do its part.
    #[error("cannot {what}: {source}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> CardError {
    move |source| CardError::System { what, source }
}

/// A card in its folder.
type HostCard = Card<Banks, AnchorFile>;

/// Reads a profile's file.
pub(crate) fn load(path: &Path) -> Result<Profile, CardError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| CardError::ProfileFile { path: path.to_owned(), source })?;
    profile::from_toml(&text).map_err(|source| CardError::Profile { path: path.to_owned(), source })
}

/// What is in a state folder.
enum Found {
    /// A card, locked perhaps, and its folder, which is to be held until the card is gone: it is dropped last.
    Card(Box<HostCard>, Box<Folder>),
    /// What is left of one.
    Terminated(Terminated),
}

/// Opens the card in the folder, or makes one from the profile. A card whose state somebody changed is terminated.
fn open(
    state: &Path,
    keys: &DeviceKeys,
    profile: Option<&Profile>,
    rng: &mut random::System,
) -> Result<Found, CardError> {
    let now = now();
    let mut folder = match Folder::open(state, keys, now, rng)? {
        Opening::Live(folder) => folder,
        Opening::Terminated(terminated) => return Ok(Found::Terminated(terminated)),
    };
    if let Err(failed) = ::card::self_test() {
        return Ok(Found::Terminated(folder.end(now, &failed.to_string())?));
    }
    let (banks, anchor, device_key) = folder.parts()?;
    let card = match Card::open(banks, anchor, device_key) {
        Ok(card) => card,
        Err(OpenError::Empty) => {
            let profile = profile.ok_or_else(|| CardError::NoProfile(state.to_owned()))?;
            let (banks, anchor, device_key) = folder.parts()?;
            let card = Card::personalise(banks, anchor, device_key, profile, rng)?;
            tracing::info!("made a card; its profile's file is not needed any more and holds K: put it away");
            card
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(lock) = card.lock()
        && let Some(terminated) = folder.judge(lock, now)?
    {
        return Ok(Found::Terminated(terminated));
    }
    match (profile, card.iccid()) {
        (Some(profile), Some(found)) if profile.iccid != found => {
            Err(CardError::OtherCard { state: state.to_owned(), found, wanted: profile.iccid })
        }
        _ => Ok(Found::Card(Box::new(card), folder)),
    }
}

/// The host's clock, for the one thing that has a date: when a card was terminated.
fn now() -> UnixTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixTime(since.map_or(0, |d| d.as_secs()))
}
