//! The timeline: every kind is written where it happens, read by whoever has the watch key alone, filtered as asked, and lost
//! by nobody who listens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use deed::event::Body;
use deed::intent::{Change, Intent};
use deed::signer::SignStatement;
use deed::state::bit;
use keys::milenage::Sqn;
use keys::sign::Es256Key;
use operator::auc::{Command, Reply};
use operator::message::Queued;
use operator::presence::{Away, Seen};
use operator::timeline::{Actor, Entry, Filter, Happened, Kind, Line};
use proptest::prelude::*;
use server::node::Page;
use server::{Committer, Node};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};
use wire::radio::Downlink;
use wire::sms::{Address, DataCoding, Relay, Submit, UserData};
use wire::{Imsi, Msisdn, UnixTime};

const PHONE: &str = "490154203237518";
const OTHER_PHONE: &str = "356938035643809";

fn all(stage: &mut Stage, number: &Msisdn) -> Vec<Line> {
    let page = Page { after: None, oldest_first: true, most: 5_000 };
    stage.node().timeline(number, &Filter::default(), page).unwrap().lines
}

fn kinds(stage: &mut Stage, number: &Msisdn) -> BTreeSet<Kind> {
    all(stage, number).iter().map(|line| line.entry.what.kind()).collect()
}

fn seen(stage: &mut Stage, imsi: Imsi, imei: &str, plmn: &str) -> Seen {
    let at = stage.node().now();
    Seen { imsi, imei: imei.parse().unwrap(), plmn: plmn.parse().unwrap(), area: 1, at }
}

fn attach(stage: &mut Stage, imsi: Imsi, imei: &str, plmn: &str) -> (u64, Receiver<Downlink>) {
    let (link, heard) = channel(64);
    let seen = seen(stage, imsi, imei, plmn);
    let token = stage.node().attach(seen, link).unwrap();
    stage.node().attached(&imsi).unwrap();
    (token, heard)
}

