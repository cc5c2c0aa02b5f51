//! `simward card --state`: runs one card behind its reader, and nothing else.

use super::folder::Folder;
use super::{CardError, HostCard, hide, load, open, system};
use crate::random;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::vpcd;

/// What running a card takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder with the card's state; made on the first run, from --profile.
    #[arg(long, value_name = "DIR", required = true)]
    state: Option<PathBuf>,
    /// The profile of a new card (TOML); needed on the first run only.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Where the virtual reader listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:35963")]
    vpcd: String,
}

/// Runs the card until it is told to stop.
pub(crate) fn run(args: &Args) -> Result<(), CardError> {
    hide()?;
    let state = args.state.clone().unwrap_or_default();
    let mut rng = random::system().map_err(system("get randomness"))?;
    let profile = args.profile.as_deref().map(load).transpose()?;
    if profile.is_none() && !Folder::exists(&state) {
        return Err(CardError::NoProfile(state));
    }
    let folder = Folder::open(&state, &mut rng)?;
    let card = open(&folder, &state, profile.as_ref(), &mut rng)?;
    match card.lock() {
        Some(lock) => tracing::error!("the card is locked and answers nothing but a reset: {lock}"),
        None => tracing::info!(state = %state.display(), "the card is open"),
    }
    let card = Arc::new(Mutex::new(card));
    stop_on_signal(Arc::clone(&card))?;
    serve_for_ever(&args.vpcd, &card, &mut rng)
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
