//! What an operator's store must do: whole batches, synchronously, durable when it returns.
//!
//! The trait knows rows, not rules. Compare-and-append is a primary key: an event at (deed, seq) or a leaf with a known
//! tag cannot be written twice, and the changes that tried come back [`Outcome::Moved`].

use deed::Digest;
use deed::log::Leaf;
use wire::{Iccid, Imsi, Msisdn, UnixTime};

/// The store failed. Nothing of the batch was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// Names a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The index of numbers. A hint: nothing is served from it.
    Number(Msisdn),
    /// A card of the stock or of a number.
    Card(Imsi),
    /// The waits begun for a request.
    Wait(Digest),
    /// A named value.
    Meta(&'static str),
    /// A door's own row, sealed by the door: accounts, invitations.
    Door(String),
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// [`Key::Number`].
    Number(NumberRow),
    /// [`Key::Card`].
    Card(CardRow),
    /// [`Key::Wait`], [`Key::Meta`] and [`Key::Door`].
    Bytes(Vec<u8>),
}

/// Where a number points, as the database believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRow {
    /// The number.
    pub number: Msisdn,
    /// The IMSI it is said to point at.
    pub imsi: Imsi,
    /// Its deed.
    pub deed: Digest,
}

/// A card and its wrapped keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRow {
    /// Identity.
    pub imsi: Imsi,
    /// Serial number.
    pub iccid: Iccid,
    /// The deed's card record, encoded.
    pub card: Vec<u8>,
    /// K, OPc and salt under the key-encryption key.
    pub keys: Vec<u8>,
}

/// A leaf of the log, and which event it is said to be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafRow {
    /// Place in the log.
    pub index: u64,
    /// The leaf.
    pub leaf: Leaf,
    /// The deed. A hint.
    pub deed: Digest,
    /// The event. A hint.
    pub seq: u64,
}

/// An event and the proof it was accepted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Place in the chain.
    pub seq: u64,
    /// The event's bytes.
    pub bytes: Vec<u8>,
    /// Place of its leaf.
    pub index: u64,
    /// The tlog-proof, once there is one.
    pub proof: Option<Vec<u8>>,
}

/// A message to somebody, written in the transaction of what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// About which number.
    pub number: Msisdn,
    /// When.
    pub at: UnixTime,
    /// A short name that never changes: what a page says in its reader's language.
    pub code: String,
    /// What, in English.
    pub text: String,
}

/// Something is wrong that an operator must see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmRow {
    /// When.
    pub at: UnixTime,
    /// A short name that never changes.
    pub code: String,
    /// What.
    pub text: String,
}

/// What somebody with a token did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: UnixTime,
    /// What the token is called.
    pub who: String,
    /// Its role.
    pub role: String,
    /// Which call.
    pub what: String,
    /// The end of the number it was about, if it was about one.
    pub about: String,
    /// `done`, or why not.
    pub outcome: String,
}

/// A call that its caller gave a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceRow {
    /// The name.
    pub name: Digest,
    /// What was asked.
    pub digest: Digest,
    /// When.
    pub at: UnixTime,
    /// What was answered, sealed; empty while that is not known.
    pub answer: Vec<u8>,
}

/// How long a named call is kept, in seconds.
pub const ONCE_KEPT: u64 = 86_400;
/// Most named calls that are kept; beyond, the oldest go.
pub const MOST_ONCE: u64 = 100_000;

/// What kind of thing a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Somebody signed in to the holder's portal, or tried to.
    SignIn = 1,
    /// A card came to the network, or was refused there.
    Network = 2,
    /// A short message on its way to the number.
    Message = 3,
    /// An alarm that its owner should see.
    Alarm = 4,
    /// The deed, what its owner was told, orders to its card.
    Deed = 5,
    /// What became of codes: never what they say.
    Code = 6,
    /// What a card said of itself.
    Card = 7,
    /// What rules on trial would have done; no part of the timeline.
    Trial = 8,
}

/// Which records of a number are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Only those with a greater name than this.
    pub after: u64,
    /// Only those with a smaller name.
    pub before: u64,
    /// Not written before.
    pub from: UnixTime,
    /// Not written after.
    pub until: UnixTime,
    /// The oldest first; otherwise the newest.
    pub oldest_first: bool,
    /// At most so many.
    pub most: usize,
}

impl Span {
    /// So many of the newest.
    pub const fn newest(most: usize) -> Self {
        let (from, until) = (UnixTime(0), UnixTime(u64::MAX));
        Self { after: 0, before: u64::MAX, from, until, oldest_first: false, most }
    }
}

/// Something that happened about a number, sealed by whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// What kind of thing.
    pub stream: Stream,
    /// About which number.
    pub number: Msisdn,
    /// When.
    pub at: UnixTime,
    /// What.
    pub bytes: Vec<u8>,
}

