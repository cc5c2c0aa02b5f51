//! A model of who may move a number, whose moves are the deed's own code on real values; only signatures are tags.
//!
//! An insider writes the chain, the log and every desk's statement; a thief has some of the owner's keys; some witnesses
//! lie. What they may do is an [`Act`]; what must hold whatever they do stands in [`Model::broken`], by the names that
//! docs/model.md gives the laws.

mod scenes;
mod stage;
mod tags;
mod universe;

pub use scenes::scenes;
pub use stage::{EXPIRY, Key, Stage, Witnesses, card_keys};
pub use tags::Signatures;
pub use universe::{Done, Universe, Wish};

use crate::{DAY, HOUR, START};
use deed::event::{Body, Event, Observation};
use deed::objection::Objection;
use deed::pin::{Objected, Pin, leaf};
use deed::record::Place;
use deed::signer::SignStatement;
use deed::state::bit;
use std::sync::Arc;
use universe::Said;
use wire::UnixTime;

/// Which part of the world a model looks at: who has what, and how far it goes.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Its name.
    pub name: &'static str,
    /// The keys in the deed.
    pub keys: &'static [Key],
    /// Those that a thief has, too.
    pub thief: &'static [Key],
    /// Those that the owner still has.
    pub owner: &'static [Key],
    /// What thief and insider ask for.
    pub wishes: &'static [Wish],
    /// Over whose objections a thief's key asks, besides nobody's.
    pub overs: &'static [Place],
    /// Whether the owner wants a card of his own.
    pub owner_moves: bool,
    /// Whether he looks at what is asked for and objects within a day.
    pub attentive: bool,
    /// Whether the laws promise him his number here.
    pub safe: bool,
    /// Whether the desks are bribed.
    pub desks: bool,
    /// Whether a commit is closed, logged and accepted one by one, with anything in between.
    pub torn: bool,
    /// Witnesses.
    pub witnesses: Witnesses,
    /// Enforcement points.
    pub nodes: usize,
    /// Whether the log may be shown in two ways.
    pub split: bool,
    /// Whether an insider fills the chain with events that mean nothing.
    pub flood: bool,
    /// Steps of time.
    pub passes: &'static [u64],
    /// Whether the consent service keeps quiet but for what it must do: then more of the rest is looked at.
    pub quiet: bool,
    /// How far it goes: events of the deed, and time.
    pub most: (usize, u64),
    /// And how many acts deep.
    pub deep: usize,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            name: "",
            keys: &[Key::Phone, Key::Paper],
            thief: &[],
            owner: &[Key::Phone, Key::Paper],
            wishes: &[Wish::Theirs],
            overs: &[],
            owner_moves: false,
            attentive: true,
            safe: true,
            desks: false,
            torn: false,
            witnesses: Witnesses { all: 3, quorum: 3, liars: 2 },
            nodes: 1,
            split: false,
            flood: false,
            passes: &[15 * 60, DAY],
            quiet: false,
            most: (8, 3 * DAY),
            deep: 7,
        }
    }
}

/// What may happen next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The consent service, or somebody's key, asks for something, over nobody's or a place's objections.
    Ask(Wish, Option<Key>, Option<Place>),
    /// The consent service says that the owner was told.
    Tell,
    /// A key in a thief's hands agrees.
    Agree(Key),
    /// A bribed desk agrees.
    DeskAgrees(usize),
    /// The thief shows the key that he would like to add.
    Show,
    /// The owner agrees to his own wish, or asks for it himself; whoever carries it holds it back.
    OwnerSays(Key, bool),
    /// The owner agrees to the same in another deed of his.
    OwnerSaysElsewhere(Key),
    /// What the owner has said is delivered.
    Deliver(usize),
    /// A key vetoes the live request, directly to a node.
    Object(usize, Key, bool),
    /// A key suspends the line, directly to a node.
    Suspend(usize, Key),
    /// A bribed desk's hold in the chain, of no weight but for what it makes void.
    DeskHolds,
    /// A key's hold in the chain.
    Hold(Key, u64),
    /// Keys take the objections of the phone's passkey away.
    Silence(Vec<Key>),
    /// The consent service ends the request.
    End,
    /// Something that means nothing.
    Flood,
    /// A commit is written with proofs from one of the instants; a node closes it.
    Close(usize, usize),
    /// It is logged.
    Log(usize),
    /// All of that at once.
    Commit(usize),
    /// A node takes the next event from the log.
    Take(usize),
    /// The node's deed goes on in another way, in the second view of the log.
    Split,
    /// Time passes.
    Pass(u64),
}