/// What only a browser can do is `tests/browser/portal.mjs`'s; the rest happens here.
#[test]
fn every_kind_is_written_by_what_it_tells() {
    let mut stage = Stage::in_memory();
    let mut owner = stage.issue("8613800138000", 1);
    let number = owner.number;
    let (token, mut phone) = attach(&mut stage, owner.imsi, PHONE, "46000");
    let (other_token, mut other) = attach(&mut stage, owner.imsi, OTHER_PHONE, "23415");
    stage.node().detach(&owner.imsi, token); // which was left already
    // Cards that were turned away.
    let who = seen(&mut stage, owner.imsi, PHONE, "46000");
    for away in
        [Away::Refused("replaced".into()), Away::Unable(0x6982), Away::Unable(0x9862), Away::WrongResponse]
    {
        stage.node().turned_away(&who, &away).unwrap();
    }
    // A card that is ahead, and one that is not ours.
    let imsi = owner.imsi;
    let answer = stage.node().authenticate(&[Command::Umts { imsi }]).pop().unwrap();
    let Ok(Reply::Umts(vector)) = answer else { panic!("a vector") };
    let auts = owner.keys.milenage().auts(&vector.rand, Sqn::from_parts(5_000, 1).unwrap());
    let resync = Command::Resync { imsi, rand: vector.rand, auts };
    assert!(stage.node().authenticate(&[resync]).pop().unwrap().is_ok());
    assert!(stage.node().authenticate(&[resync]).pop().unwrap().is_err(), "a second time");
    // Codes: one that arrives, one that is held, one that nobody takes.
    stage.node().post(&number, &Queued::code("Bank", "1")).unwrap();
    let mut references = Vec::new();
    while let Ok(frame) = other.try_recv() {
        if let Downlink::Relay(Relay::Data { reference, .. }) = frame {
            references.push(reference);
        }
    }
    for reference in references {
        stage.node().delivered((&imsi, other_token), reference, true).unwrap();
    }
    assert!(phone.try_recv().is_ok());
    stage.node().detach(&imsi, other_token);
    // An order to the card, an invitation, journeys, a secret.
    stage.node().update_card(&number, &[0x7fff, 0x6f46], 1, b"New").unwrap();
    stage.node().invite_to_portal(&number).unwrap();
    let now = stage.node().now();
    stage.node().travelling(&number, now.after(DAY)).unwrap();
    stage.node().secret_failed(&number, "pin", 2).unwrap();
    // The deed: asked at a desk, agreed to, stopped; locked; asked again, and left to run out.
    let card = stage.node().draw_card(None).unwrap().card;
    stage.ask_and_agree(&mut owner, &card).unwrap();
    let live = stage.node().pin(&number).unwrap().state.live.clone().unwrap().head;
    let (deed_id, tip) = stage.tip(&number);
    let veto = Body::Vetoed { request: live, reason: 1 };
    let proof = owner.passkey.prove(&deed_id, tip, &veto);
    stage.node().statement(&number, 4, veto.encode(), vec![proof]).unwrap();
    let (deed_id, tip) = stage.tip(&number);
    let hold = Body::Held { bits: vec![bit::A2P_SMS], silenced: vec![], reason: 1 };
    let proof = owner.sheet.prove(&deed_id, tip, &hold);
    stage.node().statement(&number, 6, hold.encode(), vec![proof]).unwrap();
    stage.node().post(&number, &Queued::code("Bank", "2")).unwrap();
    stage.pass(4 * DAY);
    let from = stage.node().pin(&number).unwrap().state.card().unwrap().id();
    let now = stage.node().witnessed().0;
    let other_card = stage.node().draw_card(None).unwrap().card;
    let change = Change::Move { slot: 0, from, to: other_card, lost: false };
    let intent = Intent { change, number, not_before: now, expiry: now + DAY, over: None };
    stage.node().request(&number, intent).unwrap();
    stage.pass(2 * DAY);
    let all_notices = stage.node().notices(&number).unwrap().len() as u64;
    stage.node().notices_seen(&number, all_notices).unwrap();
    stage.node().notices_seen(&number, all_notices).unwrap();
    // And a change that is done.
    let card = stage.node().draw_card(None).unwrap().card;
    stage.ask_and_agree(&mut owner, &card).unwrap();
    stage.pass(15 * 60);
    // The watch key changes, and somebody edits the database.
    let (deed_id, tip) = stage.tip(&number);
    let watched = Body::Watched { watch_key: keys::Secret::new([77; 32]) };
    let proof = owner.passkey.prove(&deed_id, tip, &watched);
    stage.node().statement(&number, 8, watched.encode(), vec![proof]).unwrap();
    stage.sql("operator.db", "UPDATE numbers SET imsi = '460009999999999'");
    stage.pass(15 * 60);
    let by_browsers = [Kind::SignedIn, Kind::SignInFailed, Kind::NewDevice, Kind::SignInChanged];
    // `tests/manifests.rs` has a second manifest, `tests/risk.rs` rules in force, and the next test a card's alert.
    let elsewhere = [Kind::ManifestAdopted, Kind::ReasonSetAside, Kind::Cautious, Kind::CardAlert];
    let missing: Vec<_> =
        Kind::ALL.iter().filter(|kind| !kinds(&mut stage, &number).contains(kind)).collect();
    let expected: Vec<_> =
        Kind::ALL.iter().filter(|kind| by_browsers.contains(kind) || elsewhere.contains(kind)).collect();
    assert_eq!(missing, expected);

    // Who did it is said too.
    let lines = all(&mut stage, &number);
    let actor = |kind| lines.iter().find(|l| l.entry.what.kind() == kind).map(|l| l.entry.actor).unwrap();
    assert_eq!(actor(Kind::Requested), Actor::Desk);
    assert_eq!(actor(Kind::Consented), Actor::Owner);
    assert_eq!(actor(Kind::Committed), Actor::Operator);
    let consented = lines.iter().find(|l| l.entry.what.kind() == Kind::Consented).unwrap();
    assert_eq!(consented.entry.what, Happened::Consented { from: "elsewhere, phone".into() });
    let seen: Vec<_> = lines.iter().filter(|l| l.entry.what.kind() == Kind::NoticesSeen).collect();
    assert_eq!(seen.len(), 1, "seen once");
    assert!(lines.is_sorted_by(|a, b| a.id < b.id && a.at <= b.at));

    // After a restart it is all there, and of another number there is nothing.
    let before = all(&mut stage, &number);
    stage.while_stopped(|_| {});
    assert_eq!(all(&mut stage, &number), before);
    let stranger = stage.issue("8613900139000", 11);
    assert_eq!(kinds(&mut stage, &stranger.number).len(), 2, "issued, and told");
}

