//! Changing deeds: issue, request, consent, object, commit.

use super::Node;
use super::heard::{Begun, Heard};
use deed::event::{Body, Issued, Proof};
use deed::intent::Intent;
use deed::objection::Objection;
use deed::pin::Objected;
use deed::{Digest, Reason};
use operator::Refusal;
use operator::consent::{self, Command, Facts, Reply};
use operator::store::{Changes, LeafRow, Outcome, Write};
use operator::timeline::{Actor, Entry, Happened};
use wire::Msisdn;

/// How often a decision is made again when somebody else was first.
const ATTEMPTS: usize = 3;

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

/// What became of a statement: an objection's receipt is good even if the chain refused it.
pub struct Stated {
    /// The chain.
    pub reply: Result<Reply, Refusal>,
    /// The enforcement point's word, for an objection.
    pub receipt: Option<Receipt>,
}

impl Node {
    /// A desk issues a number: only so many a day.
    pub fn issue_at_desk(&mut self, body: Issued, proofs: Vec<Proof>) -> Result<Reply, Refusal> {
        self.heard.begin_line(Begun::Number, self.clock.now())?;
        self.issue(body, proofs)
    }

    /// A number's first event.
    pub fn issue(&mut self, body: Issued, proofs: Vec<Proof>) -> Result<Reply, Refusal> {
        let number = body.number;
        if self.pins.pin(&number).is_some_and(|pin| pin.state.closed.is_none()) {
            return Err(Reason::LivingDeed.into());
        }
        self.change(&number, &Command::Issue { body: Box::new(body), proofs })
    }

    /// A desk asks for a change.
    pub fn request(&mut self, number: &Msisdn, intent: Intent) -> Result<Reply, Refusal> {
        self.request_by(number, intent, Actor::Desk)
    }

    /// The same for whoever asks through a desk.
    pub(super) fn request_by(
        &mut self,
        number: &Msisdn,
        intent: Intent,
        by: Actor,
    ) -> Result<Reply, Refusal> {
        let now = self.clock.now();
        if self.heard.too_often(number, &Heard::DESKS, now) {
            return Err(Refusal::refused("rate", "desks have asked for enough changes of this number today"));
        }
        let reply = self.change_by(number, &Command::Request { intent }, by)?;
        self.heard.count(number, &Heard::DESKS, now);
        Ok(reply)
    }

    /// Somebody's own statement. An objection acts at the enforcement point first; its receipt is good whatever the
    /// chain does with it.
    pub fn statement(
        &mut self,
        number: &Msisdn,
        kind: u64,
        body: Vec<u8>,
        proofs: Vec<Proof>,
    ) -> Result<Stated, Refusal> {
        let receipt = self.object_first(number, kind, &body, &proofs)?;
        if receipt.as_ref().is_some_and(|r| !r.in_time) {
            return Ok(Stated { reply: Err(Reason::TooLate.into()), receipt });
        }
        let signers: Vec<Digest> = proofs.iter().map(|p| p.signer).collect();
        let now = self.clock.now();
        let reply = if !signers.is_empty() && signers.iter().all(|s| self.heard.too_often(number, s, now)) {
            Err(Refusal::refused(
                "rate",
                "this key has said enough about this number today; a direct objection still acts",
            ))
        } else {
            self.change(number, &Command::Statement { kind, body, proofs })
        };
        if reply.is_ok() {
            signers.iter().for_each(|signer| self.heard.count(number, signer, now));
        }
        match (reply, receipt) {
            (Err(refusal), None) => Err(refusal),
            (reply, receipt) => Ok(Stated { reply, receipt }),
        }
    }

    /// Hands a veto or a hold to the enforcement point before anything else is done with it.
    fn object_first(
        &mut self,
        number: &Msisdn,
        kind: u64,
        body: &[u8],
        proofs: &[Proof],
    ) -> Result<Option<Receipt>, Refusal> {
        let (4 | 6, [proof]) = (kind, proofs) else { return Ok(None) };
        let deed_id = self.pins.pin(number).ok_or_else(unknown)?.state.deed_id;
        let parsed = Body::decode(kind, body)?;
        if matches!(&parsed, Body::Held { silenced, .. } if !silenced.is_empty()) {
            return Ok(None);
        }
        let objection = Objection { deed_id, body: parsed, body_bytes: body.to_vec(), proof: proof.clone() };
        self.hand_in(&objection.encode()).map(Some)
    }

    /// Takes an objection directly, and then into the deed if it can be: its receipt is good whatever the chain does.
    pub fn object(&mut self, objection: &[u8]) -> Result<Receipt, Refusal> {
        let receipt = self.hand_in(objection)?;
        let Objection { deed_id, body, body_bytes, proof } = Objection::decode(objection)?;
        let number = self.pins.number_of_deed(&deed_id)?;
        let (now, signer) = (self.clock.now(), proof.signer);
        if receipt.in_time && !self.heard.too_often(&number, &signer, now) {
            let command = Command::Statement { kind: body.kind(), body: body_bytes, proofs: vec![proof] };
            match self.change(&number, &command) {
                Ok(_) => self.heard.count(&number, &signer, now),
                Err(refusal) => tracing::info!(code = refusal.code(), "an objection stands outside its deed"),
            }
        }
        Ok(receipt)
    }