/// A scene on its stage.
pub struct Model {
    /// Which.
    pub scene: Scene,
    /// Where.
    pub stage: Stage,
}

impl Model {
    /// A scene, with the weakest quorum that the format lets it have.
    pub fn new(scene: Scene) -> Self {
        Self::with(Signatures::Tags, scene)
    }

    /// A scene with signatures of a kind.
    pub fn with(signatures: Signatures, scene: Scene) -> Self {
        let strong = Witnesses { quorum: scene.witnesses.all, ..scene.witnesses };
        let stage =
            Stage::new(signatures, scene.witnesses).or_else(|_| Stage::new(signatures, strong)).unwrap();
        Self { scene, stage }
    }

    /// How it begins: nowhere, if the format refuses such a deed.
    pub fn begins(&self) -> Vec<Universe> {
        Universe::begin(&self.stage, self.scene.keys, self.scene.nodes).into_iter().collect()
    }

    /// Whether a state is within the scene's bounds.
    pub fn within(&self, u: &Universe) -> bool {
        let (events, time) = self.scene.most;
        u.views.iter().all(|view| view.len() <= events) && u.now <= START + time
    }

    /// All that may be tried.
    pub fn acts(&self, u: &Universe) -> Vec<Act> {
        let scene = &self.scene;
        let mut acts = Vec::new();
        let live = u.live(0).cloned();
        let overs = |by: &Option<Key>| match by {
            Some(_) => [None].into_iter().chain(scene.overs.iter().copied().map(Some)).collect(),
            None => vec![None],
        };
        for wish in scene.wishes {
            let thieves = scene.thief.iter().copied().map(Some);
            let service = (!scene.quiet).then_some(None);
            for by in service.into_iter().chain(thieves) {
                acts.extend(overs(&by).into_iter().map(|over| Act::Ask(*wish, by, over)));
            }
        }
        if let Some(asked) = &live {
            acts.push(Act::Tell);
            acts.extend(scene.thief.iter().filter(|k| **k != Key::Thiefs).map(|key| Act::Agree(*key)));
            if scene.desks {
                acts.extend([Act::DeskAgrees(0), Act::DeskAgrees(1)]);
            }
            if asked.wish == Wish::TheirKey {
                acts.push(Act::Show);
            }
            if !scene.quiet {
                acts.push(Act::End);
            }
            if scene.torn || scene.nodes > 1 {
                acts.extend((0..u.instants.len()).map(|at| Act::Close(0, at)));
            } else {
                acts.extend((0..u.instants.len()).map(Act::Commit));
            }
        }
        // A key that has come into the deed is the thief's.
        if scene.wishes.contains(&Wish::TheirKey) && !u.past.added.is_empty() && live.is_some() {
            acts.push(Act::Agree(Key::Thiefs));
        }
        if scene.owner_moves {
            if live.is_none() {
                acts.push(Act::Ask(Wish::Mine, None, None));
            }
            let mine = live.as_ref().is_some_and(|asked| asked.wish == Wish::Mine);
            for key in scene.owner {
                if u.said.len() < 3 {
                    acts.push(Act::OwnerSays(*key, mine));
                    if mine {
                        acts.push(Act::OwnerSaysElsewhere(*key));
                    }
                }
            }
        }
        acts.extend((0..u.said.len()).map(Act::Deliver));
        for node in 0..u.nodes.len() {
            let foreign = u.live(node).is_some_and(|asked| asked.wish != Wish::Mine);
            if foreign {
                acts.extend(scene.owner.iter().map(|key| Act::Object(node, *key, false)));
                if scene.torn {
                    acts.extend(scene.owner.iter().map(|key| Act::Suspend(node, *key)));
                }
            }
            if scene.owner_moves && u.live(node).is_some_and(|asked| asked.wish == Wish::Mine) {
                acts.extend(scene.thief.iter().map(|key| Act::Object(node, *key, true)));
            }
        }
        if scene.wishes.contains(&Wish::Lift) {
            acts.extend(scene.owner.iter().map(|key| Act::Hold(*key, bit::SERVICE)));
            acts.extend(scene.thief.iter().map(|key| Act::Hold(*key, bit::ROAMING)));
        }
        if scene.desks && scene.owner_moves {
            acts.push(Act::DeskHolds);
        }
        if scene.flood {
            acts.push(Act::Flood);
            acts.push(Act::Silence(scene.owner.to_vec()));
        }
        if !scene.thief.is_empty() && !scene.quiet {
            acts.push(Act::Silence(scene.thief.to_vec()));
        }
        if scene.torn || scene.nodes > 1 {
            acts.extend((0..u.nodes.len()).filter(|n| u.nodes[*n].writing.is_some()).map(Act::Log));
            acts.extend((0..u.nodes.len()).map(Act::Take));
        }
        if scene.split && u.views.len() == 1 {
            acts.push(Act::Split);
        }
        acts.extend(scene.passes.iter().map(|seconds| Act::Pass(*seconds)));
        acts
    }

