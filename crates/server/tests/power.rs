//! Power cut at every write of a node: whatever was acknowledged stands, nothing older is served, nothing is stuck.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use deed::event::Body;
use deed::signer::SignStatement;
use operator::store::{
    AlarmRow, AuditRow, Broken, Changes, EventRow, Key, LeafRow, NoticeRow, NumberRow, OnceRow, Outcome,
    RecordRow, Row, Span, Store, Stream,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use wire::{Imsi, Msisdn};

/// A store that dies at a write: that write and everything after it fail, as if the power had gone.
struct Dies {
    inner: Box<dyn Store>,
    writes_left: Arc<AtomicI64>,
}

impl Dies {
    fn write(&self) -> Result<(), Broken> {
        if self.writes_left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { self.read() }
    }

    fn read(&self) -> Result<(), Broken> {
        if self.writes_left.load(Ordering::SeqCst) >= 0 { Ok(()) } else { Err(Broken("no power".into())) }
    }
}

impl Store for Dies {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Row>>, Broken> {
        self.read()?;
        self.inner.load(keys)
    }
    fn commit(&mut self, batch: &[Changes]) -> Result<Vec<Outcome>, Broken> {
        self.write()?;
        self.inner.commit(batch)
    }
    fn reserve_sqn(&mut self, wants: &[(Imsi, u64)]) -> Result<Vec<Option<u64>>, Broken> {
        self.write()?;
        self.inner.reserve_sqn(wants)
    }
    fn events(&mut self, deed: &deed::Digest) -> Result<Vec<EventRow>, Broken> {
        self.read()?;
        self.inner.events(deed)
    }
    fn leaves(&mut self, from: u64) -> Result<Vec<LeafRow>, Broken> {
        self.read()?;
        self.inner.leaves(from)
    }
    fn pins(&mut self) -> Result<Vec<(Msisdn, Vec<u8>)>, Broken> {
        self.read()?;
        self.inner.pins()
    }
    fn numbers(&mut self) -> Result<Vec<NumberRow>, Broken> {
        self.read()?;
        self.inner.numbers()
    }
    fn notices(&mut self, number: &Msisdn) -> Result<Vec<NoticeRow>, Broken> {
        self.read()?;
        self.inner.notices(number)
    }
    fn records_within(
        &mut self,
        stream: Stream,
        number: &Msisdn,
        span: &Span,
    ) -> Result<Vec<(u64, RecordRow)>, Broken> {
        self.read()?;
        self.inner.records_within(stream, number, span)
    }
    fn alarms(&mut self) -> Result<Vec<AlarmRow>, Broken> {
        self.read()?;
        self.inner.alarms()
    }

    fn once(&mut self, name: &[u8; 32]) -> Result<Option<OnceRow>, Broken> {
        self.read()?;
        self.inner.once(name)
    }

    fn audit(&mut self, most: usize) -> Result<Vec<AuditRow>, Broken> {
        self.read()?;
        self.inner.audit(most)
    }
}

/// Starts a node whose power goes at its `n`-th write.
fn start_dying(stage: &mut Stage, n: i64) -> Result<Arc<AtomicI64>, operator::Refusal> {
    let writes_left = Arc::new(AtomicI64::new(n));
    let left = &writes_left;
    stage.start_with(|deployment| {
        for store in [&mut deployment.database, &mut deployment.pin_store] {
            let inner = std::mem::replace(store, Box::new(store::Memory::new()));
            *store = Box::new(Dies { inner, writes_left: left.clone() });
        }
    })?;
    Ok(writes_left)
}

/// A move from beginning to end; what of it was acknowledged, in order.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Acknowledged {
    agreed: bool,
    moved: bool,
}

fn try_to_move(stage: &mut Stage, owner: &mut Owner) -> (Acknowledged, Option<Imsi>) {
    let mut done = Acknowledged::default();
    let Ok(drawn) = stage.node().draw_card(None) else { return (done, None) };
    let card = drawn.card;
    if stage.ask_and_agree(owner, &card).is_err() {
        return (done, Some(card.imsi));
    }
    done.agreed = true;
    stage.pass(15 * 60);
    done.moved = stage.node().resolve(&owner.number) == Some(card.imsi);
    (done, Some(card.imsi))
}

