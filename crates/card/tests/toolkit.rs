//! The toolkit, as a telephone plays it and as an attacker does: what is asked for and when, the owner's menu, the alert.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::medium::{Counter, Memory};
use card::{Card, Profile};
use common::*;
use keys::sign::{Es256Key, Portable, Verifier};
use wire::sms::{Payload, Submit};
use wire::toolkit::{command, find, tag};

/// What a terminal can do, bit by bit.
#[derive(Clone, Copy)]
struct Can(&'static [(usize, u8)]);

const SHOW: (usize, u8) = (3, 1);
const ASK: (usize, u8) = (3, 3);
const REFRESH: (usize, u8) = (3, 8);
const SEND: (usize, u8) = (4, 2);
const MENU: (usize, u8) = (4, 6);
const LOCATE: (usize, u8) = (4, 7);
const TIME: (usize, u8) = (8, 1);
const CHANNELS: (usize, u8) = (12, 1);
const UDP: (usize, u8) = (17, 2);

impl Can {
    fn apdu(self) -> String {
        let mut profile = [0u8; 25];
        for (octet, bit) in self.0 {
            profile[octet - 1] |= 1 << (bit - 1);
        }
        format!("8010000019{}", hex::encode(profile))
    }
}

/// A proactive command as the telephone has it.
#[derive(Debug)]
struct Asked {
    number: u8,
    kind: u8,
    qualifier: u8,
    body: Vec<u8>,
}

impl Asked {
    fn field(&self, tag: u8) -> Option<&[u8]> {
        find(&self.body, tag)
    }

    fn text(&self) -> String {
        let text = self.field(tag::TEXT_STRING).unwrap();
        match text[0] {
            4 => String::from_utf8(text[1..].to_vec()).unwrap(),
            8 => {
                let units: Vec<u16> = text[1..].chunks(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
                String::from_utf16(&units).unwrap()
            }
            other => panic!("coding {other:02x}"),
        }
    }
}

/// A telephone with a toolkit, around the terminal that all tests share.
struct Telephone {
    terminal: Terminal,
    /// Octets that wait, as the last status word said.
    waits: Option<u8>,
}

impl Telephone {
    fn new(profile: &Profile, can: Can) -> Self {
        let mut rng = rng(7);
        let card =
            Card::personalise(Memory::new(), Counter::default(), device_key(), profile, &mut rng).unwrap();
        let mut telephone = Self { terminal: Terminal { card, rng }, waits: None };
        telephone.terminal.send(USIM);
        telephone.terminal.raw(&verify_apdu(PIN));
        telephone.say(&can.apdu());
        telephone
    }

    fn say(&mut self, apdu: &str) -> String {
        let answer = self.terminal.raw(apdu);
        let status = &answer[answer.len() - 4..];
        self.waits = status.strip_prefix("91").map(|octets| u8::from_str_radix(octets, 16).unwrap());
        answer
    }

    /// FETCH.
    fn asked(&mut self) -> Asked {
        let len = self.waits.expect("something waits");
        let answer = hex::decode(self.terminal.raw(&format!("80120000{len:02x}"))).unwrap();
        let (command, status) = answer.split_at(answer.len() - 2);
        assert_eq!(status, [0x90, 0x00]);
        let body = wire::tlv::find(command, 0xd0).unwrap().to_vec();
        let [number, kind, qualifier] = *find(&body, tag::COMMAND_DETAILS).unwrap() else { panic!() };
        self.waits = None;
        Asked { number, kind, qualifier, body }
    }

    /// TERMINAL RESPONSE with this result and more.
    fn answers(&mut self, asked: &Asked, result: u8, more: &str) -> String {
        let Asked { number, kind, qualifier, .. } = asked;
        let data = format!("8103{number:02x}{kind:02x}{qualifier:02x}820282818301{result:02x}{more}");
        self.say(&format!("80140000{:02x}{data}", data.len() / 2))
    }

    /// Does all that is asked of it, and says what that was.
    fn does(&mut self) -> Vec<Asked> {
        let mut all = Vec::new();
        while self.waits.is_some() {
            let asked = self.asked();
            let more = match (asked.kind, asked.qualifier) {
                (command::PROVIDE_LOCAL_INFORMATION, 1) => "94083a06000000000000",
                (command::PROVIDE_LOCAL_INFORMATION, 0) => "930764f00012345678",
                (command::OPEN_CHANNEL, _) => "b8028100",
                _ => "",
            };
            let answer = self.answers(&asked, 0, more);
            assert!(answer == "9000" || answer.starts_with("91"), "{asked:?}: {answer}");
            all.push(asked);
        }
        all
    }

    fn chooses(&mut self, item: u8) -> String {
        self.say(&format!("80c2000009d307820201819001{item:02x}"))
    }
}

fn kinds(all: &[Asked]) -> Vec<u8> {
    all.iter().map(|asked| asked.kind).collect()
}

fn with_number() -> Profile {
    Profile { alert_number: Some("8613800100500".parse().unwrap()), ..profile() }
}

fn with_endpoint() -> Profile {
    Profile { alert_endpoint: Some(([192, 0, 2, 1], 4711)), ..with_number() }
}

/// An alert's number and location, if the owner's key signed it for this deed.
fn read_alert(message: &[u8]) -> (u64, Vec<u8>) {
    let (said, signature) = message.split_at(message.len() - 64);
    let key = Es256Key::from_scalar(&keys::Secret::new([33; 32])).unwrap().public();
    let signed = [b"simward.card.alert.1\0", said].concat();
    assert!(Portable.es256(&key, &signed, signature.try_into().unwrap()), "{}", hex::encode(message));
    assert_eq!(&said[..4], b"SWA1");
    assert_eq!(said[4..36], [0xde; 32]);
    let len = usize::from(said[44]);
    assert_eq!(said.len(), 45 + len);
    (u64::from_be_bytes(said[36..44].try_into().unwrap()), said[45..].to_vec())
}

fn message_of(asked: &Asked) -> Vec<u8> {
    let submit = Submit::parse(asked.field(tag::SMS_TPDU).unwrap()).unwrap();
    assert_eq!(
        submit.destination,
        wire::sms::Address::from(&"8613800100500".parse::<wire::Msisdn>().unwrap())
    );
    let Payload::Octets(octets) = submit.user_data.payload else { panic!() };
    octets
}

#[test]
fn nothing_is_asked_of_a_terminal_that_cannot_or_has_not_said_so() {
    let mut telephone = Telephone::new(&with_number(), Can(&[]));
    assert_eq!(telephone.waits, None);
    assert_eq!(telephone.say("801200000b"), "6985");
    // It can, once it says so; each thing by its own bit.
    for (can, kind) in [
        (&[(5, 1), (5, 5)][..], command::SET_UP_EVENT_LIST),
        (&[LOCATE], command::PROVIDE_LOCAL_INFORMATION),
        (&[MENU, SHOW], command::SET_UP_MENU),
        (&[(3, 6)], command::POLL_INTERVAL),
    ] {
        let can: &'static [(usize, u8)] = Box::leak(can.to_vec().into_boxed_slice());
        telephone.say(&Can(can).apdu());
        assert_eq!(kinds(&telephone.does()), [kind]);
    }
    // A menu that cannot answer, events that are none of ours.
    telephone.say(&Can(&[MENU, (5, 1), (5, 6)]).apdu());
    assert_eq!(telephone.waits, None);
}

#[test]
fn one_command_is_under_way_at_a_time_and_waits_until_it_is_taken() {
    let mut telephone = Telephone::new(&profile(), Can(&[LOCATE, MENU, SHOW]));
    let len = telephone.waits.unwrap();
    // It is told of with every command that goes well, and with no other; and its length is what it is asked for in.
    assert_eq!(telephone.say("80f2000c"), format!("91{len:02x}"));
    assert_eq!(telephone.say("00a4000c02ffff"), "6a82");
    assert_eq!(telephone.say(&format!("80120000{:02x}", len + 1)), format!("6c{len:02x}"));
    assert_eq!(telephone.say("8012000000"), format!("6c{len:02x}"));
    telephone.waits = Some(len);
    let first = telephone.asked();
    assert_eq!(telephone.say("80f2000c"), "9000", "nothing while one is under way");
    assert_eq!(telephone.say("801200000b"), "6985");
    // An answer to something else is none.
    for bad in ["81030226018202828183010 0", "810301210182028281830100", "8103012601", ""] {
        let bad = bad.replace(' ', "");
        assert_eq!(telephone.say(&format!("80140000{:02x}{bad}", bad.len() / 2)), "6a80", "{bad}");
    }
    assert!(telephone.answers(&first, 0, "").starts_with("91"));
    let second = telephone.asked();
    assert_eq!(second.kind, command::SET_UP_MENU);
    assert_eq!(telephone.answers(&second, 0x30, ""), "9000", "a terminal that cannot after all");
    assert_eq!(telephone.answers(&second, 0, ""), "6985", "it was answered for");
    // A reset forgets it all.
    telephone.say(&Can(&[LOCATE]).apdu());
    telephone.terminal.card.reset();
    assert_eq!(telephone.say("80f2000c"), "9000");
}

#[test]
fn the_menu_has_an_alert_where_it_can_go_somewhere() {
    for (profile, items) in [(profile(), 2), (with_number(), 3), (with_endpoint(), 3)] {
        let mut telephone = Telephone::new(&profile, Can(&[MENU, SHOW]));
        let menu = &telephone.does()[0];
        let all = wire::toolkit::objects(&menu.body).map(Result::unwrap);
        assert_eq!(all.filter(|o| o.tag == u16::from(tag::ITEM)).count(), items);
        if items == 2 {
            assert_eq!(telephone.chooses(3), "6a80");
        }
    }
    let mut telephone = Telephone::new(&profile(), Can(&[MENU, SHOW, (2, 7)]));
    let menu = &telephone.does()[0];
    assert_eq!(wire::phonebook::read_name(menu.field(tag::ALPHA_IDENTIFIER).unwrap()), "守号 My number");
    telephone.chooses(1);
    assert!(telephone.does()[0].text().starts_with("权契 dededede，PIN 已启用"));
}

#[test]
fn status_tells_the_deed_the_pin_and_the_telephone_and_no_secret() {
    let mut telephone = Telephone::new(&profile(), Can(&[MENU, SHOW, LOCATE]));
    telephone.does();
    telephone.chooses(1);
    let text = telephone.does()[0].text();
    assert_eq!(text, "Deed dededede. PIN on. IMEI 360000000000000");
}

#[test]
fn lock_takes_back_who_was_known_and_has_the_telephone_begin_anew() {
    let mut telephone = Telephone::new(&profile(), Can(&[MENU, SHOW, REFRESH]));
    telephone.does();
    assert!(telephone.terminal.raw("00a4080c047fff6f07").starts_with("9000"));
    assert!(telephone.terminal.raw("00b0000009").ends_with("9000"));
    telephone.chooses(2);
    assert_eq!(telephone.terminal.raw("00b0000009"), "6982");
    assert_eq!(telephone.terminal.raw(&authenticate_apdu(challenge([1; 16], 1, 0))), "6982");
    let all = telephone.does();
    assert_eq!((all[0].kind, all[0].qualifier), (command::REFRESH, 4));
}

#[test]
fn lock_with_the_pin_disabled_asks_for_it_and_a_wrong_one_costs_a_try() {
    let mut telephone = Telephone::new(&profile(), Can(&[MENU, SHOW, ASK, REFRESH]));
    telephone.does();
    assert_eq!(telephone.say(&disable_apdu(PIN)), "9000");
    let pin = |digits: &str| format!("8d{:02x}04{}", digits.len() + 1, hex::encode(digits));
    telephone.chooses(2);
    let asked = telephone.asked();
    assert_eq!((asked.kind, asked.field(tag::RESPONSE_LENGTH)), (command::GET_INPUT, Some(&[4, 8][..])));
    assert_eq!(asked.qualifier & 0x05, 0x04, "digits, hidden");
    telephone.answers(&asked, 0, &pin(WRONG));
    assert_eq!(telephone.does()[0].text(), "Wrong PIN. Not locked");
    assert_eq!(telephone.terminal.raw("0020000100"), "63c2");
    // The owner thinks better of it: nothing is spent.
    telephone.chooses(2);
    let asked = telephone.asked();
    assert_eq!(telephone.answers(&asked, 0x10, ""), "9000");
    assert_eq!(telephone.terminal.raw("0020000100"), "63c2");
    telephone.chooses(2);
    let asked = telephone.asked();
    telephone.answers(&asked, 0, &pin(PIN));
    assert_eq!(kinds(&telephone.does()), [command::REFRESH]);
    let mut terminal = reopen_locked(telephone.terminal);
    assert_eq!(terminal.raw("0020000100"), "63c3");
    terminal.send(USIM);
    assert_eq!(terminal.raw(&authenticate_apdu(challenge([1; 16], 1, 0))), "6982", "it is asked for");
}

#[test]
fn an_alert_is_signed_says_where_and_never_has_a_number_twice() {
    let mut telephone = Telephone::new(&with_number(), Can(&[MENU, SHOW, SEND, LOCATE]));
    telephone.does();
    for number in 1..=3 {
        telephone.chooses(3);
        let all = telephone.does();
        let sent = [command::PROVIDE_LOCAL_INFORMATION, command::SEND_SHORT_MESSAGE, command::DISPLAY_TEXT];
        assert_eq!(kinds(&all), sent);
        let location = vec![0x64, 0xf0, 0x00, 0x12, 0x34, 0x56, 0x78];
        assert_eq!(read_alert(&message_of(&all[1])), (number, location));
        assert_eq!(all[2].text(), "The alert was sent");
        // The number outlives the power.
        let Telephone { terminal, .. } = telephone;
        telephone = Telephone { terminal: reopened(terminal), waits: None };
        telephone.say(&Can(&[MENU, SHOW, SEND, LOCATE]).apdu());
        telephone.does();
    }
    // Where the telephone does not say where it is, the alert goes all the same.
    telephone.chooses(3);
    let asked = telephone.asked();
    telephone.answers(&asked, 0x20, "");
    assert_eq!(read_alert(&message_of(&telephone.does()[0])), (4, vec![]));
}

#[test]
fn without_the_pin_nothing_is_signed_and_no_number_is_used_up() {
    let mut telephone = Telephone::new(&with_number(), Can(&[MENU, SHOW, SEND]));
    telephone.does();
    assert_eq!(telephone.terminal.raw(&verify_apdu(WRONG)), "63c2");
    telephone.chooses(3);
    let all = telephone.does();
    assert_eq!(all[0].text(), "Enter your PIN in the telephone first");
    assert_eq!(telephone.terminal.raw(&verify_apdu(PIN)), "9000");
    telephone.chooses(3);
    assert_eq!(read_alert(&message_of(&telephone.does()[0])).0, 1);
}

#[test]
fn an_alert_goes_as_a_datagram_and_by_message_where_that_fails() {
    const CAN: Can = Can(&[MENU, SHOW, SEND, CHANNELS, UDP, TIME]);
    let mut telephone = Telephone::new(&with_endpoint(), CAN);
    telephone.does();
    telephone.chooses(3);
    let all = telephone.does();
    let expect = [command::OPEN_CHANNEL, command::SEND_DATA, command::CLOSE_CHANNEL, command::DISPLAY_TEXT];
    assert_eq!(kinds(&all), expect);
    assert_eq!(all[0].field(tag::OTHER_ADDRESS), Some(&[0x21, 192, 0, 2, 1][..]));
    assert_eq!(all[0].field(tag::TRANSPORT_LEVEL), Some(&[0x01, 0x12, 0x67][..]));
    assert_eq!(read_alert(all[1].field(tag::CHANNEL_DATA).unwrap()).0, 1);
    assert_eq!(find(&all[2].body, tag::DEVICE_IDENTITIES), Some(&[0x81, 0x21][..]));
    // No channel: by message. The same alert, not another.
    telephone.chooses(3);
    let asked = telephone.asked();
    telephone.answers(&asked, 0x3a, "");
    let asked = telephone.asked();
    let message = message_of(&asked);
    assert_eq!(read_alert(&message).0, 2);
    // The network is busy: again in a minute, three times, and then the owner is told.
    let mut asked = asked;
    for _ in 0..3 {
        telephone.answers(&asked, 0x21, "");
        let timer = telephone.asked();
        assert_eq!(timer.kind, command::TIMER_MANAGEMENT);
        assert_eq!(timer.field(tag::TIMER_VALUE), Some(&[0x00, 0x10, 0x00][..]));
        telephone.answers(&timer, 0, "");
        telephone.say("80c200000ed70c82028281a40101a503001000");
        let open = telephone.asked();
        telephone.answers(&open, 0x3a, "");
        asked = telephone.asked();
        assert_eq!(message_of(&asked), message);
    }
    telephone.answers(&asked, 0x21, "");
    assert_eq!(telephone.does()[0].text(), "The alert was NOT sent");
    // A timer that is nobody's.
    assert_eq!(telephone.say("80c200000ed70c82028281a40101a503001000"), "9000");
}

#[test]
fn what_happened_is_written_down_once_and_the_newest_stands_first() {
    const CAN: Can = Can(&[(5, 1), (5, 5), (25, 5), LOCATE]);
    let mut telephone = Telephone::new(&profile(), CAN);
    let event = |telephone: &mut Telephone, body: &str| {
        telephone.say(&format!("80c20000{:02x}d6{:02x}{body}", body.len() / 2 + 2, body.len() / 2))
    };
    let rejected = "990112820283817d0500f1100001bf0108f40109f5010b";
    // Nothing that the card did not ask for, or that the telephone has not agreed to.
    assert!(event(&mut telephone, rejected).starts_with("91"));
    telephone.does();
    let select = |telephone: &mut Telephone, fid: &str| {
        assert_eq!(telephone.say(&format!("00a408 0c02{fid}").replace(' ', "")), "9000")
    };
    let record =
        |telephone: &mut Telephone, n: u8, len: u8| telephone.say(&format!("00b2{n:02x}04{len:02x}"));
    select(&mut telephone, "2f1f");
    assert!(record(&mut telephone, 1, 0x18).starts_with("ffff"));
    assert_eq!(event(&mut telephone, rejected), "9000");
    assert_eq!(event(&mut telephone, "990103820282819b0102"), "9000");
    assert!(record(&mut telephone, 1, 0x18).starts_with("03031b0102ff"));
    assert!(record(&mut telephone, 2, 0x18).starts_with("12107d0500f11000013f010874010975010bff"));
    // The same again is no news, nor is another cell of the same area.
    for cell in 0..100 {
        event(&mut telephone, rejected);
        event(&mut telephone, &format!("990103820282819b0100930700f1100001{cell:04x}"));
    }
    assert!(record(&mut telephone, 1, 0x18).starts_with("030a1b0100130500f1100001ff"));
    assert!(record(&mut telephone, 2, 0x18).starts_with("0303"));
    assert!(record(&mut telephone, 3, 0x18).starts_with("12"));
    // However much news there is, what a session writes is bounded.
    for area in 0..1_000 {
        event(&mut telephone, &format!("990103820282819b0100930500f110{area:04x}"));
    }
    assert!(
        record(&mut telephone, 1, 0x18).starts_with("030a1b0100130500f1100060ff"),
        "{}",
        record(&mut telephone, 1, 0x18)
    );
    // Telephones have a file of their own, which no event pushes them out of; another one is news, and no other length is one.
    select(&mut telephone, "2f20");
    assert!(record(&mut telephone, 1, 8).starts_with("3a06000000000000"));
    for (imei, first) in [
        ("94083a06000000000000", "3a06000000000000"),
        ("94083a06000000000010", "3a06000000000010"),
        ("94093a0600000000002000", "3a06000000000010"),
        ("9400", "3a06000000000010"),
    ] {
        telephone.say(&Can(&[LOCATE]).apdu());
        let asked = telephone.asked();
        telephone.answers(&asked, 0, imei);
        assert!(record(&mut telephone, 1, 8).starts_with(first), "{imei}");
    }
    assert!(record(&mut telephone, 2, 8).starts_with("3a06000000000000"));
    // They are the operator's and the holder's to read, and nobody's to write but the operator's.
    telephone.terminal.card.reset();
    for (fid, len) in [("2f1f", 0x18), ("2f20", 8)] {
        telephone.say(&format!("00a4000c02{fid}"));
        assert_eq!(record(&mut telephone, 1, len), "6982");
    }
}

#[test]
fn two_alerts_are_never_one_number_and_the_second_waits_for_the_first() {
    let mut telephone = Telephone::new(&with_number(), Can(&[MENU, SHOW, SEND, LOCATE]));
    telephone.does();
    telephone.chooses(3);
    telephone.chooses(3);
    let all = telephone.does();
    let texts: Vec<_> = all.iter().filter(|a| a.kind == command::DISPLAY_TEXT).map(Asked::text).collect();
    assert_eq!(texts, ["An alert is on its way", "The alert was sent"]);
    let sent: Vec<_> = all.iter().filter(|a| a.kind == command::SEND_SHORT_MESSAGE).collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(read_alert(&message_of(sent[0])).0, 1);
    telephone.chooses(3);
    let all = telephone.does();
    assert_eq!(read_alert(&message_of(&all[1])).0, 2);
}

#[test]
fn lock_asks_for_the_pin_that_stands_in_where_that_one_is_off() {
    const CAN: Can = Can(&[MENU, SHOW, ASK, REFRESH]);
    let codes = Profile {
        universal_pin: Some(card::Pin {
            pin: card::Code::pin("1357").unwrap(),
            puk: card::Code::eight("13571357").unwrap(),
        }),
        ..profile()
    };
    let mut telephone = Telephone::new(&codes, CAN);
    telephone.does();
    assert_eq!(telephone.say(&disable_apdu(PIN).replacen("002600", "002691", 1)), "9000");
    assert_eq!(telephone.say(&disable_apdu("1357").replacen("00260001", "00260011", 1)), "9000");
    telephone.chooses(1);
    assert!(telephone.does()[0].text().contains("PIN OFF"));
    telephone.chooses(2);
    let asked = telephone.asked();
    assert_eq!(asked.kind, command::GET_INPUT);
    telephone.answers(&asked, 0, "8d050431333537");
    assert_eq!(kinds(&telephone.does()), [command::REFRESH]);
    telephone.terminal.card.reset();
    telephone.terminal.send(USIM);
    assert_eq!(telephone.terminal.raw(&authenticate_apdu(challenge([1; 16], 1, 0))), "6982");
}

#[test]
fn envelopes_that_are_cut_or_garbled_change_nothing_and_fill_nothing() {
    let mut telephone = Telephone::new(&with_number(), Can(&[MENU, SHOW, SEND, LOCATE, ASK]));
    telephone.does();
    let whole = hex::decode("d3078202018190010 1".replace(' ', "")).unwrap();
    for cut in 0..whole.len() {
        let apdu = format!("80c20000{cut:02x}{}", hex::encode(&whole[..cut]));
        assert!(["6a80", "6700"].contains(&telephone.say(&apdu).as_str()), "{cut}");
    }
    for item in [0, 4, 0x80, 0xff] {
        assert_eq!(telephone.chooses(item), "6a80");
    }
    assert_eq!(telephone.say("80c2000002d900"), "6a81");
    assert_eq!(telephone.say("80c200000ad608990105820282819b"), "6a80", "an event nobody asked for");
    // However often it is chosen, what waits is bounded.
    for _ in 0..1_000 {
        telephone.chooses(1);
    }
    assert!(telephone.does().len() <= 16);
}

#[test]
fn a_sim_of_old_plays_it_in_its_own_class() {
    let mut telephone = Telephone::new(&profile(), Can(&[]));
    let answer = telephone.say(&Can(&[LOCATE]).apdu().replacen("80", "a0", 1));
    assert_eq!(answer, "910b");
    let fetched = telephone.say("a01200000b");
    assert!(fetched.starts_with("d009810301260182028182"), "{fetched}");
    assert_eq!(telephone.say("a01400000c810301260182028281830100"), "9000");
}
