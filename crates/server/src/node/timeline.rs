//! The timeline: written beside what it tells, read newest first in pages, or oldest first by whoever listens.

use super::{Node, old};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use operator::Refusal;
use operator::store::{Changes, RecordRow, Span, Stream, Write};
use operator::timeline::{Entry, Filter, Happened, Kind, Line};
use std::collections::VecDeque;
use wire::{Malformed, Msisdn, UnixTime};

/// Records looked at for one page, whatever the filter leaves of them: the rest is for the next page.
const LOOKED_AT: usize = 2_000;
/// Records fetched in one go.
const FETCHED: usize = 128;
/// Entries that wait for the next batch; one more takes the place of the oldest.
const JOTTED: usize = 16_384;

/// Entries that have no transaction of their own in the database: what was decided at the enforcement point, which waits for
/// no database. They are written together, a second later at most.
#[derive(Debug, Default)]
pub(super) struct Jotted {
    waiting: VecDeque<(Msisdn, UnixTime, Entry)>,
    lost: u64,
}

/// Where a page begins, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The line after which it begins; `None`, at the end it starts from.
    pub after: Option<u64>,
    /// Oldest first: for whoever listens.
    pub oldest_first: bool,
    /// At most so many lines.
    pub most: usize,
}

/// A page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Its lines.
    pub lines: Vec<Line>,
    /// After which line the next page begins, if there may be one. A page may be empty and not the last.
    pub next: Option<u64>,
    /// The last record that was looked at, wanted or not: who listens goes on behind it.
    pub looked_at: Option<u64>,
}

/// One stream's records, as they are needed.
struct Feed {
    stream: Stream,
    rows: VecDeque<(u64, RecordRow)>,
    done: bool,
}

impl Node {
    /// An entry of now, sealed, ready to be written beside what it tells.
    pub fn entry(&mut self, number: Msisdn, entry: &Entry) -> Write {
        self.entry_at(number, self.clock.now(), entry)
    }

    fn entry_at(&mut self, number: Msisdn, at: UnixTime, entry: &Entry) -> Write {
        let stream = entry.what.kind().stream();
        let place = super::door::record_place(stream, &number);
        let bytes = self.door_key.seal_random(&mut self.rng, place.as_bytes(), &entry.encode());
        Write::Record(RecordRow { stream, number, at, bytes })
    }

    /// An entry for the next batch.
    pub(super) fn jot(&mut self, number: Msisdn, entry: Entry) {
        let at = self.clock.now();
        if self.jotted.waiting.len() >= JOTTED {
            self.jotted.waiting.pop_front();
            self.jotted.lost = self.jotted.lost.saturating_add(1);
        }
        self.jotted.waiting.push_back((number, at, entry));
    }

    /// Writes what was jotted down. A database that does not take it gets it again in the next round.
    pub fn write_jotted(&mut self) {
        if self.jotted.waiting.is_empty() {
            return;
        }
        let waiting: Vec<_> = std::mem::take(&mut self.jotted.waiting).into();
        if let Err(refusal) = self.ingest(&waiting) {
            tracing::error!(%refusal, lost = self.jotted.lost, "entries of the timeline wait to be written");
            self.jotted.waiting = waiting.into();
        }
    }

    /// Writes many entries, all durable when this returns: one transaction.
    pub fn ingest(&mut self, entries: &[(Msisdn, UnixTime, Entry)]) -> Result<(), Refusal> {
        let writes = entries.iter().map(|(number, at, entry)| self.entry_at(*number, *at, entry)).collect();
        self.database.commit(&[Changes(writes)])?;
        let mut told: Vec<Msisdn> = entries.iter().map(|(number, ..)| *number).collect();
        told.sort_unstable();
        told.dedup();
        for number in told {
            self.weigh_again(&number);
            self.tell(number);
        }
        Ok(())
    }

    /// A page of a number's timeline. Rows that do not open were not written here, and are left out.
    pub fn timeline(&mut self, number: &Msisdn, filter: &Filter, page: Page) -> Result<Lines, Refusal> {
        self.write_jotted();
        self.lines(number, filter, page)
    }

