//! A node: one deployment's stores, log, witnesses and pins, and the order in which they are written.
//!
//! A change of a deed goes: decided → (a commit: closing written) → event and leaf durable in the database → checkpoint
//! cosigned by the witnesses → accepted and durable in the enforcement point's store → answered.

mod accept;
mod alert;
mod authenticate;
mod calls;
mod caution;
mod deeds;
mod door;
mod entries;
mod heard;
mod invite;
mod manage;
mod manifests;
mod observe;
mod old;
mod outside;
mod query;
mod radio;
mod recover;
mod stock;
mod swap;
mod tick;
mod timeline;

pub use authenticate::Authenticated;
pub use caution::{RulesNow, Tried};
pub use deeds::{Receipt, Stated};
pub(crate) use door::record_place;
pub use invite::Invited;
pub use radio::Posted;
pub use stock::DrawnCard;
pub use swap::LastChange;
pub(crate) use timeline::open_entry;
pub use timeline::{Lines, Page};

use self::caution::Cautions;
use self::heard::Heard;
use self::manifests::Adoption;
use self::outside::OnItsWay;
use self::radio::Attachments;
use self::timeline::Jotted;
use crate::call::{Riders, Riding};
use crate::clock::Clock;
use crate::deployment::{Deployment, format_seen, write_private};
use crate::outside::Couriers;
use deed::Digest;
use deed::log::note::SignedNote;
use deed::manifest::SignedManifest;
use deed::signer::RoleSigner;
use keys::Secret;
use keys::seal::SealKey;
use keys::sign::Host;
use operator::Refusal;
use operator::auc::Memory;
use operator::consent::Signers;
use operator::log::Log;
use operator::pins::{Followed, PinChange, Pins};
use operator::store::{ALARM_AGAIN, AlarmRow, Changes, LeafRow, Store, Write};
use operator::timeline::{Actor, Entry, Happened};
use operator::witness::Witness;
use rand_chacha::ChaCha20Rng;
use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::broadcast;
use wire::{Msisdn, UnixTime};

/// News kept for listeners that are slow; one that is slower looks again at everything.
const NEWS: usize = 256;

/// A running deployment, on one thread.
pub struct Node {
    database: Box<dyn Store>,
    /// Why the database is an empty one in memory, if it is.
    database_fault: Option<String>,
    /// What a call has written with what it does.
    riders: Riders,
    pin_store: Box<dyn Store>,
    pins: Pins,
    memory: Memory,
    log: Log,
    witnesses: Vec<(Witness, PathBuf)>,
    /// Those that other people run.
    outside: Couriers,
    /// A checkpoint that they are being asked about.
    on_its_way: Option<OnItsWay>,
    clock: Arc<dyn Clock>,
    witness_clock: Arc<dyn Clock>,
    signers: Signers,
    auc: RoleSigner,
    desk: RoleSigner,
    /// Makes cards' keys of remote management.
    ota_key: Secret<[u8; 32]>,
    /// Seals what the doors keep.
    door_key: SealKey,
    signed: Vec<SignedManifest>,
    /// Where they are kept.
    manifest_path: PathBuf,
    /// Deeds that go on under a later manifest, and when.
    adoption: Adoption,
    root_digest: Digest,
    /// Newest time that a quorum of witnesses vouches for.
    witnessed: UnixTime,
    /// Newest tree that a quorum of witnesses has seen.
    newest: Option<Followed>,
    /// Whether the log here is the one the witnesses know: without it nothing changes.
    log_whole: bool,
    /// Leaves of the log that the pins have not followed. While there is one, the pins do not say how far they are.
    unfollowed: Vec<LeafRow>,
    /// Until when alarms go to the log alone, because the database kept the last one waiting for nothing.
    alarms_unstored_until: UnixTime,
    /// Numbers still to be compared with the database in this round.
    to_compare: Vec<Msisdn>,
    /// For each live request, the witnessed time before which trying its commit again is useless.
    not_before: HashMap<Digest, UnixTime>,
    /// How often each signer was heard today.
    heard: Heard,
    rng: ChaCha20Rng,
    /// Phones being served, and what is on its way to them.
    attachments: Attachments,
    /// Rules of caution, and what they made of numbers lately.
    cautions: Cautions,
    /// Entries of the timeline that wait for the next batch.
    jotted: Jotted,
    /// Tells whoever listens which number something happened to.
    news: broadcast::Sender<Msisdn>,
    /// Keeps the folder locked for as long as the node lives.
    _lock: File,
}

impl Node {
    /// Starts a deployment: reads the log, asks the witnesses what they have seen, and follows the log to there.
    ///
    /// The witnesses have a clock of their own, because their word is what waits are measured by.
    pub fn start(
        deployment: Deployment,
        clock: Arc<dyn Clock>,
        witness_clock: Arc<dyn Clock>,
        rng: ChaCha20Rng,
    ) -> Result<Self, Refusal> {
        let Deployment {
            lock,
            dir,
            signed,
            manifests,
            root_digest,
            signers,
            auc,
            desk,
            portal,
            ota,
            enforcement,
            outside,
            ..
        } = deployment;
        let outside = Couriers::new(outside).map_err(|e| Refusal::Broken(e.to_string()))?;
        let (log, witnesses) = (deployment.log, deployment.witnesses);
        let riders = Riders::default();
        let mut node = Self {
            database: Box::new(Riding::new(deployment.database, riders.clone())),
            riders,
            database_fault: deployment.database_fault,
            pin_store: deployment.pin_store,
            pins: Pins::new(enforcement, manifests),
            memory: Memory::default(),
            log,
            witnesses,
            outside,
            on_its_way: None,
            clock,
            witness_clock,
            signers,
            auc,
            desk,
            ota_key: ota,
            door_key: portal,
            signed,
            manifest_path: dir.join("manifest"),
            adoption: Adoption::default(),
            root_digest,
            witnessed: UnixTime(0),
            newest: None,
            log_whole: false,
            unfollowed: Vec::new(),
            alarms_unstored_until: UnixTime(0),
            to_compare: Vec::new(),
            not_before: HashMap::new(),
            heard: Heard::default(),
            rng,
            attachments: Attachments::default(),
            cautions: Cautions::default(),
            jotted: Jotted::default(),
            news: broadcast::Sender::new(NEWS),
            _lock: lock,
        };
        node.recover()?;
        node.load_rules();
        Ok(node)
    }

