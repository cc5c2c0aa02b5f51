//! Caution at work: it makes things later within its bounds, and neither allows nor refuses anything. Rules come into force by
//! two offices' signatures, and by nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use deed::manifest::RoleKind;
use deed::signer::RoleSigner;
use keys::sign::Ed25519Key;
use operator::message::Queued;
use operator::risk::{Approval, message};
use operator::timeline::{Actor, Entry, Filter, Happened, Kind};
use server::node::{Page, Posted};
use server::stored::Stored;
use wire::{Msisdn, UnixTime};

const FIRST: &str = include_str!("../../operator/rules/caution-1.toml");
const HOUR: u64 = 3_600;

/// A desk of the test deployment, by its key file.
fn desk(stage: &Stage, office: u64) -> RoleSigner {
    let text = std::fs::read_to_string(stage.path(&format!("keys/desk-{office}.key"))).unwrap();
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed).unwrap();
    RoleSigner::new(RoleKind::Desk, office, Ed25519Key::from_seed(&keys::Secret::new(seed)))
}

fn approval(signer: &RoleSigner, text: &str) -> Approval {
    Approval { role: signer.role.id(), signature: signer.sign(&message(text.as_bytes())).to_vec() }
}

fn digest(text: &str) -> [u8; 32] {
    keys::digest::sha256(&[text.as_bytes()])
}

fn put_in_force(stage: &mut Stage, text: &str) {
    stage.node().propose_rules(text).unwrap();
    for office in [1, 2] {
        let signed = approval(&desk(stage, office), text);
        let active = stage.node().approve_rules(&digest(text), signed).unwrap();
        assert_eq!(active, office == 2);
    }
}

/// Rules that are as careful as rules can be, with everybody who was ever told anything.
fn always() -> String {
    let rule = "version = 1\n[[rule]]\nid = \"always\"\nsignal = \"asked-by-desk\"\nwindow_hours = 2160\nat_least = 1\n\
                weight = 100\nen = \"always\"\nzh = \"总是\"\n";
    format!("{rule}[[step]]\nscore = 1\nwait_hours = 72\nhold_codes_hours = 24\n")
}

fn lines(stage: &mut Stage, number: &Msisdn, kind: Kind) -> usize {
    let filter = Filter { kinds: vec![kind], ..Filter::default() };
    let page = Page { after: None, oldest_first: false, most: 100 };
    stage.node().timeline(number, &filter, page).unwrap().lines.len()
}

#[test]
fn rules_come_into_force_by_two_offices_and_by_nothing_else() {
    let mut stage = Stage::in_memory();
    let (one, two) = (desk(&stage, 1), desk(&stage, 2));
    let code = |result: Result<bool, operator::Refusal>| result.map_err(|refusal| refusal.code());
    let approve = |stage: &mut Stage, text: &str, approval: Approval| {
        code(stage.node().approve_rules(&digest(text), approval))
    };
    assert_eq!(approve(&mut stage, FIRST, approval(&one, FIRST)), Err("rules"), "nothing is proposed");
    stage.node().propose_rules(FIRST).unwrap();
    assert!(stage.node().rules().unwrap().active.is_none());
    assert_eq!(approve(&mut stage, FIRST, approval(&one, FIRST)), Ok(false));
    assert_eq!(approve(&mut stage, FIRST, approval(&one, FIRST)), Err("one-voice"));
    let changed = format!("{FIRST}\n");
    assert_eq!(approve(&mut stage, FIRST, approval(&two, &changed)), Err("signature"));
    assert_eq!(approve(&mut stage, &changed, approval(&two, &changed)), Err("rules"));
    let stranger = RoleSigner::new(RoleKind::Desk, 2, Ed25519Key::from_seed(&keys::Secret::new([9; 32])));
    assert_eq!(approve(&mut stage, FIRST, approval(&stranger, FIRST)), Err("role"));
    assert!(stage.node().rules().unwrap().active.is_none());
    // One office's word survives a restart; the second puts them in force.
    stage.while_stopped(|_| {});
    assert_eq!(stage.node().rules().unwrap().proposed.unwrap().2, [1]);
    assert_eq!(approve(&mut stage, FIRST, approval(&two, FIRST)), Ok(true));
    stage.while_stopped(|_| {});
    let (rules, text, offices) = stage.node().rules().unwrap().active.unwrap();
    assert_eq!((rules.version(), text.as_str(), &offices[..]), (1, FIRST, &[1, 2][..]));
    assert_eq!(stage.node().propose_rules(FIRST).unwrap_err().code(), "stale");
    // Somebody else's row in their place is no rules, and an alarm.
    stage.while_stopped(|stage| {
        stage.sql("operator.db", "UPDATE door SET value = x'00' WHERE name = 'rules/active'");
    });
    assert!(stage.node().rules().unwrap().active.is_none(), "and without them the deed's own waits");
    assert!(stage.alarmed("rules"));
}

