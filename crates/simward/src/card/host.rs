//! `simward card --state`: runs one card behind its reader, and nothing else.

use super::folder::{DeviceKeys, Folder};
use super::{CardError, Found, hide, load, open, system};
use crate::random;
use ::card::Card;
use ::card::medium::{Anchor, Counter, Medium, Memory};
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
    /// Folder of the device keys, apart from the state [default: $SIMWARD_DEVICE_KEYS, or
    /// ~/.local/state/simward/device-keys].
    #[arg(long, value_name = "DIR")]
    device_keys: Option<PathBuf>,
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
    let keys = DeviceKeys::folder(args.device_keys.as_deref());
    match open(&state, &keys, profile.as_ref(), &mut rng)? {
        Found::Card(folder, card) => {
            match card.lock() {
                Some(lock) => tracing::error!("the card is locked and answers nothing but a reset: {lock}"),
                None => tracing::info!(state = %state.display(), "the card is open"),
            }
            serve(*card, &args.vpcd, &mut rng)?;
            drop(folder);
        }
        Found::Terminated(terminated) => {
            tracing::error!("{terminated}");
            serve(Card::terminated(Memory::new(), Counter::default()), &args.vpcd, &mut rng)?;
        }
    }
    Ok(())
}

/// Keeps the card in its reader until a signal comes.
fn serve<M: Medium + Send + 'static, A: Anchor + Send + 'static>(
    card: Card<M, A>,
    vpcd: &str,
    rng: &mut random::System,
) -> Result<(), CardError> {
    let card = Arc::new(Mutex::new(card));
    stop_on_signal(Arc::clone(&card))?;
    serve_for_ever(vpcd, &card, rng)
}

/// Ends the process at SIGINT or SIGTERM, between two commands.
fn stop_on_signal<T: Send + 'static>(card: Arc<Mutex<T>>) -> Result<(), CardError> {
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
fn serve_for_ever<M: Medium, A: Anchor>(
    address: &str,
    card: &Mutex<Card<M, A>>,
    rng: &mut random::System,
) -> Result<(), CardError> {
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
