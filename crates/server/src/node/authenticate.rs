//! The hot path: many authentications, one durable write.

use super::Node;
use super::heard::Heard;
use operator::Refusal;
use operator::auc::{self, Command, Facts, Reply};
use operator::pins::Served;
use operator::store::Changes;
use operator::timeline::{Actor, Entry, Happened};
use wire::{Imsi, UnixTime};

/// The answer to one authentication command.
pub type Authenticated = Result<Reply, Refusal>;

impl Node {
    /// Answers a batch: SEQ numbers for all of them leave their ledgers in one transaction, then each is decided, then
    /// whatever the decisions changed is written, and only then anybody is answered.
    ///
    /// An EAP server asks again right behind a resynchronisation, and both come in one batch. What comes after it must
    /// find the ledger where it put it, or the card has to resynchronise a second time: so it ends a run.
    pub fn authenticate(&mut self, commands: &[Command]) -> Vec<Authenticated> {
        let runs = commands.split_inclusive(|command| matches!(command, Command::Resync { .. }));
        runs.flat_map(|run| self.authenticate_run(run)).collect()
    }

    fn authenticate_run(&mut self, commands: &[Command]) -> Vec<Authenticated> {
        let now = self.clock.now();
        // Who is not served, or asks too often, costs no sequence number and no write.
        let admitted: Vec<bool> = commands.iter().map(|command| self.admit(command, now)).collect();
        let wanting =
            commands.iter().zip(&admitted).filter(|(_, admitted)| **admitted).map(|(command, _)| command);
        let wants: Vec<(Imsi, u64)> = wanting.map(|c| (c.imsi(), c.sequence_numbers())).collect();
        let firsts = match self.reserve(&wants) {
            Ok(firsts) => firsts,
            Err(refusal) => return commands.iter().map(|_| Err(refusal.clone())).collect(),
        };
        let mut firsts = firsts.into_iter();
        let (mut answers, mut changes) = (Vec::new(), Vec::new());
        for (command, admitted) in commands.iter().zip(admitted) {
            let seq = if admitted { firsts.next().flatten() } else { None };
            let answer = self.decide(command, admitted, seq, &mut changes);
            self.note_resync(command, &answer, now);
            answers.push(answer);
        }
        if changes.is_empty() {
            return answers;
        }
        match self.pin_store.commit(&changes) {
            Ok(_) => answers,
            Err(broken) => commands.iter().map(|_| Err(broken.clone().into())).collect(),
        }
    }

    /// A resynchronisation is news for its owner. It is written down afterwards: no call waits for the database.
    fn note_resync(&mut self, command: &Command, answer: &Authenticated, now: UnixTime) {
        let Command::Resync { imsi, .. } = command else { return };
        let Some(number) = self.pins.number_knowing(imsi) else { return };
        let what = match answer {
            Ok(_) => Happened::Resynced { imsi: *imsi },
            Err(refusal) => {
                // Whoever reaches the gateway can send these; that must not fill the record.
                if self.heard.too_often(&number, &Heard::RESYNCS, now) {
                    return;
                }
                self.heard.count(&number, &Heard::RESYNCS, now);
                Happened::ResyncRefused { imsi: *imsi, why: refusal.code().into() }
            }
        };
        self.jot(number, Entry::new(Actor::Card, what));
    }

    /// Whether a command is a served card's and not one too many; it is counted then.
    fn admit(&mut self, command: &Command, now: UnixTime) -> bool {
        let served = matches!(self.pins.serve(&command.imsi(), self.witnessed), Served::Line(_));
        let admitted = served && self.memory.admits(command, now);
        if admitted {
            self.memory.count(command, now);
        }
        admitted
    }

    /// Takes SEQ numbers, if any are wanted at all.
    fn reserve(&mut self, wants: &[(Imsi, u64)]) -> Result<Vec<Option<u64>>, Refusal> {
        if wants.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.pin_store.reserve_sqn(wants)?)
    }

    fn decide(
        &mut self,
        command: &Command,
        admitted: bool,
        seq: Option<u64>,
        changes: &mut Vec<Changes>,
    ) -> Authenticated {
        let facts =
            Facts { pins: &self.pins, memory: &self.memory, now_witnessed: self.witnessed, admitted, seq };
        let (change, remember, reply) = auc::decide(&facts, command, &mut self.rng)?;
        self.memory.remember(command.imsi(), &remember);
        if !change.0.is_empty() {
            changes.push(change);
        }
        Ok(reply)
    }
}
