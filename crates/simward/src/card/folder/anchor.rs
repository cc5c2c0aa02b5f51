//! The anchor as a file beside the device key: the number of the last record that was answered.
//!
//! ```text
//! two sectors of 512 octets, at 0 for even numbers and at 4,096 for odd ones: number, MAC over it, zeros
//! ```
//!
//! A new number goes where the one before the last stood, in place. Replacing the file instead would take three waits for
//! the disk where this takes one. A cut may leave that sector torn: some of it as it was, some as it was to be, the other
//! sector whole. What each of its octets can be then is known, and nothing else is taken for a cut; the number that was being
//! written is the anchor, for its record was synced before.
//!
//! A card may count in a TPM as well (see `tpm`): first the file, then the counter, so that after a cut the file is one ahead at most.
//! A file that is older is somebody's doing, a counter that is lower another TPM's. Such a card's file is under another key, so that it is worth nothing without the
//! counter's.
//!
//! What a file is worth as an anchor: it finds banks, and whole state folders, that were put back without it, and nobody
//! without the device key can write one. It does not stop somebody who also puts the key's folder back: a number that
//! only grows wants a place that only grows, such as a TPM's counter.

use super::tpm::TpmCounter;
use super::{FolderError, io_error, sync_folder};
use card::medium::{Anchor, Fault};
use keys::Secret;
use keys::digest::hmac_sha256;
use keys::seal::subkey;
use keys::secret::same;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Octets of a sector.
const SECTOR: usize = 512;
/// Where the second one begins: another block of the disk.
const SECOND: usize = 4_096;
const FILE: usize = SECOND + SECTOR;

/// The anchor, open for writing.
#[derive(Debug)]
pub(crate) struct AnchorFile {
    path: PathBuf,
    file: File,
    key: Secret<[u8; 32]>,
    value: u64,
    counter: Option<Counter>,
}

/// A counter in a TPM.
#[derive(Debug)]
struct Counter {
    tpm: TpmCounter,
    /// Where it stands; `None` if that is not known since it failed.
    value: Option<u64>,
}

impl Counter {
    /// Counts until it stands at `to`.
    fn raise(&mut self, to: u64) -> io::Result<()> {
        let at = match self.value.take() {
            Some(at) => at,
            None => self.tpm.value()?.ok_or_else(|| io::Error::other("the counter went down"))?,
        };
        for _ in at..to {
            self.tpm.count()?;
        }
        self.value = Some(at.max(to));
        Ok(())
    }
}

/// A sector: the number, and its MAC under the anchor's key.
fn sector(key: &Secret<[u8; 32]>, value: u64) -> [u8; SECTOR] {
    let number = value.to_be_bytes();
    let mut out = [0; SECTOR];
    let parts = number.iter().copied().chain(hmac_sha256(key, &[b"sector", &number]));
    out.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    out
}

/// The number in a sector that was written whole, by whoever has the key.
fn read(key: &Secret<[u8; 32]>, bytes: &[u8]) -> Option<u64> {
    let value = u64::from_be_bytes(*bytes.first_chunk()?);
    same(&sector(key, value), bytes.first_chunk::<SECTOR>()?).then_some(value)
}

/// What the first version wrote: the number and its MAC, one line.
fn line(key: &Secret<[u8; 32]>, bytes: &[u8]) -> Option<u64> {
    let number = bytes.split(|b| *b == b' ').next().and_then(|n| std::str::from_utf8(n).ok());
    let value: u64 = number?.parse().ok()?;
    let line = format!("{value} {}\n", hex::encode(hmac_sha256(key, &[&value.to_be_bytes()])));
    same(line.as_bytes(), bytes).then_some(value)
}

/// The key of a file alone, or of one beside a counter.
fn key(device_key: &Secret<[u8; 32]>, counts: bool) -> Secret<[u8; 32]> {
    subkey(device_key, b"", if counts { b"simward.card.anchor.2" } else { b"simward.card.anchor.1" })
}

/// The file that names the counter.
fn counter_path(path: &Path) -> PathBuf {
    path.with_extension("tpm")
}

/// Both sectors, with the octets between them.
fn sectors(bytes: &[u8]) -> Option<[&[u8]; 2]> {
    let (first, rest) = bytes.split_at_checked(SECTOR)?;
    let (gap, second) = rest.split_at_checked(SECOND - SECTOR)?;
    (bytes.len() == FILE && gap.iter().all(|b| *b == 0)).then_some([first, second])
}