/// How long the same alarm is not raised again, in seconds.
pub const ALARM_AGAIN: u64 = 86_400;

/// One thing to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a row.
    Put(Key, Row),
    /// Appends an event with its leaf. Fails the changes as [`Outcome::Moved`] if the place or the tag is taken.
    Event {
        /// The deed.
        deed: Digest,
        /// Place in the chain.
        seq: u64,
        /// The event.
        bytes: Vec<u8>,
        /// Its leaf.
        leaf: Leaf,
        /// The leaf's place in the log. Whatever the database has there or beyond is no leaf of ours and gives way.
        place: u64,
    },
    /// Appends a leaf that is no event's: a manifest's. Its place is the log's end, as with an event's.
    Leaf {
        /// The leaf.
        leaf: Leaf,
        /// What it is of, as far as the row has room for it: the operator's root and the manifest's version.
        of: (Digest, u64),
        /// The leaf's place in the log.
        place: u64,
    },
    /// Removes an event that somebody else wrote: one that no leaf of the log is of.
    RemoveEvent {
        /// The deed.
        deed: Digest,
        /// Place in the chain.
        seq: u64,
    },
    /// Remembers the proof an event was accepted with.
    Proof {
        /// The deed.
        deed: Digest,
        /// Place in the chain.
        seq: u64,
        /// tlog-proof.
        proof: Vec<u8>,
    },
    /// Sets a number's pin, MAC included.
    Pin {
        /// The number.
        number: Msisdn,
        /// Its row.
        row: Vec<u8>,
    },
    /// Removes all pins, which are about to be rebuilt.
    ClearPins,
    /// Opens the SQN ledger of an IMSI, or raises it: the next SEQ is at least this. Never lowers.
    Sqn {
        /// Whose.
        imsi: Imsi,
        /// The least next SEQ.
        next: u64,
    },
    /// Queues a notice.
    Notice(NoticeRow),
    /// Removes a door's own row. Fails the changes as [`Outcome::Moved`] if there is none: what may be used once is
    /// used by whoever removes it.
    Take(String),
    /// Records what happened.
    Record(RecordRow),
    /// Forgets a record, by the name that [`Store::records`] gave it.
    Forget(u64),
    /// Raises an alarm, unless the same one was raised within a day.
    Alarm(AlarmRow),
    /// Puts on record what somebody did.
    Audit(AuditRow),
    /// Keeps a named call, or what was answered to it. Those of more than a day before go.
    Once(OnceRow),
}

/// What one decision wants written: all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(pub Vec<Write>);

/// What became of one decision's changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Done,
    /// Somebody else was first; decide again on fresh facts.
    Moved,
}

/// A store.
pub trait Store: Send {
    /// The rows of these keys.
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Row>>, Broken>;
    /// Writes each decision's changes, one after the other, all durable when this returns.
    fn commit(&mut self, batch: &[Changes]) -> Result<Vec<Outcome>, Broken>;
    /// Takes SEQ numbers out of the ledgers: the first of each run, durable before it is returned; `None` for an IMSI
    /// without a ledger.
    fn reserve_sqn(&mut self, wants: &[(Imsi, u64)]) -> Result<Vec<Option<u64>>, Broken>;
    /// A deed's events in order.
    fn events(&mut self, deed: &Digest) -> Result<Vec<EventRow>, Broken>;
    /// The log's leaves from a place on.
    fn leaves(&mut self, from: u64) -> Result<Vec<LeafRow>, Broken>;
    /// All pin rows.
    fn pins(&mut self) -> Result<Vec<(Msisdn, Vec<u8>)>, Broken>;
    /// All rows of the number index.
    fn numbers(&mut self) -> Result<Vec<NumberRow>, Broken>;
    /// A number's notices, oldest first.
    fn notices(&mut self, number: &Msisdn) -> Result<Vec<NoticeRow>, Broken>;
    /// The newest records of one kind about a number, at most so many, oldest first, each with its name.
    fn records(
        &mut self,
        stream: Stream,
        number: &Msisdn,
        most: usize,
    ) -> Result<Vec<(u64, RecordRow)>, Broken> {
        let mut newest = self.records_within(stream, number, &Span::newest(most))?;
        newest.reverse();
        Ok(newest)
    }
    /// A number's records of one kind within a span, in its order, each with its name.
    fn records_within(
        &mut self,
        stream: Stream,
        number: &Msisdn,
        span: &Span,
    ) -> Result<Vec<(u64, RecordRow)>, Broken>;
    /// All alarms, oldest first.
    fn alarms(&mut self) -> Result<Vec<AlarmRow>, Broken>;
    /// A named call.
    fn once(&mut self, name: &Digest) -> Result<Option<OnceRow>, Broken>;
    /// The newest rows of the audit, newest first.
    fn audit(&mut self, most: usize) -> Result<Vec<AuditRow>, Broken>;
}