#[test]
fn a_cards_alert_counts_once_and_only_if_the_deeds_own_card_signed_it() {
    let mut stage = Stage::in_memory();
    let owner = stage.issue("8613800138000", 1);
    let number = owner.number;
    let drawn = stage.node().draw_card(None).unwrap();
    let state = stage.node().pin(&number).unwrap().state.clone();
    let alert = |key: &Es256Key, deed: &[u8; 32], count: u64| {
        let said = [b"SWA1", &deed[..], &count.to_be_bytes(), &[2, 0x64, 0xf0]].concat();
        let signature = key.sign(&[&b"simward.card.alert.1\0"[..], &said].concat());
        [&said[..], &signature].concat()
    };
    // The key of the number's own card is the bureau's to know; a test makes its own deed with one.
    let key = stage.card_key(&number);
    let good = alert(&key, &state.deed_id, 7);
    let code = |result: Result<(), operator::Refusal>| result.map_err(|refusal| refusal.code());
    assert_eq!(code(stage.node().alert(&alert(&drawn.card_key, &state.deed_id, 9))), Err("signature"));
    assert!(stage.node().alert(&alert(&key, &[1; 32], 9)).is_err(), "another deed's");
    for cut in 0..good.len() {
        assert!(stage.node().alert(&good[..cut]).is_err());
    }
    for i in 0..good.len() {
        let mut bad = good.clone();
        bad[i] ^= 1;
        assert!(stage.node().alert(&bad).is_err(), "octet {i}");
    }
    // As a message of the phone to the service centre.
    let (token, _phone) = attach(&mut stage, owner.imsi, PHONE, "46000");
    let submit = |alert: Vec<u8>| {
        let data = UserData::octets(DataCoding::OCTETS, Vec::new(), alert);
        let centre = Address::Digits { kind: 0x91, digits: "999700000000".into() };
        Submit::new(0, centre, data).to_bytes().unwrap()
    };
    stage.node().submit((&owner.imsi, token), &submit(good.clone())).unwrap();
    assert_eq!(code(stage.node().alert(&good)), Err("out-of-place"), "heard before");
    assert_eq!(code(stage.node().alert(&alert(&key, &state.deed_id, 6))), Err("out-of-place"));
    assert_eq!(code(stage.node().alert(&alert(&key, &state.deed_id, 8))), Ok(()));
    assert!(stage.alarmed("card-alert"));
    let lines = all(&mut stage, &number);
    let alerts = lines.iter().filter(|line| line.entry.what.kind() == Kind::CardAlert);
    assert_eq!(alerts.count(), 2);
}

