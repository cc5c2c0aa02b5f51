//! The two banks of a card's log, as files.
//!
//! A file that grows with every record makes the file system write down its length with every record, and a wait for the disk
//! takes that much longer. So a bank grows by [`ROOM`] at a time: zeros follow its last record, which no record begins with,
//! and go when the bank is closed. A power cut leaves them there.

use super::{FolderError, io_error};
use card::medium::{Bank, Fault, Medium};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Their names in the state folder.
pub(super) const NAMES: [&str; 2] = ["bank-a", "bank-b"];

/// Octets that a bank grows by.
const ROOM: usize = 64 * 1024;

/// A bank as a file that is only ever added to, or emptied.
#[derive(Debug)]
struct BankFile {
    path: PathBuf,
    file: File,
    /// Octets of records.
    end: u64,
    /// Octets of the file.
    len: u64,
}

impl BankFile {
    fn open(path: &Path) -> Result<Self, FolderError> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(io_error("open", path))?;
        let len = file.metadata().map_err(io_error("look at", path))?.len();
        // The log empties a bank before it adds to what it found there.
        Ok(Self { path: path.to_owned(), file, end: len, len })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.end + bytes.len() as u64;
        // What a bank begins with is often all that there will be in it.
        let room = self.end > 0 && end > self.len;
        if room && self.file.write_all_at(&[bytes, &[0; ROOM]].concat(), self.end).is_ok() {
            self.len = end + ROOM as u64;
        } else {
            // A disk that is nearly full has none to give.
            self.file.write_all_at(bytes, self.end)?;
            self.len = self.len.max(end);
        }
        self.end = end;
        Ok(())
    }

    fn erase(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        (self.end, self.len) = (0, 0);
        self.file.sync_all()
    }
}

impl Drop for BankFile {
    /// The room goes. A length that this process did not make is another's: a card's end emptied the bank.
    fn drop(&mut self) {
        if self.len > self.end
            && self.file.metadata().is_ok_and(|file| file.len() == self.len)
            && let Err(error) = self.file.set_len(self.end)
        {
            tracing::warn!(file = %self.path.display(), %error, "could not take a bank's room back");
        }
    }
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
        let [a, b] = NAMES.map(|name| BankFile::open(&folder.join(name)));
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

    const fn bank_mut(&mut self, bank: Bank) -> &mut BankFile {
        match bank {
            Bank::A => &mut self.a,
            Bank::B => &mut self.b,
        }
    }
}

impl Medium for Banks {
    fn read(&self, bank: Bank) -> Result<Vec<u8>, Fault> {
        self.fault("read", bank, fs::read(&self.bank(bank).path))
    }

    fn append(&mut self, bank: Bank, bytes: &[u8]) -> Result<(), Fault> {
        let appended = self.bank_mut(bank).append(bytes);
        self.fault("append to", bank, appended)
    }

    fn sync(&mut self, bank: Bank) -> Result<(), Fault> {
        self.fault("sync", bank, self.bank(bank).file.sync_data())
    }

    fn erase(&mut self, bank: Bank) -> Result<(), Fault> {
        let erased = self.bank_mut(bank).erase();
        self.fault("erase", bank, erased)
    }
}