    /// Signs a checkpoint of the log and has every witness cosign it. A witness that refuses is an alarm; whether the rest
    /// are enough, the policy says.
    fn publish(&mut self) -> Result<(), Refusal> {
        let mut note = self.log.sign()?;
        self.cosign_here(&mut note);
        self.cosign_outside(&mut note);
        let newest = self.witnessed_note(&note)?;
        self.take_checkpoint(note, newest);
        Ok(())
    }

    /// The lines of the witnesses in this process; what one saw is stored before its line counts.
    fn cosign_here(&mut self, note: &mut SignedNote) {
        let mut refusals = Vec::new();
        for (witness, path) in &mut self.witnesses {
            // Each looks at the clock itself: not all of them need be right.
            let now = self.witness_clock.now();
            let proof = self.log.consistency(witness.seen().size).unwrap_or_default();
            let before = witness.seen();
            let cosigned = witness.cosign(note, &proof, now);
            let line = cosigned.and_then(|line| {
                if witness.seen() == before && before.size > 0 {
                    return Ok(line);
                }
                let seen = format_seen(witness.seen());
                if let Err(e) = write_private(path, seen.as_bytes()) {
                    // What it could not write down it has not seen.
                    witness.forget(before);
                    return Err(Refusal::Broken(format!("{}: {e}", path.display())));
                }
                Ok(line)
            });
            match line {
                Ok(line) => note.signatures.push(line),
                Err(refusal) => refusals.push(format!("{}: {refusal}", witness.name())),
            }
        }
        for text in refusals {
            self.alarm("witness", &text);
        }
    }

    /// What a cosigned checkpoint is worth under the deployment's policy.
    fn witnessed_note(&self, note: &SignedNote) -> Result<Followed, Refusal> {
        let newest = self.pins.manifests().newest();
        let (_, policy) = newest.ok_or_else(|| Refusal::Broken("no manifest".into()))?;
        let witnessed = policy.judge(&Host, note).map_err(|e| Refusal::refused("log", e.to_string()))?;
        let checkpoint = witnessed.checkpoint;
        Ok(Followed { size: checkpoint.size, root: checkpoint.root, time: witnessed.still_at })
    }

    fn take_checkpoint(&mut self, note: SignedNote, newest: Followed) {
        self.witnessed = self.witnessed.max(UnixTime(newest.time));
        self.log.publish(note);
        self.newest = Some(newest);
    }

    /// The pins say that they have followed the log to its newest witnessed size, if they have. Written after the pins
    /// themselves: a crash in between only makes the next start look at some leaves again.
    fn follow(&mut self) -> Result<(), Refusal> {
        match self.newest {
            Some(newest) if self.pins.current() && self.unfollowed.is_empty() => {
                if let Some(changes) = self.pins.follow(newest) {
                    self.store_pins(changes)?;
                    self.pins.followed_to(newest);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A prepared change of a pin: durable in the enforcement point's own store, then in force, then told.
    fn put_in_force(&mut self, change: PinChange) -> Result<(), Refusal> {
        self.store_pins(change.changes.clone())?;
        let number = change.number();
        self.pins.install(change);
        self.release_unserved(&number);
        self.tell(number);
        Ok(())
    }

    fn store_pins(&mut self, changes: Changes) -> Result<(), Refusal> {
        self.pin_store.commit(&[changes])?;
        Ok(())
    }

    /// Raises an alarm about a number, and lets its owner see it, each kind once a day.
    fn alarm_about(&mut self, number: &Msisdn, alarm: &AlarmRow) {
        self.alarm(&alarm.code, &alarm.text);
        let now = self.clock.now();
        let told = match self.alarms_about(number) {
            Ok(told) => told,
            Err(refusal) => return tracing::error!(%refusal, "the owner could not be told of an alarm"),
        };
        if told.iter().any(|(at, code)| *code == alarm.code && now.since(*at) < ALARM_AGAIN) {
            return;
        }
        let entry = Entry::new(Actor::Operator, Happened::Alarmed { code: alarm.code.clone() });
        let record = self.entry(*number, &entry);
        if let Err(refusal) = self.write_door(vec![record]) {
            tracing::error!(%refusal, "the owner could not be told of an alarm");
        }
        self.observe_edit(number, alarm);
    }

    /// Raises an alarm: in the log at once, in the database if that still works.
    fn alarm(&mut self, code: &str, text: &str) {
        tracing::error!(code, text, "alarm");
        let now = self.clock.now();
        if now < self.alarms_unstored_until {
            return;
        }
        let alarm = AlarmRow { at: now, code: code.into(), text: text.into() };
        if let Err(broken) = self.database.commit(&[Changes(vec![Write::Alarm(alarm)])]) {
            tracing::error!(%broken, "the alarm could not be stored");
            // Whoever locks the database must not stop the calls by making alarms wait.
            self.alarms_unstored_until = now.after(60);
        }
    }
}
