//! A card's state folder, and what is kept apart from it.
//!
//! ```text
//! DIR/bank-a, bank-b     the sealed log; added to and synced, never rewritten
//! DIR/identity           which device key opens it
//! DIR/terminated         ends the card for good
//! DIR/lock               held while a process runs the card
//! KEYS/IDENTITY.key      the device key; .place, .anchor and perhaps .tpm beside it (see `device_key`)
//! ```
//!
//! Two answers to what is not as it was left:
//!
//! - **Refused**: nothing is changed. A copy of the folder (here or on another machine), a key or a file that is
//!   missing, a disk that does not read. Putting things right opens the card again.
//! - **Terminated**: somebody changed what is here, or put an older state back. The device key is overwritten and
//!   removed, the banks are emptied, and `terminated` says why, for good.
//!
//! Whether this is the folder the card lives in is asked first: nothing done to a copy harms the original. What no file
//! can do: withstand somebody who copies the folder *and* the device keys and puts both back, or who reads the key.
//! Flash and copy-on-write file systems may keep what was overwritten; then the key's remains are as safe as the disk.

mod anchor;
mod banks;
mod device_key;
mod terminated;
#[cfg(feature = "tpm")]
mod tpm;
#[cfg(not(feature = "tpm"))]
#[path = "no_tpm.rs"]
mod tpm;

pub(crate) use anchor::AnchorFile;
pub(crate) use banks::Banks;
pub(crate) use device_key::DeviceKeys;
pub(crate) use terminated::Terminated;

use card::Lock;
use device_key::{DeviceKey, Place, overwrite_and_remove};
use keys::Secret;
use rand_core::CryptoRng;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use wire::UnixTime;

/// Why a state folder cannot be used. Nothing was changed.
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
    /// A card is written here, and its key is not on this machine.
    #[error(
        "there is no device key {}: this folder is a copy from another machine, or the key was lost; the card opens \
         with no other key (--device-keys names another folder of keys). Nothing was changed",
        .0.display()
    )]
    KeyLost(PathBuf),
    /// The device key is not the card's.
    #[error("{} is not this card's device key, or was damaged; put the card's own back. Nothing was changed", .0.display())]
    NotAKey(PathBuf),
    /// There are two device keys.
    #[error("{} is a device key, and not the one of the card in this folder; take it away. Nothing was changed", .0.display())]
    TwoKeys(PathBuf),
    /// A file of the card is missing.
    #[error("{} is gone; put it back. Nothing was changed", .0.display())]
    Lost(PathBuf),
    /// The folder is a copy.
    #[error(
        "{} is a copy; the card lives in {}. Nothing was changed. (If the card itself was moved by hand: `simward card \
         move-to`)",
        copy.display(), original.display()
    )]
    Copy {
        /// This folder.
        copy: PathBuf,
        /// The card's.
        original: PathBuf,
    },
    /// The card counts in a TPM, and nobody said which.
    #[error("{} names a counter in a TPM: say which TPM with SIMWARD_TPM (/dev/tpmrm0, or HOST:PORT)", .0.display())]
    TpmWanted(PathBuf),
    /// The counter is not where the card left it, and did not go on.
    #[error(
        "the counter that {} names stands lower than the card has counted: this is another TPM, or an older state of it. \
         Nothing was changed",
        .0.display()
    )]
    CounterBehind(PathBuf),
    /// This build speaks to no TPM.
    #[cfg_attr(feature = "tpm", expect(dead_code, reason = "only of a build without the feature"))]
    #[error("{}: this simward was built without the feature `tpm`", .0.display())]
    BuiltWithoutTpm(PathBuf),
    /// The card cannot move there.
    #[error("{} is there already; nothing was moved", .0.display())]
    Occupied(PathBuf),
}

fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FolderError + 'a {
    move |source| FolderError::Io { what, path: path.to_owned(), source }
}

/// Makes new names in a folder survive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What is left of a device key that moved out, until it is overwritten.
const MOVED: &str = "device.key-moved";

/// A state folder, held for one process.
pub(crate) struct Folder {
    path: PathBuf,
    keys: DeviceKeys,
    key: DeviceKey,
    anchor: Option<AnchorFile>,
    /// Keeps others out until it is dropped.
    _lock: File,
}

/// What a card is opened on: its banks, its anchor, its device key.
pub(crate) type Parts = (Banks, AnchorFile, Secret<[u8; 32]>);

