//! Changing deeds: issue, request, consent, object, commit.

use super::Node;
use deed::Reason;
use deed::event::{Issued, Proof};
use deed::objection::Objection;
use deed::pin::Objected;
use deed::record::{Card, Intent};
use keys::subscriber::SubscriberKeys;
use operator::Refusal;
use operator::consent::{self, Command, Facts, Reply};
use operator::store::{CardRow, Changes, Key, Outcome, Row, Write};
use rand_core::Rng;
use wire::{Eid, Iccid, Imsi, Msisdn};

/// How often a decision is made again when somebody else was first.
const ATTEMPTS: usize = 3;

/// A card drawn from the stock, with the keys its chip must get.
pub struct DrawnCard {
    /// As deeds name it.
    pub card: Card,
    /// Its keys, for the personalisation bureau alone.
    pub keys: SubscriberKeys,
}

/// The enforcement point's word that it has an objection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Whether it was in time.
    pub in_time: bool,
    /// `simward.receipt.1` ‖ 0x00 ‖ SHA-256(objection) ‖ outcome ‖ u64be(witnessed time).
    pub message: Vec<u8>,
    /// By the role auc.
    pub signature: [u8; 64],
}

impl Node {
    /// Draws a card: ICCID, IMSI and keys exist before anybody signs for it. The key goes to the bureau and, wrapped, to
    /// the database; whoever later accepts the card checks it against the commitment.
    pub fn draw_card(&mut self, eid: Option<Eid>) -> Result<DrawnCard, Refusal> {
        for _ in 0..ATTEMPTS {
            let serial = self.rng.next_u64() % 1_000_000_000;
            let imsi: Imsi = parse(&format!("999700{serial:09}"))?;
            let iccid: Iccid = parse(&with_luhn(&format!("899997000{serial:09}")))?;
            if self.database.load(&[Key::Card(imsi)])?.pop().flatten().is_some() {
                continue;
            }
            let keys = SubscriberKeys::random(&mut self.rng);
            let key_commit = keys.commitment(&imsi, &iccid);
            let card = Card { iccid, imsi, eid, key_commit, card_pub: None };
            let wrapped = keys.wrap(&self.pins.keys().kek, &imsi, &iccid, &mut self.rng);
            let row = CardRow { imsi, iccid, card: card.encode(), keys: wrapped };
            self.database.commit(&[Changes(vec![Write::Put(Key::Card(imsi), Row::Card(row))])])?;
            return Ok(DrawnCard { card, keys });
        }
        Err(Refusal::Broken("no free IMSI was found in the range".into()))
    }

    /// A number's first event.
    pub fn issue(&mut self, body: Issued, proofs: Vec<Proof>) -> Result<Reply, Refusal> {
        let number = body.number;
        if self.pins.pin(&number).is_some() {
            return Err(Reason::LivingDeed.into());
        }
        self.change(&number, &Command::Issue { body: Box::new(body), proofs })
    }

    /// A desk asks for a change.
    pub fn request(&mut self, number: &Msisdn, intent: Intent) -> Result<Reply, Refusal> {
        self.change(number, &Command::Request { intent })
    }

    /// Somebody's own statement. An objection acts at the enforcement point first, whatever the chain does with it.
    pub fn statement(
        &mut self,
        number: &Msisdn,
        kind: u64,
        body: Vec<u8>,
        proofs: Vec<Proof>,
    ) -> Result<(Reply, Option<Receipt>), Refusal> {
        let mut receipt = None;
        if let (4 | 6, [proof]) = (kind, proofs.as_slice()) {
            let deed_id = self.pins.pin(number).ok_or_else(|| unknown(number))?.state.deed_id;
            let parsed = deed::event::Body::decode(kind, &body)?;
            let silences =
                matches!(&parsed, deed::event::Body::Held { silenced, .. } if !silenced.is_empty());
            if !silences {
                let objection =
                    Objection { deed_id, body: parsed, body_bytes: body.clone(), proof: proof.clone() };
                receipt = Some(self.hand_in(&objection.encode())?);
            }
        }
        if receipt.as_ref().is_some_and(|r| !r.in_time) {
            return Err(Reason::TooLate.into());
        }
        let reply = self.change(number, &Command::Statement { kind, body, proofs })?;
        Ok((reply, receipt))
    }

    /// Takes an objection directly: durable at the enforcement point before it is receipted.
    pub fn hand_in(&mut self, objection: &[u8]) -> Result<Receipt, Refusal> {
        let (change, outcome) = self.pins.object(objection, self.witnessed)?;
        self.store_pins(change.changes.clone())?;
        self.pins.install(change);
        let in_time = outcome == Objected::InTime;
        let message = [
            b"simward.receipt.1\0",
            &keys::digest::sha256(&[objection])[..],
            &[u8::from(in_time)],
            &self.witnessed.0.to_be_bytes(),
        ]
        .concat();
        Ok(Receipt { in_time, signature: self.auc.sign(&message), message })
    }