    /// What an act leads to; nothing, if somebody refuses it.
    pub fn after(&self, u: &Universe, act: &Act) -> Option<Universe> {
        let mut before = u.clone();
        before.done.clear();
        let mut after = self.next(&before, act)?;
        if self.stage.signatures == Signatures::Tags {
            // Millions of states are kept.
            after.done = Vec::new();
        }
        Some(after)
    }

    fn next(&self, u: &Universe, act: &Act) -> Option<Universe> {
        let stage = &self.stage;
        let live_body = || {
            let live = u.state(0).live.as_ref()?;
            Some(Body::Consented { request: live.head, intent: live.intent.clone() })
        };
        let consent = |body: &Body| u.sign(0, &mut stage.consent.clone(), body);
        match act {
            Act::Ask(wish, by, over) => {
                let body = Body::Requested { intent: stage.intent(u.state(0), *wish, *over)? };
                let mut hand = by.map_or_else(|| stage.consent.clone(), |key| stage.hand(key));
                let proof = u.sign(0, &mut hand, &body);
                u.write(stage, 0, &body, &[proof])
            }
            Act::Tell => {
                let live = u.state(0).live.as_ref().filter(|live| live.notified.is_none())?;
                let body = Body::Notified { request: live.head, receipts: vec![] };
                u.write(stage, 0, &body, &[consent(&body)])
            }
            Act::Agree(key) => {
                let body = live_body()?;
                let proof = u.sign(0, &mut stage.hand(*key), &body);
                self.once(u, &proof.signer)?;
                u.write(stage, 0, &body, &[proof])
            }
            Act::DeskAgrees(desk) => {
                let body = live_body()?;
                let proof = u.sign(0, &mut stage.desks[*desk].clone(), &body);
                u.write(stage, 0, &body, &[proof])
            }
            Act::Show => {
                let body = live_body()
                    .filter(|_| u.state(0).live.as_ref().is_some_and(|l| l.possession.is_empty()))?;
                let proof = u.sign(0, &mut stage.hand(Key::Thiefs), &body);
                u.write(stage, 0, &body, &[proof])
            }
            Act::OwnerSays(key, agrees) => {
                let body = match agrees {
                    true => live_body()?,
                    false => Body::Requested { intent: stage.intent(u.state(0), Wish::Mine, None)? },
                };
                let proof = u.sign(0, &mut stage.hand(*key), &body);
                self.say(u, *key, body, proof, false)
            }
            Act::OwnerSaysElsewhere(key) => {
                let body = live_body()?;
                let mut elsewhere = u.sign(0, &mut stage.hand(*key), &body);
                let twin = keys::digest::sha256(&[&u.state(0).deed_id, b"another deed"]);
                elsewhere = stage.hand(*key).prove(&twin, elsewhere.as_of, &body);
                self.say(u, *key, body, elsewhere, true)
            }
            Act::Deliver(i) => {
                let said = &u.said[*i];
                let mut next = u.write(stage, 0, &said.body, std::slice::from_ref(&said.proof))?;
                if said.elsewhere {
                    next.break_law("D18");
                }
                if said.used > 0 || said.objections < u.past.objections {
                    next.break_law("D11");
                }
                next.said[*i].used += 1;
                Some(next.named())
            }
            Act::Object(node, key, by_thief) => {
                let request = u.state(*node).live.as_ref()?.head;
                self.object(u, *node, *key, Body::Vetoed { request, reason: 1 }, *by_thief)
            }
            Act::Suspend(node, key) => {
                let body = Body::Held { bits: vec![bit::SERVICE], silenced: vec![], reason: 1 };
                self.object(u, *node, *key, body, false)
            }
            Act::DeskHolds => {
                let body = Body::Held { bits: vec![bit::ROAMING], silenced: vec![], reason: 1 };
                let proof = u.sign(0, &mut stage.desks[0].clone(), &body);
                u.write(stage, 0, &body, &[proof])
            }
            Act::Hold(key, bit) => {
                let body = Body::Held { bits: vec![*bit], silenced: vec![], reason: 1 };
                let proof = u.sign(0, &mut stage.hand(*key), &body);
                u.write(stage, 0, &body, &[proof])
            }
            Act::Silence(keys) => {
                let targets = match self.scene.flood {
                    true => vec![(stage.factor(Key::Phone).id(), 2)],
                    // A thief with one place would like to take everybody's voice away.
                    false => self.scene.owner.iter().map(|key| (stage.factor(*key).id(), 2)).collect(),
                };
                let body = Body::Held { bits: vec![], silenced: targets, reason: 1 };
                let proofs: Vec<_> = keys.iter().map(|k| u.sign(0, &mut stage.hand(*k), &body)).collect();
                let mut next = u.write(stage, 0, &body, &proofs)?;
                if !self.scene.flood {
                    next.break_law("D13");
                }
                Some(next.named())
            }
            Act::End => {
                let request = u.state(0).live.as_ref()?.head;
                let body = Body::Ended { request, reason: 2 };
                u.write(stage, 0, &body, &[consent(&body)])
            }
            Act::Flood => {
                let body = Body::Observed { what: Observation::Edit, digest: [9; 32] };
                let proof = u.sign(0, &mut stage.auc.clone(), &body);
                u.write(stage, 0, &body, &[proof])
            }
            Act::Close(node, at) => self.close(u, *node, *at),
            Act::Log(node) => {
                let bytes = u.nodes[*node].writing.clone()?;
                let state = u.state(*node).clone();
                let after =
                    deed::verify::step(&self.stage.signatures, &stage.manifests, Some(state), &bytes).ok()?;
                let leaf = leaf(&stage.roll, &after, after.seq())?;
                let view = &u.views[u.nodes[*node].view];
                if view.iter().any(|logged| logged.leaf == leaf) {
                    return None;
                }
                let mut next = u.clone();
                next.log(*node, &bytes, leaf);
                Some(next.named())
            }
            Act::Commit(at) => {
                let closed = self.close(u, 0, *at)?;
                let logged = self.next(&closed, &Act::Log(0))?;
                logged.take(stage, 0)
            }
            Act::Take(node) => u.take(stage, *node),
            Act::Split => self.split(u),
            Act::Pass(seconds) => {
                let mut next = u.clone();
                next.now += seconds;
                if self.scene.attentive && self.overdue(&next) {
                    return None;
                }
                next.instants.push(next.now);
                Some(next.named())
            }
        }
    }

