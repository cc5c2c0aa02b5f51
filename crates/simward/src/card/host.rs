//! `simward card --state`: runs one card behind its reader, and nothing else.

use super::folder::{DeviceKeys, Folder};
use super::tamper::{begin_anew, is_closed};
use super::{CardError, Found, hide, load, lock_memory, now, open, system};
use crate::random;
use ::card::medium::{Anchor, Counter, Medium, Memory};
use ::card::{Card, Protocol};
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::vpcd;

/// What running a card takes.
#[derive(Debug, clap::Args)]
#[group(skip)] // its name stands twice in a command
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
    /// A TPM 2.0 that the card counts in, so that no copy of the disk is put back unseen: /dev/tpmrm0, or HOST:PORT
    /// [default: $SIMWARD_TPM, or none]. A card that was made with one does not open without it.
    #[arg(long, value_name = "TPM")]
    tpm: Option<String>,
    /// Where the virtual reader listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:35963")]
    vpcd: String,
    /// Speak in blocks (T=1) in the place of octet by octet (T=0).
    #[arg(long)]
    t1: bool,
    /// A file that reads 1 while the case is closed, such as a GPIO's value; anything else ends the card for good. Asked ten
    /// times a second.
    #[arg(long, value_name = "FILE")]
    lid: Option<PathBuf>,
}

/// Runs the card until it is told to stop.
pub(crate) fn run(args: &Args) -> Result<(), CardError> {
    hide()?;
    lock_memory();
    let state = args.state.clone().unwrap_or_default();
    let mut rng = random::system().map_err(system("get randomness"))?;
    // What is left of a card needs no profile, and this process no K.
    let profile = match Folder::terminated(&state)? {
        None => args.profile.as_deref().map(load).transpose()?,
        Some(_) => None,
    };
    if profile.is_none() && !Folder::exists(&state) {
        return Err(CardError::NoProfile(state));
    }
    let keys = DeviceKeys::folder(args.device_keys.as_deref()).with_tpm(args.tpm.as_deref());
    let protocol = if args.t1 { Protocol::T1 } else { Protocol::T0 };
    match open(&state, &keys, profile.as_ref(), &mut rng)? {
        Found::Card(mut card, folder) => {
            card.speak(protocol);
            println!("{}", status(&mut card, &state, &args.vpcd, &mut rng));
            match card.lock() {
                Some(lock) => tracing::error!("the card is locked and answers nothing but a reset: {lock}"),
                None => tracing::info!(state = %state.display(), "the card is open"),
            }
            let card = Arc::new(Mutex::new(*card));
            watch(Arc::clone(&card), Some(folder), args.lid.clone())?;
            serve_for_ever(&args.vpcd, &card, &mut rng)?;
        }
        Found::Terminated(terminated) => {
            tracing::error!("{terminated}");
            let card = Arc::new(Mutex::new(Card::terminated(Memory::new(), Counter::default())));
            watch(Arc::clone(&card), None, None)?;
            serve_for_ever(&args.vpcd, &card, &mut rng)?;
        }
    }
    Ok(())
}

/// One line: which card, where, what keeps others from it, in which reader.
fn status<M: Medium, A: Anchor>(
    card: &mut Card<M, A>,
    state: &Path,
    reader: &str,
    rng: &mut random::System,
) -> String {
    /// VERIFY PIN without one, which asks how many tries are left (TS 102 221 §11.1.9).
    const TRIES: &[u8] = &[0x00, 0x20, 0x00, 0x01];
    let pin = match card.transmit(TRIES, rng)[..] {
        [0x63, left] => format!("{} tries for the PIN", left & 0x0f),
        _ => "locked".to_owned(),
    };
    card.reset();
    let iccid = card.iccid().map_or_else(|| "no number".to_owned(), |iccid| iccid.to_string());
    format!("card {iccid} in {}; {pin}; reader {reader}; Ctrl-C takes it out", state.display())
}

/// What a running card may be told from outside.
enum Told {
    /// SIGINT or SIGTERM.
    Stop,
    /// End the card for good, and why.
    End(&'static str),
}

/// Ends the process at SIGINT or SIGTERM, and the card at SIGUSR1 or when its lid opens; between two commands.
fn watch<T: Send + 'static>(
    card: Arc<Mutex<T>>,
    folder: Option<Box<Folder>>,
    lid: Option<PathBuf>,
) -> Result<(), CardError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system("wait for signals"))?;
    // Before the first command: a signal is heard from here on.
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new().map_err(system("wait for signals"))?
    };
    std::thread::spawn(move || {
        loop {
            match runtime.block_on(signals.next(lid.as_deref())) {
                Told::Stop => {
                    let _between_commands = card.lock().unwrap_or_else(PoisonError::into_inner);
                    tracing::info!("stopped");
                    std::process::exit(0);
                }
                Told::End(why) => {
                    let Some(folder) = &folder else { continue };
                    let _between_commands = card.lock().unwrap_or_else(PoisonError::into_inner);
                    match folder.end(now(), why) {
                        Ok(terminated) => tracing::error!("{terminated}"),
                        Err(error) => tracing::error!("could not end the card as it was told to: {error}"),
                    }
                    // Whatever became of the files, this process forgets what it knew.
                    let error = begin_anew();
                    tracing::error!(%error, "could not begin anew");
                    std::process::exit(1);
                }
            }
        }
    });
    Ok(())
}

/// The signals a running card listens to.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    end: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            end: signal(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self, lid: Option<&Path>) -> Told {
        let opened = async {
            match lid {
                Some(lid) => {
                    while is_closed(lid) {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.end.recv() => Told::End("its holder ended it while it ran"),
            () = opened => Told::End("its lid was opened"),
        }
    }
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
