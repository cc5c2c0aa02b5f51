//! Contacts and messages: behind the PIN, kept over power cuts one record at a time, and absent from older cards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::medium::{Bank, Counter, Memory};
use common::*;
use rand_chacha::rand_core::Rng as _;
use wire::phonebook::Contact;
use wire::sms::{Deliver, Message, Record, Timestamp, UserData};

const ADN: &str = "00a4080c047f106f3a";
const SMS: &str = "00a4080c047fff6f3c";

fn ada() -> Contact {
    Contact { name: "Ada 艾达".into(), number: Some("+31641600986".parse().unwrap()) }
}

fn update(number: u8, record: &[u8]) -> String {
    format!("00dc{number:02x}04{:02x}{}", record.len(), hex::encode(record))
}

#[test]
fn a_phone_finds_fifty_contacts_and_twenty_messages_that_are_free() {
    let mut terminal = Terminal::new();
    terminal.ready();
    let fcp = terminal.send("00a40804047f106f3a");
    assert!(fcp.contains("8205422100 2232".replace(' ', "").as_str()), "50 records of 34: {fcp}");
    assert!(terminal.raw("00b2320422").ends_with("9000"));
    assert_eq!(terminal.raw("00b2330422"), "6a83");
    assert_eq!(terminal.raw("00b2010422"), format!("{}9000", "ff".repeat(34)));
    let fcp = terminal.send("00a40804047fff6f3c");
    assert!(fcp.contains("82054221 00b014".replace(' ', "").as_str()), "20 records of 176: {fcp}");
    assert_eq!(terminal.raw("00b21404b0"), format!("{}9000", hex::encode(Record::FREE)));
    assert_eq!(terminal.raw("00b21504b0"), "6a83");
    // Services 10, 12 and 19 and, for this profile, 21.
    terminal.send("00a40000026f38");
    assert_eq!(terminal.raw("00b0000003"), "000a149000");
    terminal.send("00a40000026f46");
    assert_eq!(terminal.raw("00b0000011"), format!("0153696d77617264{}9000", "ff".repeat(9)));
}

#[test]
fn without_the_pin_no_contact_and_no_message_is_read_or_written() {
    let mut terminal = Terminal::new();
    assert!(terminal.send(USIM).ends_with("9000"));
    for (select, read, len) in [(ADN, "00b2010422", 34), (SMS, "00b20104b0", 176)] {
        assert_eq!(terminal.raw(select), "9000");
        assert_eq!(terminal.raw(read), "6982");
        assert_eq!(terminal.raw(&update(1, &vec![0; len])), "6982");
        assert_eq!(terminal.raw("00b2000200"), "6982", "nor by moving the record pointer");
    }
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    assert_eq!(terminal.raw("00b20104b0"), "6982", "the administrator is not the holder");
}

#[test]
fn a_contact_and_a_message_are_there_when_the_power_is_back() {
    let mut terminal = Terminal::new();
    terminal.ready();
    let text = UserData::of_text("号码在你手里 😀", 1).unwrap().remove(0);
    let from = (&"8613800138000".parse::<wire::Msisdn>().unwrap()).into();
    let message =
        Record::unread(None, Deliver::new(from, Timestamp::new(wire::UnixTime(1_790_000_000), 32), text));
    assert_eq!(terminal.raw(ADN), "9000");
    let contact = ada().to_record(34).unwrap();
    assert_eq!(terminal.raw(&update(50, &contact)), "9000");
    assert_eq!(terminal.raw(&update(51, &contact)), "6a83");
    assert_eq!(terminal.raw(&update(1, &contact[1..])), "6700");
    assert_eq!(terminal.raw(SMS), "9000");
    assert_eq!(terminal.raw(&update(20, &message.to_bytes().unwrap())), "9000");

    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    terminal.ready();
    terminal.raw(ADN);
    let read = hex::decode(terminal.raw("00b2320422")).unwrap();
    assert_eq!(Contact::parse(&read[..34]).unwrap().unwrap(), ada());
    terminal.raw(SMS);
    let read = hex::decode(terminal.raw("00b21404b0")).unwrap();
    let back = Record::parse(&read[..176]).unwrap().unwrap();
    assert_eq!(back, message);
    let Message::Deliver(back) = back.message else { panic!() };
    assert_eq!(back.user_data.text().unwrap(), "号码在你手里 😀");
}