#[test]
fn caution_makes_a_change_later_and_never_refuses_it() {
    let mut stage = Stage::in_memory();
    let mut owner = stage.issue("8613800138000", 1);
    put_in_force(&mut stage, &always());
    let card = stage.node().draw_card(None).unwrap().card;
    stage.ask_and_agree(&mut owner, &card).unwrap();
    // The deed would be content with a quarter of an hour; caution asks for three days.
    let mut waited = 0;
    while stage.node().resolve(&owner.number) != Some(card.imsi) {
        stage.pass(HOUR);
        waited += 1;
        assert!(waited <= 73, "it comes at the latest then");
    }
    assert!(waited >= 72, "not before: {waited} h");
    assert!(lines(&mut stage, &owner.number, Kind::Cautious) >= 1, "and its owner sees why");
    // A request that ends sooner is let go in time.
    let from = stage.node().pin(&owner.number).unwrap().state.card().unwrap().id();
    let card = stage.node().draw_card(None).unwrap().card;
    let now = stage.node().witnessed().0;
    let change = deed::intent::Change::Move { slot: 0, from, to: card.clone(), lost: false };
    let intent = deed::intent::Intent {
        change,
        number: owner.number,
        not_before: now,
        expiry: now + 2 * DAY,
        over: None,
    };
    let request = stage.node().request(&owner.number, intent.clone()).unwrap().state.live.unwrap().head;
    let body = deed::event::Body::Consented { request, intent };
    let (deed_id, tip) = stage.tip(&owner.number);
    let proof = deed::signer::SignStatement::prove(&mut owner.passkey, &deed_id, tip, &body);
    stage.node().statement(&owner.number, 2, body.encode(), vec![proof]).unwrap().reply.unwrap();
    for _ in 0..48 {
        stage.pass(HOUR);
    }
    assert_eq!(stage.node().resolve(&owner.number), Some(card.imsi), "caution lets no request run out");
}

#[test]
fn caution_shortens_no_wait_of_the_deed() {
    let mut stage = Stage::in_memory();
    let mut owner = stage.issue("8613800138000", 1);
    // Rules under which everything speaks for the owner.
    let kind = "version = 1\n[[rule]]\nid = \"kind\"\nsignal = \"travelling\"\nwindow_hours = 2160\nat_least = 1\n\
                weight = -100\nen = \"kind\"\nzh = \"好\"\n[[step]]\nscore = 1\nwait_hours = 0\nhold_codes_hours = 0\n";
    put_in_force(&mut stage, kind);
    let now = stage.node().now();
    stage.node().travelling(&owner.number, now.after(30 * DAY)).unwrap();
    let wanted = stage.ask_with_phone(&mut owner);
    stage.pass(DAY - 60);
    assert_ne!(
        stage.node().resolve(&owner.number),
        Some(wanted),
        "one key's wait is a day, whatever the score"
    );
    stage.pass(60);
    assert_eq!(stage.node().resolve(&owner.number), Some(wanted));
    // And the deed's own hold on codes after a change stands.
    assert!(matches!(
        stage.node().post(&owner.number, &Queued::code("Bank", "1")).unwrap(),
        Posted::Held(Some(_))
    ));
}

