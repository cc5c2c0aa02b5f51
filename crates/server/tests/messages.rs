//! Messages, presence and invitations: whose phone a code goes to, and what an intruder cannot make of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use deed::event::{AsOf, Body, Issued, Source};
use deed::record::Tenure;
use deed::signer::SignStatement;
use deed::state::bit;
use keys::Secret;
use operator::message::Queued;
use operator::presence::{Away, Seen};
use operator::timeline::{Filter, Kind};
use server::node::{Invited, Page, Posted};
use tokio::sync::mpsc::{Receiver, channel};
use wire::radio::Downlink;
use wire::sms::{Address, Deliver, Relay, Submit, UserData};
use wire::{Imsi, Msisdn};

const PHONE: &str = "490154203237518";
const OTHER_PHONE: &str = "356938035643809";

/// A phone that the node serves.
struct Phone {
    imsi: Imsi,
    token: u64,
    link: Receiver<Downlink>,
}

impl Phone {
    fn attach(stage: &mut Stage, imsi: Imsi, imei: &str, plmn: &str) -> Result<Self, operator::Refusal> {
        let (link, heard) = channel(64);
        let at = stage.node().now();
        let seen = Seen { imsi, imei: imei.parse().unwrap(), plmn: plmn.parse().unwrap(), area: 1, at };
        let token = stage.node().attach(seen, link)?;
        stage.node().attached(&imsi)?;
        Ok(Self { imsi, token, link: heard })
    }

    /// The next thing it is told.
    fn hears(&mut self) -> Option<Downlink> {
        self.link.try_recv().ok()
    }

    /// The next text, stored and acknowledged.
    fn reads(&mut self, stage: &mut Stage) -> Option<String> {
        let Some(Downlink::Relay(Relay::Data { reference, tpdu, .. })) = self.hears() else { return None };
        stage.node().delivered((&self.imsi, self.token), reference, true).unwrap();
        Deliver::parse(&tpdu).unwrap().user_data.text()
    }
}

fn code(text: &str) -> Queued {
    Queued::code("Bank", text)
}

#[test]
fn a_code_goes_to_the_card_of_the_deed_and_waits_for_it() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let thief = stage.issue("8613900139000", 11);
    let mut thiefs = Phone::attach(&mut stage, thief.imsi, OTHER_PHONE, "46000").unwrap();
    assert_eq!(stage.node().post(&owner.number, &code("one")).unwrap(), Posted::Waiting);
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    assert_eq!(phone.reads(&mut stage).as_deref(), Some("one"));
    assert_eq!(stage.node().post(&owner.number, &code("two")).unwrap(), Posted::Sent);
    assert_eq!(phone.reads(&mut stage).as_deref(), Some("two"));
    stage.sql(
        "operator.db",
        &format!("UPDATE numbers SET imsi = '{}' WHERE number = '{}'", thief.imsi, owner.number),
    );
    stage.node().post(&owner.number, &code("three")).unwrap();
    assert_eq!(phone.reads(&mut stage).as_deref(), Some("three"), "an edited row sends it nowhere else");
    assert!(thiefs.hears().is_none());
}

#[test]
fn a_message_that_was_not_acknowledged_comes_again_and_one_that_was_does_not() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    stage.node().post(&owner.number, &code("one")).unwrap();
    assert!(matches!(phone.hears(), Some(Downlink::Relay(_))), "heard, and the phone falls silent");
    stage.node().detach(&owner.imsi, phone.token);
    stage.while_stopped(|_| {});
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    assert_eq!(phone.reads(&mut stage).as_deref(), Some("one"), "over a restart too");
    stage.node().detach(&owner.imsi, phone.token);
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    assert!(phone.hears().is_none());
}