#[test]
fn a_changed_record_costs_one_write_of_its_own_size() {
    let (mut terminal, world) = mortal();
    terminal.ready();
    assert_eq!(terminal.raw(SMS), "9000");
    assert_eq!(terminal.raw(&update(1, &[1; 176])), "9000");
    let size = || world.0.borrow().banks.iter().map(Vec::len).sum::<usize>();
    let before = size();
    assert_eq!(terminal.raw(&update(2, &[1; 176])), "9000");
    assert!(size() - before < 176 + 50, "{} octets", size() - before);
}

#[test]
fn a_record_cut_anywhere_is_the_old_one_or_the_new_one() {
    let (mut terminal, world) = mortal();
    terminal.ready();
    terminal.raw(SMS);
    assert_eq!(terminal.raw(&update(1, &[0x11; 176])), "9000");
    let saved = (world.0.borrow().banks.clone(), world.0.borrow().synced, world.0.borrow().anchor);
    let mut rng = rng(21);
    let (mut old, mut new) = (0, 0);
    for round in 0..400u64 {
        {
            let mut w = world.0.borrow_mut();
            (w.banks, w.synced, w.anchor) = saved.clone();
        }
        let mut terminal = Terminal::open(world.clone(), world.clone());
        terminal.ready();
        terminal.raw(SMS);
        world.0.borrow_mut().fuel = Some(round % 250);
        let sw = terminal.raw(&update(1, &[0x22; 176]));
        let dead = world.0.borrow().dead();
        world.0.borrow_mut().cut(&mut rng);
        let mut terminal = Terminal::open(world.clone(), world.clone());
        terminal.rng = common::rng(rng.next_u64());
        assert_eq!(terminal.card.lock(), None);
        terminal.ready();
        terminal.raw(SMS);
        match terminal.raw("00b20104b0") {
            read if read == format!("{}9000", "11".repeat(176)) => old += 1,
            read if read == format!("{}9000", "22".repeat(176)) => new += 1,
            half => panic!("{half} after {round} steps"),
        }
        assert!(dead || sw == "9000");
        assert!(dead || new > 0);
    }
    assert!(old > 100 && new > 10, "{old} old, {new} new");
}

#[test]
fn a_card_made_before_there_were_contacts_opens_and_has_none() {
    let text = include_str!("data/card-before-contacts.txt");
    let field = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
    let mut medium = Memory::new();
    *medium.bank_mut(Bank::A) = hex::decode(field("a ")).unwrap();
    *medium.bank_mut(Bank::B) = hex::decode(field("b ")).unwrap();
    let mut terminal = Terminal::open(medium, Counter(field("anchor ").parse().unwrap()));
    assert_eq!(terminal.card.lock(), None);
    assert_eq!(terminal.raw("0020000100"), "63c2", "its wrong PIN is remembered");
    terminal.ready();
    assert_eq!(terminal.raw(ADN), "6a82");
    assert_eq!(terminal.raw("00a4000c027f10"), "6a82");
    assert_eq!(terminal.raw("00a4080c047fff6f46"), "6a82");
    assert_eq!(terminal.raw(SMS), "6a82");
    terminal.send("00a4080c047fff6f38");
    assert_eq!(terminal.raw("00b0000003"), "0000109000", "and its table of services does not offer them");
    assert!(
        terminal.send(&authenticate_apdu(challenge([1; 16], 5, 0))).starts_with("dc0e"),
        "SEQ 5 is used up"
    );
    assert!(terminal.send(&authenticate_apdu(challenge([1; 16], 6, 0))).starts_with("db08"));
    let (medium, anchor) = terminal.card.into_parts();
    assert_eq!(Terminal::open(medium, anchor).card.lock(), None);
}
