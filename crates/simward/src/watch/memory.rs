//! What a watcher remembers between two looks: the edge of the tree it has followed, and what it has found.
//!
//! ```text
//! STATE           size, edge, newest checkpoint, found events, alarms told, as JSON
//! STATE.leaves    with --all: every entry: its hash, and the leaf it is (zeroes if it is none), 97 octets each
//! ```

use deed::Digest;
use deed::log::frontier::Frontier;
use deed::log::{LEAF_BYTES, Leaf};
use serde::{Deserialize, Serialize};
use server::deployment::write_private;
use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Why what was remembered is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemoryError {
    /// A file cannot be read or written.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    /// It is not what was written.
    #[error("{}: {}; what it remembered is lost: begin anew with another file", .0.display(), .1)]
    Damaged(PathBuf, &'static str),
    /// It is of another log or number.
    #[error("{} remembers another log or another number; give this one a file of its own", .0.display())]
    Other(PathBuf),
}

/// Octets of an entry in the file.
const ENTRY_BYTES: usize = 32 + LEAF_BYTES;

/// An entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its hash in the tree.
    pub(crate) hash: Digest,
    /// The leaf it is, if it is one.
    pub(crate) leaf: Option<Leaf>,
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let leaf = self.leaf.map_or([0; LEAF_BYTES], |leaf| leaf.encode());
        [&self.hash[..], &leaf].concat()
    }

    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let (hash, leaf) = bytes.split_first_chunk::<32>()?;
        Some(Self { hash: *hash, leaf: Leaf::decode(leaf) })
    }
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index of the leaf.
    pub(crate) index: u64,
    /// Head in it.
    pub(crate) head: Digest,
}

/// What goes on from one look to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The tree followed so far.
    pub(crate) edge: Frontier,
    /// The newest checkpoint that held, as it was served.
    pub(crate) note: String,
    /// The watched number's events that were found, by their places in its chain.
    pub(crate) found: BTreeMap<u64, Place>,
    /// Alarms told, and when.
    pub(crate) told: BTreeMap<String, u64>,
}

/// All that is remembered.
pub(crate) struct Memory {
    /// The file.
    path: Option<PathBuf>,
    /// Which log and which number, so that one file is never taken for another.
    about: String,
    /// Whether every leaf is remembered.
    all: bool,
    /// What goes on.
    pub(crate) kept: Kept,
    /// With --all: the first leaf with each tag.
    pub(crate) tags: HashMap<Digest, Place>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    about: String,
    size: u64,
    edge: Vec<String>,
    checkpoint: String,
    found: BTreeMap<u64, (u64, String)>,
    told: BTreeMap<String, u64>,
}

fn digest(text: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

impl Text {
    fn kept(self) -> Option<Kept> {
        let peaks = self.edge.iter().map(|peak| digest(peak)).collect::<Option<_>>()?;
        let place =
            |(seq, (index, head)): (u64, (u64, String))| Some((seq, Place { index, head: digest(&head)? }));
        Some(Kept {
            edge: Frontier::new(self.size, peaks)?,
            note: self.checkpoint,
            found: self.found.into_iter().map(place).collect::<Option<_>>()?,
            told: self.told,
        })
    }
}

impl Memory {
    /// What the file remembers; nothing yet, if there is none.
    pub(crate) fn open(path: Option<&Path>, about: String, all: bool) -> Result<Self, MemoryError> {
        let mut memory = Self {
            path: path.map(Path::to_path_buf),
            about,
            all,
            kept: Kept::default(),
            tags: HashMap::new(),
        };
        let Some(path) = path else { return Ok(memory) };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(memory),
            Err(e) => return Err(MemoryError::Io(path.into(), e)),
        };
        let damaged = |why| MemoryError::Damaged(path.to_path_buf(), why);
        let text: Text = serde_json::from_slice(&bytes).map_err(|_| damaged("not what a watcher wrote"))?;
        if text.about != memory.about {
            return Err(MemoryError::Other(path.into()));
        }
        memory.kept = text.kept().ok_or_else(|| damaged("not what a watcher wrote"))?;
        if all {
            memory.read_leaves(path)?;
        }
        Ok(memory)
    }

    fn read_leaves(&mut self, path: &Path) -> Result<(), MemoryError> {
        let path = leaves_path(path);
        let size = self.kept.edge.size();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound && size == 0 => Vec::new(),
            Err(e) => return Err(MemoryError::Io(path, e)),
        };
        let mut edge = Frontier::default();
        for (index, bytes) in (0..size).zip(bytes.as_chunks::<ENTRY_BYTES>().0) {
            let Some(entry) = Entry::decode(bytes) else { continue };
            if entry.leaf.is_some_and(|leaf| leaf.hash() != entry.hash) {
                return Err(MemoryError::Damaged(path, "a leaf that is not its hash"));
            }
            edge.push(entry.hash);
            self.remember(index, &entry);
        }
        if edge == self.kept.edge {
            Ok(())
        } else {
            Err(MemoryError::Damaged(path, "not the leaves of the tree followed"))
        }
    }

    /// Takes in what a look brought, durably: leaves first, then that they were followed.
    pub(crate) fn advance(&mut self, kept: Kept, fresh: &[Entry]) -> Result<(), MemoryError> {
        if let Some(path) = &self.path {
            if self.all {
                let path = leaves_path(path);
                append(&path, self.kept.edge.size(), fresh).map_err(|e| MemoryError::Io(path, e))?;
            }
            let text = Text {
                about: self.about.clone(),
                size: kept.edge.size(),
                edge: kept.edge.peaks().iter().map(hex::encode).collect(),
                checkpoint: kept.note.clone(),
                found: kept.found.iter().map(|(seq, p)| (*seq, (p.index, hex::encode(p.head)))).collect(),
                told: kept.told.clone(),
            };
            let io = |e| MemoryError::Io(path.clone(), e);
            let bytes = serde_json::to_vec(&text).map_err(|e| io(io::Error::other(e)))?;
            write_private(path, &bytes).map_err(io)?;
        }
        if self.all {
            for (index, entry) in (self.kept.edge.size()..).zip(fresh) {
                self.remember(index, entry);
            }
        }
        self.kept = kept;
        Ok(())
    }

    fn remember(&mut self, index: u64, entry: &Entry) {
        if let Some(leaf) = entry.leaf {
            self.tags.entry(leaf.tag).or_insert(Place { index, head: leaf.head });
        }
    }
}

fn leaves_path(state: &Path) -> PathBuf {
    let mut path = state.as_os_str().to_owned();
    path.push(".leaves");
    path.into()
}

/// Writes entries from the place of the first; what a crash left beyond it is written over.
fn append(path: &Path, size: u64, entries: &[Entry]) -> io::Result<()> {
    let at = size.saturating_mul(ENTRY_BYTES as u64);
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_len(at)?;
    file.seek(SeekFrom::Start(at))?;
    let bytes: Vec<u8> = entries.iter().flat_map(Entry::encode).collect();
    file.write_all(&bytes)?;
    file.sync_all()
}
