//! Checkpoints that witnesses elsewhere cosign. A change waits for them; a fresh checkpoint does not: it is sent off in one
//! round and taken in the next, so that no phone waits for a witness.

use super::Node;
use crate::outside::FarSeen;
use deed::log::note::SignedNote;
use operator::Refusal;
use operator::witness::Seen;
use std::time::{Duration, Instant};

/// How long a change waits for enough witnesses. Phones wait as long.
const CHANGE: Duration = Duration::from_secs(3);
/// After how long a checkpoint on its way is given up.
const GIVEN_UP: Duration = Duration::from_secs(15);
/// How long a start waits for witnesses to say how far they have seen the log.
const START: Duration = Duration::from_secs(30);
/// Between two attempts of that.
const AGAIN: Duration = Duration::from_millis(500);

/// What witnesses elsewhere have seen of the log.
pub(super) struct Elsewhere {
    /// The newest tree that one of them shows.
    pub(super) shown: Option<Seen>,
    /// How many leaves one of them may have seen beyond that. What one may have seen is not taken back: the log has signed
    /// it, and would sign another tree in its place.
    pub(super) at_most: u64,
}

/// A checkpoint on its way.
pub(super) struct OnItsWay {
    note: SignedNote,
    since: Instant,
}

impl Node {
    /// Whether some of the deployment's witnesses run in this process.
    pub const fn has_own_witnesses(&self) -> bool {
        !self.witnesses.is_empty()
    }

    /// Has a note cosigned elsewhere, now.
    pub(super) fn cosign_outside(&mut self, note: &mut SignedNote) {
        if self.outside.is_empty() {
            return;
        }
        self.on_its_way = None;
        self.outside.begin();
        self.gather(note, CHANGE);
    }

    fn gather(&mut self, note: &mut SignedNote, wait: Duration) {
        let policy = self.pins.manifests().newest().map(|(_, policy)| policy.clone());
        let enough = |note: &SignedNote| {
            policy.as_ref().is_some_and(|policy| policy.judge(&keys::sign::Host, note).is_ok())
        };
        for complaint in self.outside.gather(note, &self.log, enough, wait) {
            self.alarm("witness", &complaint);
        }
    }

    /// Takes the checkpoint that was sent off in a round before, if enough witnesses have answered, and sends off another.
    pub(super) fn refresh(&mut self) -> Result<(), Refusal> {
        if let Some(OnItsWay { mut note, since }) = self.on_its_way.take() {
            self.gather(&mut note, Duration::ZERO);
            match self.witnessed_note(&note) {
                Ok(newest) => self.take_checkpoint(note, newest),
                Err(_) if since.elapsed() < GIVEN_UP => {
                    self.on_its_way = Some(OnItsWay { note, since });
                    return Ok(());
                }
                Err(refusal) => {
                    self.send_off()?;
                    return Err(refusal);
                }
            }
        }
        self.send_off()
    }

    fn send_off(&mut self) -> Result<(), Refusal> {
        let mut note = self.log.sign()?;
        self.cosign_here(&mut note);
        self.outside.begin();
        self.gather(&mut note, Duration::ZERO);
        self.on_its_way = Some(OnItsWay { note, since: Instant::now() });
        Ok(())
    }

    /// The newest tree that any witness elsewhere shows. Those that do not answer must not be enough for a quorum by
    /// themselves: they might have seen a newer one, in which a number has moved.
    pub(super) fn seen_elsewhere(&mut self) -> Result<Elsewhere, Refusal> {
        if self.outside.is_empty() {
            return Ok(Elsewhere { shown: None, at_most: 0 });
        }
        let began = Instant::now();
        loop {
            let FarSeen { silent, newest, claimed, complaints } = self.outside.ask_how_far(&self.log);
            let policy = self.pins.manifests().newest().map(|(_, policy)| policy.clone());
            let doubtful = policy.is_none_or(|policy| policy.are_enough(|w| silent.contains(w)));
            if doubtful && began.elapsed() < START {
                tracing::warn!(
                    "waiting for witnesses, who must know this log ({}): {}",
                    self.log.vkey(),
                    complaints.join("; ")
                );
                std::thread::sleep(AGAIN);
                continue;
            }
            if doubtful {
                return Err(Refusal::Broken(format!(
                    "too few witnesses say how far they have seen the log, so nobody knows whether the pins here are the \
                     newest, and nobody is served; start again when they answer: {}",
                    complaints.join("; ")
                )));
            }
            for complaint in complaints {
                self.alarm("witness", &complaint);
            }
            let at_most = if silent.is_empty() { claimed } else { u64::MAX };
            return Ok(Elsewhere { shown: newest, at_most });
        }
    }
}