    /// Decides, stores, logs, has it witnessed, and lets the enforcement point accept it.
    pub(super) fn change(&mut self, number: &Msisdn, command: &Command) -> Result<Reply, Refusal> {
        if !self.log_whole || !self.pins.current() {
            return Err(Refusal::refused(
                "replay",
                "this node changes nothing until its log is the witnesses' log",
            ));
        }
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let facts = Facts {
                manifests: self.pins.manifests(),
                signers: &self.signers,
                roll: &self.pins.keys().roll,
                state: self.pins.pin(number).map(|p| &p.state),
            };
            let (changes, reply) = consent::decide(&facts, command, now, &mut self.rng)?;
            if let (Command::Commit { .. }, Some(commit)) = (command, reply.events.last()) {
                self.close(commit)?;
            }
            if matches!(command, Command::Issue { .. }) {
                self.check_new_cards(&reply)?;
            }
            match self.database.commit(&[changes])?.pop() {
                Some(Outcome::Done(indices)) => {
                    self.unfollowed = true;
                    self.append_leaves(&reply, &indices)?;
                    self.publish()?;
                    self.follow_events(number, &reply, &indices)?;
                    return Ok(reply);
                }
                _ => self.catch_up(number)?,
            }
        }
        Err(Refusal::Broken(
            "the database holds an event of this number that is no legal one; nothing was changed".into(),
        ))
    }

    fn append_leaves(&mut self, reply: &Reply, indices: &[u64]) -> Result<(), Refusal> {
        let first = (reply.state.heads.len() as u64).saturating_sub(reply.events.len() as u64);
        for (seq, index) in (first..).zip(indices) {
            let leaf = deed::pin::leaf(&self.pins.keys().roll, &reply.state, seq);
            let leaf = leaf.ok_or_else(|| Refusal::Broken("an event without a head".into()))?;
            if *index != self.log.size() {
                return Err(Refusal::Broken(
                    "the database gave a leaf another place than the log has".into(),
                ));
            }
            self.log.push(&leaf);
        }
        Ok(())
    }

    /// The enforcement point accepts new events, each with the proof that it is logged; the proof is kept for replay.
    fn follow_events(&mut self, number: &Msisdn, reply: &Reply, indices: &[u64]) -> Result<(), Refusal> {
        let mut proofs = Vec::new();
        for (bytes, index) in reply.events.iter().zip(indices) {
            let proof = self.log.prove(*index);
            self.accept(bytes, proof.as_ref())?;
            if let (Some(proof), Some((deed, seq, _))) = (proof, consent::place(bytes)) {
                proofs.push(Write::Proof { deed, seq, proof: proof.encode() });
            }
        }
        self.unfollowed = false;
        self.follow()?;
        self.database.commit(&[Changes(proofs)])?;
        self.begin_waits(number)
    }

    /// Accepts one event: prepared, durable in the enforcement point's own store, then in force.
    pub(super) fn accept(
        &mut self,
        event: &[u8],
        proof: Option<&deed::log::proof::TlogProof>,
    ) -> Result<(), Refusal> {
        let rows = self.card_rows(event);
        let find = |imsi: &Imsi| rows.iter().find(|row| row.imsi == *imsi).cloned();
        let change = self.pins.accept(event, proof, &find, self.witnessed)?;
        self.store_pins(change.changes.clone())?;
        self.pins.install(change);
        Ok(())
    }

    /// Before a commit may be logged: no objection stands, and from now on one is too late.
    fn close(&mut self, commit: &[u8]) -> Result<(), Refusal> {
        let rows = self.card_rows(commit);
        let find = |imsi: &Imsi| rows.iter().find(|row| row.imsi == *imsi).cloned();
        let change = self.pins.close(commit, &find, self.witnessed)?;
        self.store_pins(change.changes.clone())?;
        self.pins.install(change);
        Ok(())
    }

    /// A first event whose card is another number's, or whose key is not the committed one, is not logged at all.
    fn check_new_cards(&mut self, reply: &Reply) -> Result<(), Refusal> {
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
                match live.map(|l| &l.intent.change) {
                    Some(deed::record::Change::Move { to, .. } | deed::record::Change::Wake { to, .. }) => {
                        wanted.push(to.imsi);
                    }
                    Some(deed::record::Change::Add { card, .. }) => wanted.push(card.imsi),
                    _ => {}
                }
            }
            _ => {}
        }
        let keys: Vec<Key> = wanted.into_iter().map(Key::Card).collect();
        let rows = self.database.load(&keys).unwrap_or_default();
        rows.into_iter()
            .filter_map(|row| if let Some(Row::Card(row)) = row { Some(row) } else { None })
            .collect()
    }

    /// Events that the database has and the pin has not: accepted if they are legal and logged, else an alarm.
    pub(super) fn catch_up(&mut self, number: &Msisdn) -> Result<(), Refusal> {
        let Some(pin) = self.pins.pin(number) else { return Ok(()) };
        let (deed, have) = (pin.state.deed_id, pin.state.heads.len());
        for row in self.database.events(&deed)?.into_iter().skip(have) {
            let proof = self.log.prove(row.index);
            if let Err(refusal) = self.accept(&row.bytes, proof.as_ref()) {
                self.alarm("event", &format!("an event in the database is not accepted: {refusal}"));
                break;
            }
        }
        Ok(())
    }
}

pub(super) fn unknown(_: &Msisdn) -> Refusal {
    Refusal::refused("unknown", "no such number")
}

fn parse<T: std::str::FromStr<Err = wire::Malformed>>(text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|e: wire::Malformed| Refusal::Broken(e.to_string()))
}

/// The digits with their check digit (ISO/IEC 7812-1 Annex B).
fn with_luhn(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b - b'0');
            match i % 2 {
                0 if d > 4 => d * 2 - 9,
                0 => d * 2,
                _ => d,
            }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    #[test]
    fn check_digits_are_right() {
        // The ICCID example of ITU-T E.118 as cards in the field carry it.
        assert_eq!(super::with_luhn("7992739871"), "79927398713");
    }
}
