//! What ends a card on purpose: its holder's word, or a lid that opens. The keys go, for good; what is left answers a reset.

use super::folder::{DeviceKeys, Folder, FolderError, Opening};
use super::{CardError, now, system};
use crate::random;
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// End a card for good: its keys are destroyed, here or in the process that runs it.
///
/// For a card that was seen in other hands. Nothing brings it back.
#[derive(Debug, clap::Args)]
pub(crate) struct End {
    /// Folder with the card's state.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Folder of the device keys [default: $SIMWARD_DEVICE_KEYS, or ~/.local/state/simward/device-keys].
    #[arg(long, value_name = "DIR")]
    device_keys: Option<PathBuf>,
    /// What happened, in one line; it stays with the card.
    #[arg(long, value_name = "TEXT", default_value = "its holder ended it")]
    reason: String,
    /// The card's keys are to be destroyed.
    #[arg(long, required = true)]
    for_good: bool,
}

/// Ends the card: here, or in the process that runs it, which is told once. Whoever else is at the folder is waited for.
pub(crate) fn end(args: &End) -> Result<(), CardError> {
    const PATIENCE: Duration = Duration::from_secs(10);
    if !Folder::exists(&args.state) {
        return Err(CardError::NoCard(args.state.clone()));
    }
    let keys = DeviceKeys::folder(args.device_keys.as_deref());
    let mut rng = random::system().map_err(system("get randomness"))?;
    let reason: String = args.reason.chars().filter(|c| !c.is_control()).take(200).collect();
    let (start, mut told) = (Instant::now(), false);
    let terminated = loop {
        match Folder::open(&args.state, &keys, now(), &mut rng) {
            Ok(Opening::Live(folder)) => break folder.end(now(), &reason)?,
            Ok(Opening::Terminated(terminated)) => break terminated,
            Err(FolderError::InUse(_)) if start.elapsed() < PATIENCE => {
                if let Some(terminated) = Folder::terminated(&args.state)? {
                    break terminated;
                }
                if !told {
                    tell_running(&args.state)?;
                    told = true;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            // What keeps it from opening, a TPM that is not there for one, keeps nobody from ending it.
            Err(error) => {
                break Folder::end_unopened(&args.state, &keys, now(), &reason).map_err(|_| error)?;
            }
        }
    };
    println!("{terminated}");
    Ok(())
}

/// Tells the process that runs the card.
fn tell_running(state: &Path) -> Result<(), CardError> {
    let Some(pid) = Folder::runner(state)?.and_then(Pid::from_raw) else { return Ok(()) };
    kill_process(pid, Signal::USR1).map_err(|e| system("signal the process that runs the card")(e.into()))
}

/// Whether a lid's sensor still says that it is closed: the file, of a GPIO for instance, reads 1.
pub(crate) fn is_closed(lid: &Path) -> bool {
    std::fs::read(lid).is_ok_and(|said| said.trim_ascii() == b"1")
}

/// Begins this process anew, with nothing in its memory: what wiping leaves behind in registers, stacks and freed memory
/// is gone with it. Does not return unless that fails.
pub(crate) fn begin_anew() -> std::io::Error {
    Command::new("/proc/self/exe").args(std::env::args_os().skip(1)).exec()
}
