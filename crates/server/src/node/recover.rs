//! Starting: nothing is served before the pins are known to be as new as the witnesses' log.

use super::Node;
use deed::defence::{Defence, stands};
use deed::log::proof::TlogProof;
use operator::Refusal;
use operator::pins::{Loaded, META, Pins};
use operator::store::{Key, LeafRow, Row};
use operator::witness::Seen;
use std::collections::HashMap;
use wire::Msisdn;

/// How many events ahead of a pin a leaf is recognised by its tag.
const LOOK_AHEAD: u64 = 64;

impl Node {
    pub(super) fn recover(&mut self) -> Result<(), Refusal> {
        let leaves = self.database.leaves(0)?;
        for (at, row) in leaves.iter().enumerate() {
            if row.index != at as u64 {
                break;
            }
            self.log.push(&row.leaf);
        }
        let loaded = self.load_pins()?;
        if let Loaded::Tampered { why, .. } = &loaded {
            self.alarm("pins", &format!("{why}; rebuilt from the witnessed log"));
        }
        let newest = self.witnesses.iter().map(|(w, _)| w.seen()).max_by_key(|s| s.size);
        let newest = newest.unwrap_or(Seen::nothing());
        self.log_whole = self.log.root(newest.size) == Some(newest.root);
        if self.log_whole {
            self.publish()?;
            self.pins.set_current(true);
            if stands(Defence::ReplayOnStart) {
                self.replay_unfollowed()?;
            }
            if let Loaded::Tampered { objections, .. } = &loaded {
                // Objections are signed: those that stood are handed in again. What no longer fits is settled.
                for objection in objections {
                    let _ = self.hand_in(objection);
                }
            }
            return self.follow();
        }
        self.alarm(
            "log",
            "the log here is not the one the witnesses know; numbers are served, nothing is changed",
        );
        let followed = self.pins.followed().map(|f| Seen { size: f.size, root: f.root });
        // Pins as new as the witnesses' tree need no replay: a damaged database does not darken a line.
        let newest_known =
            followed == Some(newest) || newest.size == 0 || !stands(Defence::WitnessesRemember);
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
        self.replay(&leaves);
        self.unfollowed = false;
        Ok(())
    }

    /// Follows leaves that the pins have not followed: each needs its event, which the database may or may not have.
    fn replay(&mut self, leaves: &[LeafRow]) {
        let mut missing: HashMap<Msisdn, u64> = HashMap::new();
        for row in leaves {
            let events = self.database.events(&row.deed).unwrap_or_default();
            let event = events.iter().find(|e| deed::event::head(&e.bytes) == row.leaf.head);
            let accepted = event.is_some_and(|event| {
                let stored = event.proof.as_deref().and_then(|p| TlogProof::parse(p).ok());
                let proof = stored.or_else(|| self.log.prove(row.index));
                match self.accept(&event.bytes, proof.as_ref()) {
                    Ok(()) => true,
                    Err(refusal) => self.not_followed(row, &refusal),
                }
            });
            if !accepted && let Some(number) = self.recognise(row) {
                missing.insert(number, row.index);
            }
        }
        for (number, index) in missing {
            self.pins.set_behind(number);
            self.alarm(
                "behind",
                &format!("leaf {index} is a newer event than this node has; its number is not served"),
            );
        }
    }

    /// Whether a leaf whose event was not accepted may be passed over: the pin has it already, or it never was legal (a
    /// squatting leaf is an alarm, not a veto). A legal event that cannot be carried out here, for want of its key or of
    /// proof that it was logged in time, may not: serving the state before it would be serving an older state.
    fn not_followed(&mut self, row: &LeafRow, refusal: &Refusal) -> bool {
        match refusal.code() {
            "sequence" | "living-deed" => true,
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
