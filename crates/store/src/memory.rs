//! The model: what every engine must answer, in the plainest code that answers it. Nothing survives the process.

use deed::Digest;
use operator::store::{
    ALARM_AGAIN, AlarmRow, AuditRow, Broken, Changes, EventRow, Key, LeafRow, MOST_ONCE, NoticeRow,
    NumberRow, ONCE_KEPT, OnceRow, Outcome, RecordRow, Row, Span, Store, Stream, Write,
};
use std::collections::BTreeMap;
use wire::{Imsi, Msisdn};

/// A store in memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    rows: BTreeMap<Key, Row>,
    events: BTreeMap<(Digest, u64), EventRow>,
    leaves: BTreeMap<u64, LeafRow>,
    pins: BTreeMap<Msisdn, Vec<u8>>,
    sqn: BTreeMap<Imsi, u64>,
    notices: Vec<NoticeRow>,
    records: BTreeMap<u64, RecordRow>,
    next_record: u64,
    alarms: Vec<AlarmRow>,
    audit: Vec<AuditRow>,
    once: BTreeMap<Digest, OnceRow>,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn apply(&mut self, write: &Write) -> Outcome {
        match write {
            Write::Put(key, row) => {
                self.rows.insert(key.clone(), row.clone());
            }
            Write::Event { deed, seq, bytes, leaf, place } => {
                self.leaves.split_off(place);
                let taken = self.events.contains_key(&(*deed, *seq))
                    || self.leaves.values().any(|row| row.leaf.tag == leaf.tag);
                if taken {
                    return Outcome::Moved;
                }
                let event = EventRow { seq: *seq, bytes: bytes.clone(), index: *place, proof: None };
                self.events.insert((*deed, *seq), event);
                self.leaves.insert(*place, LeafRow { index: *place, leaf: *leaf, deed: *deed, seq: *seq });
            }
            Write::Leaf { leaf, of: (root, version), place } => {
                self.leaves.split_off(place);
                if self.leaves.values().any(|row| row.leaf.tag == leaf.tag) {
                    return Outcome::Moved;
                }
                let row = LeafRow { index: *place, leaf: *leaf, deed: *root, seq: *version };
                self.leaves.insert(*place, row);
            }
            Write::RemoveEvent { deed, seq } => {
                self.events.remove(&(*deed, *seq));
            }
            Write::Proof { deed, seq, proof } => {
                if let Some(row) = self.events.get_mut(&(*deed, *seq)) {
                    row.proof = Some(proof.clone());
                }
            }
            Write::Pin { number, row } => {
                self.pins.insert(*number, row.clone());
            }
            Write::ClearPins => self.pins.clear(),
            Write::Sqn { imsi, next } => {
                let ledger = self.sqn.entry(*imsi).or_insert(*next);
                *ledger = (*ledger).max(*next);
            }
            Write::Notice(notice) => self.notices.push(notice.clone()),
            Write::Take(name) => {
                if self.rows.remove(&Key::Door(name.clone())).is_none() {
                    return Outcome::Moved;
                }
            }
            Write::Record(record) => {
                self.next_record += 1;
                self.records.insert(self.next_record, record.clone());
            }
            Write::Forget(id) => {
                self.records.remove(id);
            }
            Write::Alarm(alarm) => {
                let same = |a: &AlarmRow| a.code == alarm.code && a.text == alarm.text;
                let lately = |a: &AlarmRow| a.at.after(ALARM_AGAIN) > alarm.at;
                if !self.alarms.iter().any(|a| same(a) && lately(a)) {
                    self.alarms.push(alarm.clone());
                }
            }
            Write::Audit(row) => self.audit.push(row.clone()),
            Write::Once(row) => {
                self.once.retain(|_, old| old.at.after(ONCE_KEPT) > row.at);
                self.once.insert(row.name, row.clone());
                while self.once.len() as u64 > MOST_ONCE {
                    let oldest = self.once.values().min_by_key(|old| old.at).map(|old| old.name);
                    oldest.map(|name| self.once.remove(&name));
                }
            }
        }
        Outcome::Done
    }
}

impl Store for Memory {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Row>>, Broken> {
        Ok(keys.iter().map(|key| self.rows.get(key).cloned()).collect())
    }

    fn commit(&mut self, batch: &[Changes]) -> Result<Vec<Outcome>, Broken> {
        let mut outcomes = Vec::new();
        for changes in batch {
            let before = self.clone();
            let moved = changes.0.iter().any(|write| self.apply(write) == Outcome::Moved);
            if moved {
                *self = before;
            }
            outcomes.push(if moved { Outcome::Moved } else { Outcome::Done });
        }
        Ok(outcomes)
    }

    fn reserve_sqn(&mut self, wants: &[(Imsi, u64)]) -> Result<Vec<Option<u64>>, Broken> {
        let mut take = |(imsi, n): &(Imsi, u64)| {
            let ledger = self.sqn.get_mut(imsi)?;
            let first = *ledger;
            *ledger = first.saturating_add(*n);
            Some(first)
        };
        Ok(wants.iter().map(&mut take).collect())
    }

    fn events(&mut self, deed: &Digest) -> Result<Vec<EventRow>, Broken> {
        Ok(self.events.range((*deed, 0)..=(*deed, u64::MAX)).map(|(_, row)| row.clone()).collect())
    }

    fn leaves(&mut self, from: u64) -> Result<Vec<LeafRow>, Broken> {
        Ok(self.leaves.range(from..).map(|(_, row)| row.clone()).collect())
    }

    fn pins(&mut self) -> Result<Vec<(Msisdn, Vec<u8>)>, Broken> {
        Ok(self.pins.iter().map(|(number, row)| (*number, row.clone())).collect())
    }

    fn numbers(&mut self) -> Result<Vec<NumberRow>, Broken> {
        let numbers = self.rows.values().filter_map(|row| match row {
            Row::Number(number) => Some(number.clone()),
            _ => None,
        });
        Ok(numbers.collect())
    }

    fn notices(&mut self, number: &Msisdn) -> Result<Vec<NoticeRow>, Broken> {
        Ok(self.notices.iter().filter(|n| n.number == *number).cloned().collect())
    }

    fn records_within(
        &mut self,
        stream: Stream,
        number: &Msisdn,
        span: &Span,
    ) -> Result<Vec<(u64, RecordRow)>, Broken> {
        let within = |(id, row): &(&u64, &RecordRow)| {
            **id > span.after
                && **id < span.before
                && row.stream == stream
                && row.number == *number
                && row.at >= span.from
                && row.at <= span.until
        };
        let found = self.records.iter().filter(within).map(|(id, row)| (*id, row.clone()));
        Ok(match span.oldest_first {
            true => found.take(span.most).collect(),
            false => found.rev().take(span.most).collect(),
        })
    }

    fn alarms(&mut self) -> Result<Vec<AlarmRow>, Broken> {
        Ok(self.alarms.clone())
    }

    fn once(&mut self, name: &Digest) -> Result<Option<OnceRow>, Broken> {
        Ok(self.once.get(name).cloned())
    }

    fn audit(&mut self, most: usize) -> Result<Vec<AuditRow>, Broken> {
        Ok(self.audit.iter().rev().take(most).cloned().collect())
    }
}
