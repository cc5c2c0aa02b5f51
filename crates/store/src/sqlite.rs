//! SQLite: one file, write-ahead log, every commit flushed. A whole batch is one transaction, so a hundred decisions
//! cost one flush; each decision is a savepoint, so one that comes too late takes none of the others with it.

use deed::Digest;
use deed::log::Leaf;
use operator::store::{
    ALARM_AGAIN, AlarmRow, AuditRow, Broken, CardRow, Changes, EventRow, Key, LeafRow, MOST_ONCE, NoticeRow,
    NumberRow, ONCE_KEPT, OnceRow, Outcome, RecordRow, Row, Span, Store, Stream, Write,
};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;
use wire::{Imsi, Msisdn, UnixTime};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS numbers (number TEXT PRIMARY KEY, imsi TEXT NOT NULL, deed BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cards (
    imsi TEXT PRIMARY KEY, iccid TEXT NOT NULL, card BLOB NOT NULL, keys BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS waits (request BLOB PRIMARY KEY, waits BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS events (
    deed BLOB NOT NULL, seq INTEGER NOT NULL, bytes BLOB NOT NULL, leaf INTEGER NOT NULL, proof BLOB,
    PRIMARY KEY (deed, seq)) STRICT;
CREATE TABLE IF NOT EXISTS leaves (
    place INTEGER PRIMARY KEY, tag BLOB NOT NULL UNIQUE, head BLOB NOT NULL,
    deed BLOB NOT NULL, seq INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS pins (number TEXT PRIMARY KEY, row BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sqn (imsi TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS notices (
    id INTEGER PRIMARY KEY, number TEXT NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL,
    code TEXT NOT NULL DEFAULT 'notice') STRICT;
CREATE INDEX IF NOT EXISTS notices_of ON notices (number, id);
CREATE TABLE IF NOT EXISTS alarms (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS alarms_of ON alarms (code, text, at);
CREATE TABLE IF NOT EXISTS door (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, number TEXT NOT NULL, at INTEGER NOT NULL,
    bytes BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS records_of ON records (stream, number, id);
CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL, what TEXT NOT NULL,
    about TEXT NOT NULL, outcome TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS once (
    name BLOB PRIMARY KEY, digest BLOB NOT NULL, at INTEGER NOT NULL, answer BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS once_by_age ON once (at);
";

/// What tables of version 1 lack; those that it lacks whole are in the schema.
const FROM_1: &str = "ALTER TABLE notices ADD COLUMN code TEXT NOT NULL DEFAULT 'notice'";

/// The schema's version; a file of a later one is refused rather than guessed at.
const VERSION: i64 = 3;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
}

fn broken(error: impl std::fmt::Display) -> Broken {
    Broken(format!("the database failed: {error}"))
}

/// The rows that read. One that somebody wrote by hand, with a time before 1970 say, must not hide the others.
fn readable<T>(rows: impl Iterator<Item = rusqlite::Result<rusqlite::Result<T>>>) -> Result<Vec<T>, Broken> {
    let rows = rows.collect::<Result<Vec<_>, _>>().map_err(broken)?;
    Ok(rows.into_iter().filter_map(Result::ok).collect())
}

/// A row somebody wrote by hand into a form we never write.
fn damaged(what: &str) -> Broken {
    Broken(format!("the database holds a {what} that is none"))
}

impl Sqlite {
    /// Opens or makes the file. Another process that has it locked is waited for this long.
    pub fn open(path: &Path, patience: Duration) -> Result<Self, Broken> {
        // For this user alone, and so is what SQLite puts beside it: event 0 of each number holds its watch key.
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(broken)?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(broken)?;
        let connection = Connection::open(path).map_err(broken)?;
        connection.busy_timeout(patience).map_err(broken)?;
        // What somebody put into the file runs nothing here.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map_err(broken)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(broken)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(broken)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(broken)?;
        let version: i64 =
            connection.pragma_query_value(None, "user_version", |r| r.get(0)).map_err(broken)?;
        match version {
            0..VERSION => {
                // All or nothing: half of it would never open again.
                let from_1 = if version == 1 { FROM_1 } else { "" };
                let all =
                    format!("BEGIN IMMEDIATE; {from_1}; {SCHEMA}; PRAGMA user_version = {VERSION}; COMMIT");
                connection.execute_batch(&all).map_err(broken)?;
            }
            VERSION => {}
            other => {
                return Err(Broken(format!(
                    "{} is of version {other}, this program's is {VERSION}",
                    path.display()
                )));
            }
        }
        Ok(Self { connection })
    }

    /// Opens a file that another process writes, to read: nothing in it changes.
    pub fn open_to_read(path: &Path) -> Result<Self, Broken> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(broken)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(broken)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(broken)?;
        let version: i64 =
            connection.pragma_query_value(None, "user_version", |r| r.get(0)).map_err(broken)?;
        if version != VERSION {
            return Err(Broken(format!(
                "{} is of version {version}, this program's is {VERSION}; let the node open it first",
                path.display()
            )));
        }
        Ok(Self { connection })
    }

    /// The same with a file that grows to so many pages and no further: a disk that fills up, for tests.
    #[doc(hidden)]
    pub fn open_with_page_limit(path: &Path, pages: u32) -> Result<Self, Broken> {
        let store = Self::open(path, Duration::from_secs(5))?;
        store.connection.pragma_update(None, "max_page_count", pages).map_err(broken)?;
        Ok(store)
    }

    fn load_one(&self, key: &Key) -> Result<Option<Row>, Broken> {
        let bytes = |sql: &str, param: &dyn rusqlite::ToSql| {
            let row = self
                .connection
                .prepare_cached(sql)
                .and_then(|mut s| s.query_row([param], |r| r.get(0)).optional());
            row.map_err(broken).map(|found| found.map(Row::Bytes))
        };
        match key {
            Key::Number(number) => {
                let sql = "SELECT imsi, deed FROM numbers WHERE number = ?1";
                let row = self.connection.prepare_cached(sql).and_then(|mut s| {
                    s.query_row([number.as_str()], |r| Ok((r.get::<_, String>(0)?, r.get::<_, Vec<u8>>(1)?)))
                        .optional()
                });
                let Some((imsi, deed)) = row.map_err(broken)? else { return Ok(None) };
                // Whatever somebody wrote there: a row that does not read is a row that is not there.
                Ok(number_row(*number, &imsi, &deed).map(Row::Number))
            }
            Key::Card(imsi) => {
                let sql = "SELECT iccid, card, keys FROM cards WHERE imsi = ?1";
                let row = self.connection.prepare_cached(sql).and_then(|mut s| {
                    s.query_row([imsi.as_str()], |r| Ok((r.get::<_, String>(0)?, r.get(1)?, r.get(2)?)))
                        .optional()
                });
                let Some((iccid, card, keys)) = row.map_err(broken)? else { return Ok(None) };
                Ok(iccid.parse().ok().map(|iccid| Row::Card(CardRow { imsi: *imsi, iccid, card, keys })))
            }
            Key::Wait(request) => bytes("SELECT waits FROM waits WHERE request = ?1", &&request[..]),
            Key::Meta(name) => bytes("SELECT value FROM meta WHERE name = ?1", name),
            Key::Door(name) => bytes("SELECT value FROM door WHERE name = ?1", name),
        }
    }
}

fn number_row(number: Msisdn, imsi: &str, deed: &[u8]) -> Option<NumberRow> {
    Some(NumberRow { number, imsi: imsi.parse().ok()?, deed: deed.try_into().ok()? })
}

/// Writes one thing; `Moved` if a key was taken.
fn apply(tx: &Transaction<'_>, write: &Write) -> Result<Outcome, Broken> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| -> Result<Option<usize>, Broken> {
        match tx.prepare_cached(sql).and_then(|mut s| s.execute(params)) {
            Ok(n) => Ok(Some(n)),
            Err(rusqlite::Error::SqliteFailure(e, _)) if e.code == ErrorCode::ConstraintViolation => Ok(None),
            Err(e) => Err(broken(e)),
        }
    };
    let done = match write {
        Write::Put(Key::Number(_), Row::Number(n)) => run(
            "INSERT INTO numbers VALUES (?1, ?2, ?3)
             ON CONFLICT (number) DO UPDATE SET imsi = excluded.imsi, deed = excluded.deed",
            &[&n.number.as_str(), &n.imsi.as_str(), &&n.deed[..]],
        )?,
        Write::Put(Key::Card(_), Row::Card(c)) => run(
            "INSERT INTO cards VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (imsi) DO UPDATE SET iccid = excluded.iccid, card = excluded.card, keys = excluded.keys",
            &[&c.imsi.as_str(), &c.iccid.as_str(), &c.card, &c.keys],
        )?,
        Write::Put(Key::Wait(request), Row::Bytes(bytes)) => run(
            "INSERT INTO waits VALUES (?1, ?2) ON CONFLICT (request) DO UPDATE SET waits = excluded.waits",
            &[&&request[..], bytes],
        )?,
        Write::Put(Key::Meta(name), Row::Bytes(bytes)) => run(
            "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            &[name, bytes],
        )?,
        Write::Put(Key::Door(name), Row::Bytes(bytes)) => run(
            "INSERT INTO door VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            &[name, bytes],
        )?,
        Write::Put(..) => return Err(Broken("a row under a key of another kind".into())),
        Write::Event { deed, seq, bytes, leaf, place } => return append(&run, (deed, *seq), bytes, leaf, *place),
        Write::Leaf { leaf, of: (root, version), place } => {
            append_leaf(&run, (root, *version), leaf, *place)?
        }
        Write::RemoveEvent { deed, seq } => {
            run("DELETE FROM events WHERE deed = ?1 AND seq = ?2", &[&&deed[..], seq])?
        }
        Write::Proof { deed, seq, proof } => {
            run("UPDATE events SET proof = ?3 WHERE deed = ?1 AND seq = ?2", &[&&deed[..], seq, proof])?
        }
        Write::Pin { number, row } => run(
            "INSERT INTO pins VALUES (?1, ?2) ON CONFLICT (number) DO UPDATE SET row = excluded.row",
            &[&number.as_str(), row],
        )?,
        Write::ClearPins => run("DELETE FROM pins", &[])?,
        Write::Sqn { imsi, next } => run(
            "INSERT INTO sqn VALUES (?1, ?2) ON CONFLICT (imsi) DO UPDATE SET next = max(next, excluded.next)",
            &[&imsi.as_str(), next],
        )?,
        Write::Notice(n) => run(
            "INSERT INTO notices (number, at, text, code) VALUES (?1, ?2, ?3, ?4)",
            &[&n.number.as_str(), &n.at.0, &n.text, &n.code],
        )?,
        Write::Take(name) => run("DELETE FROM door WHERE name = ?1", &[name])?.filter(|taken| *taken > 0),
        Write::Record(r) => run(
            "INSERT INTO records (stream, number, at, bytes) VALUES (?1, ?2, ?3, ?4)",
            &[&(r.stream as u8), &r.number.as_str(), &r.at.0, &r.bytes],
        )?,
        Write::Forget(id) => run("DELETE FROM records WHERE id = ?1", &[id])?,
        Write::Alarm(a) => run(
            "INSERT INTO alarms (at, code, text) SELECT ?1, ?2, ?3 WHERE NOT EXISTS
             (SELECT 1 FROM alarms WHERE code = ?2 AND text = ?3 AND at + ?4 > ?1)",
            &[&a.at.0, &a.code, &a.text, &ALARM_AGAIN],
        )?,
        Write::Audit(a) => run(
            "INSERT INTO audit (at, who, role, what, about, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[&a.at.0, &a.who, &a.role, &a.what, &a.about, &a.outcome],
        )?,
        Write::Once(o) => {
            run("DELETE FROM once WHERE at + ?1 <= ?2", &[&ONCE_KEPT, &o.at.0])?;
            let written = run(
                "INSERT INTO once VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name)
                 DO UPDATE SET digest = excluded.digest, at = excluded.at, answer = excluded.answer",
                &[&&o.name[..], &&o.digest[..], &o.at.0, &o.answer],
            )?;
            run(
                "DELETE FROM once WHERE name IN (SELECT name FROM once ORDER BY at
                 LIMIT max(0, (SELECT count(*) FROM once) - ?1))",
                &[&MOST_ONCE],
            )?;
            written
        }
    };
    Ok(done.map_or(Outcome::Moved, |_| Outcome::Done))
}

type Run<'a> = &'a dyn Fn(&str, &[&dyn rusqlite::ToSql]) -> Result<Option<usize>, Broken>;

/// Appends an event and its leaf at its place. The node is the only writer: what lies there already is not ours.
fn append(
    run: Run<'_>,
    at: (&Digest, u64),
    bytes: &[u8],
    leaf: &Leaf,
    place: u64,
) -> Result<Outcome, Broken> {
    let (deed, seq) = at;
    let leaf_written = append_leaf(run, at, leaf, place)?;
    let event_written = run(
        "INSERT INTO events (deed, seq, bytes, leaf) VALUES (?1, ?2, ?3, ?4)",
        &[&&deed[..], &seq, &bytes, &place],
    )?;
    Ok(if leaf_written.and(event_written).is_some() { Outcome::Done } else { Outcome::Moved })
}

/// A leaf at the log's end; `None` if its tag is taken.
fn append_leaf(run: Run<'_>, of: (&Digest, u64), leaf: &Leaf, place: u64) -> Result<Option<usize>, Broken> {
    run("DELETE FROM leaves WHERE place >= ?1 OR place < 0", &[&place])?;
    run(
        "INSERT INTO leaves VALUES (?1, ?2, ?3, ?4, ?5)",
        &[&place, &&leaf.tag[..], &&leaf.head[..], &&of.0[..], &of.1],
    )
}

impl Store for Sqlite {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Row>>, Broken> {
        keys.iter().map(|key| self.load_one(key)).collect()
    }

    fn commit(&mut self, batch: &[Changes]) -> Result<Vec<Outcome>, Broken> {
        let tx = self.connection.transaction().map_err(broken)?;
        let mut outcomes = Vec::new();
        for changes in batch {
            tx.execute_batch("SAVEPOINT decision").map_err(broken)?;
            let mut outcome = Outcome::Done;
            for write in &changes.0 {
                outcome = apply(&tx, write)?;
                if outcome == Outcome::Moved {
                    tx.execute_batch("ROLLBACK TO decision").map_err(broken)?;
                    break;
                }
            }
            tx.execute_batch("RELEASE decision").map_err(broken)?;
            outcomes.push(outcome);
        }
        tx.commit().map_err(broken)?;
        Ok(outcomes)
    }

    fn reserve_sqn(&mut self, wants: &[(Imsi, u64)]) -> Result<Vec<Option<u64>>, Broken> {
        let tx = self.connection.transaction().map_err(broken)?;
        let mut firsts = Vec::new();
        for (imsi, n) in wants {
            // Whoever wants none only looks, which costs no flush.
            let sql = match n {
                0 => "SELECT next + ?2 FROM sqn WHERE imsi = ?1",
                _ => "UPDATE sqn SET next = next + ?2 WHERE imsi = ?1 RETURNING next - ?2",
            };
            let taken: Option<u64> = tx
                .prepare_cached(sql)
                .and_then(|mut s| s.query_row(params![imsi.as_str(), n], |r| r.get(0)).optional())
                .map_err(broken)?;
            firsts.push(taken);
        }
        tx.commit().map_err(broken)?;
        Ok(firsts)
    }

    fn events(&mut self, deed: &Digest) -> Result<Vec<EventRow>, Broken> {
        let sql = "SELECT seq, bytes, leaf, proof FROM events WHERE deed = ?1 AND seq >= 0 AND leaf >= 0 ORDER BY seq";
        let mut statement = self.connection.prepare_cached(sql).map_err(broken)?;
        let rows = statement
            .query_map([&deed[..]], |r| {
                Ok(EventRow { seq: r.get(0)?, bytes: r.get(1)?, index: r.get(2)?, proof: r.get(3)? })
            })
            .map_err(broken)?;
        rows.collect::<Result<_, _>>().map_err(broken)
    }

    fn leaves(&mut self, from: u64) -> Result<Vec<LeafRow>, Broken> {
        let sql = "SELECT place, tag, head, deed, seq FROM leaves WHERE place >= ?1 ORDER BY place";
        let mut statement = self.connection.prepare_cached(sql).map_err(broken)?;
        let mut rows = statement.query([from]).map_err(broken)?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(broken)? {
            let digest = |i: usize| -> Result<Digest, Broken> {
                row.get::<_, Vec<u8>>(i).map_err(broken)?.try_into().map_err(|_| damaged("leaf"))
            };
            // What somebody wrote into a form we never write ends the log here; the witnesses know how long it is.
            let (Ok(tag), Ok(head), Ok(deed)) = (digest(1), digest(2), digest(3)) else { break };
            let leaf = Leaf { tag, head };
            let (Ok(index), Ok(seq)) = (row.get(0), row.get(4)) else { break };
            out.push(LeafRow { index, leaf, deed, seq });
        }
        Ok(out)
    }

    fn pins(&mut self) -> Result<Vec<(Msisdn, Vec<u8>)>, Broken> {
        let mut statement = self.connection.prepare_cached("SELECT number, row FROM pins").map_err(broken)?;
        let rows = statement.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get(1)?))).map_err(broken)?;
        let rows = rows.collect::<Result<Vec<_>, _>>().map_err(broken)?;
        // A row under a name that is no number is not ours; whether one of ours is missing, the pins' sum tells.
        Ok(rows.into_iter().filter_map(|(n, row)| Some((n.parse().ok()?, row))).collect())
    }

    fn numbers(&mut self) -> Result<Vec<NumberRow>, Broken> {
        let sql = "SELECT number, imsi, deed FROM numbers ORDER BY number";
        let mut statement = self.connection.prepare_cached(sql).map_err(broken)?;
        let rows = statement
            .query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?, r.get::<_, Vec<u8>>(2)?)))
            .map_err(broken)?;
        let rows = rows.collect::<Result<Vec<_>, _>>().map_err(broken)?;
        Ok(rows.into_iter().filter_map(|(n, imsi, deed)| number_row(n.parse().ok()?, &imsi, &deed)).collect())
    }

    fn notices(&mut self, number: &Msisdn) -> Result<Vec<NoticeRow>, Broken> {
        let sql = "SELECT at, text, code FROM notices WHERE number = ?1 ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql).map_err(broken)?;
        let rows = statement
            .query_map([number.as_str()], |r| {
                let (at, text, code) = (r.get(0), r.get(1), r.get(2));
                Ok(at.and_then(|at| {
                    Ok(NoticeRow { number: *number, at: UnixTime(at), text: text?, code: code? })
                }))
            })
            .map_err(broken)?;
        readable(rows)
    }

    fn records_within(
        &mut self,
        stream: Stream,
        number: &Msisdn,
        span: &Span,
    ) -> Result<Vec<(u64, RecordRow)>, Broken> {
        const OLDEST: &str = "SELECT id, at, bytes FROM records WHERE stream = ?1 AND number = ?2
            AND id > ?3 AND id < ?4 AND at BETWEEN ?5 AND ?6 ORDER BY id LIMIT ?7";
        const NEWEST: &str = "SELECT id, at, bytes FROM records WHERE stream = ?1 AND number = ?2
            AND id > ?3 AND id < ?4 AND at BETWEEN ?5 AND ?6 ORDER BY id DESC LIMIT ?7";
        // SQLite's integers end at 2^63: what lies beyond lies beyond every row.
        let most = |n: u64| n.min(i64::MAX as u64);
        let mut statement = self
            .connection
            .prepare_cached(if span.oldest_first { OLDEST } else { NEWEST })
            .map_err(broken)?;
        let wanted = params![
            stream as u8,
            number.as_str(),
            most(span.after),
            most(span.before),
            most(span.from.0),
            most(span.until.0),
            most(span.most as u64)
        ];
        let rows = statement
            .query_map(wanted, |r| {
                let (id, at, bytes) = (r.get(0), r.get(1), r.get(2));
                Ok(id.and_then(|id: u64| {
                    Ok((id, RecordRow { stream, number: *number, at: UnixTime(at?), bytes: bytes? }))
                }))
            })
            .map_err(broken)?;
        readable(rows)
    }

    fn alarms(&mut self) -> Result<Vec<AlarmRow>, Broken> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT at, code, text FROM alarms ORDER BY id")
            .map_err(broken)?;
        let rows = statement
            .query_map([], |r| {
                let (at, code, text) = (r.get(0), r.get(1), r.get(2));
                Ok(at.and_then(|at| Ok(AlarmRow { at: UnixTime(at), code: code?, text: text? })))
            })
            .map_err(broken)?;
        readable(rows)
    }

    fn once(&mut self, name: &Digest) -> Result<Option<OnceRow>, Broken> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT digest, at, answer FROM once WHERE name = ?1")
            .map_err(broken)?;
        let row = statement
            .query_row([&name[..]], |r| Ok((r.get::<_, Vec<u8>>(0)?, r.get(1)?, r.get(2)?)))
            .optional()
            .map_err(broken)?;
        let Some((digest, at, answer)) = row else { return Ok(None) };
        let digest = digest.try_into().map_err(|_| damaged("named call"))?;
        Ok(Some(OnceRow { name: *name, digest, at: UnixTime(at), answer }))
    }

    fn audit(&mut self, most: usize) -> Result<Vec<AuditRow>, Broken> {
        let sql = "SELECT at, who, role, what, about, outcome FROM audit ORDER BY id DESC LIMIT ?1";
        let mut statement = self.connection.prepare_cached(sql).map_err(broken)?;
        let rows = statement
            .query_map([most as u64], |r| {
                let at: rusqlite::Result<u64> = r.get(0);
                let text = |i: usize| r.get::<_, String>(i);
                let row = |at| {
                    Ok(AuditRow {
                        at: UnixTime(at),
                        who: text(1)?,
                        role: text(2)?,
                        what: text(3)?,
                        about: text(4)?,
                        outcome: text(5)?,
                    })
                };
                Ok(at.and_then(row))
            })
            .map_err(broken)?;
        readable(rows)
    }
}
