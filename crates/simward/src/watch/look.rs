//! One look at the log: is it the one seen before, only longer? What is new in it?
//!
//! | code | what was found |
//! |---|---|
//! | `not-signed`, `not-witnessed` | a checkpoint without its log's signature, or without enough witnesses' |
//! | `stale` | witnesses last saw this checkpoint long ago |
//! | `two-roots` | one size, two trees |
//! | `went-back` | an older checkpoint of the same tree |
//! | `split` | a smaller tree that is no part of the one seen before |
//! | `inconsistent` | a larger tree that does not go on from the one seen before |
//! | `entries` | entries that are not those of the checkpoint |
//! | `entry` | an entry that is no leaf |
//! | `fork` | two different leaves with one tag |
//! | `not-my-pin`, `missing` | the event of the receipt is another one in the log, or is not there |

use super::finding::{Finding, Kind};
use super::memory::{Entry, Kept, Memory, Place};
use super::source::{Source, SourceError, checkpoint, entries, hashes};
use deed::Digest;
use deed::event::MAX_EVENTS;
use deed::log::Leaf;
use deed::log::merkle::{consistent, leaf_hash};
use deed::log::note::{Checkpoint, SignedNote};
use deed::log::policy::{Policy, Witnessed};
use deed::log::proof::TlogProof;
use deed::log::tile::{Kind as Content, Tile, TileTree};
use keys::Secret;
use keys::sign::Host;
use std::collections::{BTreeMap, HashMap};
use wire::Msisdn;

/// How many events ahead a deed's leaves are recognised.
pub(crate) const LOOK_AHEAD: u64 = 64;

/// The number that is watched.
pub(crate) struct Deed {
    /// Its number, if that is known.
    pub(crate) number: Option<Msisdn>,
    /// Recognises its leaves.
    pub(crate) watch_key: Secret<[u8; 32]>,
    /// The head of its event 0, the newest event seen, and that one's head: from a receipt.
    pub(crate) receipt: Option<(Digest, u64, Digest)>,
}

/// What is looked for.
pub(crate) struct Watcher {
    /// Whose signatures count.
    pub(crate) policy: Policy,
    /// Whose events are told.
    pub(crate) deed: Option<Deed>,
    /// Whether the tags of all leaves are compared.
    pub(crate) all: bool,
    /// Seconds after which a checkpoint is too old.
    pub(crate) stale_after: u64,
}

/// What a look brought.
pub(crate) struct Round {
    /// What to remember once everything is told.
    pub(crate) kept: Kept,
    /// What to tell.
    pub(crate) findings: Vec<Finding>,
    /// Entries that are new.
    pub(crate) fresh: Vec<Entry>,
}

impl Watcher {
    /// Looks once.
    pub(crate) fn look(&self, source: &dyn Source, memory: &Memory, now: u64) -> Result<Round, SourceError> {
        let mut round = Round { kept: memory.kept.clone(), findings: Vec::new(), fresh: Vec::new() };
        let note = checkpoint(source)?;
        let witnessed = match self.policy.judge(&Host, &note) {
            Ok(witnessed) => witnessed,
            Err(error) => {
                let text = format!("the log shows a checkpoint that must not be believed: {error}");
                round
                    .findings
                    .push(Finding::alarm(self.unbelieved(&note), text).with_note("checkpoint.txt", &note));
                return Ok(round);
            }
        };
        let age = now.saturating_sub(witnessed.still_at);
        if age > self.stale_after {
            let text = format!(
                "witnesses saw this checkpoint {age} seconds ago: the log stands still, or an old view is shown"
            );
            round.findings.push(Finding::alarm("stale", text).with_note("checkpoint.txt", &note));
        }
        let new = &witnessed.checkpoint;
        let (size, root) = (memory.kept.edge.size(), memory.kept.edge.root());
        if new.size == size && new.root != root {
            let text = format!(
                "two trees of {size} leaves were signed and cosigned: the log shows different people different histories"
            );
            round.findings.push(two_notes("two-roots", text, &memory.kept, &note));
        } else if new.size < size {
            round.findings.push(went_back(source, &memory.kept, new, &note)?);
        } else {
            self.go_on(source, memory, &note, &witnessed, &mut round)?;
        }
        Ok(round)
    }