#[test]
fn a_move_cut_at_any_write_is_whole_or_was_not_and_goes_on_after() {
    for outage in [1, 20 * 60, 30 * DAY] {
        let mut cuts = 0;
        for n in 0.. {
            let mut stage = Stage::new();
            let mut owner = stage.issue("8613800138000", 1);
            let first = owner.imsi;
            let (done, wanted) = match start_dying(&mut stage, n) {
                Ok(_) => try_to_move(&mut stage, &mut owner),
                Err(_) => (Acknowledged::default(), None),
            };
            stage.node = None;
            stage.clock.0.fetch_add(outage, Ordering::SeqCst);
            stage.start();
            stage.node().tick();
            let now = stage.node().resolve(&owner.number);
            assert!(now == Some(first) || now == wanted, "cut {n}, out for {outage} s: {now:?}");
            let now = now.unwrap();
            if done.moved {
                assert_eq!(Some(now), wanted, "cut {n}: a change that was seen is not undone");
            }
            assert_eq!(stage.served(now), Ok(()), "cut {n}, out for {outage} s");
            if now != first {
                assert_eq!(stage.served(first), Err("replaced"), "cut {n}");
            }
            // Nothing is stuck: the owner stops whatever is live and moves on with the phone alone.
            let (deed_id, tip) = stage.tip(&owner.number);
            if let Some(live) = stage.node().pin(&owner.number).unwrap().state.live.clone() {
                let veto = Body::Vetoed { request: live.head, reason: 1 };
                let proof = owner.passkey.prove(&deed_id, tip, &veto);
                stage.node().statement(&owner.number, 4, veto.encode(), vec![proof]).unwrap().reply.unwrap();
            }
            let next = stage.ask_with_phone(&mut owner);
            stage.pass(DAY);
            assert_eq!(stage.served(next), Ok(()), "cut {n}, out for {outage} s: moves on");
            if done.moved {
                break;
            }
            cuts += 1;
            assert!(n < 200, "the move never ends");
        }
        assert!(cuts > 12, "only {cuts} places to cut at");
    }
}

#[test]
fn a_veto_cut_at_any_write_is_never_acknowledged_and_lost() {
    for n in 0..40 {
        let mut stage = Stage::new();
        let mut owner = stage.issue("8613800138000", 1);
        let first = owner.imsi;
        let card = stage.node().draw_card(None).unwrap().card;
        stage.ask_and_agree(&mut owner, &card).unwrap();
        let Ok(writes_left) = start_dying(&mut stage, n) else { continue };
        let (deed_id, tip) = stage.tip(&owner.number);
        let live = stage.node().pin(&owner.number).unwrap().state.live.clone().unwrap();
        let veto = Body::Vetoed { request: live.head, reason: 1 };
        let proof = owner.sheet.prove(&deed_id, tip, &veto);
        let stated = stage.node().statement(&owner.number, 4, veto.encode(), vec![proof]);
        let acknowledged = stated.is_ok_and(|s| s.receipt.is_some_and(|r| r.in_time));
        stage.start();
        stage.pass(15 * 60);
        let moved = stage.node().resolve(&owner.number) != Some(first);
        assert!(!(acknowledged && moved), "cut {n}");
        if writes_left.load(Ordering::SeqCst) > 0 {
            assert!(acknowledged, "with power to the end it is acknowledged");
            return;
        }
    }
    panic!("the veto never ended");
}

#[test]
fn vectors_cut_at_any_write_never_share_a_number() {
    use keys::milenage::{Sqn, conceal};
    use operator::auc::{Command, Reply};
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let milenage = owner.keys.milenage();
    let mut seen: Vec<u64> = Vec::new();
    for n in 0..30 {
        let command = Command::Umts { imsi: owner.imsi };
        let rounds = if start_dying(&mut stage, n).is_ok() { 3 } else { 0 };
        for _ in 0..rounds {
            for answer in stage.node().authenticate(&[command, command]) {
                let Ok(Reply::Umts(q)) = answer else { continue };
                let concealed: [u8; 6] = q.autn[..6].try_into().unwrap();
                seen.push(Sqn::from_bytes(conceal(Sqn::from_bytes(concealed), milenage.f5(&q.rand))).value());
            }
        }
        stage.node = None;
        stage.clock.0.fetch_add(60, Ordering::SeqCst);
    }
    assert!(seen.len() > 20, "{}", seen.len());
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
}
