//! The device key of a card: kept apart from the card's state, so that a copy of the state is worth nothing.
//!
//! ```text
//! NAME.key      32 octets in hexadecimal, and a check value; mode 0600
//! NAME.place    which folder this card lives in, under a MAC
//! NAME.anchor   the number of the last answered record, under a MAC
//! NAME.tpm      which counter of a TPM has that number too, if one does
//! ```
//!
//! NAME comes from the key itself and is what the state folder keeps as its `identity`.

use super::{FolderError, io_error, sync_folder};
use crate::card::profile::create_private;
use keys::Secret;
use keys::digest::hmac_sha256;
use keys::seal::subkey;
use keys::secret::same;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The environment variable that names the folder of device keys.
const VARIABLE: &str = "SIMWARD_DEVICE_KEYS";

/// Where a card lives: the folder's canonical path and its inode.
///
/// The number of the device is left out: it changes with the order in which disks are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    path: PathBuf,
    inode: u64,
}

impl Place {
    /// Of a folder that is there.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        Ok(Self { path: fs::canonicalize(folder)?, inode: fs::metadata(folder)?.ino() })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The environment variable that names the TPM of those that count in one.
const TPM: &str = "SIMWARD_TPM";

/// The folder of device keys, and the TPM beside it.
#[derive(Debug, Clone)]
pub(crate) struct DeviceKeys {
    folder: PathBuf,
    tpm: Option<String>,
}

/// One card's key, read.
pub(super) struct DeviceKey {
    pub(super) name: String,
    pub(super) key: Secret<[u8; 32]>,
}

impl DeviceKeys {
    /// The folder given, or that of the environment, or the user's own.
    pub(crate) fn folder(given: Option<&Path>) -> Self {
        let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let state =
            || set("XDG_STATE_HOME").unwrap_or_else(|| set("HOME").unwrap_or_default().join(".local/state"));
        let given = given.map(Path::to_owned).or_else(|| set(VARIABLE));
        let folder = given.unwrap_or_else(|| state().join("simward/device-keys"));
        Self { folder, tpm: std::env::var(TPM).ok().filter(|address| !address.is_empty()) }
    }

    /// The TPM that new cards count in, and those that were made so: the path of a device, or `HOST:PORT`.
    pub(super) fn tpm(&self) -> Option<&str> {
        self.tpm.as_deref()
    }

    /// The same with this TPM or none, whatever the environment says.
    pub(crate) fn in_tpm(self, tpm: Option<&str>) -> Self {
        Self { tpm: tpm.map(str::to_owned), ..self }
    }

    /// The same with this TPM, if one is given.
    pub(crate) fn with_tpm(self, tpm: Option<&str>) -> Self {
        Self { tpm: tpm.map(str::to_owned).or(self.tpm), ..self }
    }

    pub(super) fn key_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    fn place_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.place"))
    }