#[test]
fn entries_that_somebody_moved_or_wrote_himself_are_in_no_timeline() {
    let mut stage = Stage::in_memory();
    let owner = stage.issue("8613800138000", 1);
    let thief = stage.issue("8613900139000", 11);
    attach(&mut stage, owner.imsi, PHONE, "46000");
    let before = all(&mut stage, &thief.number);
    stage.sql("operator.db", &format!("UPDATE records SET number = '{}'", thief.number));
    stage.sql(
        "operator.db",
        &format!(
            "INSERT INTO records (stream, number, at, bytes) VALUES (5, '{}', 1, x'840101')",
            owner.number
        ),
    );
    assert!(all(&mut stage, &owner.number).is_empty());
    assert_eq!(all(&mut stage, &thief.number), before);
    // The records of one stream are none of another.
    stage.sql("operator.db", "UPDATE records SET stream = 6 WHERE stream = 5");
    assert!(all(&mut stage, &thief.number).is_empty());
}

#[test]
fn a_database_that_takes_nothing_keeps_no_resynchronisation_waiting_and_loses_none() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let (token, _phone) = attach(&mut stage, owner.imsi, PHONE, "46000");
    let other = rusqlite::Connection::open(stage.path("operator.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let began = std::time::Instant::now();
    stage.node().detach(&owner.imsi, token);
    let resync = Command::Resync { imsi: owner.imsi, rand: [1; 16], auts: [2; 14] };
    assert!(stage.node().authenticate(&[resync]).pop().unwrap().is_err());
    assert!(began.elapsed() < Duration::from_millis(100), "nobody waited for the database");
    stage.node().write_jotted();
    other.execute_batch("ROLLBACK").unwrap();
    stage.node().write_jotted();
    let kinds = kinds(&mut stage, &owner.number);
    assert!(kinds.contains(&Kind::Detached) && kinds.contains(&Kind::ResyncRefused));
}

fn entry() -> impl Strategy<Value = Entry> {
    let what = prop_oneof![
        Just(Happened::SignedIn { how: "passkey".into(), device: "x".into() }),
        Just(Happened::Alarmed { code: "two-phones".into() }),
        Just(Happened::CodePosted { from: "Bank".into() }),
        Just(Happened::Ended { reason: 1 }),
        Just(Happened::SecretFailed { which: "pin".into(), left: 1 }),
        Just(Happened::Detached { imsi: "460001234567890".parse().unwrap() }),
    ];
    (0..Actor::ALL.len(), what).prop_map(|(actor, what)| Entry::new(Actor::ALL[actor], what))
}

fn filter() -> impl Strategy<Value = Filter> {
    let kinds = prop::sample::subsequence(
        vec![Kind::SignedIn, Kind::Alarmed, Kind::CodePosted, Kind::Ended, Kind::Detached],
        0..4,
    );
    let actors = prop::sample::subsequence(Actor::ALL.to_vec(), 0..3);
    let time = || prop::option::of((0u64..60).prop_map(UnixTime));
    (kinds, actors, time(), time()).prop_map(|(kinds, actors, from, until)| Filter {
        kinds,
        actors,
        from,
        until,
    })
}

/// A node with two numbers' lines.
fn node_with(entries: &[(bool, u64, Entry)]) -> (Stage, Msisdn) {
    let mut stage = Stage::in_memory();
    let (mine, other): (Msisdn, Msisdn) =
        ("8613800138000".parse().unwrap(), "8613900139000".parse().unwrap());
    let whose = |is_mine: bool| if is_mine { mine } else { other };
    let made: Vec<_> =
        entries.iter().map(|(is_mine, at, e)| (whose(*is_mine), UnixTime(*at), e.clone())).collect();
    stage.node().ingest(&made).unwrap();
    (stage, mine)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_are_what_a_plain_look_at_everything_finds(
        entries in prop::collection::vec((any::<bool>(), 0u64..60, entry()), 0..120),
        filters in prop::collection::vec(filter(), 1..6),
        most in 1usize..40,
    ) {
        let (mut stage, number) = node_with(&entries);
        let written: Vec<&(bool, u64, Entry)> = entries.iter().filter(|(mine, ..)| *mine).collect();
        for filter in filters {
            let wanted: Vec<(u64, Entry)> = written
                .iter()
                .filter(|(_, at, entry)| filter.wants(UnixTime(*at), entry))
                .map(|(_, at, entry)| (*at, entry.clone()))
                .collect();
            for oldest_first in [true, false] {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = Page { after, oldest_first, most };
                    let lines = stage.node().timeline(&number, &filter, page).unwrap();
                    prop_assert!(lines.lines.len() <= most);
                    found.extend(lines.lines.into_iter().map(|line| (line.at.0, line.entry)));
                    // The cursor goes out to the reader and comes back.
                    let Some(next) = lines.next else { break };
                    let cursor = stage.node().cursor(&number, next);
                    after = Some(stage.node().place_of(&number, &cursor).unwrap());
                }
                if !oldest_first {
                    found.reverse();
                }
                prop_assert_eq!(&found, &wanted);
            }
        }
    }
}

