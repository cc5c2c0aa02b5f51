//! What a node does by itself: fresh checkpoints, waits that begin and end, and the comparison of database and pins.

use super::Node;
use deed::defence::{Defence, stands};
use deed::event::Source;
use deed::log::policy::Witnessed;
use deed::log::proof::TlogProof;
use deed::state::State;
use deed::wait::PROBATION;
use keys::sign::Host;
use operator::Refusal;
use operator::alarm::{Claims, compare, tail};
use operator::consent::{Command, Waits};
use operator::store::{Changes, Key, Row, Write};
use wire::{Msisdn, UnixTime};

/// Numbers compared with the database in one round.
const COMPARED_A_ROUND: usize = 32;

/// Reasons to end a request, as event 5 writes them.
const EXPIRED: u64 = 1;
const REFUSED: u64 = 2;

impl Node {
    /// One round. Whatever fails for one number is logged and does not stop the others.
    pub fn tick(&mut self) {
        self.write_jotted();
        if self.log_whole {
            self.checkpoint();
        }
        self.keep_manifests();
        let live = self.pins.numbers().filter(|n| self.pins.pin(n).is_some_and(|p| p.state.live.is_some()));
        for number in live.copied().collect::<Vec<_>>() {
            self.go_on(&number);
        }
        self.try_all_messages();
        if let Err(refusal) = self.audit() {
            tracing::error!(%refusal, "the audit failed");
        }
    }

    /// A fresh checkpoint; leaves that a failure left unfollowed are followed now.
    fn checkpoint(&mut self) {
        let mut fresh = || {
            if self.outside.is_empty() {
                self.publish()?
            } else {
                self.refresh()?
            }
            if !self.unfollowed.is_empty() {
                self.retry_unfollowed();
            }
            self.follow()
        };
        if let Err(refusal) = fresh() {
            self.alarm("publish", &refusal.to_string());
        }
    }

    /// A round for one number.
    pub fn tick_number(&mut self, number: &Msisdn) {
        self.checkpoint();
        self.go_on(number);
    }

    fn go_on(&mut self, number: &Msisdn) {
        if let Err(refusal) = self.progress(number) {
            match refusal {
                Refusal::Broken(why) => self.alarm("progress", &why),
                other => tracing::debug!(code = other.code(), "a live request does not go on: {other}"),
            }
        }
    }

