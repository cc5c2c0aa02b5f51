//! A witness in a folder: what it has cosigned is on disk before anybody gets the line.
//!
//! ```text
//! DIR/lock            held while it runs: two processes would cosign two trees
//! DIR/key             its Ed25519 key
//! DIR/name            the name it signs with
//! DIR/origins         the logs it has ever known: one whose checkpoint is gone was forgotten, and it does not start
//! DIR/<sha256 of a log's origin>.checkpoint   the newest checkpoint cosigned of that log, with both signatures; `nothing`
//!                     before the first
//! ```

pub mod door;

use crate::deployment::write_private;
use deed::log::note::{Checkpoint, SignatureLine, SignedNote, VerifierKey};
use deed::log::submission::Submission;
use keys::Secret;
use keys::sign::{Ed25519Key, Host};
use operator::cosigner::{Cosigner, Declined};
use rand_core::CryptoRng;
use rustix::fs::{FlockOperation, flock};
use std::collections::{BTreeSet, HashMap};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use wire::UnixTime;

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Another process has the folder.
    #[error("{} is in use by another witness; stop that one, or give this one another folder", .0.display())]
    InUse(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {why}. A witness that has forgotten must not go on under its key: restore the file, or begin anew \
             with another key in another folder", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// It would witness nothing.
    #[error("no log to witness: name one with --log or --policy")]
    NoLogs,
    /// A name that no verifier key can have.
    #[error("{0:?} is no name of a witness: no space, no plus, not empty, best a URL without its scheme")]
    Name(String),
    /// The folder is another witness's.
    #[error("{} belongs to the witness {known}; leave --name out, or use another folder", path.display())]
    OtherName {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        known: String,
    },
}

/// What stands for a checkpoint before the first.
const NOTHING: &[u8] = b"nothing\n";

/// An open witness.
pub struct WitnessFolder {
    dir: PathBuf,
    cosigner: Cosigner,
    /// The newest checkpoint cosigned of each log, by its origin. Locked from the comparison to the answer: tlog-witness,
    /// "must be performed atomically".
    newest: Mutex<HashMap<String, Cosigned>>,
    _lock: File,
}

#[derive(Clone)]
struct Cosigned {
    checkpoint: Checkpoint,
    note: SignedNote,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> WitnessError + '_ {
    move |source| WitnessError::Io { path: path.to_path_buf(), source }
}

/// Reads a small file if it is there.
fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, WitnessError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io(path)(e)),
    }
}

/// SHA-256 of an origin as paths have it (tlog-witness, "Monitor Retrieval Mechanism").
pub fn origin_hash(origin: &str) -> String {
    hex::encode(keys::digest::sha256(&[origin.as_bytes()]))
}

