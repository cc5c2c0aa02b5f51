//! The two banks of a card's log, as files.

use super::{FolderError, io_error};
use card::medium::{Bank, Fault, Medium};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Their names in the state folder.
pub(super) const NAMES: [&str; 2] = ["bank-a", "bank-b"];

/// A bank as a file that is only ever appended to, or emptied.
#[derive(Debug)]
struct BankFile {
    path: PathBuf,
    file: File,
}

fn bank(path: &Path) -> Result<BankFile, FolderError> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    Ok(BankFile { path: path.to_owned(), file: file.map_err(io_error("open", path))? })
}

/// The two banks.
#[derive(Debug)]
pub(crate) struct Banks {
    a: BankFile,
    b: BankFile,
}

impl Banks {
    /// Opens both; makes them where they are not there yet.
    pub(super) fn open(folder: &Path) -> Result<Self, FolderError> {
        let [a, b] = NAMES.map(|name| bank(&folder.join(name)));
        Ok(Self { a: a?, b: b? })
    }

    /// The card knows only that its memory failed; the log says why.
    fn fault<T>(&self, what: &str, bank: Bank, result: io::Result<T>) -> Result<T, Fault> {
        result.map_err(|error| {
            tracing::error!(file = %self.bank(bank).path.display(), %error, "could not {what} a bank");
            Fault
        })
    }

    const fn bank(&self, bank: Bank) -> &BankFile {
        match bank {
            Bank::A => &self.a,
            Bank::B => &self.b,
        }
    }
}

impl Medium for Banks {
    fn read(&self, bank: Bank) -> Result<Vec<u8>, Fault> {
        self.fault("read", bank, fs::read(&self.bank(bank).path))
    }

    fn append(&mut self, bank: Bank, bytes: &[u8]) -> Result<(), Fault> {
        self.fault("append to", bank, (&self.bank(bank).file).write_all(bytes))
    }

    fn sync(&mut self, bank: Bank) -> Result<(), Fault> {
        self.fault("sync", bank, self.bank(bank).file.sync_data())
    }

    fn erase(&mut self, bank: Bank) -> Result<(), Fault> {
        let file = &self.bank(bank).file;
        self.fault("erase", bank, file.set_len(0).and_then(|()| file.sync_all()))
    }
}
