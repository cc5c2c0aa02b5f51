//! One suite for every engine: the same answers as the model, and what was acknowledged is there after reopening.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use deed::log::Leaf;
use operator::store::{
    AlarmRow, AuditRow, CardRow, Changes, Key, NoticeRow, NumberRow, OnceRow, Outcome, RecordRow, Row, Span,
    Store, Stream, Write,
};
use proptest::prelude::*;
use store::{Memory, Sqlite};
use wire::{Imsi, Msisdn, UnixTime};

const SOON: std::time::Duration = std::time::Duration::from_millis(200);

fn number(n: u8) -> Msisdn {
    format!("86138001380{:02}", n % 100).parse().unwrap()
}

fn imsi(n: u8) -> Imsi {
    format!("4600012345678{:02}", n % 100).parse().unwrap()
}

fn event(deed: u8, seq: u64, tag: u8, place: u64) -> Write {
    let leaf = Leaf { tag: [tag; 32], head: [seq as u8; 32] };
    Write::Event { deed: [deed; 32], seq, bytes: vec![deed, seq as u8], leaf, place }
}

fn writes() -> impl Strategy<Value = Write> {
    let small = 0u8..4;
    prop_oneof![
        (small.clone(), 0u64..4, any::<u8>(), 0u64..8).prop_map(|(d, s, t, p)| event(d, s, t % 16, p)),
        (any::<u8>(), 0u64..4, 0u64..8).prop_map(|(t, v, place)| {
            let leaf = Leaf { tag: [t % 16; 32], head: [t; 32] };
            Write::Leaf { leaf, of: ([9; 32], v), place }
        }),
        (any::<u8>(), any::<u8>()).prop_map(|(n, at)| {
            let at = UnixTime(u64::from(at) * 1_000);
            Write::Once(OnceRow { name: [n % 4; 32], digest: [n; 32], at, answer: vec![n] })
        }),
        any::<u8>().prop_map(|n| {
            let text = |what: &str| format!("{what}{n}");
            let (who, role, what) = (text("w"), text("r"), text("c"));
            Write::Audit(AuditRow {
                at: UnixTime(1),
                who,
                role,
                what,
                about: String::new(),
                outcome: text("o"),
            })
        }),
        Just(Write::ClearPins),
        (small.clone(), 0u64..4).prop_map(|(d, seq)| Write::RemoveEvent { deed: [d; 32], seq }),
        (small.clone(), small.clone()).prop_map(|(n, i)| {
            let row = NumberRow { number: number(n), imsi: imsi(i), deed: [i; 32] };
            Write::Put(Key::Number(number(n)), Row::Number(row))
        }),
        (small.clone(), any::<u8>()).prop_map(|(i, k)| {
            let iccid = "8986001200000000017".parse().unwrap();
            Write::Put(
                Key::Card(imsi(i)),
                Row::Card(CardRow { imsi: imsi(i), iccid, card: vec![k], keys: vec![k, k] }),
            )
        }),
        (small.clone(), any::<u8>()).prop_map(|(r, b)| Write::Put(Key::Wait([r; 32]), Row::Bytes(vec![b]))),
        any::<u8>().prop_map(|b| Write::Put(Key::Meta("x"), Row::Bytes(vec![b]))),
        (small.clone(), 0u64..4, any::<u8>()).prop_map(|(d, seq, p)| Write::Proof {
            deed: [d; 32],
            seq,
            proof: vec![p]
        }),
        (small.clone(), any::<u8>()).prop_map(|(n, b)| Write::Pin { number: number(n), row: vec![b] }),
        (small.clone(), 0u64..50).prop_map(|(i, next)| Write::Sqn { imsi: imsi(i), next }),
        (small.clone(), any::<u8>()).prop_map(|(n, t)| Write::Notice(NoticeRow {
            number: number(n),
            at: UnixTime(u64::from(t)),
            code: format!("c{t}"),
            text: format!("t{t}")
        })),
        (small.clone(), any::<u8>())
            .prop_map(|(d, b)| Write::Put(Key::Door(format!("d{d}")), Row::Bytes(vec![b]))),
        small.clone().prop_map(|d| Write::Take(format!("d{d}"))),
        (small.clone(), any::<bool>(), any::<u8>()).prop_map(|(n, s, b)| Write::Record(RecordRow {
            stream: if s { Stream::SignIn } else { Stream::Message },
            number: number(n),
            at: UnixTime(u64::from(b)),
            bytes: vec![b],
        })),
        (1u64..6).prop_map(Write::Forget),
        (small, any::<bool>()).prop_map(|(c, t)| Write::Alarm(AlarmRow {
            at: UnixTime(1),
            code: format!("c{c}"),
            text: format!("{t}")
        })),
    ]
}

