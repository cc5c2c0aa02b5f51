//! The anchor as a file beside the device key: the number of the last record that was answered.
//!
//! What a file is worth as an anchor: it finds banks, and whole state folders, that were put back without it, and nobody
//! without the device key can write one. It does not stop somebody who also puts the key's folder back: a number that
//! only grows wants a place that only grows, such as a chip's counter.

use super::{FolderError, io_error, sync_folder};
use card::medium::{Anchor, Fault};
use keys::Secret;
use keys::digest::hmac_sha256;
use keys::seal::subkey;
use keys::secret::same;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The number and its MAC, one line; replaced whole.
#[derive(Debug)]
pub(crate) struct AnchorFile {
    folder: PathBuf,
    path: PathBuf,
    key: Secret<[u8; 32]>,
    value: u64,
}

impl AnchorFile {
    fn at(path: &Path, device_key: &Secret<[u8; 32]>) -> Self {
        let key = subkey(device_key, b"", b"simward.card.anchor.1");
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Self { folder, path: path.to_owned(), key, value: 0 }
    }

    /// Makes the anchor of a card that has no record yet.
    pub(super) fn create(path: &Path, device_key: &Secret<[u8; 32]>) -> Result<(), FolderError> {
        Self::at(path, device_key).write(0).map_err(io_error("write", path))
    }

    /// Reads the anchor. `Ok(None)` if it was changed by somebody without the device key.
    pub(super) fn open(path: &Path, device_key: &Secret<[u8; 32]>) -> Result<Option<Self>, FolderError> {
        let mut anchor = Self::at(path, device_key);
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(FolderError::Lost(path.to_owned()));
            }
            Err(source) => return Err(io_error("read", path)(source)),
        };
        let number = bytes.split(|b| *b == b' ').next().and_then(|n| std::str::from_utf8(n).ok());
        let Some(value) = number.and_then(|n| n.parse().ok()) else { return Ok(None) };
        anchor.value = value;
        Ok(same(anchor.line(value).as_bytes(), &bytes).then_some(anchor))
    }

    /// The last number that was answered.
    pub(super) const fn last(&self) -> u64 {
        self.value
    }

    fn line(&self, value: u64) -> String {
        format!("{value} {}\n", hex::encode(hmac_sha256(&self.key, &[&value.to_be_bytes()])))
    }

    fn write(&self, value: u64) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(self.line(value).as_bytes())?;
        file.sync_data()?;
        fs::rename(&fresh, &self.path)?;
        sync_folder(&self.folder)
    }
}

impl Anchor for AnchorFile {
    fn value(&self) -> Result<u64, Fault> {
        Ok(self.value)
    }

    fn advance(&mut self, to: u64) -> Result<(), Fault> {
        if to <= self.value {
            return Ok(());
        }
        self.write(to).map_err(|error| {
            tracing::error!(file = %self.path.display(), %error, "could not write the anchor");
            Fault
        })?;
        self.value = to;
        Ok(())
    }
}