    /// A thief's key agrees once to a request: saying it again changes nothing that matters.
    fn once(&self, u: &Universe, signer: &deed::Digest) -> Option<()> {
        let live = u.state(0).live.as_ref()?;
        let said = live
            .consents
            .iter()
            .any(|(who, _)| matches!(who, deed::state::Consenter::Factor(id) if id.0 == *signer));
        (!said).then_some(())
    }

    fn say(
        &self,
        u: &Universe,
        key: Key,
        body: Body,
        proof: deed::event::Proof,
        elsewhere: bool,
    ) -> Option<Universe> {
        if u.said.iter().any(|said| said.proof == proof) {
            return None;
        }
        let mut next = u.clone();
        next.said.push(Said { key, body, proof, objections: u.past.objections, elsewhere, used: 0 });
        next.said.sort_by_key(|said| (said.key, said.body.kind(), said.elsewhere, said.proof.as_of.seq));
        Some(next.named())
    }

    /// A veto or a suspension goes straight to a node.
    fn object(&self, u: &Universe, node: usize, key: Key, body: Body, by_thief: bool) -> Option<Universe> {
        let live = u.state(node).live.as_ref()?;
        let (request, over) = (live.head, live.intent.over);
        let place = self.stage.factor(key).place;
        let proof = u.sign(node, &mut self.stage.hand(key), &body);
        let objection = Objection { deed_id: u.state(node).deed_id, body_bytes: body.encode(), body, proof };
        let mut pin: Pin = (*u.nodes[node].pin).clone();
        let now = UnixTime(u.now);
        let outcome =
            pin.object(&self.stage.signatures, &self.stage.manifests, &objection.encode(), now).ok()?;
        let mut next = u.clone();
        next.done.push(Done::Objected(node, objection.encode()));
        next.judge_objection(node, &pin);
        let known = u.past.objected.contains(&(node, request, place));
        if outcome == Objected::InTime && Some(place) != over && !known {
            next.past.objected.push((node, request, place));
        } else if known || by_thief && outcome == Objected::InTime {
            return None;
        }
        if pin == *u.nodes[node].pin {
            return None;
        }
        next.nodes[node].pin = Arc::new(pin);
        Some(next.named())
    }

