//! One state of the model: logs, nodes with their pins, what is on its way, and what the laws look back at.

use super::stage::{EXPIRY, Key, Stage, number};
use crate::DAY;
use deed::event::{AsOf, Body, Event, Proof, assemble, head};
use deed::log::Leaf;
use deed::log::proof::TlogProof;
use deed::pin::{Pin, Serve, leaf};
use deed::record::{FactorId, Place};
use deed::signer::SignStatement;
use deed::state::Consenter;
use deed::verify::step;
use deed::{Digest, State};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use wire::{Imsi, UnixTime};

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wish {
    /// The owner's next card.
    Mine,
    /// A thief's card.
    Theirs,
    /// The card before the last change, which lies in the phone that was stolen.
    Back,
    /// A key of the thief's in the deed.
    TheirKey,
    /// The owner's sheet out of the deed.
    DropPaper,
    /// Holds lifted.
    Lift,
    /// The number given up.
    GiveUp,
}

/// A leaf with its event.
#[derive(Debug, Clone)]
pub struct Logged {
    /// The leaf.
    pub leaf: Leaf,
    /// What it is the leaf of.
    pub event: Arc<[u8]>,
    /// When, truly.
    pub at: u64,
}

/// An enforcement point.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it remembers.
    pub pin: Arc<Pin>,
    /// Which view of the log it is shown.
    pub view: usize,
    /// A commit that it lets be logged.
    pub writing: Option<Arc<[u8]>>,
}

/// A statement that an owner has made and somebody else holds.
#[derive(Debug, Clone)]
pub struct Said {
    /// With which key.
    pub key: Key,
    /// The event type.
    pub body: Body,
    /// His proof.
    pub proof: Proof,
    /// How many objections the deed had then.
    pub objections: usize,
    /// Whether it is about another deed of his.
    pub elsewhere: bool,
    /// How often it has changed this deed.
    pub used: u8,
}

/// A request that was logged.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its head.
    pub head: Digest,
    /// What for.
    pub wish: Wish,
    /// When.
    pub at: u64,
    /// The factors that were in the deed before it.
    pub factors: Vec<FactorId>,
}

/// What the laws look back at.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Laws that were broken on the way here.
    pub broken: Vec<&'static str>,
    /// Requests.
    pub asked: Vec<Asked>,
    /// In-time objections: node, request, place.
    pub objected: Vec<(usize, Digest, Place)>,
    /// Accepted commits: node, request, its event.
    pub commits: Vec<(usize, Digest, Digest)>,
    /// When keys came into the deed after event 0.
    pub added: Vec<(FactorId, u64)>,
    /// Vetoes and holds in the chain.
    pub objections: usize,
    /// Whether the owner's own wish was carried out.
    pub moved: bool,
}

/// Something that was done to a node.
#[derive(Debug, Clone)]
pub enum Done {
    /// It accepted an event, with its proof.
    Accepted(usize, Arc<[u8]>, TlogProof),
    /// It took an objection.
    Objected(usize, Vec<u8>),
    /// It closed a commit.
    Closed(usize, Arc<[u8]>),
}

/// A state.
#[derive(Clone)]
pub struct Universe {
    /// True time.
    pub now: u64,
    /// Times at which anybody may have asked for a checkpoint.
    pub instants: Vec<u64>,
    /// The log; and another one, where witnesses let themselves be split.
    pub views: Vec<Vec<Logged>>,
    /// Enforcement points.
    pub nodes: Vec<Node>,
    /// Statements that somebody holds.
    pub said: Vec<Said>,
    /// What was.
    pub past: Past,
    /// What was done to nodes last: for whoever does the same to others.
    pub done: Vec<Done>,
    name: Digest,
}

impl Universe {
    /// A number that was just issued, at each of these nodes; `None` where the format refuses the deed.
    pub fn begin(stage: &Stage, keys: &[Key], nodes: usize) -> Option<Self> {
        let event = stage.issue(keys);
        let state = step(&stage.signatures, &stage.manifests, None, &event).ok()?;
        let now = crate::START;
        let logged = Logged { leaf: leaf(&stage.roll, &state, 0)?, event: event.clone().into(), at: now };
        let proof = stage.prove(&[logged.leaf], 0, now, 1, |_| true);
        let pin =
            Pin::accept(&stage.signatures, &stage.manifests, &stage.roll, None, &event, Some(&proof)).ok()?;
        let node = Node { pin: Arc::new(pin), view: 0, writing: None };
        let universe = Self {
            now,
            instants: vec![now],
            views: vec![vec![logged]],
            nodes: vec![node; nodes],
            said: Vec::new(),
            past: Past::default(),
            done: vec![Done::Accepted(0, event.into(), proof)],
            name: [0; 32],
        };
        Some(universe.named())
    }

