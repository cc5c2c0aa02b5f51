//! A card's state folder: two bank files, the anchor, the device key and a lock.
//!
//! ```text
//! bank-a, bank-b   the sealed log; appended and synced, never rewritten
//! anchor           the number of the last answered record, and a MAC over it; replaced whole
//! device.key       seals it all; mode 0600
//! lock             held while a process runs the card
//! ```
//!
//! What a file is worth as an anchor: it finds banks that were put back without it (a restored backup, a copied
//! bank), and nobody without the device key can write one. It does not stop somebody who copies the *whole* folder
//! and puts the whole of it back: a number that only grows wants a place that only grows, such as a chip's counter.

use card::medium::{Anchor, Bank, Fault, Medium};
use keys::Secret;
use keys::digest::hmac_sha256;
use keys::seal::subkey;
use keys::secret::same;
use rand_core::CryptoRng;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::profile::create_private;

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// The file system said no.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process runs the card.
    #[error("{} is in use by another process; one card runs once: reach the running one with --reader", .0.display())]
    InUse(PathBuf),
    /// The device key is readable by others.
    #[error("{} can be read by others than its owner; if nobody has copied it, `chmod 600` it", .0.display())]
    KeyExposed(PathBuf),
    /// A card is written here, and its key is gone.
    #[error("{} is gone, and the card in this folder opens with no other key; put it back, nothing was changed", .0.display())]
    KeyLost(PathBuf),
    /// The device key is not 32 octets in hexadecimal.
    #[error("{} is not a device key (64 hexadecimal digits); put the card's own back", .0.display())]
    NotAKey(PathBuf),
    /// The anchor was not written under this device key.
    #[error("{} was not written by this card; put the card's own back", .0.display())]
    NotAnAnchor(PathBuf),
}

fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FolderError + 'a {
    move |source| FolderError::Io { what, path: path.to_owned(), source }
}

/// A state folder, held for one process.
pub(crate) struct Folder {
    path: PathBuf,
    device_key: Secret<[u8; 32]>,
    /// Keeps others out until it is dropped.
    _lock: File,
}

/// What a card is opened on: its banks, its anchor, its device key.
pub(crate) type Parts = (Banks, AnchorFile, Secret<[u8; 32]>);

impl Folder {
    /// Whether there is anything in `path` that a card left.
    pub(crate) fn exists(path: &Path) -> bool {
        path.join("device.key").exists()
    }

    /// Takes the folder for this process; makes it, with a fresh device key, where there is none.
    pub(crate) fn open(path: &Path, rng: &mut impl CryptoRng) -> Result<Self, FolderError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("make", path))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(io_error("open", &lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| FolderError::InUse(path.to_owned()))?;
        let key_path = path.join("device.key");
        let written = ["anchor", "bank-a", "bank-b"]
            .iter()
            .any(|name| fs::metadata(path.join(name)).is_ok_and(|file| file.len() > 0));
        if written && !key_path.exists() {
            return Err(FolderError::KeyLost(key_path));
        }
        let device_key = device_key(&key_path, rng)?;
        Ok(Self { path: path.to_owned(), device_key, _lock: lock })
    }

    /// Opens what the card is written on.
    pub(crate) fn parts(&self) -> Result<Parts, FolderError> {
        let anchor = AnchorFile::open(&self.path, &self.device_key)?;
        let banks = Banks { a: bank(&self.path.join("bank-a"))?, b: bank(&self.path.join("bank-b"))? };
        sync_folder(&self.path).map_err(io_error("sync", &self.path))?;
        Ok((banks, anchor, self.device_key.clone()))
    }
}

/// Makes new names in a folder survive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Reads the device key; makes one where there is none.
fn device_key(path: &Path, rng: &mut impl CryptoRng) -> Result<Secret<[u8; 32]>, FolderError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let key = Secret::<[u8; 32]>::random(rng);
            // Under another name first: a key that was cut short must never be found.
            let fresh = path.with_extension("new");
            let _ = fs::remove_file(&fresh);
            let written = create_private(&fresh).and_then(|mut file| {
                writeln!(file, "{}", hex::encode(key.danger_expose()))?;
                file.sync_all()?;
                fs::rename(&fresh, path)
            });
            written.map_err(io_error("write", path))?;
            return Ok(key);
        }
        Err(source) => return Err(io_error("read", path)(source)),
    };
    let mode = fs::metadata(path).map_err(io_error("look at", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(FolderError::KeyExposed(path.to_owned()));
    }
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim_end(), &mut key).map_err(|_| FolderError::NotAKey(path.to_owned()))?;
    Ok(Secret::new(key))
}

/// A bank as a file that is only ever appended to, or emptied.
struct BankFile {
    path: PathBuf,
    file: File,
}

fn bank(path: &Path) -> Result<BankFile, FolderError> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    Ok(BankFile { path: path.to_owned(), file: file.map_err(io_error("open", path))? })
}

/// The two banks.
pub(crate) struct Banks {
    a: BankFile,
    b: BankFile,
}

