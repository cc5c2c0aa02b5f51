//! What a deployment has stored, read beside the running node and without it: for rules that are replayed.
//!
//! It reads `operator.db` and the key that seals what the doors keep. It takes no lock and writes nothing.

use crate::deployment::StartError;
use crate::node::{Tried, open_entry, record_place};
use keys::Secret;
use keys::seal::SealKey;
use operator::store::{Broken, Span, Store as _, Stream};
use operator::timeline::{Line, STREAMS};
use std::path::Path;
use store::Sqlite;
use wire::{Msisdn, UnixTime};

/// Records read of one stream of one number: the newest.
const MOST: usize = 100_000;

/// A deployment's stored timelines.
#[derive(Debug)]
pub struct Stored {
    store: Sqlite,
    key: SealKey,
}

impl Stored {
    /// Opens the folder's database to read.
    pub fn open(dir: &Path) -> Result<Self, StartError> {
        let path = dir.join("keys/portal.key");
        let text =
            std::fs::read_to_string(&path).map_err(|source| StartError::Io { path: path.clone(), source })?;
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key)
            .map_err(|_| StartError::Damaged { path, why: "not a key".into() })?;
        let store = Sqlite::open_to_read(&dir.join("operator.db"))?;
        Ok(Self { store, key: SealKey::new(Secret::new(key)) })
    }

    /// The numbers.
    pub fn numbers(&mut self) -> Result<Vec<Msisdn>, Broken> {
        Ok(self.store.numbers()?.into_iter().map(|row| row.number).collect())
    }

    /// A number's lines within a time, oldest first.
    pub fn lines(
        &mut self,
        number: &Msisdn,
        (from, until): (UnixTime, UnixTime),
    ) -> Result<Vec<Line>, Broken> {
        let span = Span { from, until, ..Span::newest(MOST) };
        let mut lines = Vec::new();
        for stream in STREAMS {
            for (id, row) in self.store.records_within(stream, number, &span)? {
                let entry = open_entry(&self.key, stream, number, &row);
                lines.extend(entry.map(|entry| Line { id, at: row.at, entry }));
            }
        }
        lines.sort_unstable_by_key(|line| line.id);
        Ok(lines)
    }

    /// What rules on trial would have done to a number, oldest first.
    pub fn tried(&mut self, number: &Msisdn) -> Result<Vec<(UnixTime, Tried)>, Broken> {
        let place = record_place(Stream::Trial, number);
        let rows = self.store.records(Stream::Trial, number, MOST)?;
        let open = |(_, row): (u64, operator::store::RecordRow)| {
            let plain = self.key.open_random(place.as_bytes(), &row.bytes).ok()?;
            Some((row.at, serde_json::from_slice(&plain).ok()?))
        };
        Ok(rows.into_iter().filter_map(open).collect())
    }
}