    /// Begins waits, commits what has waited, ends what has expired. Time is the witnesses', not this machine's.
    pub fn progress(&mut self, number: &Msisdn) -> Result<(), Refusal> {
        self.begin_waits(number)?;
        let Some(state) = self.pins.pin(number).map(|p| p.state.clone()) else { return Ok(()) };
        let Some(live) = &state.live else { return Ok(()) };
        if self.witnessed.0 > live.intent.expiry {
            return self.change(number, &Command::End { reason: EXPIRED }).map(drop);
        }
        if self.pins.pin(number).is_some_and(|p| p.closing_expired(self.witnessed)) {
            return self.change(number, &Command::End { reason: REFUSED }).map(drop);
        }
        let (request, waits) = (live.head, self.waits(&live.head)?);
        if !waits.0.is_empty()
            && let Some(until) = self.cautious_until(number, &state)
            && self.witnessed < until
        {
            // Longer than the deed asks, and never past the request's end; the deed's own wait is asked for then.
            let ready = self.not_before.get(&request).map_or(until, |time| until.max(*time));
            if self.not_before.insert(request, ready) != Some(ready) {
                self.tell(*number);
            }
            return Err(Refusal::refused("caution", "the change waits longer, for reasons in the timeline"));
        }
        if self.not_before.get(&request).is_some_and(|time| self.witnessed < *time) {
            return Err(Refusal::refused("wait", "the waiting time has not passed"));
        }
        // The newest wait counts the most consents; an older one may be over sooner.
        let (mut first, mut soonest) = (None, Some(u64::MAX));
        for (start_seq, early) in waits.0.into_iter().rev() {
            let Some(late) = self.prove_event(&state, start_seq)? else { continue };
            let origin = self.origin(&state)?;
            match self.change(number, &Command::Commit { start_seq, early, late, origin }) {
                Ok(_) => {
                    self.not_before.remove(&request);
                    return Ok(());
                }
                Err(refusal) => {
                    soonest = match &refusal {
                        Refusal::Wait { missing, .. } => soonest.map(|s| s.min(*missing)),
                        _ => None,
                    };
                    first.get_or_insert(refusal);
                }
            }
        }
        // Until the soonest of them is over there is nothing to try, if waiting is all that is missing.
        if let (Some(_), Some(missing)) = (&first, soonest) {
            let ready = self.witnessed.after(missing);
            if self.not_before.insert(request, ready) != Some(ready) {
                self.tell(*number);
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// If consents stand and the owner has been told, the wait begins with the proof that this is logged now.
    pub(super) fn begin_waits(&mut self, number: &Msisdn) -> Result<(), Refusal> {
        let Some(state) = self.pins.pin(number).map(|p| p.state.clone()) else { return Ok(()) };
        let Some(live) = &state.live else { return Ok(()) };
        let mut waits = self.waits(&live.head)?;
        let Some(start) = waits.next_start(&state) else { return Ok(()) };
        let Some(proof) = self.prove_event(&state, start)? else { return Ok(()) };
        waits.0.push((start, proof.encode()));
        self.not_before.remove(&live.head);
        let row = Write::Put(Key::Wait(live.head), Row::Bytes(waits.encode()));
        self.database.commit(&[Changes(vec![row])])?;
        Ok(())
    }

    /// The proof that event 1 was accepted with, once a ported or claimed number's first thirty days are over.
    fn origin(&mut self, state: &State) -> Result<Option<Vec<u8>>, Refusal> {
        if state.source == Source::New {
            return Ok(None);
        }
        let row = self.database.events(&state.deed_id)?.into_iter().find(|row| row.seq == 1);
        let Some(bytes) = row.and_then(|row| row.proof) else { return Ok(None) };
        let (_, policy) = self.pins.manifests().get(&state.manifest)?;
        let first = TlogProof::parse(&bytes).and_then(|proof| policy.judge(&Host, &proof.checkpoint));
        let over = |first: Witnessed| self.witnessed >= UnixTime(first.seen_by).after(PROBATION);
        Ok(first.is_ok_and(over).then_some(bytes))
    }

    fn waits(&mut self, request: &deed::Digest) -> Result<Waits, Refusal> {
        Ok(match self.database.load(&[Key::Wait(*request)])?.pop().flatten() {
            Some(Row::Bytes(bytes)) => Waits::decode(&bytes),
            _ => Waits::default(),
        })
    }

    fn prove_event(&mut self, state: &State, seq: u64) -> Result<Option<TlogProof>, Refusal> {
        let index = self.log.first_with(&state.tag(seq));
        Ok(index.and_then(|index| self.log.prove(index)))
    }

    /// Compares what the database claims with what is pinned, some numbers a round; what the database has of numbers that
    /// no pin knows, once in all rounds.
    fn audit(&mut self) -> Result<(), Refusal> {
        if self.to_compare.is_empty() {
            self.to_compare = self.pins.numbers().copied().collect();
            let claimed = self.database.numbers()?;
            self.to_compare
                .extend(claimed.iter().map(|row| row.number).filter(|n| self.pins.pin(n).is_none()));
        }
        let rest = self.to_compare.len().saturating_sub(COMPARED_A_ROUND);
        for number in self.to_compare.split_off(rest) {
            if let Err(refusal) = self.compare(&number) {
                self.alarm("audit", &format!("number …{}: {refusal}", tail(&number)));
            }
        }
        Ok(())
    }

    fn compare(&mut self, number: &Msisdn) -> Result<(), Refusal> {
        let now = self.clock.now();
        let pin = self.pins.pin(number);
        let deed = pin.map(|p| p.state.deed_id);
        let imsi = pin.and_then(|pin| pin.resolve(now));
        let row = self.database.load(&[Key::Number(*number)])?.pop().flatten();
        let row = if let Some(Row::Number(row)) = &row { Some(row) } else { None };
        let card = match imsi {
            Some(imsi) => self.database.load(&[Key::Card(imsi)])?.pop().flatten(),
            None => None,
        };
        let card = if let Some(Row::Card(card)) = &card { Some(card) } else { None };
        let events = deed.map_or(Ok(Vec::new()), |deed| self.database.events(&deed))?;
        let claims = Claims { number: *number, row, card, events: &events };
        let alarms = compare(&self.pins, &self.pins.keys().kek, &claims, now);
        if !alarms.is_empty() && !stands(Defence::RowsDarkenNothing) {
            self.pins.set_behind(*number);
        }
        for alarm in alarms {
            self.alarm_about(number, &alarm);
        }
        Ok(())
    }
}