#[test]
fn a_cursor_is_its_numbers_own_and_tells_nothing() {
    let mut stage = Stage::in_memory();
    let (mine, other): (Msisdn, Msisdn) =
        ("8613800138000".parse().unwrap(), "8613900139000".parse().unwrap());
    let (one, again) = (stage.node().cursor(&mine, 7), stage.node().cursor(&mine, 7));
    assert_ne!(one, again, "not even that two are the same");
    assert_eq!(stage.node().place_of(&mine, &one).unwrap(), 7);
    assert!(stage.node().place_of(&other, &one).is_err());
    for bad in ["", "7", "AAAA", &one[1..], &format!("{one}A"), "💥"] {
        assert!(stage.node().place_of(&mine, bad).is_err(), "{bad}");
    }
}

/// A node behind its HTTP door.
struct Open {
    url: String,
    handle: server::Handle,
    agent: ureq::Agent,
    desk: String,
    bank: String,
    number: Msisdn,
    token: String,
    other_token: String,
    _runtime: tokio::runtime::Runtime,
    _committer: Committer,
    _stage: Stage,
}

fn open() -> Open {
    let mut stage = Stage::in_memory();
    let owner = stage.issue("8613800138000", 1);
    stage.issue("8613900139000", 11);
    let (desk, bureau, bank) = ("aa".repeat(32), "bb".repeat(32), "ee".repeat(32));
    let committer = Committer::start(stage.node.take().unwrap()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let router = server::http::router(committer.handle(), &desk, &bureau, &bank);
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    });
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let token = |seed: u8| server::http::reader_token(&keys::Secret::new([seed ^ 0x80; 32]));
    Open {
        url: format!("http://{address}"),
        handle: committer.handle(),
        agent: config.into(),
        desk,
        bank,
        number: owner.number,
        token: token(1),
        other_token: token(11),
        _runtime: runtime,
        _committer: committer,
        _stage: stage,
    }
}