#[test]
fn a_suspended_line_is_cut_off_and_its_codes_are_held_until_it_is_resumed() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    let (deed_id, tip) = stage.tip(&owner.number);
    let hold = Body::Held { bits: vec![bit::SERVICE], silenced: vec![], reason: 1 };
    let objection = owner.hold_code.object(&deed_id, tip, &hold).encode();
    assert!(stage.node().object(&objection).unwrap().in_time);
    assert!(matches!(phone.hears(), Some(Downlink::Release(_))));
    assert_eq!(
        stage.node().pin(&owner.number).unwrap().state.standing_holds(),
        [bit::SERVICE],
        "in the deed too"
    );
    assert_eq!(stage.node().post(&owner.number, &code("one")).unwrap(), Posted::Held(None));
    assert!(Phone::attach(&mut stage, owner.imsi, PHONE, "46000").is_err(), "whatever it proved before");
    assert_eq!(stage.served(owner.imsi), Err("suspended"), "and there is no vector to prove it with");
    // The sheet resumes, after three days; the code that waited comes.
    let now = stage.node().witnessed().0;
    let change = deed::intent::Change::ClearHolds { bits: vec![bit::SERVICE] };
    let intent = deed::intent::Intent {
        change,
        number: owner.number,
        not_before: now,
        expiry: now + 20 * DAY,
        over: None,
    };
    let body = Body::Requested { intent };
    let (deed_id, tip) = stage.tip(&owner.number);
    let proof = owner.sheet.prove(&deed_id, tip, &body);
    stage.node().statement(&owner.number, 1, body.encode(), vec![proof]).unwrap().reply.unwrap();
    stage.pass(2 * DAY);
    assert_eq!(stage.served(owner.imsi), Err("suspended"));
    stage.pass(DAY - 3_600);
    assert_eq!(stage.served(owner.imsi), Err("suspended"));
    stage.pass(3_600);
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    assert_eq!(phone.reads(&mut stage).as_deref(), Some("one"));
}

#[test]
fn after_a_change_the_old_phone_is_cut_off_and_what_was_sealed_for_the_old_card_goes_to_nobody() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let mut old = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    stage.node().detach(&owner.imsi, old.token);
    assert_eq!(
        stage.node().update_card(&owner.number, &[0x7fff, 0x6f46], 1, b"New").unwrap(),
        Posted::Waiting
    );
    let mut old_again = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    assert!(matches!(old_again.hears(), Some(Downlink::Relay(_))), "it comes, and is not acknowledged");
    let new = stage.move_on(&mut owner);
    assert!(matches!(old_again.hears(), Some(Downlink::Release(_))));
    assert!(old.hears().is_none());
    let mut phone = Phone::attach(&mut stage, new, PHONE, "46000").unwrap();
    assert!(phone.hears().is_none(), "another card has other keys");
    assert!(Phone::attach(&mut stage, owner.imsi, PHONE, "46000").is_err());
}

#[test]
fn one_card_in_two_phones_and_in_two_countries_is_an_alarm_that_the_owner_sees() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let other = stage.issue("8613900138000", 21);
    let mut first = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    let _second = Phone::attach(&mut stage, owner.imsi, OTHER_PHONE, "46000").unwrap();
    assert!(matches!(first.hears(), Some(Downlink::Release(_))), "the one that came later is served");
    let _abroad = Phone::attach(&mut stage, owner.imsi, OTHER_PHONE, "23415").unwrap();
    assert!(stage.alarmed("two-phones") && stage.alarmed("impossible-journey"));
    let codes = |stage: &mut Stage, number: &Msisdn| -> Vec<String> {
        stage.node().alarms_about(number).unwrap().into_iter().map(|(_, code)| code).collect()
    };
    assert_eq!(codes(&mut stage, &owner.number), ["impossible-journey", "two-phones"]);
    assert!(
        codes(&mut stage, &other.number).is_empty(),
        "another number with the same last digits sees nothing"
    );
}

#[test]
fn strangers_fill_no_record_by_being_turned_away() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let at = stage.node().now();
    let seen =
        |imsi| Seen { imsi, imei: PHONE.parse().unwrap(), plmn: "46000".parse().unwrap(), area: 1, at };
    for _ in 0..200 {
        stage.node().turned_away(&seen(owner.imsi), &Away::Unable(0x6982)).unwrap();
        let stranger = seen("001010000000001".parse().unwrap());
        stage.node().turned_away(&stranger, &Away::Refused("unknown".into())).unwrap();
    }
    let filter = Filter { kinds: vec![Kind::CardRefused], ..Filter::default() };
    let page = Page { after: None, oldest_first: false, most: 1_000 };
    assert_eq!(stage.node().timeline(&owner.number, &filter, page).unwrap().lines.len(), 60);
}

#[test]
fn nothing_of_a_message_or_an_account_lies_open_in_the_database() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    stage.node().post(&owner.number, &code("the code is 271828")).unwrap();
    let code = stage.node().invite_to_portal(&owner.number).unwrap();
    stage.node = None;
    for file in ["operator.db", "operator.db-wal"] {
        let bytes = std::fs::read(stage.path(file)).unwrap_or_default();
        for needle in ["271828", code.as_str()] {
            assert!(!bytes.windows(needle.len()).any(|w| w == needle.as_bytes()), "{needle} in {file}");
        }
    }
}

