//! The timeline at the HTTP door: pages, a table for spreadsheets, and a line that stays open.
//!
//! All of it is for whoever has the number's watch key, and for nobody else: no desk reads where somebody was.

use super::{Door, Failure, Shared, path};
use crate::committer::Handle;
use crate::node::{Lines, Node, Page};
use crate::view::HappenedView;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use operator::Refusal;
use operator::timeline::{Actor, Entry, Filter, Happened, Kind, Line};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;
use wire::{Malformed, Msisdn, UnixTime};

/// Lines of a page, unless fewer or more are asked for, and at most.
const LINES: usize = 100;
const MOST_LINES: usize = 500;
/// Lines on their way to somebody who reads.
const QUEUE: usize = 64;
/// How long somebody may take over one of them; then the line is closed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a silent line shows that it lives.
const ALIVE: Duration = Duration::from_secs(20);
/// Most lines open at once: each holds a place in memory, and none a thread.
pub(super) const MOST_OPEN: usize = 512;

/// What is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimelineQuery {
    /// Kinds, with commas between.
    kind: Option<String>,
    /// Actors, with commas between.
    actor: Option<String>,
    from: Option<String>,
    until: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// A line, as answers show it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct LineView {
    /// When.
    pub(crate) at: u64,
    /// What kind of thing.
    pub(crate) kind: String,
    /// Who.
    pub(crate) actor: String,
    /// In plain English.
    pub(crate) words: String,
    /// What is known of it.
    #[schema(value_type = Object)]
    pub(crate) details: BTreeMap<String, serde_json::Value>,
}

impl LineView {
    /// Of a line.
    pub(crate) fn of(line: &Line) -> Self {
        let Entry { actor, what } = &line.entry;
        let value = |value| serde_json::to_value(value).unwrap_or_default();
        Self {
            at: line.at.0,
            kind: what.kind().name().into(),
            actor: actor.name().into(),
            words: what.words(),
            details: what.details().iter().map(|(name, v)| ((*name).to_string(), value(v))).collect(),
        }
    }
}

/// A page, as answers show it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageView {
    lines: Vec<LineView>,
    /// What to ask for after this; nothing, if this was all.
    next: Option<String>,
}

fn several<T: FromStr<Err = Malformed>>(text: Option<&str>) -> Result<Vec<T>, Malformed> {
    let parts = text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::parse).collect()
}

/// A time: seconds since 1970, a moment (RFC 3339), or a day, whose first or last second is meant.
pub fn moment(text: &str, end_of_day: bool) -> Result<UnixTime, Malformed> {
    const WHAT: &str =
        "neither seconds since 1970, a moment like 2026-11-25T17:30:00Z nor a day like 2026-11-25";
    let bad = || Malformed::new("time", WHAT);
    if let Ok(seconds) = text.parse() {
        return Ok(UnixTime(seconds));
    }
    let seconds = if let Ok(day) = text.parse::<jiff::civil::Date>()
        && !text.contains('T')
    {
        let start = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| bad())?.timestamp().as_second();
        if end_of_day { start.saturating_add(86_399) } else { start }
    } else {
        text.parse::<jiff::Timestamp>().map_err(|_| bad())?.as_second()
    };
    u64::try_from(seconds).map(UnixTime).map_err(|_| bad())
}

impl TimelineQuery {
    /// What a form asks for.
    pub(crate) fn of_form(actor: Option<String>, from: Option<String>, until: Option<String>) -> Self {
        Self { actor, from, until, ..Self::default() }
    }

    /// The filter it asks for.
    pub(crate) fn filter(&self) -> Result<Filter, Malformed> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Ok(Filter {
            kinds: several(self.kind.as_deref())?,
            actors: several(self.actor.as_deref())?,
            from: given(&self.from).map(|text| moment(&text, false)).transpose()?,
            until: given(&self.until).map(|text| moment(&text, true)).transpose()?,
        })
    }

    /// Where it begins.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref().filter(|after| !after.is_empty())
    }

    fn most(&self) -> Result<usize, Malformed> {
        match self.limit.unwrap_or(LINES) {
            limit @ 1..=MOST_LINES => Ok(limit),
            _ => Err(Malformed::new("limit", "not from 1 to 500")),
        }
    }
}

fn asked(query: Result<Query<TimelineQuery>, QueryRejection>) -> Result<TimelineQuery, Failure> {
    let query = query.map_err(|e| Failure(Refusal::Malformed(e.body_text())))?;
    Ok(query.0)
}