impl WitnessFolder {
    /// Opens the witness in `dir`, or makes one there with a fresh key. Its name is given once; without one it is made
    /// from the key.
    pub fn open(
        dir: &Path,
        name: Option<&str>,
        logs: Vec<VerifierKey>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WitnessError> {
        if logs.is_empty() {
            return Err(WitnessError::NoLogs);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io(dir))?;
        let path = dir.join("lock");
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(io(&path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| WitnessError::InUse(dir.to_path_buf()))?;
        let known = open_origins(dir, &logs)?;
        let key = open_key(dir, known.is_some(), rng)?;
        let name = open_name(dir, name, &key)?;
        let cosigner = Cosigner::new(name, key, logs);
        let mut newest = HashMap::new();
        for log in cosigner.logs() {
            if let Some(cosigned) = read_cosigned(dir, &cosigner, &log.name)? {
                newest.insert(log.name.clone(), cosigned);
            }
        }
        Ok(Self { dir: dir.to_path_buf(), cosigner, newest: Mutex::new(newest), _lock: lock })
    }

    /// Its key as policies name it.
    pub fn vkey(&self) -> VerifierKey {
        self.cosigner.vkey()
    }

    fn newest(&self) -> MutexGuard<'_, HashMap<String, Cosigned>> {
        // What is in there is what is on disk, after any panic: it is replaced whole, after the file.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest checkpoint cosigned of the log whose origin has this hash, with the log's signatures and this witness's.
    pub fn newest_of(&self, hash: &str) -> Option<SignedNote> {
        let newest = self.newest();
        let found = newest.iter().find(|(origin, _)| origin_hash(origin) == hash);
        found.map(|(_, cosigned)| cosigned.note.clone())
    }

    /// Its logs, each with the size it has seen and when it said so.
    pub fn standing(&self) -> Vec<(String, Option<(u64, UnixTime)>)> {
        let newest = self.newest();
        let origins: BTreeSet<&String> = self.cosigner.logs().iter().map(|log| &log.name).collect();
        let standing = |origin: &String| {
            let cosigned = newest.get(origin)?;
            let time = cosigned.note.cosigned_by(&Host, &self.vkey())?.ok()?;
            Some((cosigned.checkpoint.size, UnixTime(time)))
        };
        origins.into_iter().map(|origin| (origin.clone(), standing(origin))).collect()
    }

    /// Cosigns a checkpoint at `now`, or says why not. What it has seen is durable when this returns.
    pub fn add_checkpoint(&self, body: &[u8], now: UnixTime) -> Result<SignatureLine, Declined> {
        let submission = Submission::parse(body).map_err(|e| Declined::Malformed(e.0))?;
        // Signatures are looked at before anybody else has to wait for this.
        let checkpoint = self.cosigner.checkpoint(&submission)?;
        let mut newest = self.newest();
        let seen = newest.get(&checkpoint.origin).map(|cosigned| &cosigned.checkpoint);
        let line = self.cosigner.cosign(&submission, seen, now)?;
        let note = self.kept(&submission.note, &checkpoint, &line);
        let path = self.dir.join(format!("{}.checkpoint", origin_hash(&checkpoint.origin)));
        write_private(&path, &note.encode()).map_err(|e| {
            tracing::error!("{}: {e}", path.display());
            Declined::Broken("what this witness has seen could not be stored; nothing was cosigned".into())
        })?;
        newest.insert(checkpoint.origin.clone(), Cosigned { checkpoint, note });
        Ok(line)
    }

    /// The checkpoint with the log's own lines and this witness's; what strangers put under it is not kept.
    fn kept(&self, note: &SignedNote, checkpoint: &Checkpoint, line: &SignatureLine) -> SignedNote {
        let of_log = |log: &&VerifierKey| log.name == checkpoint.origin;
        let by_log = |l: &&SignatureLine| {
            self.cosigner.logs().iter().filter(of_log).any(|log| l.name == log.name && l.id == log.id())
        };
        let mut signatures: Vec<SignatureLine> = Vec::new();
        for line in note.signatures.iter().filter(by_log).chain([line]) {
            if !signatures.contains(line) {
                signatures.push(line.clone());
            }
        }
        SignedNote { text: note.text.clone(), signatures }
    }
}

/// Logs that are new here begin with nothing; those that are not must have their checkpoint. The origins as they were
/// before, if there were any. A crash in between leaves nothing half known: each file is there before its name is.
fn open_origins(dir: &Path, logs: &[VerifierKey]) -> Result<Option<String>, WitnessError> {
    let path = dir.join("origins");
    let known = read_if_there(&path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut origins = known.clone().unwrap_or_default();
    for log in logs {
        let hash = origin_hash(&log.name);
        let checkpoint = dir.join(format!("{hash}.checkpoint"));
        if origins.lines().any(|line| line == hash) {
            if !checkpoint.exists() {
                return Err(WitnessError::Damaged { path: checkpoint, why: "is gone" });
            }
            continue;
        }
        if !checkpoint.exists() {
            write_private(&checkpoint, NOTHING).map_err(io(&checkpoint))?;
        }
        origins.push_str(&hash);
        origins.push('\n');
    }
    if known.as_ref() != Some(&origins) {
        if known.is_none() && dir.join("key").exists() {
            return Err(WitnessError::Damaged { path, why: "is gone" });
        }
        write_private(&path, origins.as_bytes()).map_err(io(&path))?;
    }
    Ok(known)
}

fn open_key(dir: &Path, is_old: bool, rng: &mut impl CryptoRng) -> Result<Ed25519Key, WitnessError> {
    let path = dir.join("key");
    let damaged = |why| WitnessError::Damaged { path: path.clone(), why };
    if let Some(text) = read_if_there(&path)? {
        let mut seed = [0; 32];
        hex::decode_to_slice(text.trim_ascii(), &mut seed).map_err(|_| damaged("not a key"))?;
        return Ok(Ed25519Key::from_seed(&Secret::new(seed)));
    }
    // A folder with memories and without its key has lost it; one that was only begun has no name yet.
    if is_old && dir.join("name").exists() {
        return Err(damaged("is gone"));
    }
    let seed = Secret::random(rng);
    write_private(&path, hex::encode(seed.danger_expose()).as_bytes()).map_err(io(&path))?;
    Ok(Ed25519Key::from_seed(&seed))
}

fn open_name(dir: &Path, given: Option<&str>, key: &Ed25519Key) -> Result<String, WitnessError> {
    let path = dir.join("name");
    let known = read_if_there(&path)?;
    let known = known.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_string());
    if let (Some(known), Some(given)) = (&known, given)
        && known != given
    {
        return Err(WitnessError::OtherName { path: dir.to_path_buf(), known: known.clone() });
    }
    let fresh = || {
        let [a, b, c, d, ..] = keys::digest::sha256(&[&key.public()]);
        given.map_or_else(|| format!("simward-witness/{}", hex::encode([a, b, c, d])), String::from)
    };
    let is_new = known.is_none();
    let name = known.unwrap_or_else(fresh);
    // C2SP signed-note, "Format": names are not empty and have no Unicode space and no plus.
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
        return Err(WitnessError::Name(name));
    }
    if is_new {
        write_private(&path, name.as_bytes()).map_err(io(&path))?;
    }
    Ok(name)
}

/// What is stored, believed only if this witness signed it.
fn read_cosigned(dir: &Path, cosigner: &Cosigner, origin: &str) -> Result<Option<Cosigned>, WitnessError> {
    let path = dir.join(format!("{}.checkpoint", origin_hash(origin)));
    let damaged = |why| WitnessError::Damaged { path: path.clone(), why };
    let Some(bytes) = read_if_there(&path)?.filter(|bytes| bytes != NOTHING) else { return Ok(None) };
    let note = SignedNote::parse_any(&bytes).map_err(|e| damaged(e.0))?;
    if !matches!(note.cosigned_by(&Host, &cosigner.vkey()), Some(Ok(_))) {
        return Err(damaged("a checkpoint that this witness has not cosigned"));
    }
    let checkpoint = Checkpoint::parse_any(&note.text).map_err(|e| damaged(e.0))?;
    if checkpoint.origin != origin {
        return Err(damaged("another log's checkpoint"));
    }
    Ok(Some(Cosigned { checkpoint, note }))
}
