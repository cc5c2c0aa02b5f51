//! The end of a card: what was found, when, and that its keys are gone.

use super::banks::NAMES;
use super::device_key::DeviceKeys;
use super::{FolderError, io_error, sync_folder};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use wire::UnixTime;
use wire::sms::Timestamp;

/// The file in the state folder that ends a card for good. Two lines: when, and what was found.
pub(super) const NAME: &str = "terminated";

/// What a terminated card's folder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terminated {
    /// The folder.
    pub(crate) state: PathBuf,
    /// When it was found.
    pub(crate) when: String,
    /// What was found.
    pub(crate) what: String,
}

impl std::fmt::Display for Terminated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the card in {} was TERMINATED on {}: {}. ", self.state.display(), self.when, self.what)?;
        f.write_str("Its keys were destroyed; nothing opens it again. Ask your operator for a new card")
    }
}

/// What is found in the folder, if the card in it was terminated.
pub(super) fn read(state: &Path) -> Result<Option<Terminated>, FolderError> {
    let path = state.join(NAME);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error("read", &path)(source)),
    };
    // Whatever it says, that it is there ends the card.
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().map(str::to_owned);
    let when = lines.next().unwrap_or_default();
    Ok(Some(Terminated { state: state.to_owned(), when, what: lines.next().unwrap_or_default() }))
}

/// Says in the folder that the card was terminated: from here on every opening finishes what a power cut left undone,
/// and opens nothing.
pub(super) fn say(state: &Path, when: UnixTime, what: &str) -> io::Result<()> {
    let fresh = state.join("terminated.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    writeln!(file, "{}\n{what}", Timestamp::new(when, 0))?;
    file.sync_all()?;
    fs::rename(&fresh, state.join(NAME))?;
    sync_folder(state)
}

/// Destroys the keys, then empties the banks, one durable step after the other as the iterator is driven; what is gone
/// already stays so.
pub(super) fn destruction<'a>(
    state: &'a Path,
    keys: &'a DeviceKeys,
    name: &'a str,
) -> impl Iterator<Item = io::Result<()>> + 'a {
    let key = std::iter::once_with(move || keys.destroy(name));
    let banks =
        NAMES.into_iter().map(move |bank| match OpenOptions::new().write(true).open(state.join(bank)) {
            Ok(file) => file.set_len(0).and_then(|()| file.sync_all()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        });
    key.chain(banks)
}
