//! The consent service: puts owners' and desks' wishes into events, tells owners, ends what is over, commits what has
//! waited long enough. It has keys of its own and no power of its own: whatever it writes, the enforcement point checks.

use crate::Refusal;
use crate::alarm::tail;
use crate::store::{Changes, Key, NoticeRow, NumberRow, Row, Write};
use deed::cbor::{Writer, whole};
use deed::event::{AsOf, Body, Event, Issued, Proof, assemble};
use deed::intent::{Change, Intent};
use deed::log::Leaf;
use deed::log::proof::TlogProof;
use deed::manifest::Manifests;
use deed::signer::RoleSigner;
use deed::verify::step;
use deed::{Digest, Reason, State};
use keys::Secret;
use keys::sign::Host;
use rand_core::CryptoRng;
use wire::UnixTime;

/// The service's keys.
#[derive(Debug)]
pub struct Signers {
    /// Signs first events.
    pub issuer: RoleSigner,
    /// Signs requests, notices, ends and commits.
    pub consent: RoleSigner,
}

/// What is known when a command is decided.
pub struct Facts<'a> {
    /// Under which manifests.
    pub manifests: &'a Manifests,
    /// The service's keys.
    pub signers: &'a Signers,
    /// Makes the tag of a first event.
    pub roll: &'a Secret<[u8; 32]>,
    /// The number's state; `None` before its first event.
    pub state: Option<&'a State>,
    /// How many leaves the log has: the next one's place.
    pub log_size: u64,
    /// The newest time that a quorum of witnesses vouches for.
    pub witnessed: UnixTime,
}

/// What may be asked.
#[derive(Debug, Clone)]
pub enum Command {
    /// A first event, signed by the owner's factors.
    Issue {
        /// The event's body.
        body: Box<Issued>,
        /// The factors' proofs.
        proofs: Vec<Proof>,
    },
    /// A desk or the portal asks for a change on somebody's behalf.
    Request {
        /// What for.
        intent: Intent,
    },
    /// Somebody's own statement: a request, a consent, a veto or a hold.
    Statement {
        /// The event type.
        kind: u64,
        /// The body's bytes, as signed.
        body: Vec<u8>,
        /// Who signed.
        proofs: Vec<Proof>,
    },
    /// The live request is over.
    End {
        /// 1 expired, 2 refused, 3 superseded.
        reason: u64,
    },
    /// The live request has waited.
    Commit {
        /// The event whose logging began the wait.
        start_seq: u64,
        /// Its proof from then.
        early: Vec<u8>,
        /// Its proof from now.
        late: TlogProof,
        /// For a ported or claimed number whose first thirty days are over: the proof that event 1 was accepted with.
        origin: Option<Vec<u8>>,
    },
    /// The deed goes on under the newest manifest.
    Adopt {
        /// Proofs that it has been public, early and late, where it makes anything looser.
        public: Option<Box<[TlogProof; 2]>>,
    },
    /// The authentication centre saw something.
    Observe {
        /// Event 10.
        body: Box<Body>,
        /// By the role auc.
        proof: Box<Proof>,
    },
}

/// What is answered.
#[derive(Debug)]
pub struct Reply {
    /// New events, in order.
    pub events: Vec<Vec<u8>>,
    /// Their leaves.
    pub leaves: Vec<Leaf>,
    /// The state after them.
    pub state: State,
}