    /// A commit with the latest start, `late` proofs taken at one of the instants, and liars who say what suits a thief.
    fn close(&self, u: &Universe, node: usize, instant: usize) -> Option<Universe> {
        let (stage, state) = (&self.stage, u.state(node));
        let live = state.live.as_ref()?;
        let told = live.notified?;
        let start_seq = live.consents.iter().map(|(_, seq)| *seq).max()?.max(told);
        let view = u.nodes[node].view;
        let logged = &u.views[view];
        let index = logged.iter().position(|l| Some(l.leaf.head) == state.head_at(start_seq))?;
        let at = *u.instants.get(instant)?;
        let proof = |at: u64, lie: u64| {
            let leaves: Vec<_> = logged.iter().filter(|l| l.at <= at).map(|l| l.leaf).collect();
            (leaves.len() > index).then(|| stage.prove(&leaves, index as u64, at, lie, u.follows(view)))
        };
        let (early, late) = (proof(logged[index].at, 1)?, proof(at, live.intent.expiry)?);
        let (early, late) = (early.encode(), late.encode());
        let body = Body::Committed { request: live.head, start_seq, early, late, origin: vec![] };
        let proof = u.sign(node, &mut stage.consent.clone(), &body);
        let bytes = u.assembled(node, &body, &[proof]);
        if u.nodes[node].writing.as_deref() == Some(&bytes[..]) {
            return None;
        }
        let mut pin = (*u.nodes[node].pin).clone();
        pin.close(&self.stage.signatures, &stage.manifests, &bytes, UnixTime(u.now)).ok()?;
        let mut next = u.clone();
        next.nodes[node].pin = Arc::new(pin);
        let bytes: Arc<[u8]> = bytes.into();
        next.done.push(Done::Closed(node, bytes.clone()));
        next.nodes[node].writing = Some(bytes);
        Some(next.named())
    }