#[test]
fn codes_are_held_for_a_day_and_then_they_come_though_the_caution_goes_on() {
    let mut stage = Stage::in_memory();
    let owner = stage.issue("8613800138000", 1);
    put_in_force(&mut stage, &always());
    let number = owner.number;
    assert_eq!(stage.node().post(&number, &Queued::code("Bank", "1")).unwrap(), Posted::Waiting);
    stage.node().ask_to_resume(&number).unwrap_err();
    let asked = Happened::Requested { what: "a change of SIM".into(), change: 1 };
    let now = stage.node().now();
    stage.node().ingest(&[(number, now, Entry::new(Actor::Desk, asked.clone()))]).unwrap();
    let held = stage.node().post(&number, &Queued::code("Bank", "2")).unwrap();
    assert_eq!(held, Posted::Held(Some(now.after(DAY))));
    assert_eq!(lines(&mut stage, &number, Kind::Cautious), 1, "and its owner sees it");
    // A restart does not begin it anew, and neither does more of the same.
    stage.pass(20 * HOUR);
    stage.while_stopped(|_| {});
    let later = stage.node().now();
    stage.node().ingest(&[(number, later, Entry::new(Actor::Desk, asked))]).unwrap();
    let held = stage.node().post(&number, &Queued::code("Bank", "3")).unwrap();
    assert_eq!(held, Posted::Held(Some(now.after(DAY))));
    stage.pass(4 * HOUR);
    assert!(stage.node().caution(&number).score() > 0, "the caution goes on");
    assert_eq!(stage.node().post(&number, &Queued::code("Bank", "4")).unwrap(), Posted::Waiting);
    // Texts of persons were never held.
    let text = Queued::Text { from: "+8613900139000".into(), text: "hi".into(), application: false };
    assert_eq!(stage.node().post(&number, &text).unwrap(), Posted::Waiting);
}

#[test]
fn a_reason_is_set_aside_for_one_number_and_for_a_time_and_its_owner_sees_it() {
    let mut stage = Stage::in_memory();
    let owner = stage.issue("8613800138000", 1);
    put_in_force(&mut stage, &always());
    let (number, now) = (owner.number, stage.node().now());
    let asked = Entry::new(Actor::Desk, Happened::Requested { what: "x".into(), change: 1 });
    stage.node().ingest(&[(number, now, asked)]).unwrap();
    assert_eq!(stage.node().caution(&number).score(), 100);
    let aside = |stage: &mut Stage, rule: &str, until: UnixTime| {
        stage.node().set_aside(&number, rule, until).map_err(|refusal| refusal.code())
    };
    assert_eq!(aside(&mut stage, "never", now.after(DAY)), Err("rules"));
    assert_eq!(aside(&mut stage, "always", now.after(31 * DAY)), Err("limit"));
    assert_eq!(aside(&mut stage, "always", now.after(DAY)), Ok(()));
    assert_eq!(stage.node().caution(&number).score(), 0);
    assert_eq!(lines(&mut stage, &number, Kind::ReasonSetAside), 1);
    stage.pass(DAY + 61);
    assert_eq!(stage.node().caution(&number).score(), 100, "and then it counts again");
}

#[test]
fn rules_on_trial_are_written_down_and_change_nothing() {
    let mut stage = Stage::in_memory();
    let owner = stage.issue("8613800138000", 1);
    let (number, now) = (owner.number, stage.node().now());
    stage.node().try_rules(&always()).unwrap();
    let asked = Entry::new(Actor::Desk, Happened::Requested { what: "x".into(), change: 1 });
    stage.node().ingest(&[(number, now, asked)]).unwrap();
    assert_eq!(stage.node().caution(&number).score(), 0);
    assert_eq!(stage.node().post(&number, &Queued::code("Bank", "1")).unwrap(), Posted::Waiting);
    stage.node = None;
    let mut stored = Stored::open(stage.folder.path()).unwrap();
    let [(_, tried)] = &stored.tried(&number).unwrap()[..] else { panic!("once") };
    assert_eq!((tried.score, tried.hold, &tried.met[..]), (100, DAY, &["always".to_string()][..]));
    let all = stored.lines(&number, (UnixTime(0), UnixTime(u64::MAX))).unwrap();
    assert!(all.len() > 2 && all.is_sorted_by_key(|line| line.id));
    assert_eq!(stored.numbers().unwrap(), [number]);
}