/// Decides one command on one number.
pub fn decide(
    facts: &Facts<'_>,
    command: &Command,
    now: UnixTime,
    rng: &mut impl CryptoRng,
) -> Result<(Changes, Reply), Refusal> {
    let mut draft = Draft {
        facts,
        state: facts.state.cloned(),
        changes: Vec::new(),
        events: Vec::new(),
        leaves: Vec::new(),
    };
    match command {
        Command::Issue { body, proofs } => draft.issue(body, proofs, now, rng)?,
        Command::Request { intent } => {
            if intent.expiry <= facts.witnessed.0 {
                return Err(Reason::Intent("over before it is asked for").into());
            }
            let body = Body::Requested { intent: intent.clone() };
            draft.signed_by_service(&body, rng)?;
            draft.notify(now, rng)?;
        }
        Command::Statement { proofs, .. } if proofs.is_empty() => {
            // Before anything is looked at: what a number's state forbids is nobody's business who has signed nothing.
            return Err(Reason::Missing("a signature").into());
        }
        Command::Statement { kind, body, proofs } => {
            let body = match kind {
                1 | 2 | 4 | 6 | 8 => Body::decode(*kind, body)?,
                _ => {
                    return Err(Refusal::refused(
                        "role",
                        "nobody but the operator's own services writes this event",
                    ));
                }
            };
            draft.append(&body, proofs, rng)?;
            match body {
                Body::Requested { .. } => draft.notify(now, rng)?,
                Body::Held { .. } => {
                    draft.tell(now, "held", "a hold was set");
                }
                Body::Vetoed { .. } => {
                    draft.tell(now, "stopped", "a change was stopped");
                }
                Body::Watched { .. } => {
                    draft.tell(now, "watched", "its watch key was changed; old ones see nothing more of it");
                }
                _ => {}
            }
        }
        Command::End { reason } => {
            let request = draft.live()?;
            draft.signed_by_service(&Body::Ended { request, reason: *reason }, rng)?;
        }
        Command::Commit { start_seq, early, late, origin } => {
            let request = draft.live()?;
            let (early, late, origin) = (early.clone(), late.encode(), origin.clone().unwrap_or_default());
            let body = Body::Committed { request, start_seq: *start_seq, early, late, origin };
            draft.signed_by_service(&body, rng)?;
            draft.repoint(now);
        }
        Command::Adopt { public } => {
            let (newest, _) = facts.manifests.newest().ok_or(Reason::Manifest)?;
            let [early, late] = public.as_ref().map_or_else(Default::default, |proofs| {
                let [early, late] = &**proofs;
                [early.encode(), late.encode()]
            });
            draft.signed_by_service(&Body::Adopted { manifest: newest.id(), early, late }, rng)?;
        }
        Command::Observe { body, proof } => draft.append(body, core::slice::from_ref(&**proof), rng)?,
    }
    draft.done()
}

struct Draft<'a> {
    facts: &'a Facts<'a>,
    state: Option<State>,
    changes: Vec<Write>,
    events: Vec<Vec<u8>>,
    leaves: Vec<Leaf>,
}

impl Draft<'_> {
    fn state(&self) -> Result<&State, Refusal> {
        self.state.as_ref().ok_or_else(|| Refusal::refused("unknown", "no such number"))
    }

    fn live(&self) -> Result<Digest, Refusal> {
        Ok(self.state()?.live.as_ref().ok_or(Reason::NoRequest)?.head)
    }

    /// Event 0. The desk brings the owner's proofs; the issuer adds its own.
    fn issue(
        &mut self,
        issued: &Issued,
        proofs: &[Proof],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Refusal> {
        if self.state.as_ref().is_some_and(|state| state.closed.is_none()) {
            return Err(Reason::LivingDeed.into());
        }
        self.state = None;
        let body = Body::Issued(issued.clone());
        let mut all = vec![self.facts.signers.issuer.proof(&[0; 32], AsOf::NOTHING, &body)];
        all.extend_from_slice(proofs);
        self.append(&body, &all, rng)?;
        self.repoint(now);
        Ok(())
    }

    fn signed_by_service(&mut self, body: &Body, rng: &mut impl CryptoRng) -> Result<(), Refusal> {
        let state = self.state()?;
        let tip = AsOf { seq: state.seq(), head: state.head() };
        let proof = self.facts.signers.consent.proof(&state.deed_id, tip, body);
        self.append(body, &[proof], rng)
    }

    /// Appends an event, if the rules allow it.
    fn append(&mut self, body: &Body, proofs: &[Proof], rng: &mut impl CryptoRng) -> Result<(), Refusal> {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let (deed_id, seq, prev) = match &self.state {
            None => ([0; 32], 0, [0; 32]),
            Some(state) => (state.deed_id, state.heads.len() as u64, state.head()),
        };
        let bytes = assemble(&deed_id, seq, &prev, &salt, body, proofs);
        let state = step(&Host, self.facts.manifests, self.state.take(), &bytes)?;
        let leaf = deed::pin::leaf(self.facts.roll, &state, seq);
        let leaf: Leaf = leaf.ok_or_else(|| Refusal::Broken("an event without a head".into()))?;
        let place = self.facts.log_size + self.events.len() as u64;
        self.changes.push(Write::Event { deed: state.deed_id, seq, bytes: bytes.clone(), leaf, place });
        self.leaves.push(leaf);
        self.events.push(bytes);
        self.state = Some(state);
        Ok(())
    }

    /// Queues a notice and writes into the deed that it was queued.
    fn notify(&mut self, now: UnixTime, rng: &mut impl CryptoRng) -> Result<(), Refusal> {
        let live = self.state()?.live.as_ref().ok_or(Reason::NoRequest)?;
        let request = live.head;
        let what = describe(&live.intent);
        let notice = self.tell(now, "asked", &format!("{what} was asked for; if this was not you, stop it"));
        self.signed_by_service(&Body::Notified { request, receipts: vec![notice] }, rng)
    }

    /// Queues a notice; its digest.
    fn tell(&mut self, at: UnixTime, code: &str, text: &str) -> Digest {
        let Some(state) = &self.state else { return [0; 32] };
        let text = format!("number …{}: {text}", tail(&state.number));
        let digest = keys::digest::sha256(&[&state.watch_key.danger_expose()[..], text.as_bytes()]);
        self.changes.push(Write::Notice(NoticeRow { number: state.number, at, code: code.into(), text }));
        digest
    }

    /// The index of numbers follows the deed. Nothing is served from it.
    fn repoint(&mut self, now: UnixTime) {
        let Some(state) = &self.state else { return };
        let (number, deed) = (state.number, state.deed_id);
        if let Some(closed) = &state.closed {
            let (code, text) = match closed.recipient {
                Some(_) => ("left", "it has left; its card is served until its new operator routes it"),
                None => ("closed", "it was given up; its card is served no more"),
            };
            self.tell(now, code, text);
            return;
        }
        let Some(imsi) = state.card().map(|c| c.imsi) else { return };
        let row = Row::Number(NumberRow { number, imsi, deed });
        self.changes.push(Write::Put(Key::Number(number), row));
        self.tell(now, "in-service", "its card is in service");
    }

    fn done(self) -> Result<(Changes, Reply), Refusal> {
        let state = self.state.ok_or_else(|| Refusal::refused("unknown", "no such number"))?;
        Ok((Changes(self.changes), Reply { events: self.events, leaves: self.leaves, state }))
    }
}

