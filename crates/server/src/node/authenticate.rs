//! The hot path: many authentications, one durable write.

use super::Node;
use operator::Refusal;
use operator::auc::{self, Command, Facts, Reply};
use operator::pins::Served;
use operator::store::Changes;
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
        let wanting: Vec<&Command> = commands
            .iter()
            .filter(|c| matches!(self.pins.serve(&c.imsi(), self.witnessed), Served::Line(_)))
            .collect();
        let wants: Vec<(Imsi, u64)> = wanting.iter().map(|c| (c.imsi(), c.sequence_numbers())).collect();
        let firsts = match self.reserve(&wants) {
            Ok(firsts) => firsts,
            Err(refusal) => return commands.iter().map(|_| Err(refusal.clone())).collect(),
        };
        let mut firsts = wants.iter().zip(firsts);
        let (mut answers, mut changes) = (Vec::new(), Vec::new());
        for command in commands {
            let served = matches!(self.pins.serve(&command.imsi(), self.witnessed), Served::Line(_));
            let seq = if served { firsts.next().and_then(|(_, first)| first) } else { None };
            if served {
                self.memory.count(command, now);
            }
            answers.push(self.decide(command, seq, now, &mut changes));
        }
        if changes.is_empty() {
            return answers;
        }
        match self.pin_store.commit(&changes) {
            Ok(_) => answers,
            Err(broken) => commands.iter().map(|_| Err(broken.clone().into())).collect(),
        }
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
        seq: Option<u64>,
        now: UnixTime,
        changes: &mut Vec<Changes>,
    ) -> Authenticated {
        let facts = Facts { pins: &self.pins, memory: &self.memory, now_witnessed: self.witnessed, seq };
        let (change, remember, reply) = auc::decide(&facts, command, now, &mut self.rng)?;
        self.memory.remember(command.imsi(), &remember);
        if !change.0.is_empty() {
            changes.push(change);
        }
        Ok(reply)
    }
}