    /// A state is told from others by all that it holds.
    pub fn named(mut self) -> Self {
        let mut all: Vec<u8> = self.now.to_be_bytes().to_vec();
        self.instants.iter().for_each(|at| all.extend(at.to_be_bytes()));
        for logged in self.views.iter().flatten() {
            all.extend(logged.leaf.encode());
            all.extend(logged.at.to_be_bytes());
        }
        for node in &self.nodes {
            all.extend(node.pin.encode());
            all.push(node.view as u8);
            all.extend(node.writing.as_deref().map(head).unwrap_or_default());
        }
        for said in &self.said {
            all.extend(said.proof.encode());
            all.extend([u8::from(said.elsewhere), said.used, said.objections as u8]);
        }
        let past = &self.past;
        past.asked.iter().for_each(|a| all.extend(a.head));
        past.objected.iter().for_each(|(node, request, place)| {
            all.extend(request);
            all.extend([*node as u8, place.number() as u8]);
        });
        past.commits.iter().for_each(|(node, _, event)| {
            all.extend(event);
            all.push(*node as u8);
        });
        past.added.iter().for_each(|(id, at)| {
            all.extend(id.0);
            all.extend(at.to_be_bytes());
        });
        past.broken.iter().for_each(|law| all.extend(law.as_bytes()));
        self.name = keys::digest::sha256(&[&all]);
        self
    }

    /// The state of the deed as a node has it.
    pub fn state(&self, node: usize) -> &State {
        &self.nodes[node].pin.state
    }

    /// The live request, as it was logged.
    pub fn live(&self, node: usize) -> Option<&Asked> {
        let head = self.state(node).live.as_ref()?.head;
        self.past.asked.iter().find(|asked| asked.head == head)
    }

    /// Whose cards a node serves, and whose answers for the number.
    pub fn served(&self, node: usize) -> Vec<Imsi> {
        let (pin, now) = (&self.nodes[node].pin, UnixTime(self.now));
        let cards = pin.state.slots.iter().map(|s| s.card.imsi);
        cards.filter(|imsi| matches!(pin.serve(imsi, now), Serve::Serve { .. })).collect()
    }

    /// One more event that a node's deed goes on with legally: logged where that node looks, and accepted there.
    pub fn write(&self, stage: &Stage, node: usize, body: &Body, proofs: &[Proof]) -> Option<Self> {
        let bytes = self.assembled(node, body, proofs);
        let state = step(&stage.signatures, &stage.manifests, Some(self.state(node).clone()), &bytes).ok()?;
        let mut next = self.clone();
        next.log(node, &bytes, leaf(&stage.roll, &state, state.seq())?);
        next.take(stage, node)
    }

    /// The bytes of an event after a node's newest.
    pub fn assembled(&self, node: usize, body: &Body, proofs: &[Proof]) -> Vec<u8> {
        let state = self.state(node);
        let salt = [state.heads.len() as u8; 16];
        assemble(&state.deed_id, state.seq() + 1, &state.head(), &salt, body, proofs)
    }

    /// A leaf comes into the log that a node is shown.
    pub fn log(&mut self, node: usize, event: &[u8], leaf: Leaf) {
        let view = self.nodes[node].view;
        self.views[view].push(Logged { leaf, event: event.into(), at: self.now });
    }

    /// A node accepts the next event of its deed: the one whose leaf is the first with its tag in the log that the node
    /// follows.
    pub fn take(&self, stage: &Stage, node: usize) -> Option<Self> {
        let before = &self.nodes[node];
        let view = &self.views[before.view];
        let tag = before.pin.state.tag(before.pin.state.heads.len() as u64);
        let index = view.iter().position(|logged| logged.leaf.tag == tag)?;
        let logged = &view[index];
        if head(&logged.event) != logged.leaf.head {
            return None;
        }
        let leaves: Vec<Leaf> = view.iter().map(|logged| logged.leaf).collect();
        let follows = self.follows(before.view);
        let proof = stage.prove(&leaves, index as u64, self.now, 1, follows);
        let pin = (*before.pin).clone();
        let pin = Pin::accept(
            &stage.signatures,
            &stage.manifests,
            &stage.roll,
            Some(pin),
            &logged.event,
            Some(&proof),
        )
        .ok()?;
        let mut next = self.clone();
        next.done.push(Done::Accepted(node, logged.event.clone(), proof));
        next.note(stage, node, &pin, &logged.event);
        let closing = pin.closing.is_some();
        next.nodes[node].pin = Arc::new(pin);
        if !closing {
            next.nodes[node].writing = None;
        }
        Some(next.named())
    }