/// What opening a folder found.
pub(crate) enum Opening {
    /// A folder that may hold a card, or none yet.
    Live(Box<Folder>),
    /// A card that was terminated, now or before.
    Terminated(Terminated),
}

/// What a state folder says of itself.
enum Identity {
    /// Nothing: it is new.
    New,
    /// It was made by a version that kept the key inside.
    KeyInside(Secret<[u8; 32]>),
    /// This key opens it.
    Named(String),
    /// Something that no version wrote.
    Changed,
}

impl Folder {
    /// Whether there is anything in `path` that a card left.
    pub(crate) fn exists(path: &Path) -> bool {
        ["identity", "device.key", terminated::NAME].iter().any(|name| path.join(name).exists())
    }

    fn lock(path: &Path) -> Result<File, FolderError> {
        let lock_path = path.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let lock = lock.map_err(io_error("open", &lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| FolderError::InUse(path.to_owned()))?;
        Ok(lock)
    }

    /// Takes the folder for this process; makes it, with a fresh device key, where there is none. `now` is when
    /// whatever is found was found.
    pub(crate) fn open(
        path: &Path,
        keys: &DeviceKeys,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Opening, FolderError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("make", path))?;
        let lock = Self::lock(path)?;
        let here = Place::of(path).map_err(io_error("look at", path))?;
        let end = |name: &str, what: &str| terminate(path, keys, name, now, what).map(Opening::Terminated);

        let identity = identity(path)?;
        if let Some(found) = terminated::read(path)? {
            // What a power cut left undone, if this is the card's own folder.
            if let Some(name) = keys.bound_to(&here) {
                finish(terminated::destruction(path, keys, &name), path)?;
            }
            return Ok(Opening::Terminated(found));
        }
        let key = match identity {
            Identity::Named(name) if keys.key_path(&name).exists() => keys.read(&name)?,
            Identity::Named(_) | Identity::Changed => {
                // The key tells which folder it belongs to, whatever the folder says.
                if let Some(name) = keys.bound_to(&here) {
                    return end(&name, "the file `identity` was changed");
                }
                let Identity::Named(name) = identity else {
                    return Err(FolderError::Lost(path.join("identity")));
                };
                return Err(FolderError::KeyLost(keys.key_path(&name)));
            }
            Identity::New => {
                // A making that failed or was cut goes on with the key it drew.
                let begun = keys.bound_to(&here).filter(|name| !keys.anchor_path(name).exists());
                let key = begun.map(|name| keys.read(&name)).transpose()?.map(|begun| begun.key);
                settle_in(path, keys, &here, key.unwrap_or_else(|| Secret::random(rng)))?
            }
            Identity::KeyInside(key) => migrate(path, keys, &here, key)?,
        };
        match keys.place(&key)? {
            Some(place) if place == here => {}
            Some(place) => {
                return Err(FolderError::Copy { copy: path.to_owned(), original: place.path().to_owned() });
            }
            None => return end(&key.name, "the file that binds the device key to its folder was changed"),
        }
        let Some(anchor) = AnchorFile::open(&keys.anchor_path(&key.name), &key.key, keys.tpm())? else {
            return end(&key.name, "the anchor was changed, or is another card's");
        };
        if anchor.last() > 0
            && let Some(gone) =
                banks::NAMES.map(|name| path.join(name)).into_iter().find(|bank| !bank.exists())
        {
            return Err(FolderError::Lost(gone));
        }
        overwrite_and_remove(&path.join(MOVED)).map_err(io_error("clear", path))?;
        let anchor = Some(anchor);
        Ok(Opening::Live(Box::new(Self {
            path: path.to_owned(),
            keys: keys.clone(),
            key,
            anchor,
            _lock: lock,
        })))
    }

    /// Opens what the card is written on.
    pub(crate) fn parts(&mut self) -> Result<Parts, FolderError> {
        let path = self.keys.anchor_path(&self.key.name);
        let anchor = match self.anchor.take() {
            Some(anchor) => anchor,
            None => {
                AnchorFile::open(&path, &self.key.key, self.keys.tpm())?.ok_or(FolderError::Lost(path))?
            }
        };
        let banks = Banks::open(&self.path)?;
        sync_folder(&self.path).map_err(io_error("sync", &self.path))?;
        Ok((banks, anchor, self.key.key.clone()))
    }

