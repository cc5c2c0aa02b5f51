//! `simward check-password`: whether a password may be used for a number's account, by the portal's own rules.

use crate::card::secret_input::{Asked, InputError};
use operator::password::{LEAST_WIDTH, Weak, judge};
use std::path::PathBuf;
use wire::Msisdn;

const PASSWORD: Asked = Asked { what: "password", option: "--file" };

/// Say whether a password may be used for a number's account, by the rules of the portal.
///
/// Long and unusual is all that counts. Nothing is stored and nothing sent. Exit code 1 if it may not.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number: a password made of it is no password.
    number: Msisdn,
    /// A file whose first line is the password; without it the terminal is asked.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Why it may not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    /// There is none.
    #[error(transparent)]
    Input(#[from] InputError),
    /// By the rules.
    #[error("{}", why(*.0))]
    Weak(Weak),
}

fn why(weak: Weak) -> String {
    match weak {
        Weak::Short => format!("too short: {LEAST_WIDTH} characters at least, a Chinese one counts as two"),
        Weak::Long => "too long: no more than 256 octets".into(),
        Weak::Common => "among those that are tried first, or soon guessed".into(),
        Weak::Yours => "made of the number or of this service's name".into(),
    }
}

/// Judges it.
pub(crate) fn run(args: &Args) -> Result<(), PasswordError> {
    let password = PASSWORD.required(args.file.as_deref(), false)?;
    judge(&password, &args.number).map_err(PasswordError::Weak)?;
    println!("may be used: it need not be changed by the calendar, only if somebody else may know it");
    Ok(())
}
