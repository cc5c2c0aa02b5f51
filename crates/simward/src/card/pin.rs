//! `simward card pin`: how many tries are left, another PIN, a blocked PIN unblocked.

use super::CardError;
use super::secret_input::{NEW_PIN, PIN, PUK};
use super::terminal::Where;
use std::path::PathBuf;

/// Look at the PIN's tries, change it, or unblock it with the PUK.
///
/// Codes come from files or from the terminal, never from the command line.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say whether the PIN is asked for and how many tries are left. Asking costs none.
    Status {
        #[command(flatten)]
        card: Where,
    },
    /// Set another PIN. Refused while one try is left.
    Change {
        #[command(flatten)]
        card: Where,
        /// A file whose first line is the PIN.
        #[arg(long, value_name = "FILE")]
        pin_file: Option<PathBuf>,
        /// A file whose first line is the new PIN.
        #[arg(long, value_name = "FILE")]
        new_pin_file: Option<PathBuf>,
        /// Try even if one try is left.
        #[arg(long)]
        last_try: bool,
    },
    /// Unblock the PIN with the PUK and set a new one. Ten wrong PUKs end the card's PIN for ever.
    Unblock {
        #[command(flatten)]
        card: Where,
        /// A file whose first line is the PUK.
        #[arg(long, value_name = "FILE")]
        puk_file: Option<PathBuf>,
        /// A file whose first line is the new PIN.
        #[arg(long, value_name = "FILE")]
        new_pin_file: Option<PathBuf>,
        /// Try even if one try is left.
        #[arg(long)]
        last_try: bool,
    },
}

/// Does what was asked.
pub(crate) fn run(command: &Command) -> Result<(), CardError> {
    match command {
        Command::Status { card } => card.visit(|terminal| {
            let asked = if terminal.pin_is_asked_for()? { "asked for" } else { "not asked for" };
            let (pin, puk) = terminal.tries()?;
            let left = |left| match left {
                0 => "blocked, no tries left".to_owned(),
                1 => "1 try left".to_owned(),
                left => format!("{left} tries left"),
            };
            println!("PIN  {asked}, {}", left(pin));
            println!("PUK  {}", left(puk));
            Ok(())
        }),
        Command::Change { card, pin_file, new_pin_file, last_try } => {
            let old = PIN.code(pin_file.as_deref(), false)?;
            let new = NEW_PIN.code(new_pin_file.as_deref(), true)?;
            card.visit(|terminal| Ok(terminal.change_pin(&old, &new, *last_try)?))?;
            println!("the PIN is changed");
            Ok(())
        }
        Command::Unblock { card, puk_file, new_pin_file, last_try } => {
            let puk = PUK.code(puk_file.as_deref(), false)?;
            let new = NEW_PIN.code(new_pin_file.as_deref(), true)?;
            card.visit(|terminal| Ok(terminal.unblock_pin(&puk, &new, *last_try)?))?;
            println!("the PIN is unblocked and changed");
            Ok(())
        }
    }
}
