//! A database looked at from outside: each number's history as `operator.db` has it, checked event by event, without the
//! node, its keys or its pins. Whoever edits the database shows, and it is said at which event.

use crate::deployment::{StartError, decode_manifests};
use deed::event::head;
use deed::history::Reached;
use deed::log::Leaf;
use deed::log::proof::TlogProof;
use deed::manifest::Manifests;
use deed::verify::step;
use deed::{Digest, Reason, State};
use keys::sign::Host;
use operator::store::{EventRow, LeafRow, Store as _};
use std::path::Path;
use store::Sqlite;
use wire::Msisdn;

/// What became of one number.
#[derive(Debug, Clone)]
pub struct Audited {
    /// Which.
    pub number: Msisdn,
    /// Events that the database has.
    pub events: u64,
    /// The highest step that all of them reach.
    pub reached: Option<Reached>,
    /// The first event that does not hold, and why.
    pub broken: Option<(u64, Reason)>,
}

/// Every number of a data folder. `root` is SHA-256 of the operator's root key, known from elsewhere; without it the
/// folder's own manifest says whose it is.
pub fn audit(dir: &Path, root: Option<Digest>) -> Result<Vec<Audited>, StartError> {
    let path = dir.join("manifest");
    let damaged = |why: String| StartError::Damaged { path: path.clone(), why };
    let bytes = std::fs::read(&path).map_err(|source| StartError::Io { path: path.clone(), source })?;
    let signed = decode_manifests(&bytes).map_err(|e| damaged(e.to_string()))?;
    let own = signed.first().map(|first| keys::digest::sha256(&[&first.root]));
    let root = root.or(own).ok_or_else(|| damaged("no manifest in it".into()))?;
    let manifests = Manifests::verify(&Host, &root, &signed).map_err(|e| damaged(e.to_string()))?;
    let mut store = Sqlite::open_to_read(&dir.join("operator.db"))?;
    let leaves = store.leaves(0)?;
    let mut numbers = store.numbers()?;
    numbers.sort_unstable_by_key(|row| row.number);
    let mut out = Vec::new();
    for row in numbers {
        let events = store.events(&row.deed)?;
        out.push(number(&manifests, row.number, &row.deed, &events, &leaves));
    }
    Ok(out)
}

fn number(
    manifests: &Manifests,
    number: Msisdn,
    deed: &Digest,
    events: &[EventRow],
    leaves: &[LeafRow],
) -> Audited {
    let mut state: Option<State> = None;
    let mut reached = None;
    let mut broken = None;
    for (seq, row) in (0..).zip(events) {
        match one(manifests, state.clone(), (number, deed), seq, row, leaves) {
            Ok((after, step)) => {
                state = Some(after);
                reached = Some(reached.map_or(step, |before: Reached| before.min(step)));
            }
            Err(reason) => {
                broken = Some((seq, reason));
                break;
            }
        }
    }
    let missing = || (0, Reason::Missing("there is no event at all"));
    // Whoever cuts a history off at its end leaves leaves behind.
    let cut = leaves.iter().filter(|l| l.deed == *deed && l.seq >= events.len() as u64).map(|l| l.seq).min();
    let cut = cut.map(|seq| (seq, Reason::Missing("the log has a leaf of it, and the database no event")));
    let broken = broken.or_else(|| if events.is_empty() { Some(missing()) } else { cut });
    Audited { number, events: events.len() as u64, reached, broken }
}

/// One event: what the log has at its place, then whether it goes on legally, then what witnesses say.
fn one(
    manifests: &Manifests,
    before: Option<State>,
    (number, deed): (Msisdn, &Digest),
    seq: u64,
    row: &EventRow,
    leaves: &[LeafRow],
) -> Result<(State, Reached), Reason> {
    if row.seq != seq {
        return Err(Reason::Missing("the database has later ones, and not this one"));
    }
    let log = |why: &str| Reason::Log(why.into());
    let leaf = usize::try_from(row.index).ok().and_then(|index| leaves.get(index));
    let leaf = leaf.filter(|leaf| leaf.index == row.index).ok_or_else(|| log("it has no leaf"))?;
    if leaf.leaf.head != head(&row.bytes) {
        return Err(log("it is not the one that was logged"));
    }
    let after = step(&Host, manifests, before, &row.bytes).map_err(|refusal| refusal.reason)?;
    if after.number != number || after.deed_id != *deed {
        return Err(Reason::OtherDeed);
    }
    if seq > 0 && leaf.leaf.tag != after.tag(seq) {
        return Err(log("its leaf has another tag than the deed's watch key makes"));
    }
    let Some(proof) = &row.proof else { return Ok((after, Reached::Logged)) };
    let (_, policy) = manifests.get(&after.manifest)?;
    let leaf = Leaf { tag: leaf.leaf.tag, head: leaf.leaf.head };
    let seen = TlogProof::parse(proof).and_then(|proof| proof.check(&Host, policy, &leaf));
    let seen = seen.map_err(|e| Reason::Log(e.to_string()))?;
    if seen.index != row.index {
        return Err(log("its proof is of another place in the log"));
    }
    Ok((after, Reached::Witnessed))
}