    /// Which honest witnesses cosign a view: all, or, where they were split, the first one the one and the others the other.
    pub fn follows(&self, view: usize) -> impl Fn(usize) -> bool + use<> {
        let split = self.views.len() > 1;
        move |witness| !split || (witness == 0) == (view == 0)
    }

    /// What an accepted event adds to the past.
    fn note(&mut self, stage: &Stage, node: usize, after: &Pin, bytes: &[u8]) {
        let event = Event::decode(bytes).unwrap();
        let before = self.state(node).clone();
        match &event.body {
            Body::Requested { intent } if node == 0 => {
                let asked = Asked {
                    head: event.head,
                    wish: stage.wish_of(&intent.change),
                    at: self.now,
                    factors: before.factors.iter().map(|f| f.id).collect(),
                };
                self.past.asked.push(asked);
                // What was proved before has nothing to do with this request.
                self.instants = vec![self.now];
            }
            Body::Vetoed { .. } | Body::Held { .. } if node == 0 => self.past.objections += 1,
            Body::Committed { request, start_seq, .. } => {
                self.past.commits.push((node, *request, event.head));
                self.judge_commit(node, &before, after, request, *start_seq);
            }
            _ => {}
        }
        if matches!(event.body, Body::Vetoed { .. } | Body::Held { .. }) {
            self.judge_objection(node, after);
        }
    }

    /// D1, D6, D7 and D12, of a commit that a node has just accepted.
    fn judge_commit(&mut self, node: usize, before: &State, after: &Pin, request: &Digest, start_seq: u64) {
        let Some(asked) = self.past.asked.iter().find(|asked| asked.head == *request).cloned() else {
            return;
        };
        let view = &self.views[self.nodes[node].view];
        let start = view.iter().find(|l| Some(l.leaf.head) == before.head_at(start_seq)).map_or(0, |l| l.at);
        let live = before.live.as_ref().unwrap();
        let counted: Vec<FactorId> = live
            .consents
            .iter()
            .filter(|(_, seq)| *seq <= start_seq)
            .filter_map(|(who, _)| if let Consenter::Factor(id) = who { Some(*id) } else { None })
            .collect();
        let own = counted.iter().any(|id| asked.factors.contains(id));
        if !own && asked.wish != Wish::GiveUp {
            self.break_law("D1");
        }
        let moves = matches!(asked.wish, Wish::Mine | Wish::Theirs | Wish::Back);
        let class = after.state.moved.as_ref().map(|moved| moved.class).filter(|_| moves);
        let needed = match (asked.wish, class) {
            (Wish::GiveUp, _) => 90 * DAY,
            (Wish::DropPaper, _) => DAY,
            (Wish::Lift, _) => 900,
            (_, Some(deed::class::Class::A) | None) => 900,
            (_, Some(deed::class::Class::B)) => DAY,
            (_, Some(_)) => 3 * DAY,
        };
        if self.now < start + needed {
            self.break_law("D6");
        }
        if self.now > EXPIRY + DAY {
            self.break_law("D7");
        }
        // A key counts only a week after it truly came into the deed.
        let young = |id: &FactorId| self.past.added.iter().any(|(new, at)| new == id && start < at + 7 * DAY);
        let places = |grown: bool| -> Vec<Place> {
            let counts = counted.iter().filter(|id| !(grown && young(id)));
            counts.filter_map(|id| before.factor(id)).map(|f| f.factor.place).collect()
        };
        let both = |places: Vec<Place>| places.contains(&Place::Phone) && places.contains(&Place::Elsewhere);
        if class == Some(deed::class::Class::A) && both(places(false)) && !both(places(true)) {
            self.break_law("D12");
        }
        if asked.wish == Wish::Mine {
            self.past.moved = true;
        }
        let new =
            after.state.factors.iter().filter(|f| before.factor(&f.id).is_none()).map(|f| (f.id, self.now));
        let new: Vec<_> = new.collect();
        self.past.added.extend(new);
        let twice = self.past.commits.iter().filter(|(n, r, _)| *n == node && r == request).count();
        if twice > 1 {
            self.break_law("D5");
        }
        if self
            .past
            .objected
            .iter()
            .any(|(n, r, place)| *n == node && r == request && Some(*place) != live.intent.over)
        {
            self.break_law("D4");
        }
    }