    /// The insider begins a second view of the log, shows it to the last node, and goes on there with another event.
    fn split(&self, u: &Universe) -> Option<Universe> {
        let mut next = u.clone();
        next.views.push(u.views[0].clone());
        let last = next.nodes.len() - 1;
        next.nodes[last].view = 1;
        let body = Body::Observed { what: Observation::Clone, digest: [7; 32] };
        let proof = next.sign(last, &mut self.stage.auc.clone(), &body);
        next.write(&self.stage, last, &body, &[proof])
    }

    /// Whether a request that is not the owner's has lived for a day, and he, who still has a key, has not objected.
    fn overdue(&self, u: &Universe) -> bool {
        if self.scene.owner.is_empty() {
            return false;
        }
        (0..u.nodes.len()).any(|node| {
            u.live(node).is_some_and(|asked| {
                let objected =
                    u.past.objected.iter().any(|(n, request, _)| *n == node && *request == asked.head);
                asked.wish != Wish::Mine && u.now >= asked.at + 24 * HOUR && !objected
            })
        })
    }

    /// The laws that do not hold here.
    pub fn broken(&self, u: &Universe) -> Vec<&'static str> {
        let at_nodes = (0..u.nodes.len()).flat_map(|node| self.broken_at(u, node));
        u.past.broken.iter().copied().chain(at_nodes).chain(self.starved(u)).collect()
    }

    fn broken_at(&self, u: &Universe, node: usize) -> Vec<&'static str> {
        let (pin, now) = (&u.nodes[node].pin, UnixTime(u.now));
        let mut broken = Vec::new();
        let card = pin.resolve(now);
        // D10: both directions say the same.
        if card.is_some_and(|imsi| !pin.answers(&imsi, now)) {
            broken.push("D10");
        }
        let [first, _, thiefs] = &self.stage.cards;
        let rescued = u.past.moved && self.scene.wishes.contains(&Wish::Back);
        let theirs = |imsi: wire::Imsi| imsi == thiefs.imsi || rescued && imsi == first.imsi;
        if self.scene.safe && (card.is_some_and(theirs) || u.served(node).into_iter().any(theirs)) {
            broken.push(if self.scene.thief.is_empty() { "D2" } else { "D3" });
        }
        // D15: operators alone end nothing before ninety days.
        let closed = pin.state.closed.as_ref();
        if self.scene.thief.is_empty() && closed.is_some_and(|closed| closed.ready < START + 90 * DAY) {
            broken.push("D15");
        }
        let heads = &u.state(node).heads;
        let differ = |other: usize| heads.iter().zip(&u.state(other).heads).any(|(a, b)| a != b);
        if (0..node).any(differ) {
            broken.push("D8");
        }
        broken
    }

    /// D20: what an owner with keys in both places has said since the last objection is taken, whatever else was written.
    fn starved(&self, u: &Universe) -> Option<&'static str> {
        if !self.scene.flood {
            return None;
        }
        let live = u.live(0)?;
        for (i, said) in u.said.iter().enumerate() {
            let Body::Consented { request, .. } = &said.body else { continue };
            // A factor's statement is void once it has signed another one: that is its own doing.
            let signer = u.state(0).factors.iter().find(|f| f.id.0 == said.proof.signer);
            let newest = signer.is_some_and(|f| said.proof.as_of.seq >= f.last_seq);
            let fresh = newest && !said.elsewhere && said.used == 0 && said.objections == u.past.objections;
            if fresh && *request == live.head && self.after(u, &Act::Deliver(i)).is_none() {
                return Some("D20");
            }
        }
        None
    }

    /// An event's type, for whoever reads a trace.
    pub fn kind(bytes: &[u8]) -> u64 {
        Event::decode(bytes).map_or(u64::MAX, |event| event.body.kind())
    }
}
