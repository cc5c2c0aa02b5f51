//! Starting: nothing is served before the pins are known to be as new as the witnesses' log.

use super::Node;
use super::outside::Elsewhere;
use deed::defence::{Defence, stands};
use deed::log::proof::TlogProof;
use operator::Refusal;
use operator::pins::{Loaded, META, OBJECTIONS, Pins};
use operator::store::{Broken, Changes, Key, LeafRow, Row, Write};
use operator::witness::Seen;
use wire::{Msisdn, UnixTime};

/// How many events ahead of a pin a leaf is recognised by its tag.
const LOOK_AHEAD: u64 = 64;

impl Node {
    pub(super) fn recover(&mut self) -> Result<(), Refusal> {
        let loaded = self.load_pins()?;
        let Elsewhere { shown, at_most } = self.seen_elsewhere()?;
        let here = self.witnesses.iter().map(|(w, _)| w.seen());
        let newest = here.chain(shown).max_by_key(|s| s.size);
        let newest = newest.unwrap_or(Seen::nothing());
        let size = newest.size.max(at_most);
        let forgot = self.pins.followed().is_some_and(|f| f.size > size);
        self.read_log(size, forgot);
        if forgot {
            self.alarm(
                "witness",
                "the witnesses remember less than the pins have followed; nothing is changed",
            );
        }
        if let Loaded::Tampered { why, .. } = &loaded {
            self.alarm("pins", &format!("{why}; rebuilt from the witnessed log"));
        }
        let same = self.log.root(newest.size) == Some(newest.root);
        self.log_whole = self.database_fault.is_none() && same && !forgot;
        if self.log_whole {
            match self.follow_from_start(&loaded) {
                Ok(()) => return Ok(()),
                Err(refusal) => {
                    self.log_whole = false;
                    self.alarm("publish", &refusal.to_string());
                }
            }
        }
        let why =
            self.database_fault.clone().unwrap_or_else(|| "it is not the one the witnesses know".into());
        self.alarm(
            "log",
            &format!("no use is made of the log here: {why}; numbers are served, nothing is changed"),
        );
        let followed = self.pins.followed();
        self.witnessed = self.witnessed.max(UnixTime(followed.map_or(0, |f| f.time)));
        // Pins as new as the witnesses' tree need no replay: a damaged database does not darken a line.
        let known = followed.is_some_and(|f| newest.is_tree(f.size, Some(f.root)));
        let newest_known = known || forgot || newest.size == 0 || !stands(Defence::WitnessesRemember);
        let current = loaded == Loaded::Whole && newest_known;
        self.pins.set_current(current);
        if !current {
            self.alarm(
                "replay",
                "the pins are older than the witnesses' log and it is not here: nobody is served",
            );
        }
        Ok(())
    }

    /// The log as far as witnesses have seen it. What the database has beyond was never acknowledged to anybody: it is
    /// not logged now, long after, but done again by whoever asked for it.
    fn read_log(&mut self, size: u64, forgot: bool) {
        let leaves = match self.database.leaves(0) {
            Ok(leaves) => leaves,
            Err(broken) => {
                self.database_fault.get_or_insert(broken.to_string());
                return;
            }
        };
        let ours = (0..size).zip(&leaves).take_while(|(at, row)| row.index == *at);
        for (_, row) in ours {
            self.log.push(&row.leaf);
        }
        for row in leaves.iter().filter(|row| row.index >= size && !forgot) {
            if let Err(broken) = self.withdraw(row) {
                tracing::warn!(%broken, "an event that was never logged could not be removed");
            }
        }
    }

    /// Removes an event that no witness has seen.
    fn withdraw(&mut self, row: &LeafRow) -> Result<(), Broken> {
        let (deed, seq) = (row.deed, row.seq);
        if self.database.events(&deed)?.iter().any(|e| e.seq == seq && e.index == row.index) {
            self.database.commit(&[Changes(vec![Write::RemoveEvent { deed, seq }])])?;
        }
        Ok(())
    }

    /// A fresh checkpoint, and the pins brought up to it.
    fn follow_from_start(&mut self, loaded: &Loaded) -> Result<(), Refusal> {
        self.repeat_checkpoint()?;
        self.pins.set_current(true);
        let mut objections = self.kept_objections()?;
        if let Loaded::Tampered { objections: salvaged, .. } = loaded {
            objections.extend_from_slice(salvaged);
            let mut keep = self.pins.keep_objections(&objections);
            keep.0.push(Write::ClearPins);
            self.store_pins(keep)?;
        }
        if stands(Defence::ReplayOnStart) {
            self.replay_unfollowed()?;
        }
        self.stand_again(&objections)?;
        self.look_for_other_manifests();
        self.publish()?;
        self.follow()
    }

    /// The checkpoint as the witnesses first cosigned it: leaves whose proofs a power cut took are shown to have been
    /// logged when they were. A fresh one, if they did not all come to it.
    fn repeat_checkpoint(&mut self) -> Result<(), Refusal> {
        let mut note = self.log.sign()?;
        let lines: Vec<_> = self.witnesses.iter().filter_map(|(witness, _)| witness.repeat(&note)).collect();
        note.signatures.extend(lines);
        note.signatures.extend(self.outside.shown(&note));
        match self.witnessed_note(&note) {
            Ok(newest) => {
                self.take_checkpoint(note, newest);
                Ok(())
            }
            Err(_) => self.publish(),
        }
    }

    fn kept_objections(&mut self) -> Result<Vec<Vec<u8>>, Refusal> {
        Ok(match self.pin_store.load(&[Key::Meta(OBJECTIONS)])?.pop().flatten() {
            Some(Row::Bytes(row)) => self.pins.kept_objections(&row),
            _ => Vec::new(),
        })
    }