    /// Whether a checkpoint that the policy refuses is at least the log's own.
    fn unbelieved(&self, note: &SignedNote) -> &'static str {
        let by_log = self.policy.logs().iter().any(|log| note.signed_by(&Host, log) == Some(true));
        if by_log { "not-witnessed" } else { "not-signed" }
    }

    /// Reads the entries since the last look, and follows the tree only if they lead to its root.
    fn go_on(
        &self,
        source: &dyn Source,
        memory: &Memory,
        note: &SignedNote,
        witnessed: &Witnessed,
        round: &mut Round,
    ) -> Result<(), SourceError> {
        let new = &witnessed.checkpoint;
        let old = memory.kept.edge.size();
        let (mut edge, mut fresh, mut foreign) = (memory.kept.edge.clone(), Vec::new(), Vec::new());
        while let Some(bundle) = Tile::with(Content::Entries, edge.size(), new.size) {
            let skip = edge.size() - bundle.start();
            let served = entries(source, &bundle)?;
            for entry in served.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)) {
                let hash = leaf_hash(entry);
                edge.push(hash);
                let leaf = Leaf::decode(entry);
                if leaf.is_none() {
                    foreign.push((edge.size() - 1, entry.clone()));
                }
                fresh.push(Entry { hash, leaf });
            }
        }
        if edge.root() != new.root {
            round.findings.push(not_grown(source, &memory.kept, new, note)?);
            return Ok(());
        }
        for (index, entry) in foreign {
            let text = format!(
                "entry {index} is no leaf of a deed: whoever keeps this log wrote something else into it"
            );
            let alarm =
                Finding { leaf: Some(index), key: index.to_string(), ..Finding::alarm("entry", text) };
            round.findings.push(show(source, alarm.with("entry.bin", entry), note, new));
        }
        let mut seen = Tags::new(self, memory);
        for (index, entry) in (old..).zip(&fresh) {
            let Some(leaf) = &entry.leaf else { continue };
            let findings = seen.take(index, leaf, witnessed);
            round.findings.extend(findings.into_iter().map(|finding| show(source, finding, note, new)));
        }
        round.kept.found = seen.found;
        round.findings.extend(self.pin_is_there(&round.kept, note));
        round.kept.edge = edge;
        round.kept.note = String::from_utf8_lossy(&note.encode()).into_owned();
        round.fresh = fresh;
        Ok(())
    }

    /// The event that the receipt names must be in the log by now.
    fn pin_is_there(&self, kept: &Kept, note: &SignedNote) -> Option<Finding> {
        let deed = self.deed.as_ref()?;
        let (_, seq, _) = deed.receipt?;
        if kept.found.contains_key(&seq) {
            return None;
        }
        let text = format!(
            "event {seq}, which your receipt names, is not in this log: your number's history is kept somewhere else, or nowhere"
        );
        Some(deed.about(Finding::alarm("missing", text).with_note("checkpoint.txt", note), Some(seq)))
    }
}

impl Deed {
    fn about(&self, finding: Finding, seq: Option<u64>) -> Finding {
        Finding { number: self.number.map(|n| n.to_string()), event: seq, ..finding }
    }
}

/// The tags seen so far, and those that the deed's next events will have.
struct Tags<'a> {
    watcher: &'a Watcher,
    memory: &'a Memory,
    fresh: HashMap<Digest, Place>,
    found: BTreeMap<u64, Place>,
    mine: HashMap<Digest, u64>,
    /// How many of the deed's tags are in `mine`.
    made: u64,
}

impl<'a> Tags<'a> {
    fn new(watcher: &'a Watcher, memory: &'a Memory) -> Self {
        let found = memory.kept.found.clone();
        let mut tags = Self { watcher, memory, fresh: HashMap::new(), found, mine: HashMap::new(), made: 0 };
        tags.look_ahead();
        tags
    }

    /// Tags from the first to `LOOK_AHEAD` beyond the newest event found.
    fn look_ahead(&mut self) {
        let Some(deed) = &self.watcher.deed else { return };
        let newest = self.found.last_key_value().map_or(0, |(seq, _)| *seq);
        let pinned = deed.receipt.map_or(0, |(_, seq, _)| seq);
        let up_to = newest.max(pinned).min(MAX_EVENTS) + LOOK_AHEAD;
        for seq in self.made + 1..=up_to {
            self.mine.insert(deed::tag(&deed.watch_key, seq), seq);
        }
        self.made = self.made.max(up_to);
    }

    fn recognise(&self, deed: &Deed, leaf: &Leaf) -> Option<u64> {
        // The tag of event 0 is made with a key of the operator's; its head is the deed's name.
        let is_first = deed.receipt.is_some_and(|(deed_id, ..)| deed_id == leaf.head);
        if is_first { Some(0) } else { self.mine.get(&leaf.tag).copied() }
    }