/// Spans that end and begin everywhere: between rows, at them, and beyond what an engine can count.
fn spans() -> Vec<Span> {
    let all = Span::newest(100);
    vec![
        all,
        Span { most: 0, ..all },
        Span { oldest_first: true, most: 2, ..all },
        Span { after: 1, before: 4, oldest_first: true, ..all },
        Span { after: u64::MAX, ..all },
        Span { after: 2, most: 1, ..all },
        Span { from: UnixTime(60), until: UnixTime(180), ..all },
        Span { from: UnixTime(u64::MAX), ..all },
        Span { from: UnixTime(90), until: UnixTime(90), oldest_first: true, ..all },
    ]
}

type Everything = (Vec<Option<Row>>, Vec<Vec<String>>);

/// All that can be asked of a store.
fn everything(store: &mut dyn Store) -> Everything {
    let mut keys = vec![Key::Meta("x")];
    for n in 0..4 {
        keys.extend([
            Key::Number(number(n)),
            Key::Card(imsi(n)),
            Key::Wait([n; 32]),
            Key::Door(format!("d{n}")),
        ]);
    }
    let rows = store.load(&keys).unwrap();
    let debug = |x: &dyn std::fmt::Debug| format!("{x:?}");
    let mut lists = vec![
        store.leaves(0).unwrap().iter().map(|x| debug(x)).collect::<Vec<_>>(),
        store.leaves(2).unwrap().iter().map(|x| debug(x)).collect(),
        store.pins().unwrap().iter().map(|x| debug(x)).collect(),
        store.numbers().unwrap().iter().map(|x| debug(x)).collect(),
        store.alarms().unwrap().iter().map(|x| debug(x)).collect(),
        store.audit(5).unwrap().iter().map(|x| debug(x)).collect(),
        (0..4).map(|n| debug(&store.once(&[n; 32]).unwrap())).collect(),
    ];
    lists[2].sort();
    for n in 0..4 {
        lists.push(store.events(&[n; 32]).unwrap().iter().map(|x| debug(x)).collect());
        lists.push(store.notices(&number(n)).unwrap().iter().map(|x| debug(x)).collect());
        for (stream, most) in [(Stream::SignIn, 2), (Stream::Message, 100)] {
            lists.push(store.records(stream, &number(n), most).unwrap().iter().map(|x| debug(x)).collect());
        }
        for span in spans() {
            let within = store.records_within(Stream::SignIn, &number(n), &span).unwrap();
            lists.push(within.iter().map(|x| debug(x)).collect());
        }
    }
    (rows, lists)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sqlite_answers_as_the_model_does(
        batches in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(writes(), 1..4), 1..4), 1..6),
        wants in prop::collection::vec((0u8..5, 1u64..9), 0..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let (mut model, mut sqlite) = (Memory::new(), Sqlite::open(&path, SOON).unwrap());
        for batch in batches {
            let batch: Vec<Changes> = batch.into_iter().map(Changes).collect();
            prop_assert_eq!(model.commit(&batch).unwrap(), sqlite.commit(&batch).unwrap());
            prop_assert_eq!(everything(&mut model), everything(&mut sqlite));
        }
        let wants: Vec<_> = wants.into_iter().map(|(i, n)| (imsi(i), n)).collect();
        prop_assert_eq!(model.reserve_sqn(&wants).unwrap(), sqlite.reserve_sqn(&wants).unwrap());
        drop(sqlite);
        let mut reopened = Sqlite::open(&path, SOON).unwrap();
        prop_assert_eq!(everything(&mut model), everything(&mut reopened));
        let again: Vec<_> = (0..4).map(|n| (imsi(n), 1)).collect();
        prop_assert_eq!(model.reserve_sqn(&again).unwrap(), reopened.reserve_sqn(&again).unwrap());
    }
}

