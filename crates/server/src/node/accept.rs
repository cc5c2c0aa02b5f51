//! The enforcement point's side of a change: what it takes in, what it looks at first, and what it does with what
//! somebody else wrote.

use super::Node;
use deed::Reason;
use deed::log::proof::TlogProof;
use operator::Refusal;
use operator::consent::Reply;
use operator::store::{CardRow, Changes, Key, Row, Write};
use wire::{Imsi, Msisdn};

impl Node {
    /// Accepts one event: prepared, durable in the enforcement point's own store, then in force.
    pub(super) fn accept(&mut self, event: &[u8], proof: Option<&TlogProof>) -> Result<(), Refusal> {
        let rows = self.card_rows(event);
        let find = |imsi: &Imsi| rows.iter().find(|row| row.imsi == *imsi).cloned();
        let change = self.pins.accept(event, proof, &find, self.witnessed)?;
        self.put_in_force(change)
    }

    /// Before a commit may be logged: no objection stands, and from now on one is too late.
    pub(super) fn close(&mut self, commit: &[u8]) -> Result<(), Refusal> {
        let rows = self.card_rows(commit);
        let find = |imsi: &Imsi| rows.iter().find(|row| row.imsi == *imsi).cloned();
        let change = self.pins.close(commit, &find, self.witnessed)?;
        self.put_in_force(change)
    }

    /// A first event whose card is another number's, or whose key is not the committed one, is not logged at all.
    pub(super) fn check_new_cards(&mut self, reply: &Reply) -> Result<(), Refusal> {
        for slot in &reply.state.slots {
            let row = self.database.load(&[Key::Card(slot.card.imsi)])?.pop().flatten();
            let Some(Row::Card(row)) = row else { return Err(Reason::KeyMismatch.into()) };
            self.pins.admit(&slot.card, &reply.state.number, &row)?;
        }
        Ok(())
    }

    /// The database's rows of the cards that an event may bring: what it says of their keys is checked, not believed.
    fn card_rows(&mut self, event: &[u8]) -> Vec<CardRow> {
        let Ok(event) = deed::event::Event::decode(event) else { return Vec::new() };
        let mut wanted = Vec::new();
        match &event.body {
            deed::event::Body::Issued(issued) => {
                wanted.extend(issued.slots.iter().map(|(_, card)| card.imsi))
            }
            deed::event::Body::Committed { .. } => {
                let live = self.pins.by_deed(&event.deed_id).and_then(|pin| pin.state.live.as_ref());
                wanted.extend(live.and_then(|l| l.intent.change.brings()).map(|card| card.imsi));
            }
            _ => {}
        }
        let keys: Vec<Key> = wanted.into_iter().map(Key::Card).collect();
        let rows = self.database.load(&keys).unwrap_or_default();
        rows.into_iter()
            .filter_map(|row| if let Some(Row::Card(row)) = row { Some(row) } else { None })
            .collect()
    }

    /// Events that the database has and the pin has not: accepted if they are legal and logged. One that no leaf of the
    /// log is of was written by somebody else, and gives way.
    pub(super) fn catch_up(&mut self, number: &Msisdn) -> Result<(), Refusal> {
        let Some(pin) = self.pins.pin(number) else { return Ok(()) };
        let (deed, have) = (pin.state.deed_id, pin.state.heads.len() as u64);
        for row in self.database.events(&deed)?.into_iter().filter(|row| row.seq >= have) {
            let seq = row.seq;
            let Some(tag) = self.pins.pin(number).map(|p| p.state.tag(seq)) else { break };
            let Some(index) = self.log.first_with(&tag) else {
                self.alarm("event", "an event in the database is in no log; it was removed");
                self.database.commit(&[Changes(vec![Write::RemoveEvent { deed, seq }])])?;
                continue;
            };
            let stored = row.proof.as_deref().and_then(|p| TlogProof::parse(p).ok());
            let Some(proof) = stored.or_else(|| self.log.prove(index)) else { break };
            if let Err(refusal) = self.accept(&row.bytes, Some(&proof)) {
                self.alarm("event", &format!("an event in the database is not accepted: {refusal}"));
                break;
            }
        }
        Ok(())
    }
}