/// An intent in a few words.
pub fn describe(intent: &Intent) -> String {
    match &intent.change {
        Change::Move { to, .. } => {
            format!("a change of SIM to the card ending {}", ending(to.iccid.as_str()))
        }
        Change::Add { card, .. } => format!("a further card ending {}", ending(card.iccid.as_str())),
        Change::ClearHolds { .. } => "lifting a hold".into(),
        Change::AddFactor { .. } => "a further key".into(),
        Change::RemoveCard { slot, .. } => format!("taking away the further card in slot {slot}"),
        Change::RemoveFactor { .. } => "taking a key away".into(),
        Change::Trust { needed: 0, .. } => "taking all trusted people away".into(),
        Change::Trust { needed, people } => {
            format!("{} trusted people, of whom {needed} speak together", people.len())
        }
        Change::PortOut { recipient, .. } => format!("leaving for the operator {recipient}"),
        Change::Transfer { .. } => "a transfer to a new owner".into(),
        Change::Close => "giving the number up".into(),
        Change::NewKey { to, .. } => format!("a new key for the card ending {}", ending(to.iccid.as_str())),
        Change::Tenure { .. } => "a change of whose kind of number it is".into(),
        Change::Wake { .. } => "waking the stand-by card".into(),
    }
}

fn ending(digits: &str) -> &str {
    digits.get(digits.len().saturating_sub(4)..).unwrap_or(digits)
}

/// Most waits kept for a request: each is tried as a whole commit.
const MOST_WAITS: usize = 8;

/// The waits begun for one request: `[[start_seq, early]…]`, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waits(pub Vec<(u64, Vec<u8>)>);

impl Waits {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        Writer::new().list(&self.0, |w, (seq, early)| w.array(2).uint(*seq).bytes(early)).done()
    }

    /// From its bytes; what does not read is no wait, and a wait then begins anew.
    pub fn decode(bytes: &[u8]) -> Self {
        let read = whole(bytes, |r| {
            let n = r.list(64, "number of waits")?;
            (0..n)
                .map(|_| {
                    r.array(2)?;
                    Ok((r.uint()?, r.bytes()?.to_vec()))
                })
                .collect::<Result<_, Reason>>()
        });
        Self(read.unwrap_or_default())
    }

    /// The event at which a wait for the live request could begin now, if none began there yet.
    pub fn next_start(&self, state: &State) -> Option<u64> {
        let live = state.live.as_ref()?;
        let last_consent = live.consents.iter().map(|(_, seq)| *seq).max()?;
        let start = last_consent.max(live.notified?);
        (!self.0.iter().any(|(seq, _)| *seq == start) && self.0.len() < MOST_WAITS).then_some(start)
    }
}

/// The deed an event belongs to and its place there.
pub fn place(bytes: &[u8]) -> Option<(Digest, u64)> {
    let event = Event::decode(bytes).ok()?;
    Some((event.deed(), event.seq))
}