    fn take(&mut self, index: u64, leaf: &Leaf, witnessed: &Witnessed) -> Vec<Finding> {
        let place = Place { index, head: leaf.head };
        let (mut first, mut out) = (None, Vec::new());
        if self.watcher.all {
            let known = self.memory.tags.get(&leaf.tag).copied();
            first = Some(known.unwrap_or_else(|| *self.fresh.entry(leaf.tag).or_insert(place)));
        }
        let watcher = self.watcher;
        let mine = watcher.deed.as_ref().and_then(|deed| Some((deed, self.recognise(deed, leaf)?)));
        if let Some((deed, seq)) = mine {
            if let Some(known) = self.found.get(&seq) {
                first = Some(*known);
            } else {
                self.found.insert(seq, place);
                self.look_ahead();
                out.extend(deed.news(seq, &place, witnessed));
            }
        }
        if let Some(first) = first.filter(|first| first.head != leaf.head) {
            let alarm = fork(&first, index, leaf, mine.is_some());
            out.push(match mine {
                Some((deed, seq)) => deed.about(alarm, Some(seq)),
                None => alarm,
            });
        }
        out
    }
}

fn fork(first: &Place, index: u64, leaf: &Leaf, mine: bool) -> Finding {
    let whose = if mine { ", and the number is yours" } else { "" };
    let text = format!(
        "leaves {} and {index} have one tag and different heads: two histories of one number were logged{whose}",
        first.index
    );
    let alarm = Finding { leaf: Some(index), key: hex::encode(leaf.tag), ..Finding::alarm("fork", text) };
    let [one, other] =
        [Leaf { tag: leaf.tag, head: first.head }, *leaf].map(|leaf| hex::encode(leaf.encode()));
    alarm
        .with("leaf-1.hex", one)
        .with("leaf-2.hex", other)
        .with("places.txt", format!("{} {index}\n", first.index))
}

impl Deed {
    /// A new event; one that the owner has seen is no news, unless it is another one.
    fn news(&self, seq: u64, place: &Place, witnessed: &Witnessed) -> Option<Finding> {
        if let Some((_, pinned, head)) = self.receipt {
            if seq == pinned && head != place.head {
                let text = format!("event {seq} in the log is not the one that your receipt names");
                let leaf = Leaf { tag: deed::tag(&self.watch_key, seq), head: place.head };
                let alarm = Finding { leaf: Some(place.index), ..Finding::alarm("not-my-pin", text) };
                return Some(self.about(alarm.with("leaf-2.hex", hex::encode(leaf.encode())), Some(seq)));
            }
            if seq <= pinned {
                return None;
            }
        }
        let whose = self.number.map_or_else(|| "your number".into(), |n| format!("your number +{n}"));
        let when = crate::number::date(witnessed.seen_by);
        let text = format!("event {seq} of {whose} was logged at {when} or before");
        Some(Finding {
            kind: Kind::Event,
            number: self.number.map(|n| n.to_string()),
            event: Some(seq),
            leaf: Some(place.index),
            logged_at: Some(witnessed.seen_by),
            ..Finding::alarm("event", text)
        })
    }
}

fn two_notes(code: &'static str, text: String, kept: &Kept, note: &SignedNote) -> Finding {
    Finding::alarm(code, text).with("seen-before.txt", kept.note.clone()).with_note("shown-now.txt", note)
}

/// A checkpoint smaller than one seen before: an old one of the same tree, or another tree.
fn went_back(
    source: &dyn Source,
    kept: &Kept,
    new: &Checkpoint,
    note: &SignedNote,
) -> Result<Finding, SourceError> {
    let (size, root) = (kept.edge.size(), kept.edge.root());
    // Whoever still has the larger tree can show it; whoever cannot has no excuse either.
    let proof = TileTree::new(size, |tile: &Tile| hashes(source, tile)).consistency(new.size);
    let same = proof.is_ok_and(|proof| consistent(new.size, &new.root, size, &root, &proof));
    let (code, text) = if same {
        (
            "went-back",
            format!(
                "the log shows {} leaves after it had shown {size}: an old view, or its newest leaves are taken back",
                new.size
            ),
        )
    } else {
        (
            "split",
            format!(
                "the log shows a tree of {} leaves that cannot be shown to be part of the {size} it had shown before",
                new.size
            ),
        )
    };
    Ok(two_notes(code, text, kept, note))
}

/// A checkpoint to whose root its entries do not lead from the tree seen before.
fn not_grown(
    source: &dyn Source,
    kept: &Kept,
    new: &Checkpoint,
    note: &SignedNote,
) -> Result<Finding, SourceError> {
    let (old, root) = (kept.edge.size(), kept.edge.root());
    let proof = TileTree::new(new.size, |tile: &Tile| hashes(source, tile)).consistency(old);
    let grown = proof.is_ok_and(|proof| consistent(old, &root, new.size, &new.root, &proof));
    Ok(if grown && old > 0 {
        let text = format!(
            "the entries served from {old} on are not those of the checkpoint of {} leaves: something is hidden",
            new.size
        );
        two_notes("entries", text, kept, note)
    } else if old == 0 {
        let text = format!("the entries served are not those of the checkpoint of {} leaves", new.size);
        Finding::alarm("entries", text).with_note("shown-now.txt", note)
    } else {
        let text = format!(
            "the tree of {} leaves does not go on from the {old} leaves seen before: what was logged has been rewritten",
            new.size
        );
        two_notes("inconsistent", text, kept, note)
    })
}

