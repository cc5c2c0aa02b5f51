//! The ledger's file: read, locked while it is changed, written as a whole or not at all.

use super::{Book, KeepError};
use operator::keep::ledger::{Ledger, Line};
use operator::keep::rule::Rules;
use rustix::fs::{FlockOperation, flock};
use server::deployment::write_private;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use wire::Msisdn;

/// Where the ledger is.
pub(super) fn path_of(asked: Option<&Path>) -> Result<PathBuf, KeepError> {
    if let Some(path) = asked {
        return Ok(path.to_path_buf());
    }
    let home = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    let home = home.ok_or_else(|| KeepError::Asked("no home folder; give --ledger FILE".into()))?;
    Ok(home.join("simward/keep.toml"))
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> KeepError {
    move |source| KeepError::File { path: path.to_path_buf(), source }
}

/// The rules that are known, and a file's beside them.
pub(super) fn rules(ledger: &Path, asked: Option<&Path>) -> Result<Rules, KeepError> {
    let beside = ledger.with_file_name("keep-rules.toml");
    let path = asked.unwrap_or(&beside);
    let refused = |source| KeepError::Rules { path: path.to_path_buf(), source };
    let built_in = Rules::built_in().map_err(refused)?;
    match std::fs::read_to_string(path) {
        Ok(text) => built_in.with(&text).map_err(refused),
        Err(e) if e.kind() == ErrorKind::NotFound && asked.is_none() => Ok(built_in),
        Err(e) => Err(io(path)(e)),
    }
}

/// Reads a ledger; none is an empty one.
pub(super) fn load(path: &Path) -> Result<Ledger, KeepError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Ledger::default()),
        Err(e) => return Err(io(path)(e)),
    };
    toml::from_str(&text)
        .map_err(|e| KeepError::Damaged { path: path.to_path_buf(), why: e.message().to_string() })
}

/// A ledger that is being changed, by nobody else.
pub(super) struct Open {
    path: PathBuf,
    pub(super) ledger: Ledger,
    _lock: File,
}

impl Open {
    /// Waits until nobody else changes it, and reads it.
    pub(super) fn load(path: &Path) -> Result<Self, KeepError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(io(path))?;
        }
        let beside = path.with_extension("lock");
        let lock = OpenOptions::new().create(true).append(true).open(&beside).map_err(io(&beside))?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|e| io(&beside)(e.into()))?;
        Ok(Self { path: path.to_path_buf(), ledger: load(path)?, _lock: lock })
    }

    /// Writes it.
    pub(super) fn save(&self) -> Result<(), KeepError> {
        let text = toml::to_string(&self.ledger).map_err(|e| KeepError::Asked(e.to_string()))?;
        write_private(&self.path, text.as_bytes()).map_err(io(&self.path))
    }

    /// The line of a number.
    pub(super) fn line(&mut self, number: &str) -> Result<&mut Line, KeepError> {
        let number = digits(number)?;
        let line = self.ledger.lines.iter_mut().find(|line| line.number == number);
        line.ok_or_else(|| KeepError::Asked(format!("+{number} is not in the ledger")))
    }
}

/// A number as people write it.
pub(super) fn digits(number: &str) -> Result<Msisdn, KeepError> {
    let digits = number.trim().trim_start_matches('+');
    digits.parse().map_err(|e: wire::Malformed| KeepError::Asked(format!("{number}: {e}")))
}

/// Looks whether the clock was ahead when something was noted.
pub(super) fn observe(ledger: &mut Ledger, book: &Book) -> Result<(), KeepError> {
    for line in &mut ledger.lines {
        let today = book.today(line)?;
        if line.observe(today) {
            eprintln!("+{}: a use is noted for a day that has not come; it counts no more", line.number);
        }
    }
    Ok(())
}
