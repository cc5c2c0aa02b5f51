//! A call on its way through the node: who is behind it, and what is written with what it does.
//!
//! The row of the audit and the name of the call ride on the first batch that the call writes, so that neither is there
//! without the other.

use crate::http::endpoint::Endpoint;
use crate::tokens::Caller;
use operator::alarm::tail;
use operator::store::{
    AlarmRow, AuditRow, Broken, Changes, EventRow, Key, LeafRow, NoticeRow, NumberRow, OnceRow, Outcome,
    RecordRow, Row, Span, Store, Stream, Write,
};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::{Imsi, Msisdn, UnixTime};

tokio::task_local! {
    /// The call that a door's task is about.
    pub(crate) static CALL: Arc<Call>;
}

/// The name a caller gave a call, and what was asked with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Once {
    /// Digest of caller, path and key.
    pub(crate) name: [u8; 32],
    /// Digest of the body.
    pub(crate) digest: [u8; 32],
}

/// What a call answers, where that is known before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Where a deed stands.
    Changed,
    /// The enforcement point's receipt.
    Receipt,
    /// What becomes of a message.
    Posted,
    /// Secrets, which are told once.
    Secrets,
    /// Something else; done twice, it does no harm.
    Other,
}

impl Answers {
    /// Of an endpoint.
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        match endpoint.path {
            "/v1/numbers" | "/v1/numbers/{number}/statements" | "/v1/numbers/{number}/requests" => {
                Self::Changed
            }
            "/v1/invitations/{code}" => Self::Changed,
            "/v1/objections" => Self::Receipt,
            "/v1/messages" => Self::Posted,
            "/v1/cards" => Self::Secrets,
            _ => Self::Other,
        }
    }
}

/// A call.
pub(crate) struct Call {
    caller: Option<Caller>,
    what: String,
    about: Option<Msisdn>,
    pub(crate) once: Option<Once>,
    pub(crate) answers: Answers,
    /// Whether its rows are durable.
    rode: AtomicBool,
}

impl Call {
    pub(crate) fn new(
        caller: Option<Caller>,
        what: String,
        about: Option<Msisdn>,
        once: Option<Once>,
        answers: Answers,
    ) -> Self {
        Self { caller, what, about, once, answers, rode: AtomicBool::new(false) }
    }

    /// Whether there is anything to write of it.
    pub(crate) const fn is_kept(&self) -> bool {
        self.caller.is_some() || self.once.is_some()
    }

    pub(crate) fn rode(&self) -> bool {
        self.rode.load(Ordering::SeqCst)
    }

    /// Its row of the audit.
    pub(crate) fn audit(&self, at: UnixTime, outcome: &str) -> Option<Write> {
        let caller = self.caller.as_ref()?;
        Some(Write::Audit(AuditRow {
            at,
            who: caller.name.clone(),
            role: caller.role.name().into(),
            what: self.what.clone(),
            about: self.about.map(|number| format!("…{}", tail(&number))).unwrap_or_default(),
            outcome: outcome.into(),
        }))
    }

    /// What rides on the first batch.
    pub(crate) fn riders(&self, at: UnixTime) -> Vec<Write> {
        let once = self
            .once
            .map(|Once { name, digest }| Write::Once(OnceRow { name, digest, at, answer: Vec::new() }));
        self.audit(at, "done").into_iter().chain(once).collect()
    }
}

/// What rides on the next batch.
#[derive(Default)]
struct Load {
    writes: Vec<Write>,
    answers: Option<Answers>,
    /// The receipt that an objection has got.
    receipt: Option<Value>,
    aboard: bool,
}

/// The way to what rides.
#[derive(Clone, Default)]
pub(crate) struct Riders(Arc<Mutex<Load>>);

impl Riders {
    fn load(&self) -> MutexGuard<'_, Load> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins a job.
    pub(crate) fn mount(&self, call: &Call, now: UnixTime) {
        let writes = if call.rode() { Vec::new() } else { call.riders(now) };
        *self.load() = Load { writes, answers: Some(call.answers), ..Load::default() };
    }

    /// The job is over.
    pub(crate) fn dismount(&self, call: &Call) {
        let load = std::mem::take(&mut *self.load());
        if load.aboard {
            call.rode.store(true, Ordering::SeqCst);
        }
    }