impl Banks {
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

/// The anchor as a file: the number and its MAC, one line.
pub(crate) struct AnchorFile {
    folder: PathBuf,
    path: PathBuf,
    key: Secret<[u8; 32]>,
    value: u64,
}

impl AnchorFile {
    fn open(folder: &Path, device_key: &Secret<[u8; 32]>) -> Result<Self, FolderError> {
        let path = folder.join("anchor");
        let key = subkey(device_key, b"", b"simward.card.anchor.1");
        let mut anchor = Self { folder: folder.to_owned(), path, key, value: 0 };
        match fs::read_to_string(&anchor.path) {
            Ok(text) => {
                let value = text.split(' ').next().and_then(|number| number.parse().ok());
                anchor.value = value.ok_or_else(|| FolderError::NotAnAnchor(anchor.path.clone()))?;
                if !same(anchor.line(anchor.value).as_bytes(), text.as_bytes()) {
                    return Err(FolderError::NotAnAnchor(anchor.path));
                }
            }
            // Before a card's first record there is none. If it was taken away, the banks run ahead of 0 and the
            // card locks.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io_error("read", &anchor.path)(source)),
        }
        Ok(anchor)
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

#[cfg(test)]
mod tests {
    use super::*;
    use card::{Card, Code, Lock, MncLength, OpenError, Profile};
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    fn profile() -> Profile {
        Profile {
            iccid: "8986001200000000017".parse().unwrap(),
            imsi: "460001234567890".parse().unwrap(),
            mnc_length: MncLength::Two,
            k: Secret::new([0x4b; 16]),
            opc: Secret::new([0x4f; 16]),
            pin: Code::pin("1234").unwrap(),
            puk: Code::eight("12345678").unwrap(),
            adm1: Code::eight("87654321").unwrap(),
            msisdn: None,
            deed_id: None,
        }
    }

    const WRONG_PIN: [u8; 13] = *b"\x00\x20\x00\x01\x089999\xff\xff\xff\xff";

    fn card(path: &Path) -> Card<Banks, AnchorFile> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let folder = Folder::open(path, &mut rng).unwrap();
        let (banks, anchor, key) = folder.parts().unwrap();
        match Card::open(banks, anchor, key) {
            Ok(card) => card,
            Err(OpenError::Empty) => {
                let (banks, anchor, key) = folder.parts().unwrap();
                Card::personalise(banks, anchor, key, &profile(), &mut rng).unwrap()
            }
            Err(e) => panic!("{e}"),
        }
    }

    fn guess(card: &mut Card<Banks, AnchorFile>) -> Vec<u8> {
        card.transmit(&WRONG_PIN, &mut ChaCha20Rng::seed_from_u64(2))
    }

    fn copy(from: &Path, to: &Path, names: &[&str]) {
        for name in names {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }

    #[test]
    fn a_card_keeps_its_counters_and_its_secrets_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/card");
        assert_eq!(guess(&mut card(&path)), [0x63, 0xc2]);
        assert_eq!(guess(&mut card(&path)), [0x63, 0xc1]);
        for name in ["bank-a", "bank-b", "anchor", "device.key", "lock"] {
            let mode = fs::metadata(path.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            let bytes = fs::read(path.join(name)).unwrap();
            for secret in [&[0x4b; 16][..], &[0x4f; 16], b"1234\xff\xff\xff\xff", b"12345678", b"87654321"] {
                assert!(!bytes.windows(secret.len()).any(|w| w == secret), "{name}");
            }
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn banks_put_back_without_their_anchor_lock_the_card() {
        let (folder, saved) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = folder.path();
        let banks = ["bank-a", "bank-b"];
        drop(card(path));
        copy(path, saved.path(), &banks);
        assert_eq!(guess(&mut card(path)), [0x63, 0xc2]);
        let newest = tempfile::tempdir().unwrap();
        copy(path, newest.path(), &banks);
        copy(saved.path(), path, &banks);
        let mut locked = card(path);
        assert!(matches!(locked.lock(), Some(Lock::Rollback { .. })), "{locked:?}");
        assert_eq!(guess(&mut locked), [0x6f, 0x00]);
        drop(locked);
        copy(newest.path(), path, &banks);
        assert_eq!(guess(&mut card(path)), [0x63, 0xc1]);
        fs::remove_file(path.join("anchor")).unwrap();
        assert!(matches!(card(path).lock(), Some(Lock::AnchorBehind { .. })));
    }

    #[test]
    fn a_folder_opens_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let first = Folder::open(folder.path(), &mut rng).unwrap();
        assert!(matches!(Folder::open(folder.path(), &mut rng), Err(FolderError::InUse(_))));
        drop(first);
        Folder::open(folder.path(), &mut rng).unwrap();
    }

    #[test]
    fn foreign_keys_and_anchors_are_told_and_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        drop(card(path));
        let mut open = || Folder::open(path, &mut rng).and_then(|folder| folder.parts().map(|_| ()));

        let anchor = fs::read_to_string(path.join("anchor")).unwrap();
        for bad in [anchor.replacen('1', "2", 1), anchor.to_uppercase(), String::new(), "1 00\n".to_owned()] {
            fs::write(path.join("anchor"), bad).unwrap();
            assert!(matches!(open(), Err(FolderError::NotAnAnchor(_))));
        }
        fs::write(path.join("anchor"), anchor).unwrap();
        open().unwrap();

        let key = path.join("device.key");
        let kept = fs::read(&key).unwrap();
        fs::remove_file(&key).unwrap();
        assert!(matches!(open(), Err(FolderError::KeyLost(_))));
        assert!(!key.exists(), "no key is made over a card");
        fs::write(&key, kept).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(open(), Err(FolderError::KeyExposed(_))));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, "short").unwrap();
        assert!(matches!(open(), Err(FolderError::NotAKey(_))));
        fs::write(&key, "00".repeat(32)).unwrap();
        assert!(matches!(open(), Err(FolderError::NotAnAnchor(_))));
    }
}