    pub(super) fn anchor_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.anchor"))
    }

    /// Keeps a key. Whatever already lies under its name is the same key.
    pub(super) fn keep(&self, key: Secret<[u8; 32]>) -> Result<DeviceKey, FolderError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(io_error("make", &self.folder))?;
        let key = DeviceKey::named(key);
        let path = self.key_path(&key.name);
        // Under another name first: a key that was cut short must never be found.
        let fresh = path.with_extension("key-new");
        let written = (|| {
            let _ = fs::remove_file(&fresh);
            let mut file = create_private(&fresh)?;
            writeln!(file, "{} {}", hex::encode(key.key.danger_expose()), key.check())?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            sync_folder(&self.folder)
        })();
        written.map_err(io_error("write", &path))?;
        Ok(key)
    }

    /// Reads the key of this name.
    pub(super) fn read(&self, name: &str) -> Result<DeviceKey, FolderError> {
        let path = self.key_path(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => zeroize::Zeroizing::new(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(FolderError::KeyLost(path)),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => return Err(FolderError::NotAKey(path)),
            Err(source) => return Err(io_error("read", &path)(source)),
        };
        let mode = fs::metadata(&path).map_err(io_error("look at", &path))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(FolderError::KeyExposed(path));
        }
        let mut key = [0; 32];
        let digits = text.split(' ').next().unwrap_or_default();
        hex::decode_to_slice(digits, &mut key).map_err(|_| FolderError::NotAKey(path.clone()))?;
        let key = DeviceKey::named(Secret::new(key));
        let line =
            zeroize::Zeroizing::new(format!("{} {}\n", hex::encode(key.key.danger_expose()), key.check()));
        // A key that was damaged, or is another card's, opens nothing: that is no reason to destroy anything.
        if key.name != name || !same(line.as_bytes(), text.as_bytes()) {
            return Err(FolderError::NotAKey(path));
        }
        Ok(key)
    }

    /// Binds the card of this key to a folder.
    pub(super) fn bind(&self, key: &DeviceKey, place: &Place) -> Result<(), FolderError> {
        let path = self.place_path(&key.name);
        let fresh = path.with_extension("place-new");
        let written = (|| {
            let _ = fs::remove_file(&fresh);
            let mut file = create_private(&fresh)?;
            file.write_all(key.place_line(place).as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            sync_folder(&self.folder)
        })();
        written.map_err(io_error("write", &path))
    }

    /// The folder this key is bound to. `Ok(None)` if that was changed by somebody without the key.
    pub(super) fn place(&self, key: &DeviceKey) -> Result<Option<Place>, FolderError> {
        let path = self.place_path(&key.name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(FolderError::Lost(path)),
            Err(source) => return Err(io_error("read", &path)(source)),
        };
        let place = std::str::from_utf8(&bytes).ok().and_then(read_place);
        Ok(place.filter(|place| same(key.place_line(place).as_bytes(), &bytes)))
    }

    /// The name of the key that is bound to this folder, whatever the folder itself says. Keys that do not read are
    /// passed over.
    pub(super) fn bound_to(&self, place: &Place) -> Option<String> {
        let entries = fs::read_dir(&self.folder).ok()?;
        let names =
            entries.filter_map(|e| Some(e.ok()?.file_name().to_str()?.strip_suffix(".place")?.to_owned()));
        let mut names = names.filter(|name| {
            let bound = self.read(name).and_then(|key| self.place(&key));
            matches!(bound, Ok(Some(bound)) if bound == *place)
        });
        names.next()
    }

    /// Overwrites and removes everything of this name. What is not there any more was removed before.
    pub(super) fn destroy(&self, name: &str) -> io::Result<()> {
        let tpm = self.anchor_path(name).with_extension("tpm");
        for path in [self.key_path(name), self.anchor_path(name), tpm, self.place_path(name)] {
            overwrite_and_remove(&path)?;
        }
        if self.folder.exists() { sync_folder(&self.folder) } else { Ok(()) }
    }
}

/// Writes zeros over a file where it lies, then removes it. A file that is not there is no error.
pub(super) fn overwrite_and_remove(path: &Path) -> io::Result<()> {
    let mut file: File = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all(&vec![0; len])?;
    file.sync_all()?;
    fs::remove_file(path)
}

impl DeviceKey {
    pub(super) fn named(key: Secret<[u8; 32]>) -> Self {
        let name = hmac_sha256(&subkey(&key, b"", b"simward.card.folder.1"), &[]);
        Self { name: hex::encode(name).chars().take(32).collect(), key }
    }

    fn check(&self) -> String {
        hex::encode(hmac_sha256(&subkey(&self.key, b"", b"simward.card.key-check.1"), &[]))
            .chars()
            .take(16)
            .collect()
    }

    fn place_line(&self, place: &Place) -> String {
        let path = place.path.as_os_str().as_bytes();
        let key = subkey(&self.key, b"", b"simward.card.place.1");
        let mac = hmac_sha256(&key, &[&place.inode.to_be_bytes(), path]);
        format!("{} {} {}\n", place.inode, hex::encode(path), hex::encode(mac))
    }
}

fn read_place(line: &str) -> Option<Place> {
    let mut words = line.split(' ');
    let inode = words.next()?.parse().ok()?;
    let path = hex::decode(words.next()?).ok()?;
    Some(Place { path: std::ffi::OsString::from_vec(path).into(), inode })
}