    /// The same of what is written already.
    pub(super) fn lines(&mut self, number: &Msisdn, filter: &Filter, page: Page) -> Result<Lines, Refusal> {
        let mut feeds: Vec<Feed> = filter
            .streams()
            .into_iter()
            .map(|stream| Feed { stream, rows: VecDeque::new(), done: false })
            .collect();
        let (mut found, mut last, fetch) = (Vec::new(), page.after, page.most.clamp(16, FETCHED));
        for _ in 0..LOOKED_AT {
            if found.len() >= page.most {
                return Ok(Lines { lines: found, next: last, looked_at: last });
            }
            for feed in feeds.iter_mut().filter(|feed| feed.rows.is_empty() && !feed.done) {
                // What this stream had before `last` is used up: every stream's rows come in one order.
                let span = span(filter, page.oldest_first, last, fetch);
                feed.rows = self.database.records_within(feed.stream, number, &span)?.into();
                feed.done = feed.rows.len() < fetch;
            }
            let heads = feeds.iter_mut().filter(|feed| !feed.rows.is_empty());
            let id = |feed: &&mut Feed| feed.rows.front().map_or(0, |(id, _)| *id);
            let next = if page.oldest_first { heads.min_by_key(id) } else { heads.max_by_key(id) };
            let Some(feed) = next else { return Ok(Lines { lines: found, next: None, looked_at: last }) };
            let (stream, row) = (feed.stream, feed.rows.pop_front());
            let Some((id, row)) = row else { continue };
            last = Some(id);
            if let Some(entry) = self.open_entry(stream, number, &row)
                && filter.wants(row.at, &entry)
            {
                found.push(Line { id, at: row.at, entry });
            }
        }
        Ok(Lines { lines: found, next: last, looked_at: last })
    }

    fn open_entry(&self, stream: Stream, number: &Msisdn, row: &RecordRow) -> Option<Entry> {
        open_entry(&self.door_key, stream, number, row)
    }

    /// The newest line of some kinds.
    pub(super) fn newest_of(&mut self, number: &Msisdn, kinds: &[Kind]) -> Result<Option<Line>, Refusal> {
        let filter = Filter { kinds: kinds.to_vec(), ..Filter::default() };
        let page = Page { after: None, oldest_first: false, most: 1 };
        Ok(self.lines(number, &filter, page)?.lines.pop())
    }

    /// A line's place, for whoever reads on: sealed, so that it says nothing of other numbers and names none of theirs.
    pub fn cursor(&mut self, number: &Msisdn, id: u64) -> String {
        let place = cursor_place(number);
        let sealed = self.door_key.seal_random(&mut self.rng, place.as_bytes(), &id.to_be_bytes());
        Base64UrlUnpadded::encode_string(&sealed)
    }

    /// And back.
    pub fn place_of(&self, number: &Msisdn, cursor: &str) -> Result<u64, Refusal> {
        let not_ours = || Malformed::new("cursor", "not one that this node gave for this number");
        let sealed = Base64UrlUnpadded::decode_vec(cursor).map_err(|_| not_ours())?;
        let plain = self.door_key.open_random(cursor_place(number).as_bytes(), &sealed);
        let id = plain.ok().and_then(|plain| plain.try_into().ok()).ok_or_else(not_ours)?;
        Ok(u64::from_be_bytes(id))
    }

    /// The owner has been shown so many notices; the first time is written down.
    pub fn notices_seen(&mut self, number: &Msisdn, all: u64) -> Result<(), Refusal> {
        let name = format!("notices/{number}");
        let seen: u64 = self.door_row(&name)?.unwrap_or(0);
        if all <= seen {
            return Ok(());
        }
        let entry = Entry::new(
            operator::timeline::Actor::Owner,
            Happened::NoticesSeen { count: all.saturating_sub(seen) },
        );
        let writes = vec![self.door_put(&name, &all), self.entry(*number, &entry)];
        self.write_door(writes).map(drop)
    }
}

/// Opens a row of the timeline, of this form or of the one before.
pub(crate) fn open_entry(
    key: &keys::seal::SealKey,
    stream: Stream,
    number: &Msisdn,
    row: &RecordRow,
) -> Option<Entry> {
    let place = super::door::record_place(stream, number);
    let plain = key.open_random(place.as_bytes(), &row.bytes).ok()?;
    // JSON begins with a brace or a quotation mark, and an entry with the head of an array.
    match plain.first() {
        Some(b'{' | b'"') => old::entry(stream, &plain),
        _ => Entry::decode(&plain).ok(),
    }
}

fn span(filter: &Filter, oldest_first: bool, last: Option<u64>, most: usize) -> Span {
    let all = Span::newest(most);
    let span = Span {
        from: filter.from.unwrap_or(all.from),
        until: filter.until.unwrap_or(all.until),
        oldest_first,
        ..all
    };
    match last {
        Some(last) if oldest_first => Span { after: last, ..span },
        Some(last) => Span { before: last, ..span },
        None => span,
    }
}

fn cursor_place(number: &Msisdn) -> String {
    format!("timeline/{number}")
}
