//! PINs and passphrases from a file or from the terminal; never from the command line, where every process reads them.

use ::card::Code;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why there is no code or passphrase. Never repeats one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nothing in the file.
    #[error("the first line of {} is empty: no {what} there; nothing was tried", path.display())]
    Empty {
        /// What is wanted.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// Nobody to ask.
    #[error("no {what}: give {option} FILE, or run this in a terminal")]
    NobodyToAsk {
        /// What is wanted.
        what: &'static str,
        /// The option that names a file.
        option: &'static str,
    },
    /// The terminal failed.
    #[error("cannot read from the terminal: {0}")]
    Terminal(io::Error),
    /// Typed twice, differently.
    #[error("the two {0}s differ; nothing was changed")]
    Differ(&'static str),
    /// Not a code.
    #[error("not a usable {what}: {why}; nothing was tried")]
    NotACode {
        /// What is wanted.
        what: &'static str,
        /// What is wrong with it.
        why: wire::Malformed,
    },
}

/// Something secret that is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// What it is called.
    pub(crate) what: &'static str,
    /// The option that names a file with it.
    pub(crate) option: &'static str,
}

pub(crate) const PIN: Asked = Asked { what: "PIN", option: "--pin-file" };
pub(crate) const NEW_PIN: Asked = Asked { what: "new PIN", option: "--new-pin-file" };
pub(crate) const PASSPHRASE: Asked = Asked { what: "passphrase", option: "--passphrase-file" };
pub(crate) const PUK: Asked = Asked { what: "PUK", option: "--puk-file" };

impl Asked {
    /// The first line of the file, or what is typed without echo. `None` where there is neither, or
    /// nothing is typed.
    pub(crate) fn text(
        self,
        file: Option<&Path>,
        twice: bool,
    ) -> Result<Option<Zeroizing<String>>, InputError> {
        let text = if let Some(path) = file {
            let text = fs::read_to_string(path);
            let text =
                Zeroizing::new(text.map_err(|source| InputError::File { path: path.to_owned(), source })?);
            let line = Zeroizing::new(text.lines().next().unwrap_or_default().to_owned());
            if line.is_empty() {
                return Err(InputError::Empty { what: self.what, path: path.to_owned() });
            }
            line
        } else if io::stdin().is_terminal() {
            let ask = |again: &str| {
                let typed = rpassword::prompt_password(format!("{}{again}: ", self.what));
                typed.map(Zeroizing::new).map_err(InputError::Terminal)
            };
            let text = ask("")?;
            if twice && *ask(" again")? != *text {
                return Err(InputError::Differ(self.what));
            }
            text
        } else {
            return Ok(None);
        };
        Ok((!text.is_empty()).then_some(text))
    }

    /// The same, where it must be there.
    pub(crate) fn required(self, file: Option<&Path>, twice: bool) -> Result<Zeroizing<String>, InputError> {
        let missing = InputError::NobodyToAsk { what: self.what, option: self.option };
        self.text(file, twice)?.ok_or(missing)
    }

    /// A code that must be there.
    pub(crate) fn code(self, file: Option<&Path>, twice: bool) -> Result<Code, InputError> {
        let text = self.required(file, twice)?;
        self.parse(&text)
    }

    /// Reads digits as a code.
    pub(crate) fn parse(self, text: &str) -> Result<Code, InputError> {
        let code = if self.what == PUK.what { Code::eight(text) } else { Code::pin(text) };
        code.map_err(|why| InputError::NotACode { what: self.what, why })
    }
}
