//! `simward card`: the host of one card. Gives it its files and its reader, and nothing else.

mod folder;
pub(crate) mod profile;
mod vpcd;

use crate::random;
use ::card::{Card, OpenError, Profile};
use folder::{AnchorFile, Banks, Folder};
use profile::ProfileError;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wire::Iccid;

/// Run a virtual card behind a PC/SC reader (vsmartcard's vpcd).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder with the card's state; made on the first run, from --profile.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The profile of a new card (TOML); needed on the first run only.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Where the virtual reader listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:35963")]
    vpcd: String,
}

/// Why the card does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CardError {
    /// Nothing to personalise it with.
    #[error("{} holds no card yet; give --profile FILE to make one", .0.display())]
    NoProfile(PathBuf),
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

/// Runs the card until it is told to stop.
pub(crate) fn run(args: &Args) -> Result<(), CardError> {
    // No core dump and no debugger of the same user sees K.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| system("make the process non-dumpable")(e.into()))?;
    let mut rng = random::system().map_err(system("get randomness"))?;
    let profile = args.profile.as_deref().map(load).transpose()?;
    if profile.is_none() && !Folder::exists(&args.state) {
        return Err(CardError::NoProfile(args.state.clone()));
    }
    let folder = Folder::open(&args.state, &mut rng)?;
    let card = open(&folder, &args.state, profile.as_ref(), &mut rng)?;
    match card.lock() {
        Some(lock) => tracing::error!("the card is locked and answers nothing but a reset: {lock}"),
        None => tracing::info!(state = %args.state.display(), "the card is open"),
    }
    let card = Arc::new(Mutex::new(card));
    stop_on_signal(Arc::clone(&card))?;
    serve_for_ever(&args.vpcd, &card, &mut rng)
}

/// A card in its folder.
type HostCard = Card<Banks, AnchorFile>;

/// Reads a profile's file.
pub(crate) fn load(path: &Path) -> Result<Profile, CardError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| CardError::ProfileFile { path: path.to_owned(), source })?;
    profile::from_toml(&text).map_err(|source| CardError::Profile { path: path.to_owned(), source })
}

/// Opens the card in the folder, or makes one from the profile.
fn open(
    folder: &Folder,
    state: &Path,
    profile: Option<&Profile>,
    rng: &mut random::System,
) -> Result<HostCard, CardError> {
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
    match (profile, card.iccid()) {
        (Some(profile), Some(found)) if profile.iccid != found => {
            Err(CardError::OtherCard { state: state.to_owned(), found, wanted: profile.iccid })
        }
        _ => Ok(card),
    }
}

/// Ends the process at SIGINT or SIGTERM, between two commands.
fn stop_on_signal(card: Arc<Mutex<HostCard>>) -> Result<(), CardError> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(system("wait for signals"))?;
    let wait = async move {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        io::Result::Ok(())
    };
    std::thread::spawn(move || {
        if runtime.block_on(wait).is_ok() {
            let _between_commands = card.lock().unwrap_or_else(PoisonError::into_inner);
            tracing::info!("stopped");
            std::process::exit(0);
        }
    });
    Ok(())
}

/// Serves one reader after the other; waits for one that is not there.
fn serve_for_ever(address: &str, card: &Mutex<HostCard>, rng: &mut random::System) -> Result<(), CardError> {
    const PAUSE: Duration = Duration::from_millis(250);
    let mut told = false;
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                told = false;
                tracing::info!(reader = address, "in the reader");
                match vpcd::serve(&stream, card, rng) {
                    Ok(()) => tracing::info!(reader = address, "the reader hung up"),
                    Err(error) => tracing::warn!(reader = address, %error, "the reader is lost"),
                }
                card.lock().unwrap_or_else(PoisonError::into_inner).reset();
            }
            Err(source) if source.kind() == io::ErrorKind::InvalidInput => {
                return Err(CardError::System { what: "understand --vpcd (HOST:PORT)", source });
            }
            Err(error) if !told => {
                told = true;
                tracing::warn!(reader = address, %error, "no reader there; is pcscd running with vpcd? still trying");
            }
            Err(_) => {}
        }
        std::thread::sleep(PAUSE);
    }
}