    /// Takes an objection at the enforcement point alone: durable at the enforcement point before it is receipted.
    pub fn hand_in(&mut self, objection: &[u8]) -> Result<Receipt, Refusal> {
        let (change, outcome) = self.pins.object(objection, self.witnessed)?;
        let number = change.number();
        self.put_in_force(change)?;
        let in_time = outcome == Objected::InTime;
        if let Ok(Objection { proof, .. }) = Objection::decode(objection) {
            let entry = Entry::new(self.objector(&number, &proof), Happened::Objected { in_time });
            self.jot(number, entry);
        }
        let message = [
            b"simward.receipt.1\0",
            &keys::digest::sha256(&[objection])[..],
            &[u8::from(in_time)],
            &self.witnessed.0.to_be_bytes(),
        ]
        .concat();
        let receipt = Receipt { in_time, signature: self.auc.sign(&message), message };
        self.riders.receipt(&crate::http::receipt_view(&receipt));
        Ok(receipt)
    }

    /// Decides, stores, logs, has it witnessed, and lets the enforcement point accept it.
    pub(super) fn change(&mut self, number: &Msisdn, command: &Command) -> Result<Reply, Refusal> {
        self.change_by(number, command, Actor::Operator)
    }

    fn change_by(&mut self, number: &Msisdn, command: &Command, by: Actor) -> Result<Reply, Refusal> {
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
                log_size: self.log.size(),
                witnessed: self.witnessed,
            };
            let (mut changes, reply) = consent::decide(&facts, command, now, &mut self.rng)?;
            if let (Command::Commit { .. }, Some(commit)) = (command, reply.events.last()) {
                self.close(commit)?;
            }
            if let Command::Issue { body, .. } = command {
                self.may_begin(body)?;
                self.check_new_cards(&reply)?;
            }
            if reply.leaves.iter().any(|leaf| self.log.first_with(&leaf.tag).is_some()) {
                if self.pins.pin(number).is_none() {
                    return Err(Refusal::refused("fork", "the log has a first event of this number already"));
                }
                self.catch_up(number)?;
                continue;
            }
            self.note_changes(number, command, by, &reply, &mut changes);
            self.answer_change(&reply);
            match self.database.commit(&[changes])?.pop() {
                Some(Outcome::Done) => {
                    self.weigh_again(number);
                    let first = self.append(&reply);
                    self.publish()?;
                    self.follow_events(number, &reply, first)?;
                    return Ok(reply);
                }
                _ => self.catch_up(number)?,
            }
        }
        Err(Refusal::Broken(
            "the database holds an event of this number that is no legal one; nothing was changed".into(),
        ))
    }

    /// Whether a first event may begin here. What is refused only after it was logged would keep its tag, and the number
    /// could never be issued again.
    fn may_begin(&self, issued: &Issued) -> Result<(), Refusal> {
        match self.pins.pin(&issued.number) {
            Some(former) => Ok(former.may_be_followed(issued, self.witnessed)?),
            None if issued.generation != 0 => {
                Err(Reason::Generation("no deed of this number was closed here").into())
            }
            None => Ok(()),
        }
    }

    /// Leaves that are durable in the database come into the log, to be followed; the first one's place.
    fn append(&mut self, reply: &Reply) -> u64 {
        let first = self.log.size();
        let (deed, before) =
            (reply.state.deed_id, reply.state.heads.len() as u64 - reply.leaves.len() as u64);
        for (index, (seq, leaf)) in (first..).zip((before..).zip(&reply.leaves)) {
            self.log.push(leaf);
            self.unfollowed.push(LeafRow { index, leaf: *leaf, deed, seq });
        }
        first
    }

    /// The enforcement point accepts new events, each with the proof that it is logged. The proofs are stored first: after
    /// a crash they show that the events were logged in time.
    fn follow_events(&mut self, number: &Msisdn, reply: &Reply, first: u64) -> Result<(), Refusal> {
        let proofs: Vec<_> =
            (first..).zip(&reply.events).map(|(index, event)| (event, self.log.prove(index))).collect();
        let stored = proofs.iter().filter_map(|(event, proof)| {
            let (deed, seq) = consent::place(event)?;
            Some(Write::Proof { deed, seq, proof: proof.as_ref()?.encode() })
        });
        let stored = Changes(stored.collect());
        self.database.commit(&[stored])?;
        for (index, (event, proof)) in (first..).zip(proofs) {
            self.accept(event, proof.as_ref())?;
            self.unfollowed.retain(|row| row.index != index);
        }
        self.follow()?;
        self.begin_waits(number)
    }
}

pub(super) fn unknown() -> Refusal {
    Refusal::refused("no-number", "no such number")
}
