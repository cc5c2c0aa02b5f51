//! A history against the log as it is served now: whole, from the first entry to the newest checkpoint.

use crate::watch::{LOOK_AHEAD, Source, SourceError, checkpoint, entries};
use deed::history::{History, Receipt, Report};
use deed::log::Leaf;
use deed::log::frontier::Frontier;
use deed::log::merkle::leaf_hash;
use deed::log::note::{Checkpoint, SignedNote};
use deed::log::tile::{Kind, Tile};
use deed::manifest::Manifests;
use deed::{Digest, Reason};
use keys::sign::Host;
use std::collections::{HashMap, HashSet};

/// A log that agrees with a history.
#[derive(Debug)]
pub(crate) struct Live {
    /// Its leaves.
    pub(crate) size: u64,
    /// Events of the number that it has and the history has not.
    pub(crate) newer: u64,
}

/// Why it does not agree.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    /// It does not answer, or with something else.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The history, which was checked before.
    #[error("{0}")]
    History(Reason),
    /// Its checkpoint is not to be believed.
    #[error("its checkpoint is not to be believed: {0}")]
    Unbelieved(String),
    /// It is smaller than the file's.
    #[error("it has {now} leaves and had {before} when the file was written")]
    Smaller {
        /// Leaves now.
        now: u64,
        /// Leaves in the file's checkpoint.
        before: u64,
    },
    /// It is another tree.
    #[error(
        "its first {0} leaves are not those of the file's checkpoint: the log was rewritten, or there are two"
    )]
    OtherTree(u64),
    /// Its entries do not lead to its root.
    #[error("its entries are not those of its checkpoint")]
    Entries,
    /// An event's leaf is another.
    #[error("event {0} is not at its place in it")]
    NotThere(u64),
    /// A second leaf with one tag.
    #[error("leaf {leaf} is a second one for event {seq}: two histories of this number were logged")]
    Fork {
        /// Which event.
        seq: u64,
        /// The other leaf.
        leaf: u64,
    },
}

impl LiveError {
    /// A short name that never changes.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::History(_) => "history",
            Self::Unbelieved(_) => "not-witnessed",
            Self::Smaller { .. } => "went-back",
            Self::OtherTree(_) => "split",
            Self::Entries => "entries",
            Self::NotThere(_) => "not-there",
            Self::Fork { .. } => "fork",
        }
    }
}

/// A checkpoint that the policy of the history's own manifest believes.
fn believed(
    note: &SignedNote,
    history: &History,
    receipt: &Receipt,
    report: &Report,
) -> Result<Checkpoint, LiveError> {
    let manifests = Manifests::verify(&Host, &receipt.root_digest, &history.manifests);
    let manifests = manifests.map_err(LiveError::History)?;
    let (_, policy) = manifests.get(&report.state.manifest).map_err(LiveError::History)?;
    let judged = policy.judge(&Host, note).map_err(|e| LiveError::Unbelieved(e.to_string()))?;
    Ok(judged.checkpoint)
}

impl Live {
    /// Reads the log and compares.
    pub(crate) fn look(
        source: &dyn Source,
        history: &History,
        receipt: &Receipt,
        report: &Report,
    ) -> Result<Self, LiveError> {
        let before = SignedNote::parse(&history.checkpoint).map_err(SourceError::from)?;
        let before = believed(&before, history, receipt, report)?;
        let now = believed(&checkpoint(source)?, history, receipt, report)?;
        if now.size < before.size {
            return Err(LiveError::Smaller { now: now.size, before: before.size });
        }
        let state = &report.state;
        let tag = |seq| if seq == 0 { history.tag0 } else { state.tag(seq) };
        let tags: HashMap<Digest, u64> = (0..=state.seq() + LOOK_AHEAD).map(|seq| (tag(seq), seq)).collect();
        let places: HashMap<u64, u64> = (0..).zip(&history.events).map(|(seq, e)| (seq, e.index)).collect();
        let (mut edge, mut newer, mut there, mut forks) =
            (Frontier::default(), HashMap::new(), HashSet::new(), Vec::new());
        while let Some(bundle) = Tile::with(Kind::Entries, edge.size(), now.size) {
            for entry in entries(source, &bundle)? {
                let index = edge.size();
                edge.push(leaf_hash(&entry));
                if edge.size() == before.size && edge.root() != before.root {
                    return Err(LiveError::OtherTree(before.size));
                }
                let Some(leaf) = Leaf::decode(&entry) else { continue };
                let Some(seq) = tags.get(&leaf.tag).copied() else { continue };
                let known = state.head_at(seq).unwrap_or_else(|| *newer.entry(seq).or_insert(leaf.head));
                if known != leaf.head {
                    forks.push((seq, index));
                } else if places.get(&seq) == Some(&index) {
                    there.insert(seq);
                }
            }
        }
        if edge.root() != now.root {
            return Err(LiveError::Entries);
        }
        if let Some((seq, leaf)) = forks.into_iter().next() {
            return Err(LiveError::Fork { seq, leaf });
        }
        if let Some(seq) = (0..=state.seq()).find(|seq| !there.contains(seq)) {
            return Err(LiveError::NotThere(seq));
        }
        Ok(Self { size: now.size, newer: newer.len() as u64 })
    }
}
