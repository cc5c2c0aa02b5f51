//! When a number last changed its SIM, and who agreed: from the deed, whose chain must be the pinned one.

use super::Node;
use deed::event::{Body, Event};
use deed::intent::Change;
use deed::log::Leaf;
use deed::log::proof::TlogProof;
use deed::record::{FactorId, Place};
use keys::sign::Host;
use operator::Refusal;
use operator::store::EventRow;
use wire::{Msisdn, UnixTime};

/// A number's last change of SIM, or its issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    /// When a quorum of witnesses had seen that it was done.
    pub at: UnixTime,
    /// Whether the number changed its SIM then; false if it was issued and has the same card since.
    pub changed: bool,
    /// Where the keys are whose holders agreed.
    pub agreed: Vec<Place>,
}

impl Node {
    /// A number's last change of SIM.
    pub fn last_change(&mut self, number: &Msisdn) -> Result<LastChange, Refusal> {
        let state = self.pin(number)?.state.clone();
        let rows = self.database.events(&state.deed_id)?;
        // What the pin does not know by its head is not the deed's, whatever the database says.
        let ours = rows
            .into_iter()
            .zip(&state.heads)
            .take_while(|(row, head)| deed::event::head(&row.bytes) == **head);
        let rows: Vec<EventRow> = ours.map(|(row, _)| row).collect();
        if rows.len() != state.heads.len() {
            return Err(Refusal::Broken("the deed's events are not all in the database".into()));
        }
        let events = rows.iter().map(|row| Event::decode(&row.bytes)).collect::<Result<Vec<_>, _>>()?;
        let change = events.iter().rev().find_map(|event| {
            let Body::Committed { request, .. } = &event.body else { return None };
            let asked = events.iter().find(|asked| asked.head == *request)?;
            let Body::Requested { intent } = &asked.body else { return None };
            let swaps = matches!(
                intent.change,
                Change::Move { .. }
                    | Change::Wake { .. }
                    | Change::NewKey { .. }
                    | Change::Add { dormant: false, .. }
            );
            swaps.then_some((asked, event.seq))
        });
        let (at_seq, agreed) = match change {
            None => (0, Vec::new()),
            Some((asked, done)) => {
                let agreeing = events.iter().filter(|event| match &event.body {
                    Body::Consented { request, .. } => *request == asked.head,
                    _ => event.head == asked.head,
                });
                let places = agreeing.flat_map(|event| &event.proofs).filter_map(|proof| {
                    state.factor(&FactorId(proof.signer)).map(|known| known.factor.place)
                });
                let mut places: Vec<Place> = places.collect();
                places.sort_unstable();
                places.dedup();
                (done, places)
            }
        };
        let row = rows.into_iter().find(|row| row.seq == at_seq);
        let proof = row
            .and_then(|row| row.proof)
            .ok_or_else(|| Refusal::Broken("an event without its proof".into()))?;
        Ok(LastChange { at: self.witnessed_at(number, at_seq, &proof)?, changed: at_seq > 0, agreed })
    }

    /// When a quorum had seen an event, by the proof it was accepted with.
    fn witnessed_at(&self, number: &Msisdn, seq: u64, proof: &[u8]) -> Result<UnixTime, Refusal> {
        let state = &self.pin(number)?.state;
        let tag = match seq {
            0 => deed::roll_tag(&self.pins.keys().roll, state.generation, number),
            seq => state.tag(seq),
        };
        let broken = |why: String| Refusal::Broken(why);
        let head = state.head_at(seq).ok_or_else(|| broken("no such event".into()))?;
        let (_, policy) = self.pins.manifests().get(&state.manifest)?;
        let proof = TlogProof::parse(proof).map_err(|e| broken(e.to_string()))?;
        let logged = proof.check(&Host, policy, &Leaf { tag, head }).map_err(|e| broken(e.to_string()))?;
        Ok(UnixTime(logged.witnessed.seen_by))
    }
}