/// What the anchor's file says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Whole(u64),
    /// A cut came while this number was written.
    Torn(u64),
}

/// Reads the file; `None` if somebody without the key changed it.
fn understand(key: &Secret<[u8; 32]>, bytes: &[u8]) -> Option<Said> {
    let [even, odd] = sectors(bytes)?;
    let torn = |whole: u64, torn: &[u8]| {
        let (before, after) = (whole.saturating_sub(1), whole.checked_add(1)?);
        let (old, new) = (sector(key, before), sector(key, after));
        let is_torn = torn.iter().zip(old.iter().zip(&new)).all(|(is, (old, new))| is == old || is == new);
        is_torn.then_some(Said::Torn(after))
    };
    match (read(key, even), read(key, odd)) {
        (Some(even), Some(odd)) => Some(Said::Whole(even.max(odd))),
        (Some(whole), None) => torn(whole, odd),
        (None, Some(whole)) => torn(whole, even),
        (None, None) => None,
    }
}

/// Both sectors anew, in a file that takes the place of what was there.
fn replace(path: &Path, key: &Secret<[u8; 32]>, value: u64) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    let before = value.saturating_sub(1);
    let (even, odd) = if value.is_multiple_of(2) { (value, before) } else { (before, value) };
    let mut bytes = sector(key, even).to_vec();
    bytes.resize(SECOND, 0);
    bytes.extend_from_slice(&sector(key, odd));
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_folder(path.parent().unwrap_or(path))
}

impl AnchorFile {
    /// Makes the anchor of a card that has no record yet; with a TPM, it counts there too.
    pub(super) fn create(
        path: &Path,
        device_key: &Secret<[u8; 32]>,
        tpm: Option<&str>,
    ) -> Result<(), FolderError> {
        let counter = counter_path(path);
        if let Some(address) = tpm
            && !counter.exists()
        {
            TpmCounter::create(&counter, device_key, address)?;
        }
        replace(path, &key(device_key, counter.exists()), 0).map_err(io_error("write", path))
    }

    /// Reads the anchor, and the counter if there is one. `Ok(None)` if it was changed by somebody without the device key.
    pub(super) fn open(
        path: &Path,
        device_key: &Secret<[u8; 32]>,
        tpm: Option<&str>,
    ) -> Result<Option<Self>, FolderError> {
        let counter = counter_path(path);
        let counts = counter.try_exists().map_err(io_error("look at", &counter))?;
        let Some(mut anchor) = Self::open_file(path, device_key, counts)? else {
            // Whole, but without what names its counter: that is missing, and nobody changed anything.
            let lost = !counts && Self::open_file(path, device_key, true)?.is_some();
            return if lost { Err(FolderError::Lost(counter)) } else { Ok(None) };
        };
        if !counts {
            if tpm.is_some() {
                tracing::warn!(
                    "a TPM was named, but this card was made without one and does not count in it"
                );
            }
            return Ok(Some(anchor));
        }
        let address = tpm.ok_or_else(|| FolderError::TpmWanted(counter.clone()))?;
        let Some(mut tpm) = TpmCounter::open(&counter, device_key, address)? else { return Ok(None) };
        let behind = || FolderError::CounterBehind(counter.clone());
        let counted = tpm.value().map_err(io_error("read the counter of", &counter))?.ok_or_else(behind)?;
        let mut there = Counter { tpm, value: Some(counted) };
        match anchor.value.checked_sub(counted) {
            // A cut came between the two.
            Some(1) => there.raise(anchor.value).map_err(io_error("raise the counter of", &counter))?,
            Some(0) => {}
            Some(_) => return Err(behind()),
            // The file is an older one; whatever log it fits is too.
            None => {
                replace(path, &anchor.key, counted).map_err(io_error("write", path))?;
                let Some(newer) = Self::open_file(path, device_key, counts)? else { return Ok(None) };
                anchor = newer;
            }
        }
        anchor.counter = Some(there);
        Ok(Some(anchor))
    }