impl Open {
    fn get(&self, path: &str, token: &str) -> (u16, String) {
        let request =
            self.agent.get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {token}"));
        let mut response = request.call().unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    fn happens(&self, what: Happened) {
        let (number, entry) = (self.number, Entry::new(Actor::Unknown, what));
        let write = move |node: &mut Node| {
            let now = node.now();
            node.ingest(&[(number, now, entry)])
        };
        self.handle.run_blocking(write).unwrap();
    }

    /// Begins to listen: the events so far are (event, id, data).
    fn listen(&self, last: Option<&str>) -> Listening {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let last = last.map(|last| format!("last-event-id: {last}\r\n")).unwrap_or_default();
        let (number, token) = (self.number, &self.token);
        let request = format!(
            "GET /v1/numbers/{number}/timeline/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{last}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        Listening { reader: BufReader::new(stream) }
    }
}

struct Listening {
    reader: BufReader<TcpStream>,
}

impl Listening {
    /// The next event's name, place and words.
    fn next(&mut self) -> (String, String, String) {
        let (mut event, mut id) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            assert!(self.reader.read_line(&mut line).unwrap() > 0, "the line was closed");
            let line = line.trim_end();
            if let Some(text) = line.strip_prefix("event: ") {
                event = text.into();
            } else if let Some(text) = line.strip_prefix("id: ") {
                id = text.into();
            } else if let Some(text) = line.strip_prefix("data: ") {
                let data: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
                if event == "line" {
                    return (event, id, data["details"]["from"].as_str().unwrap_or_default().into());
                }
            } else if line.is_empty() && event == "here" && !id.is_empty() {
                return (event, id, String::new());
            }
        }
    }
}

#[test]
fn only_whoever_has_the_numbers_watch_key_reads_its_timeline() {
    let node = open();
    let number = node.number;
    let strangers =
        ["", "00", &node.other_token, &node.desk, &node.bank, &node.token[..63]].map(str::to_string);
    for path in ["timeline", "timeline.csv", "timeline/live", "log"] {
        for token in &strangers {
            let (status, body) = node.get(&format!("/v1/numbers/{number}/{path}"), token);
            assert_eq!(status, 401, "{path}");
            assert!(!body.contains("issued"));
        }
        let (status, _) = node.get(&format!("/v1/numbers/8613700137000/{path}"), &node.token);
        assert_eq!(status, 401, "nobody learns which numbers there are");
    }
    let post = |path: &str, token: &str, body: &str| {
        let request = node.agent.post(format!("{}/v1/numbers/{number}/{path}", node.url));
        let request = request.header("authorization", format!("Bearer {token}"));
        request.header("content-type", "application/json").send(body).unwrap().status().as_u16()
    };
    for token in &strangers {
        assert_eq!(post("travel", token, r#"{"until":1800100000}"#), 401);
        assert_eq!(post("card-secret", token, r#"{"which":"pin","left":1}"#), 401);
    }
    assert_eq!(post("travel", &node.token, r#"{"until":1800100000}"#), 200);
    assert_eq!(post("travel", &node.token, r#"{"until":9800100000}"#), 403, "not for ever");
    assert_eq!(post("card-secret", &node.token, r#"{"which":"pass","left":1}"#), 400);
    assert_eq!(node.get(&format!("/v1/numbers/{number}/risk"), "00").0, 401);
}

#[test]
fn a_page_says_what_it_was_asked_and_refuses_what_it_does_not_know() {
    let node = open();
    for from in ["one", "two", "=1+1", "four"] {
        node.happens(Happened::CodePosted { from: from.into() });
    }
    let page = |query: &str| {
        let (status, body) = node.get(&format!("/v1/numbers/{}/timeline{query}", node.number), &node.token);
        (status, serde_json::from_str::<serde_json::Value>(&body).unwrap())
    };
    let (_, all) = page("");
    assert!(all["next"].is_null());
    assert_eq!(all["lines"][0]["details"]["from"], "four", "newest first");
    assert_eq!(all["lines"][0]["words"], "a code from four");
    let (_, codes) = page("?kind=code-posted,code-held&limit=3");
    assert_eq!(codes["lines"].as_array().unwrap().len(), 3);
    let next = codes["next"].as_str().unwrap();
    let (_, rest) = page(&format!("?kind=code-posted,code-held&limit=3&after={next}"));
    assert_eq!(rest["lines"].as_array().unwrap().len(), 1);
    assert_eq!(page("?actor=card").1["lines"].as_array().unwrap().len(), 0);
    assert_eq!(page("?from=2027-01-16").1["lines"].as_array().unwrap().len(), 0);
    assert_eq!(page("?until=2027-01-15&kind=issued").1["lines"].as_array().unwrap().len(), 1);
    for bad in [
        "?kind=swap",
        "?actor=thief",
        "?from=x",
        "?limit=0",
        "?limit=501",
        "?after=x",
        "?order=up",
        "?limit=x",
    ] {
        assert_eq!(page(bad).0, 400, "{bad}");
    }
    let (status, table) =
        node.get(&format!("/v1/numbers/{}/timeline.csv?kind=code-posted", node.number), &node.token);
    assert_eq!(status, 200);
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("at,kind,actor,words,details"));
    assert_eq!(lines.clone().count(), 4);
    assert!(lines.all(|line| line.starts_with("2027-01-15T") && !line.contains(",=")));
}

#[test]
fn a_table_is_whole_however_many_pages_it_has() {
    let node = open();
    let (number, now) = (node.number, UnixTime(1_800_000_000));
    let many: Vec<_> = (0..2_300)
        .map(|n| {
            (number, now, Entry::new(Actor::Unknown, Happened::CodePosted { from: format!("bank {n}") }))
        })
        .collect();
    node.handle.run_blocking(move |node| node.ingest(&many)).unwrap();
    let (_, table) = node.get(&format!("/v1/numbers/{number}/timeline.csv?kind=code-posted"), &node.token);
    assert_eq!(table.lines().count(), 2_301);
    assert!(table.lines().nth(1).unwrap().contains("bank 2299") && table.contains("bank 0\r\n"));
}

#[test]
fn whoever_comes_back_to_a_live_timeline_has_lost_nothing_and_hears_nothing_twice() {
    let node = open();
    let mut listening = node.listen(None);
    let (event, here, _) = listening.next();
    assert_eq!(event, "here");
    node.happens(Happened::CodePosted { from: "one".into() });
    let (_, one, from) = listening.next();
    assert_eq!(from, "one");
    drop(listening);
    // While nobody listens, more happens than one page holds.
    for n in 0..150 {
        node.happens(Happened::CodePosted { from: format!("n{n}") });
    }
    let mut listening = node.listen(Some(&one));
    assert_eq!(listening.next().0, "here");
    let mut last = String::new();
    for n in 0..150 {
        let (_, id, from) = listening.next();
        assert_eq!(from, format!("n{n}"));
        last = id;
    }
    node.happens(Happened::CodePosted { from: "after".into() });
    assert_eq!(listening.next().2, "after");
    // From before anything was heard, and from the last thing but one.
    let mut from_here = node.listen(Some(&here));
    assert_eq!((from_here.next().0, from_here.next().2), ("here".into(), "one".into()));
    let mut from_last = node.listen(Some(&last));
    assert_eq!((from_last.next().0, from_last.next().2), ("here".into(), "after".into()));
    let mut refused = node.listen(Some("somebody-elses"));
    let mut status = String::new();
    refused.reader.read_line(&mut status).unwrap();
    assert!(status.contains("400"), "{status}");
}

#[test]
fn whoever_does_not_read_is_left_and_holds_nobody_up() {
    let node = open();
    let deaf: Vec<Listening> = (0..3).map(|_| node.listen(None)).collect();
    let number = node.number;
    // More than any socket holds: two and a half thousand lines of four kilobytes.
    let long = "x".repeat(2_000);
    let began = std::time::Instant::now();
    for round in 0..25 {
        let many: Vec<_> = (0..100)
            .map(|n| {
                let from = format!("{long} {round} {n}");
                (number, UnixTime(1_800_000_000), Entry::new(Actor::Unknown, Happened::CodePosted { from }))
            })
            .collect();
        node.handle.run_blocking(move |node| node.ingest(&many)).unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(60));
    let (status, _) = node.get(&format!("/v1/numbers/{number}/timeline?limit=1"), &node.token);
    assert_eq!(status, 200);
    // They were sent what fits, and then the line was closed: it ends, though they had not heard everything.
    std::thread::sleep(Duration::from_secs(12));
    for mut deaf in deaf {
        let (mut heard, mut part) = (Vec::new(), vec![0; 1 << 16]);
        while let Ok(n) = deaf.reader.read(&mut part)
            && n > 0
        {
            heard.extend_from_slice(&part[..n]);
            assert!(began.elapsed() < Duration::from_secs(120), "the line is never closed");
        }
        let text = String::from_utf8_lossy(&heard);
        assert!(!text.contains(" 24 99"), "it had to be left before the end");
    }
}