    /// Remembers the receipt that the call's answer has in it.
    pub(crate) fn receipt(&self, receipt: &impl serde::Serialize) {
        self.load().receipt = serde_json::to_value(receipt).ok();
    }

    /// Whether what a call answers is wanted before it is done.
    pub(crate) fn wanted(&self) -> Option<(Answers, Option<Value>)> {
        let load = self.load();
        let named = load.writes.iter().any(|write| matches!(write, Write::Once(_)));
        load.answers.filter(|_| named).map(|answers| (answers, load.receipt.clone()))
    }

    /// The name of the call that rides.
    pub(crate) fn named(&self) -> Option<Once> {
        self.load().writes.iter().find_map(|write| match write {
            Write::Once(row) => Some(Once { name: row.name, digest: row.digest }),
            _ => None,
        })
    }

    /// The answer rides, too.
    pub(crate) fn answer(&self, sealed: Vec<u8>) {
        for write in &mut self.load().writes {
            if let Write::Once(row) = write {
                row.answer.clone_from(&sealed);
            }
        }
    }
}

/// A store on whose batches something may ride.
pub(crate) struct Riding {
    inner: Box<dyn Store>,
    riders: Riders,
}

impl Riding {
    pub(crate) fn new(inner: Box<dyn Store>, riders: Riders) -> Self {
        Self { inner, riders }
    }
}

/// Whether a batch does what a call asked for, and not what its node does along the way.
fn counts(changes: &Changes) -> bool {
    changes.0.iter().any(|write| {
        !matches!(
            write,
            Write::Alarm(_)
                | Write::Proof { .. }
                | Write::RemoveEvent { .. }
                | Write::Forget(_)
                | Write::Record(RecordRow { stream: Stream::Alarm, .. })
                | Write::Put(Key::Wait(_), _)
        )
    })
}

impl Store for Riding {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Row>>, Broken> {
        self.inner.load(keys)
    }

    fn commit(&mut self, batch: &[Changes]) -> Result<Vec<Outcome>, Broken> {
        let writes = self.riders.load().writes.clone();
        let [first, rest @ ..] = batch else { return self.inner.commit(batch) };
        if writes.is_empty() || !counts(first) {
            return self.inner.commit(batch);
        }
        let first = Changes(first.0.iter().cloned().chain(writes).collect());
        let batch: Vec<Changes> = std::iter::once(first).chain(rest.iter().cloned()).collect();
        let outcomes = self.inner.commit(&batch)?;
        if outcomes.first() == Some(&Outcome::Done) {
            let mut load = self.riders.load();
            load.writes.clear();
            load.aboard = true;
        }
        Ok(outcomes)
    }

    fn reserve_sqn(&mut self, wants: &[(Imsi, u64)]) -> Result<Vec<Option<u64>>, Broken> {
        self.inner.reserve_sqn(wants)
    }

    fn events(&mut self, deed: &deed::Digest) -> Result<Vec<EventRow>, Broken> {
        self.inner.events(deed)
    }

    fn leaves(&mut self, from: u64) -> Result<Vec<LeafRow>, Broken> {
        self.inner.leaves(from)
    }

    fn pins(&mut self) -> Result<Vec<(Msisdn, Vec<u8>)>, Broken> {
        self.inner.pins()
    }

    fn numbers(&mut self) -> Result<Vec<NumberRow>, Broken> {
        self.inner.numbers()
    }

    fn notices(&mut self, number: &Msisdn) -> Result<Vec<NoticeRow>, Broken> {
        self.inner.notices(number)
    }

    fn records_within(
        &mut self,
        stream: Stream,
        number: &Msisdn,
        span: &Span,
    ) -> Result<Vec<(u64, RecordRow)>, Broken> {
        self.inner.records_within(stream, number, span)
    }

    fn alarms(&mut self) -> Result<Vec<AlarmRow>, Broken> {
        self.inner.alarms()
    }

    fn once(&mut self, name: &[u8; 32]) -> Result<Option<OnceRow>, Broken> {
        self.inner.once(name)
    }

    fn audit(&mut self, most: usize) -> Result<Vec<AuditRow>, Broken> {
        self.inner.audit(most)
    }
}
