//! In the place of `tpm.rs` in a build without it: no counter is made, and a card that has one does not open.

use super::FolderError;
use keys::Secret;
use std::io;
use std::path::Path;

/// There is none.
#[derive(Debug)]
pub(super) enum TpmCounter {}

impl TpmCounter {
    pub(super) fn create(path: &Path, _: &Secret<[u8; 32]>, _: &str) -> Result<Self, FolderError> {
        Err(FolderError::BuiltWithoutTpm(path.to_owned()))
    }

    pub(super) fn open(path: &Path, _: &Secret<[u8; 32]>, _: &str) -> Result<Option<Self>, FolderError> {
        Err(FolderError::BuiltWithoutTpm(path.to_owned()))
    }

    pub(super) fn value(&mut self) -> io::Result<Option<u64>> {
        match *self {}
    }

    pub(super) fn count(&mut self) -> io::Result<()> {
        match *self {}
    }
}