    fn open_file(
        path: &Path,
        device_key: &Secret<[u8; 32]>,
        counts: bool,
    ) -> Result<Option<Self>, FolderError> {
        let key = key(device_key, counts);
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(FolderError::Lost(path.to_owned()));
            }
            Err(source) => return Err(io_error("read", path)(source)),
        };
        let said = match line(&key, &bytes) {
            // As good as torn: it is written anew.
            Some(value) => Some(Said::Torn(value)),
            None => understand(&key, &bytes),
        };
        let value = match said {
            None => return Ok(None),
            Some(Said::Whole(value)) => value,
            Some(Said::Torn(value)) => {
                replace(path, &key, value).map_err(io_error("write", path))?;
                value
            }
        };
        let file = OpenOptions::new().write(true).open(path).map_err(io_error("open", path))?;
        Ok(Some(Self { path: path.to_owned(), file, key, value, counter: None }))
    }

    /// The last number that was answered.
    pub(super) const fn last(&self) -> u64 {
        self.value
    }

    fn write(&self, value: u64) -> io::Result<()> {
        let place = value % 2 * SECOND as u64;
        self.file.write_all_at(&sector(&self.key, value), place)?;
        self.file.sync_data()
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
        let failed = |path: &Path, error: io::Error| {
            tracing::error!(file = %path.display(), %error, "could not write the anchor");
            Fault
        };
        self.write(to).map_err(|error| failed(&self.path, error))?;
        if let Some(counter) = &mut self.counter {
            counter.raise(to).map_err(|error| failed(&self.path, error))?;
        }
        self.value = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_there_after_every_advance_and_only_whole_sectors_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (path, device_key) = (folder.path().join("anchor"), Secret::new([3; 32]));
        AnchorFile::create(&path, &device_key, None).unwrap();
        for value in 1..6 {
            let mut anchor = AnchorFile::open(&path, &device_key, None).unwrap().unwrap();
            anchor.advance(value).unwrap();
            assert_eq!(AnchorFile::open(&path, &device_key, None).unwrap().unwrap().last(), value);
        }
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, changed).unwrap();
            // One that looks like a cut never makes the number less: then the log is behind, and that is seen.
            let found = AnchorFile::open(&path, &device_key, None).unwrap();
            assert!(found.is_none_or(|anchor| anchor.last() >= 5), "bit {bit}");
        }
        for bad in [&whole[..SECTOR], &whole[SECTOR..], &[], &[&whole[..], &[0]].concat()] {
            fs::write(&path, bad).unwrap();
            assert!(AnchorFile::open(&path, &device_key, None).unwrap().is_none());
        }
        fs::write(&path, whole).unwrap();
        assert!(AnchorFile::open(&path, &Secret::new([4; 32]), None).unwrap().is_none(), "another card's");
    }

    #[test]
    fn a_sector_that_a_cut_tore_is_known_for_what_it_is_and_healed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, device_key) = (folder.path().join("anchor"), Secret::new([3; 32]));
        AnchorFile::create(&path, &device_key, None).unwrap();
        for value in 1..=6 {
            AnchorFile::open(&path, &device_key, None).unwrap().unwrap().advance(value).unwrap();
        }
        let old = fs::read(&path).unwrap();
        AnchorFile::open(&path, &device_key, None).unwrap().unwrap().advance(7).unwrap();
        let new = fs::read(&path).unwrap();
        for torn in 0..=SECTOR {
            for backwards in [false, true] {
                let mut bytes = old.clone();
                let part = if backwards { SECOND + torn..FILE } else { SECOND..SECOND + torn };
                bytes[part.clone()].copy_from_slice(&new[part]);
                fs::write(&path, &bytes).unwrap();
                let found = AnchorFile::open(&path, &device_key, None).unwrap().unwrap().last();
                assert!(found == 7 || found == 6 && bytes == old, "{found} after {torn} octets");
                assert_eq!(
                    AnchorFile::open(&path, &device_key, None).unwrap().unwrap().last(),
                    found,
                    "healed"
                );
            }
        }
    }

    #[test]
    fn the_line_that_the_first_version_wrote_is_read_and_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, device_key) = (folder.path().join("anchor"), Secret::new([3; 32]));
        let mac = hmac_sha256(&key(&device_key, false), &[&7u64.to_be_bytes()]);
        fs::write(&path, format!("7 {}\n", hex::encode(mac))).unwrap();
        assert_eq!(AnchorFile::open(&path, &device_key, None).unwrap().unwrap().last(), 7);
        assert_eq!(fs::read(&path).unwrap().len(), FILE);
        assert_eq!(AnchorFile::open(&path, &device_key, None).unwrap().unwrap().last(), 7);
        fs::write(&path, format!("6 {}\n", hex::encode(mac))).unwrap();
        assert!(AnchorFile::open(&path, &device_key, None).unwrap().is_none());
    }
}