/// A page, newest first.
pub(super) async fn page(
    State(door): Shared,
    Path(number): Path<String>,
    query: Result<Query<TimelineQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let number: Msisdn = path(&number)?;
    let query = asked(query)?;
    let (filter, most) = (query.filter()?, query.most()?);
    let view = door.node.run(move |node| {
        let after = query.after().map(|cursor| node.place_of(&number, cursor)).transpose()?;
        let Lines { lines, next, .. } =
            node.timeline(&number, &filter, Page { after, oldest_first: false, most })?;
        let next = next.map(|id| node.cursor(&number, id));
        Ok(PageView { lines: lines.iter().map(LineView::of).collect(), next })
    });
    Ok(Json(view.await?).into_response())
}

/// All of it as a table, newest first. It is made page by page: however long it is, nobody waits for it.
pub(super) async fn as_csv(
    State(door): Shared,
    Path(number): Path<String>,
    query: Result<Query<TimelineQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let number: Msisdn = path(&number)?;
    let query = asked(query)?;
    Ok(table(&door.node, number, query.filter()?))
}

/// A table that is written as it is read.
pub(crate) fn table(node: &Handle, number: Msisdn, filter: Filter) -> Response {
    let (sender, receiver) = mpsc::channel::<Result<Vec<u8>, std::io::Error>>(2);
    let node = node.clone();
    tokio::spawn(async move {
        let mut after = None;
        let mut chunk = csv_lines(&[], true);
        loop {
            let sent = tokio::time::timeout(PATIENCE, sender.send(Ok(std::mem::take(&mut chunk))));
            if !matches!(sent.await, Ok(Ok(()))) {
                return;
            }
            let (filter, page) = (filter.clone(), Page { after, oldest_first: false, most: MOST_LINES });
            match node.run(move |node| node.timeline(&number, &filter, page)).await {
                Ok(Lines { lines, next, .. }) => {
                    chunk = csv_lines(&lines, false);
                    if next.is_none() {
                        let _ = tokio::time::timeout(PATIENCE, sender.send(Ok(chunk))).await;
                        return;
                    }
                    after = next;
                }
                Err(refusal) => {
                    // A table that ends early must not look whole.
                    let _ = sender.send(Err(std::io::Error::other(refusal.to_string()))).await;
                    return;
                }
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"timeline.csv\""),
    ];
    (headers, Body::from_stream(ReceiverStream::new(receiver))).into_response()
}

/// Lines as a table's (RFC 4180), with or without its head.
pub(crate) fn csv_lines(lines: &[Line], head: bool) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // What is written is memory: it takes everything.
    if head {
        let _ = writer.write_record(["at", "kind", "actor", "words", "details"]);
    }
    for line in lines {
        let Entry { actor, what } = &line.entry;
        let details: Vec<String> =
            what.details().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let at = crate::bank::date(line.at);
        let cells = [at, what.kind().name().into(), actor.name().into(), what.words(), details.join("; ")];
        let _ = writer.write_record(cells.map(harmless));
    }
    writer.into_inner().unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula: senders and browsers name themselves as they like.
fn harmless(cell: String) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n') => format!("'{cell}"),
        _ => cell,
    }
}

/// What happens from now on, or from a line on: each as a server-sent event whose id is its place. Whoever comes back with
/// `Last-Event-ID` has lost nothing and hears nothing twice. Whoever does not read is left.
pub(super) async fn live(
    State(door): Shared,
    Path(number): Path<String>,
    headers: HeaderMap,
    query: Result<Query<TimelineQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let number: Msisdn = path(&number)?;
    let query = asked(query)?;
    let filter = query.filter()?;
    let place = door.open.clone().try_acquire_owned();
    let place = place.map_err(|_| Failure(Refusal::refused("rate", "too many listen; try again later")))?;
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()).map(str::to_string);
    let begun = door.node.run(move |node| {
        // Who listens before he looks misses nothing in between.
        let news = node.news();
        let after = match last.as_deref().or(query.after()) {
            Some(cursor) => node.place_of(&number, cursor)?,
            None => newest(node, &number)?,
        };
        Ok((news, after))
    });
    let (news, after) = begun.await?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(tell(door.clone(), (number, filter), (news, after), sender, place));
    let events = Sse::new(ReceiverStream::new(receiver));
    Ok(events.keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}

/// The newest line of a number.
fn newest(node: &mut Node, number: &Msisdn) -> Result<u64, Refusal> {
    let page = Page { after: None, oldest_first: false, most: 1 };
    let newest = node.timeline(number, &Filter::default(), page)?.lines.pop();
    Ok(newest.map_or(0, |line| line.id))
}

type Events = mpsc::Sender<Result<Event, Infallible>>;