    /// The process that runs the card in this folder: whoever the system says holds the lock.
    pub(crate) fn runner(path: &Path) -> Result<Option<i32>, FolderError> {
        let lock = path.join("lock");
        let inode = fs::metadata(&lock).map_err(io_error("look at", &lock))?.ino();
        // 1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF
        let table = Path::new("/proc/locks");
        let text = fs::read_to_string(table).map_err(io_error("read", table))?;
        let mut held = text.lines().filter_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let ours =
                words.get(1) == Some(&"FLOCK") && words.get(5)?.rsplit(':').next()?.parse() == Ok(inode);
            ours.then(|| words.get(4)?.parse().ok()).flatten()
        });
        Ok(held.find(|pid: &i32| *pid > 0))
    }

    /// What ended the card in this folder, if something did.
    pub(crate) fn terminated(path: &Path) -> Result<Option<Terminated>, FolderError> {
        terminated::read(path)
    }

    /// Ends the card in this folder: its keys are destroyed, and `what` is why.
    pub(crate) fn end(&self, now: UnixTime, what: &str) -> Result<Terminated, FolderError> {
        terminate(&self.path, &self.keys, &self.key.name, now, what)
    }

    /// The same of a card that does not open, if this is the folder it lives in.
    pub(crate) fn end_unopened(
        path: &Path,
        keys: &DeviceKeys,
        now: UnixTime,
        what: &str,
    ) -> Result<Terminated, FolderError> {
        let _lock = Self::lock(path)?;
        let Identity::Named(name) = identity(path)? else {
            return Err(FolderError::Lost(path.join("identity")));
        };
        let key = keys.read(&name)?;
        let here = Place::of(path).map_err(io_error("look at", path))?;
        match keys.place(&key)? {
            Some(place) if place == here => terminate(path, keys, &name, now, what),
            _ => Err(FolderError::NotAKey(keys.key_path(&name))),
        }
    }

    /// Ends the card in this folder, if why it is locked shows that somebody changed it. A card of another version is
    /// left alone.
    pub(crate) fn judge(&self, lock: Lock, now: UnixTime) -> Result<Option<Terminated>, FolderError> {
        if !lock.is_tampering() {
            return Ok(None);
        }
        terminate(&self.path, &self.keys, &self.key.name, now, &lock.to_string()).map(Some)
    }

    /// Moves the card from one folder to another, which must not be there yet. With `to` the folder itself, binds a
    /// card anew that was moved by hand: its old folder must hold it no more.
    pub(crate) fn move_to(path: &Path, to: &Path, keys: &DeviceKeys) -> Result<(), FolderError> {
        let _lock = Self::lock(path)?;
        let Identity::Named(name) = identity(path)? else {
            return Err(FolderError::Lost(path.join("identity")));
        };
        let key = keys.read(&name)?;
        let here = Place::of(path).map_err(io_error("look at", path))?;
        let bound = keys.place(&key)?.ok_or_else(|| FolderError::NotAKey(keys.key_path(&name)))?;
        let same_folder = fs::canonicalize(to).is_ok_and(|to| to == here.path());
        if bound != here {
            let at_home = Place::of(bound.path()).is_ok_and(|place| place == bound);
            if at_home || !same_folder {
                let original = bound.path().to_owned();
                return Err(FolderError::Copy { copy: path.to_owned(), original });
            }
        }
        if !same_folder {
            if to.exists() {
                return Err(FolderError::Occupied(to.to_owned()));
            }
            fs::rename(path, to).map_err(io_error("move the card to", to))?;
            if let Some(parent) = to.parent().filter(|p| !p.as_os_str().is_empty()) {
                sync_folder(parent).map_err(io_error("sync", parent))?;
            }
        }
        // A cut here leaves a card that was moved by hand.
        keys.bind(&key, &Place::of(to).map_err(io_error("look at", to))?)
    }
}

/// Whether a card wrote here.
fn written(path: &Path) -> bool {
    banks::NAMES.iter().any(|name| fs::metadata(path.join(name)).is_ok_and(|file| file.len() > 0))
}