#[test]
fn a_row_that_somebody_put_in_another_ones_place_does_not_open() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let thief = stage.issue("8613900139000", 11);
    stage.node().post(&owner.number, &code("one")).unwrap();
    stage.sql("operator.db", &format!("UPDATE records SET number = '{}'", thief.number));
    let mut thiefs = Phone::attach(&mut stage, thief.imsi, OTHER_PHONE, "46000").unwrap();
    assert!(thiefs.hears().is_none(), "sealed for one number, it is no message of another");
    let invitation = stage.node().invite_to_portal(&thief.number).unwrap();
    let name = format!("portal/{}", hex::encode(keys::digest::sha256(&[invitation.as_bytes()])));
    stage.sql("operator.db", &format!("UPDATE door SET name = 'portal/00' WHERE name = '{name}'"));
    assert!(stage.node().invited_to_portal(&invitation).is_err());
}

#[test]
fn an_invitation_is_to_one_number_and_card_works_once_and_grows_old() {
    let mut stage = Stage::new();
    let number: Msisdn = "8613800138000".parse().unwrap();
    let card = stage.node().draw_card(None).unwrap().card;
    let other = stage.node().draw_card(None).unwrap().card;
    let invited = Invited { number, card: card.clone() };
    let (first, second) =
        (stage.node().invite_owner(&invited).unwrap(), stage.node().invite_owner(&invited).unwrap());
    let seed = stage.issue("8613700137000", 31);
    let mut sheet = seed.sheet;
    let mut passkey = seed.passkey;
    let mut issue = |stage: &mut Stage, code: &str, number: Msisdn, card: deed::record::Card| {
        let manifest = stage.node().manifest_id().unwrap();
        let issued = Issued {
            manifest,
            number,
            generation: 0,
            previous: None,
            source: Source::New,
            tenure: Tenure::Personal,
            watch_key: Secret::new([9; 32]),
            slots: vec![(0, card)],
            factors: vec![passkey.factor(), sheet.factor()],
        };
        let body = Body::Issued(issued.clone());
        let signers: [&mut dyn SignStatement; 2] = [&mut passkey, &mut sheet];
        let proofs = signers.into_iter().map(|s| s.prove(&[0; 32], AsOf::NOTHING, &body)).collect();
        stage.node().accept_invitation(code, issued, proofs).map(drop)
    };
    let refused = |result: Result<(), operator::Refusal>| result.unwrap_err().code();
    assert_eq!(refused(issue(&mut stage, "00", number, card.clone())), "invitation");
    assert_eq!(
        refused(issue(&mut stage, &first, "8613800138001".parse().unwrap(), card.clone())),
        "invitation"
    );
    assert_eq!(refused(issue(&mut stage, &first, number, other)), "invitation");
    issue(&mut stage, &first, number, card.clone()).unwrap();
    assert_eq!(refused(issue(&mut stage, &first, number, card.clone())), "invitation", "once");
    assert_eq!(refused(issue(&mut stage, &second, number, card)), "living-deed", "and the number lives");
    let portal = stage.node().invite_to_portal(&number).unwrap();
    stage.pass(15 * 60 + 1);
    assert_eq!(stage.node().invited_to_portal(&portal).unwrap_err().code(), "invitation", "too old");
}

#[test]
fn a_bank_learns_when_the_sim_changed_and_who_agreed_and_not_what_the_database_says() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let issued = stage.node().last_change(&owner.number).unwrap();
    assert!(!issued.changed && issued.agreed.is_empty());
    stage.pass(DAY);
    stage.move_on(&mut owner);
    let moved = stage.node().last_change(&owner.number).unwrap();
    assert!(moved.changed && moved.at > issued.at.after(DAY - 1));
    assert_eq!(moved.agreed.len(), 2, "phone and paper");
    stage.sql("operator.db", "UPDATE events SET bytes = x'00' WHERE seq = 3");
    assert!(
        stage.node().last_change(&owner.number).is_err(),
        "a chain that is not the pinned one says nothing"
    );
}

fn text(from: &str, text: &str) -> Queued {
    Queued::Text { from: from.into(), text: text.into(), application: false }
}

/// The references of what a phone is told.
fn parts(phone: &mut Phone) -> Vec<u8> {
    let mut parts = Vec::new();
    while let Some(Downlink::Relay(Relay::Data { reference, .. })) = phone.hears() {
        parts.push(reference);
    }
    parts
}