/// Puts proofs beside the leaves of an alarm, as far as the log still gives them: then anybody can check it offline.
fn show(source: &dyn Source, finding: Finding, note: &SignedNote, new: &Checkpoint) -> Finding {
    if finding.kind != Kind::Alarm {
        return finding;
    }
    let places = finding.files.iter().find(|(name, _)| *name == "places.txt");
    let places = places.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let mut tree = TileTree::new(new.size, |tile: &Tile| hashes(source, tile));
    let mut finding = finding;
    let indices: Vec<u64> =
        places.split_whitespace().filter_map(|word| word.parse().ok()).chain(finding.leaf).take(2).collect();
    for (name, index) in ["leaf-1.tlog-proof", "leaf-2.tlog-proof"].into_iter().zip(indices) {
        if let Ok(path) = tree.inclusion(index) {
            finding = finding.with(name, TlogProof { index, path, checkpoint: note.clone() }.encode());
        }
    }
    finding.with_note("checkpoint.txt", note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deed::log::note::{TYPE_ED25519, VerifierKey};
    use keys::sign::Ed25519Key;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
    use std::cell::RefCell;

    /// Answers everything but the checkpoint with noise, of a length that sometimes fits.
    struct Noise {
        rng: RefCell<ChaCha20Rng>,
        checkpoint: Option<Vec<u8>>,
    }

    impl Source for Noise {
        fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
            if let (Some(note), "checkpoint") = (&self.checkpoint, path) {
                return Ok(Some(note.clone()));
            }
            let mut rng = self.rng.borrow_mut();
            let lengths = [0, 1, 31, 32, 67, 96, 200, 3 * 32, 3 * 67, 8_192];
            let mut bytes = vec![0; lengths[rng.next_u32() as usize % lengths.len()]];
            rng.fill_bytes(&mut bytes);
            for entry in bytes.chunks_mut(67).filter(|_| !rng.next_u32().is_multiple_of(4)) {
                entry.iter_mut().zip([0, 65, 1]).for_each(|(to, from)| *to = from);
            }
            Ok((!rng.next_u32().is_multiple_of(8)).then_some(bytes))
        }
    }

    #[test]
    fn whatever_a_log_answers_is_no_panic_and_never_counted_as_seen() {
        let key = Ed25519Key::from_seed(&Secret::new([1; 32]));
        let log = VerifierKey { name: "log.test".into(), kind: TYPE_ED25519, key: key.public() };
        let witness = Ed25519Key::from_seed(&Secret::new([2; 32]));
        let vkey = VerifierKey { name: "w".into(), kind: 4, key: witness.public() };
        let policy = format!("log {log}\nwitness W {vkey}\nquorum W\n");
        let deed = Deed { number: None, watch_key: Secret::new([3; 32]), receipt: None };
        let watcher = Watcher {
            policy: Policy::parse(policy.as_bytes()).unwrap(),
            deed: Some(deed),
            all: true,
            stale_after: u64::MAX,
        };
        let (mut looked, mut alarmed) = (0, 0);
        for seed in 0..400 {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let checkpoint = (seed % 5 > 0).then(|| {
                let size = u64::from(rng.next_u32())
                    % [4, 4, 300, 70_000, u64::from(u32::MAX)][seed as usize % 5]
                    + 1;
                let checkpoint = Checkpoint { origin: "log.test".into(), size, root: [9; 32] };
                let mut note = checkpoint.sign("log.test", &key);
                note.signatures.push(deed::log::note::cosign(&note.text, "w", &witness, 1_800_000_000));
                note.encode()
            });
            let mut memory = Memory::open(None, String::new(), true).unwrap();
            let mut kept = Kept::default();
            (0..seed % 6).for_each(|n| kept.edge.push([n as u8; 32]));
            memory.advance(kept.clone(), &[]).unwrap();
            let source = Noise { rng: RefCell::new(rng), checkpoint };
            if let Ok(round) = watcher.look(&source, &memory, 1_800_000_000) {
                assert_eq!(round.kept.edge, kept.edge, "{seed}: noise was followed");
                looked += 1;
                alarmed += usize::from(!round.findings.is_empty());
            }
        }
        assert!(looked > 10 && alarmed == looked, "{looked} looks, {alarmed} alarms");
    }
}