/// Tells one listener what happens, until he is gone.
async fn tell(
    door: Arc<Door>,
    (number, filter): (Msisdn, Filter),
    (mut news, mut after): (broadcast::Receiver<Msisdn>, u64),
    events: Events,
    _place: OwnedSemaphorePermit,
) {
    // The place he is at, before anything has happened: who loses the line now comes back to here.
    let at = after;
    let here = door.node.run(move |node| Ok(node.cursor(&number, at))).await;
    let Ok(here) = here else { return };
    if !send(&events, Event::default().event("here").id(here).data("")).await {
        return;
    }
    loop {
        let filter = filter.clone();
        let page = Page { after: Some(after), oldest_first: true, most: QUEUE };
        let told = door.node.run(move |node| {
            let Lines { lines, next, looked_at } = node.timeline(&number, &filter, page)?;
            let events = lines.iter().map(|line| (node.cursor(&number, line.id), LineView::of(line)));
            Ok((events.collect::<Vec<_>>(), next, looked_at))
        });
        let Ok((lines, next, looked_at)) = told.await else { return };
        for (cursor, line) in lines {
            let Ok(event) = Event::default().event("line").id(cursor).json_data(&line) else { return };
            if !send(&events, event).await {
                return;
            }
        }
        after = looked_at.unwrap_or(after);
        if next.is_some() {
            continue;
        }
        loop {
            tokio::select! {
                heard = news.recv() => match heard {
                    Ok(about) if about == number => break,
                    Ok(_) => {}
                    // Too much happened to hear all of it: look.
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                },
                () = events.closed() => return,
            }
        }
    }
}

/// Whether a listener took it in time.
async fn send(events: &Events, event: Event) -> bool {
    matches!(tokio::time::timeout(PATIENCE, events.send(Ok(event))).await, Ok(Ok(())))
}

/// Places for listeners.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST_OPEN))
}

/// Cards at the network, sign-ins and alarms, oldest first: the log as it was before the timeline.
pub(super) async fn happened(
    State(door): Shared,
    Path(number): Path<String>,
) -> Result<Json<Vec<HappenedView>>, Failure> {
    const KINDS: [Kind; 9] = [
        Kind::SignedIn,
        Kind::SignInFailed,
        Kind::SignInChanged,
        Kind::Attached,
        Kind::TurnedAway,
        Kind::MacFailure,
        Kind::WrongResponse,
        Kind::CardRefused,
        Kind::Alarmed,
    ];
    let number: Msisdn = path(&number)?;
    let filter = Filter { kinds: KINDS.to_vec(), ..Filter::default() };
    let page = Page { after: None, oldest_first: false, most: 200 };
    let mut all = door.node.run(move |node| node.timeline(&number, &filter, page)).await?.lines;
    all.reverse();
    Ok(Json(all.into_iter().map(old_line).collect()))
}

fn old_line(line: Line) -> HappenedView {
    let about = line.entry.what.words();
    let (kind, outcome, about) = match line.entry.what {
        Happened::SignedIn { how, device } => ("sign-in", how, device),
        Happened::SignInFailed { how, device } => ("sign-in", format!("{how} failed"), device),
        Happened::SignInChanged { what, device } => ("sign-in", what, device),
        Happened::Alarmed { code } => ("alarm", code, String::new()),
        Happened::Attached { imsi, imei, plmn, area } => {
            let about = format!("IMSI {imsi}, network {plmn}, area {area:04X}, phone {imei}");
            ("card", "attached".into(), about)
        }
        Happened::TurnedAway { why, imsi, imei, plmn, area } => {
            let about = format!("IMSI {imsi}, network {plmn}, area {area:04X}, phone {imei}");
            ("card", why, about)
        }
        other => ("card", other.kind().name().into(), about),
    };
    HappenedView { at: line.at.0, kind: kind.into(), outcome, about }
}

/// Whose doing a line is, for pages that offer a choice.
pub(crate) fn actors() -> impl Iterator<Item = &'static str> {
    Actor::ALL.into_iter().map(Actor::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_of_a_table_is_a_formula() {
        for from in ["=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "\tx", "\r=1"] {
            let what = Happened::SignInFailed { how: "password".into(), device: from.into() };
            assert_eq!(harmless(from.to_string()), format!("'{from}"));
            let line = Line { id: 1, at: UnixTime(0), entry: Entry::new(Actor::Unknown, what) };
            let table = csv_lines(&[line], true);
            let mut reader = csv::Reader::from_reader(&table[..]);
            for cell in reader.records().next().unwrap().unwrap().iter() {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{cell}");
            }
        }
        assert_eq!(harmless("phone".into()), "phone");
    }

    #[test]
    fn a_time_is_seconds_a_moment_or_a_day() {
        assert_eq!(moment("1800000000", false).unwrap(), UnixTime(1_800_000_000));
        assert_eq!(moment("2027-01-15T08:00:00Z", true).unwrap(), UnixTime(1_800_000_000));
        assert_eq!(moment("2027-01-15", false).unwrap(), UnixTime(1_799_971_200));
        assert_eq!(moment("2027-01-15", true).unwrap(), UnixTime(1_800_057_599));
        for bad in ["", "yesterday", "-1", "2027-13-01", "1969-12-31"] {
            assert!(moment(bad, false).is_err(), "{bad}");
        }
    }
}