#[test]
fn rows_that_do_not_read_cut_off_no_phone_and_silence_no_owner() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    for stream in 0..5 {
        let row = format!("({stream}, '{}', -1, x'00')", owner.number);
        stage.sql("operator.db", &format!("INSERT INTO records (stream, number, at, bytes) VALUES {row}"));
    }
    let notice = format!("('{}', -1, 'x', 'x')", owner.number);
    stage.sql("operator.db", &format!("INSERT INTO notices (number, at, text, code) VALUES {notice}"));
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    stage.node().post(&owner.number, &code("one")).unwrap();
    assert_eq!(phone.reads(&mut stage).as_deref(), Some("one"));
    assert!(stage.node().last_seen(&owner.number).unwrap().is_some());
    assert!(stage.node().notices(&owner.number).unwrap().iter().all(|notice| notice.text != "x"));
    assert!(stage.node().suspend(&owner.number).unwrap().receipt.unwrap().in_time);
}

#[test]
fn a_history_that_is_not_the_pinned_one_is_not_handed_out() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    stage.move_on(&mut owner);
    assert!(stage.node().history(&owner.number).is_ok());
    stage.sql("operator.db", "UPDATE events SET bytes = x'00' WHERE seq = 2");
    assert!(stage.node().history(&owner.number).is_err());
}

#[test]
fn a_long_text_is_forgotten_when_all_its_parts_are_stored_and_a_full_card_is_left_alone() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    assert!(stage.node().post(&owner.number, &code(&"😀".repeat(800))).is_err(), "more than ten parts");
    stage.node().post(&owner.number, &code(&"long ".repeat(60))).unwrap();
    let [first, second] = parts(&mut phone)[..] else { panic!("two parts") };
    let said = |stage: &mut Stage, phone: &Phone, reference, stored| {
        stage.node().delivered((&phone.imsi, phone.token), reference, stored).unwrap();
    };
    // The card is full for the first part; the second is stored.
    said(&mut stage, &phone, first, false);
    said(&mut stage, &phone, second, true);
    stage.node().attached(&owner.imsi).unwrap();
    assert!(parts(&mut phone).is_empty(), "not at once");
    stage.pass(61);
    stage.node().attached(&owner.imsi).unwrap();
    let [again] = parts(&mut phone)[..] else { panic!("the missing part, and no other") };
    said(&mut stage, &phone, again, true);
    stage.pass(61);
    stage.node().attached(&owner.imsi).unwrap();
    assert!(parts(&mut phone).is_empty());
}

#[test]
fn nobodys_texts_keep_a_code_out_and_codes_come_first() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let sent = (0..200).filter(|_| stage.node().post(&owner.number, &text("+8613900139000", "x")).is_ok());
    assert_eq!(sent.count(), 20);
    for sender in 0..200 {
        let _ = stage.node().post(&owner.number, &text(&format!("+86139001{sender:05}"), "x"));
    }
    stage.node().post(&owner.number, &code("the code")).unwrap();
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    assert_eq!(phone.reads(&mut stage).as_deref(), Some("the code"));
}

#[test]
fn what_a_phone_says_after_it_was_cut_off_counts_for_nothing() {
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    let clone = Phone::attach(&mut stage, owner.imsi, OTHER_PHONE, "46000").unwrap();
    let mut phone = Phone::attach(&mut stage, owner.imsi, PHONE, "46000").unwrap();
    stage.node().post(&owner.number, &code("one")).unwrap();
    for reference in 0..=255 {
        stage.node().delivered((&clone.imsi, clone.token), reference, true).unwrap();
    }
    assert_eq!(phone.reads(&mut stage).as_deref(), Some("one"), "the clone's word for it is not taken");
    let friend = stage.issue("8613900139000", 11);
    let destination = Address::from(&friend.number);
    let user_data = UserData::of_text("hello", 0).unwrap().remove(0);
    let submit = Submit::new(1, destination, user_data).to_bytes().unwrap();
    let from = |stage: &mut Stage, token| stage.node().submit((&owner.imsi, token), &submit);
    assert!(from(&mut stage, phone.token).is_ok());
    assert_eq!(from(&mut stage, clone.token).unwrap_err().code(), "not-served");
    stage.node().suspend(&owner.number).unwrap();
    assert_eq!(from(&mut stage, phone.token).unwrap_err().code(), "not-served");
}