fn identity(path: &Path) -> Result<Identity, FolderError> {
    let inside = path.join("device.key");
    let named = path.join("identity");
    let old = match fs::read_to_string(&inside) {
        Ok(text) => {
            let mode = fs::metadata(&inside).map_err(io_error("look at", &inside))?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(FolderError::KeyExposed(inside));
            }
            let mut key = [0; 32];
            hex::decode_to_slice(text.trim_end(), &mut key)
                .map_err(|_| FolderError::NotAKey(inside.clone()))?;
            Some(Secret::new(key))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(io_error("read", &inside)(source)),
    };
    let bytes = match fs::read(&named) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if let Some(key) = old {
                return Ok(Identity::KeyInside(key));
            }
            return if written(path) { Err(FolderError::Lost(named)) } else { Ok(Identity::New) };
        }
        Err(source) => return Err(io_error("read", &named)(source)),
    };
    let name = bytes.strip_suffix(b"\n").and_then(|name| std::str::from_utf8(name).ok());
    let well_formed =
        |name: &&str| name.len() == 32 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let Some(name) = name.filter(well_formed) else { return Ok(Identity::Changed) };
    match old {
        // A migration that a power cut ended.
        Some(key) if DeviceKey::named(key.clone()).name == name => Ok(Identity::KeyInside(key)),
        Some(_) => Err(FolderError::TwoKeys(inside)),
        None => Ok(Identity::Named(name.to_owned())),
    }
}

/// A new card's key: kept, bound to the folder, anchored; named in the folder last.
fn settle_in(
    path: &Path,
    keys: &DeviceKeys,
    here: &Place,
    key: Secret<[u8; 32]>,
) -> Result<DeviceKey, FolderError> {
    let key = keys.keep(key)?;
    keys.bind(&key, here)?;
    let anchor = keys.anchor_path(&key.name);
    if !anchor.exists() {
        AnchorFile::create(&anchor, &key.key, keys.tpm())?;
    }
    let written = (|| {
        let fresh = path.join("identity.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        writeln!(file, "{}", key.name)?;
        file.sync_all()?;
        fs::rename(&fresh, path.join("identity"))?;
        sync_folder(path)
    })();
    written.map_err(io_error("write", &path.join("identity")))?;
    Ok(key)
}

/// Takes the key and the anchor out of a folder that keeps them inside. A cut anywhere leaves a folder in which the
/// next opening goes on.
fn migrate(
    path: &Path,
    keys: &DeviceKeys,
    here: &Place,
    key: Secret<[u8; 32]>,
) -> Result<DeviceKey, FolderError> {
    let key = keys.keep(key)?;
    let (from, to) = (path.join("anchor"), keys.anchor_path(&key.name));
    if !from.exists() && !to.exists() && written(path) {
        return Err(FolderError::Lost(from));
    }
    if from.exists() {
        let moved = (|| {
            let fresh = to.with_extension("anchor-new");
            fs::copy(&from, &fresh)?;
            File::open(&fresh)?.sync_all()?;
            fs::rename(&fresh, &to)
        })();
        moved.map_err(io_error("move", &from))?;
    }
    let key = settle_in(path, keys, here, key.key)?;
    let cleared = (|| {
        if from.exists() {
            fs::remove_file(&from)?;
            sync_folder(path)?;
        }
        // Half overwritten it must not be taken for the key.
        fs::rename(path.join("device.key"), path.join(MOVED))?;
        sync_folder(path)?;
        overwrite_and_remove(&path.join(MOVED))
    })();
    cleared.map_err(io_error("clear", path))?;
    tracing::info!(key = %keys.key_path(&key.name).display(), "the device key moved out of the card's folder");
    Ok(key)
}

/// Takes every step, whatever became of the one before; the first that failed is why it is not done.
fn finish(steps: impl Iterator<Item = io::Result<()>>, path: &Path) -> Result<(), FolderError> {
    let failed = steps.filter_map(Result::err).reduce(|first, _| first);
    failed.map_or(Ok(()), |error| Err(io_error("destroy the keys of", path)(error)))
}

/// Ends the card. A full disk has no room to say so, and needs none to destroy a key: the emptied banks make room.
fn terminate(
    path: &Path,
    keys: &DeviceKeys,
    name: &str,
    now: UnixTime,
    what: &str,
) -> Result<Terminated, FolderError> {
    let say = || terminated::say(path, now, what);
    let said = say();
    finish(terminated::destruction(path, keys, name), path)?;
    let end = path.join(terminated::NAME);
    said.or_else(|_| say()).map_err(io_error("write", &end))?;
    terminated::read(path)?.ok_or(FolderError::Lost(end))
}

#[cfg(test)]
mod tests;
