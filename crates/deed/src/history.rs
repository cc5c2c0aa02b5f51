//! A history to hand over: everything somebody needs to check a number offline, in one strict file.
//!
//! `[1, [SignedManifest…], tag0(32), [[event, index, [hash…]]…], checkpoint]`. Every byte is covered by a hash or a
//! signature that the check looks at, but for signature lines of keys that the policy does not name.

use crate::cbor::{Writer, whole};
use crate::defence::{Defence, stands};
use crate::event::{Event, MAX_EVENTS, head};
use crate::log::Leaf;
use crate::log::merkle::root_from_inclusion;
use crate::log::note::{Checkpoint, SignedNote};
use crate::manifest::{Manifests, SignedManifest};
use crate::state::State;
use crate::{Digest, FORMAT, Reason, Refusal, verify};
use alloc::string::ToString;
use alloc::vec::Vec;
use keys::Secret;
use keys::sign::Verifier;

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// The event.
    pub event: Vec<u8>,
    /// Index of its leaf.
    pub index: u64,
    /// Inclusion proof in the checkpoint's tree.
    pub path: Vec<Digest>,
}

/// A whole history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// From the root to the newest.
    pub manifests: Vec<SignedManifest>,
    /// Tag of event 0, which only the operator's roll key makes.
    pub tag0: Digest,
    /// The events.
    pub events: Vec<LoggedEvent>,
    /// A cosigned checkpoint that covers them all.
    pub checkpoint: Vec<u8>,
}

/// What the owner got at issue, and keeps where the operator cannot reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The deed.
    pub deed_id: Digest,
    /// SHA-256 of the operator's root key.
    pub root_digest: Digest,
    /// Recognises the deed's leaves in the log.
    pub watch_key: Secret<[u8; 32]>,
    /// Newest event seen.
    pub seq: u64,
    /// Its head.
    pub head: Digest,
}

/// How far a history holds, each step including those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// The events hang together and are the receipt's deed.
    Chain,
    /// Everyone who signed was allowed to.
    Rules,
    /// Every event is in the log.
    Logged,
    /// Enough witnesses have seen that log.
    Witnessed,
    /// What the owner saw last is part of it.
    SameAsMyPin,
}

impl Reached {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Rules => "rules",
            Self::Logged => "logged",
            Self::Witnessed => "witnessed",
            Self::SameAsMyPin => "same as my pin",
        }
    }
}

/// A history that holds.
#[derive(Debug, Clone)]
pub struct Report {
    /// What it amounts to.
    pub state: State,
    /// The last step: all five.
    pub reached: Reached,
    /// Whether it is a live deployment's; a test deed must say so.
    pub live: bool,
}

/// A history that does not hold, and how far it did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Broken {
    /// The last step that held.
    pub reached: Option<Reached>,
    /// At which event the next did not, where it was one.
    pub event: Option<u64>,
    /// Why.
    pub reason: Reason,
}

impl History {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        Writer::new()
            .array(5)
            .uint(FORMAT)
            .list(&self.manifests, |w, m| m.write(w))
            .bytes(&self.tag0)
            .list(&self.events, |w, e| {
                w.array(3).bytes(&e.event).uint(e.index).list(&e.path, |w, hash| w.bytes(hash))
            })
            .bytes(&self.checkpoint)
            .done()
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, |r| {
            r.array(5)?;
            if r.uint()? != FORMAT {
                return Err(Reason::Unknown("format"));
            }
            let n = r.list(64, "number of manifests")?;
            let manifests = (0..n).map(|_| SignedManifest::read(r)).collect::<Result<_, _>>()?;
            let tag0 = r.array_of()?;
            let mut events = Vec::new();
            for _ in 0..r.list(MAX_EVENTS, "number of events")? {
                r.array(3)?;
                let (event, index) = (r.bytes()?.to_vec(), r.uint()?);
                let n = r.list(64, "length of a proof")?;
                let path = (0..n).map(|_| r.array_of()).collect::<Result<_, _>>()?;
                events.push(LoggedEvent { event, index, path });
            }
            Ok(Self { manifests, tag0, events, checkpoint: r.bytes()?.to_vec() })
        })
    }

    /// Checks it all, from what the owner already has.
    pub fn verify(&self, verifier: &impl Verifier, receipt: &Receipt) -> Result<Report, Broken> {
        let broken = |reached| move |reason| Broken { reached, event: None, reason };
        let at =
            |reached| move |Refusal { seq, reason }: Refusal| Broken { reached, event: Some(seq), reason };
        self.check_chain(receipt).map_err(at(None))?;
        let at_rules = broken(Some(Reached::Chain));
        let manifests =
            Manifests::verify(verifier, &receipt.root_digest, &self.manifests).map_err(at_rules)?;
        let events: Vec<&[u8]> = self.events.iter().map(|e| e.event.as_slice()).collect();
        let state = verify(verifier, &manifests, None, &events).map_err(at(Some(Reached::Chain)))?;
        if *state.watch_key_at(receipt.seq) != receipt.watch_key {
            return Err(at_rules(Reason::OtherDeed));
        }
        let at_log = broken(Some(Reached::Rules));
        let (manifest, policy) = manifests.get(&state.manifest).map_err(at_log)?;
        let note = SignedNote::parse(&self.checkpoint).map_err(|e| at_log(Reason::Log(e.to_string())))?;
        self.check_log(&state, &note).map_err(at(Some(Reached::Rules)))?;
        let at_witnesses = broken(Some(Reached::Logged));
        policy.judge(verifier, &note).map_err(|e| at_witnesses(Reason::Log(e.to_string())))?;
        if state.head_at(receipt.seq) != Some(receipt.head) {
            let event = Some(receipt.seq);
            return Err(Broken { reached: Some(Reached::Witnessed), event, reason: Reason::AsOf });
        }
        Ok(Report { state, reached: Reached::SameAsMyPin, live: manifest.live })
    }

    fn check_chain(&self, receipt: &Receipt) -> Result<(), Refusal> {
        let mut prev = None;
        for (seq, logged) in (0..).zip(&self.events) {
            let event = Event::decode(&logged.event).map_err(|reason| reason.at(seq))?;
            if event.seq != seq {
                return Err(Reason::Sequence.at(seq));
            }
            if event.deed() != receipt.deed_id {
                return Err(Reason::OtherDeed.at(seq));
            }
            if prev.is_some_and(|prev| prev != event.prev) {
                return Err(Reason::Prev.at(seq));
            }
            prev = Some(head(&logged.event));
        }
        if prev.is_some() { Ok(()) } else { Err(Reason::Missing("there is no event at all").at(0)) }
    }

    fn check_log(&self, state: &State, note: &SignedNote) -> Result<(), Refusal> {
        let checkpoint = Checkpoint::parse(&note.text).map_err(|e| Reason::Log(e.to_string()).at(0))?;
        let mut last = None;
        for (seq, logged) in (0..).zip(&self.events) {
            let head = state.head_at(seq).ok_or(Reason::Sequence.at(seq))?;
            let tag = if seq == 0 { self.tag0 } else { state.tag(seq) };
            let hash = Leaf { tag, head }.hash();
            let root = root_from_inclusion(&hash, logged.index, checkpoint.size, &logged.path);
            if root != Some(checkpoint.root) && stands(Defence::HistoryIsLogged) {
                return Err(Reason::Log("an event is not in the log".into()).at(seq));
            }
            if last.is_some_and(|last| logged.index <= last) {
                return Err(Reason::Log("the events are not in the log in their order".into()).at(seq));
            }
            last = Some(logged.index);
        }
        Ok(())
    }
}