    /// D14: whoever says stop never makes more be served.
    pub fn judge_objection(&mut self, node: usize, after: &Pin) {
        let before = self.served(node);
        let now = UnixTime(self.now);
        let serves = |imsi: &Imsi| matches!(after.serve(imsi, now), Serve::Serve { .. });
        let more = after.state.slots.iter().any(|s| serves(&s.card.imsi) && !before.contains(&s.card.imsi));
        if more {
            self.break_law("D14");
        }
    }

    /// Remembers that a law was broken.
    pub fn break_law(&mut self, law: &'static str) {
        if !self.past.broken.contains(&law) {
            self.past.broken.push(law);
        }
    }

    /// A proof by somebody who has seen a node's newest event.
    pub fn sign(&self, node: usize, hand: &mut dyn SignStatement, body: &Body) -> Proof {
        let state = self.state(node);
        hand.prove(&state.deed_id, AsOf { seq: state.seq(), head: state.head() }, body)
    }
}

impl Stage {
    /// What somebody wants, as an intent; `None` where there is nothing to want.
    pub fn intent(&self, state: &State, wish: Wish, over: Option<Place>) -> Option<deed::intent::Intent> {
        use deed::intent::{Change, Intent};
        let current = state.card()?.clone();
        let to = |card: &deed::record::Card| {
            let change = Change::Move { slot: 0, from: current.id(), to: card.clone(), lost: false };
            (current != *card).then_some(change)
        };
        let change = match wish {
            Wish::Mine => to(&self.cards[1])?,
            Wish::Theirs => to(&self.cards[2])?,
            Wish::Back => to(state.moved.as_ref()?.reserved.as_ref()?)?,
            Wish::TheirKey => Change::AddFactor { factor: self.factor(Key::Thiefs).clone() },
            Wish::DropPaper => Change::RemoveFactor { factor: self.factor(Key::Paper).id() },
            Wish::Lift => Change::ClearHolds { bits: state.standing_holds() },
            Wish::GiveUp => Change::Close,
        };
        let (not_before, expiry) = match wish {
            Wish::GiveUp => (EXPIRY, EXPIRY + 30 * DAY),
            _ => (crate::START, EXPIRY),
        };
        Some(Intent { change, number: number(), not_before, expiry, over })
    }

    /// Whose wish a change is.
    pub fn wish_of(&self, change: &deed::intent::Change) -> Wish {
        use deed::intent::Change;
        match change {
            Change::Move { to, .. } if *to == self.cards[1] => Wish::Mine,
            Change::Move { to, .. } if *to == self.cards[2] => Wish::Theirs,
            Change::Move { .. } => Wish::Back,
            Change::AddFactor { .. } => Wish::TheirKey,
            Change::RemoveFactor { .. } => Wish::DropPaper,
            Change::ClearHolds { .. } => Wish::Lift,
            _ => Wish::GiveUp,
        }
    }
}

impl PartialEq for Universe {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Universe {}

impl Hash for Universe {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.name.hash(hasher);
    }
}

impl std::fmt::Debug for Universe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hours = |at: u64| (at - crate::START) as f64 / 3600.0;
        writeln!(f, "at {} h, broken: {:?}", hours(self.now), self.past.broken)?;
        for (n, view) in self.views.iter().enumerate() {
            for logged in view {
                let event = Event::decode(&logged.event).unwrap();
                writeln!(
                    f,
                    "  view {n}, {:>6.2} h: event {} of type {}",
                    hours(logged.at),
                    event.seq,
                    event.body.kind()
                )?;
            }
        }
        for (n, node) in self.nodes.iter().enumerate() {
            let (state, closing) = (&node.pin.state, node.pin.closing.is_some());
            writeln!(
                f,
                "  node {n}: event {}, card {:?}, live {:?}, holds {:?}, {} objections beside the chain, closing {closing}",
                state.seq(),
                node.pin.resolve(UnixTime(self.now)).map(|imsi| imsi.to_string()),
                self.live(n).map(|asked| asked.wish),
                state.standing_holds(),
                node.pin.standing.len(),
            )?;
        }
        Ok(())
    }
}