#[test]
fn an_event_or_a_tag_is_written_once_and_a_late_decision_takes_no_other_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let engines: [&mut dyn Store; 2] =
        [&mut Memory::new(), &mut Sqlite::open(&dir.path().join("db"), SOON).unwrap()];
    for store in engines {
        let batch = [
            Changes(vec![event(1, 0, 10, 0), event(1, 1, 11, 1)]),
            Changes(vec![event(2, 0, 20, 2), event(1, 1, 12, 3)]),
            Changes(vec![event(3, 0, 10, 2)]),
            Changes(vec![event(4, 0, 40, 2)]),
        ];
        let outcomes = store.commit(&batch).unwrap();
        let expected = [Outcome::Done, Outcome::Moved, Outcome::Moved, Outcome::Done];
        assert_eq!(outcomes, expected);
        assert!(store.events(&[2; 32]).unwrap().is_empty(), "all or nothing");
        assert_eq!(store.leaves(0).unwrap().len(), 3);
    }
}

#[test]
fn what_somebody_put_where_a_leaf_is_to_go_gives_way() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut store = Sqlite::open(&path, SOON).unwrap();
    store.commit(&[Changes(vec![event(1, 0, 10, 0)])]).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("INSERT INTO leaves VALUES (1, zeroblob(32), x'00', x'00', 0), (9223372036854775807, x'01', x'', x'', 0);").unwrap();
    other.execute_batch("CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM events; END;").unwrap();
    assert_eq!(store.commit(&[Changes(vec![event(1, 1, 11, 1)])]).unwrap(), [Outcome::Done]);
    assert_eq!(store.leaves(0).unwrap().len(), 2);
    assert_eq!(store.events(&[1; 32]).unwrap().len(), 2, "and nobody's trigger runs");
}

#[test]
fn a_ledger_is_never_lowered_and_no_number_is_taken_twice() {
    let dir = tempfile::tempdir().unwrap();
    let engines: [&mut dyn Store; 2] =
        [&mut Memory::new(), &mut Sqlite::open(&dir.path().join("db"), SOON).unwrap()];
    for store in engines {
        assert_eq!(store.reserve_sqn(&[(imsi(1), 1)]).unwrap(), [None], "no ledger, no number");
        store.commit(&[Changes(vec![Write::Sqn { imsi: imsi(1), next: 5 }])]).unwrap();
        assert_eq!(store.reserve_sqn(&[(imsi(1), 3), (imsi(1), 1)]).unwrap(), [Some(5), Some(8)]);
        store.commit(&[Changes(vec![Write::Sqn { imsi: imsi(1), next: 2 }])]).unwrap();
        assert_eq!(store.reserve_sqn(&[(imsi(1), 1)]).unwrap(), [Some(9)]);
    }
}

#[test]
fn what_may_be_taken_once_is_taken_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let engines: [&mut dyn Store; 2] =
        [&mut Memory::new(), &mut Sqlite::open(&dir.path().join("db"), SOON).unwrap()];
    for store in engines {
        let row = Write::Put(Key::Door("code".into()), Row::Bytes(vec![1]));
        store.commit(&[Changes(vec![row])]).unwrap();
        let taken = Changes(vec![Write::Take("code".into()), event(1, 0, 10, 0)]);
        assert_eq!(store.commit(&[taken.clone(), taken]).unwrap(), [Outcome::Done, Outcome::Moved]);
    }
}

#[test]
fn a_file_of_version_1_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    drop(Sqlite::open(&path, SOON).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("DROP TABLE door; DROP TABLE records; ALTER TABLE notices DROP COLUMN code; PRAGMA user_version = 1;").unwrap();
    drop(other);
    let mut store = Sqlite::open(&path, SOON).unwrap();
    let row = Write::Put(Key::Door("code".into()), Row::Bytes(vec![1]));
    assert!(store.notices(&number(1)).unwrap().is_empty());
    assert_eq!(store.commit(&[Changes(vec![row])]).unwrap(), [Outcome::Done]);
}

#[test]
fn a_file_of_version_2_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    drop(Sqlite::open(&path, SOON).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("DROP TABLE audit; DROP TABLE once; PRAGMA user_version = 2;").unwrap();
    drop(other);
    let mut store = Sqlite::open(&path, SOON).unwrap();
    assert!(store.audit(1).unwrap().is_empty() && store.once(&[1; 32]).unwrap().is_none());
}

#[test]
fn a_file_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    drop(Sqlite::open(&path, SOON).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);
    assert!(Sqlite::open(&path, SOON).unwrap_err().0.contains("version 99"));
    std::fs::write(&path, b"not a database at all, but long enough to be looked at").unwrap();
    assert!(Sqlite::open(&path, SOON).is_err());
}