    /// Objections are signed: those that stood in pins that had to be rebuilt are handed in again. They are kept until
    /// that is done.
    fn stand_again(&mut self, objections: &[Vec<u8>]) -> Result<(), Refusal> {
        if objections.is_empty() {
            return Ok(());
        }
        for objection in objections {
            match self.hand_in(objection) {
                Err(broken @ Refusal::Broken(_)) => return Err(broken),
                Err(refusal) => {
                    self.alarm("objection", &format!("one that stood is not taken again: {refusal}"))
                }
                Ok(_) => {}
            }
        }
        let none = self.pins.keep_objections(&[]);
        self.store_pins(none)
    }

    fn load_pins(&mut self) -> Result<Loaded, Refusal> {
        let rows = self.pin_store.pins()?;
        let rows = if stands(Defence::PinsKeepKeys) { rows } else { Vec::new() };
        let meta = match self.pin_store.load(&[Key::Meta(META)])?.pop().flatten() {
            Some(Row::Bytes(bytes)) if stands(Defence::PinsKeepKeys) => Some(bytes),
            _ => None,
        };
        let (mac, kek, roll) = {
            let keys = self.pins.keys();
            (keys.mac.clone(), keys.kek.clone(), keys.roll.clone())
        };
        let keys = operator::pins::EnforcementKeys { mac, kek, roll };
        let (pins, loaded) = Pins::load(keys, self.pins.manifests().clone(), &rows, meta.as_deref());
        self.pins = pins;
        Ok(loaded)
    }

    /// Follows the leaves from where the pins stand; from the first, if where they stand is not in this log.
    pub(super) fn replay_unfollowed(&mut self) -> Result<(), Refusal> {
        let from =
            self.pins.followed().filter(|f| self.log.root(f.size) == Some(f.root)).map_or(0, |f| f.size);
        let leaves = self.database.leaves(from)?;
        // As long as one leaf could not be followed, the pins do not say that they have followed the log to its end: the
        // next start looks again, and never serves an older state for not having looked.
        self.unfollowed = self.replay(leaves);
        Ok(())
    }

    /// Tries again what could not be followed.
    pub(super) fn retry_unfollowed(&mut self) {
        let rows = std::mem::take(&mut self.unfollowed);
        self.unfollowed = self.replay(rows);
    }

    /// Follows leaves that the pins have not followed: each needs its event, which the database may or may not have.
    /// Those that could not be followed; the numbers they are known to be of are not served.
    fn replay(&mut self, mut leaves: Vec<LeafRow>) -> Vec<LeafRow> {
        let size = self.log.size();
        let tags = self.manifest_tags();
        // A manifest's leaf is no number's event.
        leaves.retain(|row| row.index < size && !tags.contains(&row.leaf.tag) && !self.follow_leaf(row));
        let numbers: Vec<Msisdn> = self.pins.numbers().copied().collect();
        numbers.iter().for_each(|number| self.pins.caught_up(number));
        for row in &leaves {
            let Some(number) = self.pins.number_of_deed(&row.deed).ok().or_else(|| self.recognise(row))
            else {
                self.alarm(
                    "leaf",
                    &format!("leaf {}: its event is not here, and whose it is cannot be told", row.index),
                );
                continue;
            };
            self.pins.set_behind(number);
            let text =
                format!("leaf {} is a newer event than this node has; its number is not served", row.index);
            self.alarm("behind", &text);
        }
        leaves
    }

    fn follow_leaf(&mut self, row: &LeafRow) -> bool {
        let events = self.database.events(&row.deed).unwrap_or_default();
        let Some(event) = events.iter().find(|e| deed::event::head(&e.bytes) == row.leaf.head) else {
            return false;
        };
        let stored = event.proof.as_deref().and_then(|p| TlogProof::parse(p).ok());
        let fresh = stored.is_none();
        let Some(proof) = stored.or_else(|| self.log.prove(row.index)) else { return false };
        if fresh {
            // Kept before it is used: at the next start it may be too late to make one.
            let keep = Write::Proof { deed: row.deed, seq: event.seq, proof: proof.encode() };
            if self.database.commit(&[Changes(vec![keep])]).is_err() {
                return false;
            }
        }
        match self.accept(&event.bytes, Some(&proof)) {
            Ok(()) => true,
            Err(refusal) => self.not_followed(row, &event.bytes, &refusal),
        }
    }

    /// Whether a leaf whose event was not accepted may be passed over: the pin has it already, or it never was legal (a
    /// squatting leaf is an alarm, not a veto). A legal event that cannot be carried out here, for want of its key or of
    /// proof that it was logged in time, may not: serving the state before it would be serving an older state.
    fn not_followed(&mut self, row: &LeafRow, event: &[u8], refusal: &Refusal) -> bool {
        let place = operator::consent::place(event);
        let pinned = place.and_then(|(deed, seq)| self.pins.by_deed(&deed)?.state.head_at(seq));
        match refusal.code() {
            _ if pinned == Some(row.leaf.head) => true,
            "sequence" => false,
            "log" | "key-mismatch" | "card-taken" | "broken" => false,
            _ => {
                self.alarm("leaf", &format!("leaf {}: {refusal}", row.index));
                true
            }
        }
    }

    /// Whose next events carry this tag.
    fn recognise(&self, row: &LeafRow) -> Option<Msisdn> {
        let found = self.pins.numbers().find(|number| {
            self.pins.pin(number).is_some_and(|pin| {
                let next = pin.state.seq() + 1;
                (next..next + LOOK_AHEAD).any(|seq| pin.state.tag(seq) == row.leaf.tag)
            })
        });
        found.copied()
    }
}
