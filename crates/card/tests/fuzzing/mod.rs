//! What octets from nowhere are fed to: one function for each door. The fuzzer calls them (`fuzz/`), and so does the test that
//! feeds them what it found before.
#![allow(dead_code, unreachable_pub, reason = "the fuzzer and the tests use their own parts")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is what is looked for")]

use crate::common::{OPC, PIN, USIM, bytes, profile, rng, verify_apdu};
use card::medium::{Counter, Memory};
use card::{Card, Protocol};
use std::cell::RefCell;

/// K, which no answer may have in it.
fn k() -> [u8; 16] {
    bytes(crate::common::K)
}

thread_local! {
    /// A card as it is when it is new, to be copied: making one takes longer than most inputs.
    static NEW: RefCell<Option<(Memory, Counter)>> = const { RefCell::new(None) };
}

/// A card that nobody has used.
fn fresh() -> Card<Memory, Counter> {
    let (medium, anchor) = NEW.with(|new| {
        let made = || {
            let key = crate::common::device_key();
            let card = Card::personalise(Memory::new(), Counter::default(), key, &profile(), &mut rng(7));
            card.unwrap().into_parts()
        };
        new.borrow_mut().get_or_insert_with(made).clone()
    });
    Card::open(medium, anchor, crate::common::device_key()).unwrap()
}

/// The pieces of an input: each has its length before it, in one octet.
fn pieces(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = input.split_first()?;
        let (piece, after) = rest.split_at(rest.len().min(usize::from(*len)));
        input = after;
        Some(piece)
    })
}

/// An answer has a status word of the standards, and neither K nor OPc in it.
fn judge(apdu: &[u8], answer: &[u8]) {
    let status = answer.last_chunk::<2>().expect("a status word");
    assert!(matches!(status[0], 0x61..=0x6f | 0x90..=0x9f), "{apdu:02x?}: {status:02x?}");
    for secret in [k(), bytes(OPC)] {
        assert!(!answer.windows(16).any(|w| w == secret), "{apdu:02x?}");
    }
}

/// APDUs, one after the other. The first octet says what was said before: nothing, the PIN, the PIN and the operator's code; and
/// over which protocol.
pub fn apdus(input: &[u8]) {
    let Some((how, input)) = input.split_first() else { return };
    let mut card = fresh();
    let mut rng = rng(1);
    card.speak(if how & 0x80 == 0 { Protocol::T0 } else { Protocol::T1 });
    let mut say = |apdu: &[u8]| {
        let answer = card.transmit(apdu, &mut rng);
        judge(apdu, &answer);
    };
    let before: &[String] =
        &[USIM.to_owned(), verify_apdu(PIN), crate::common::verify_adm_apdu(crate::common::ADM)];
    for apdu in before.iter().take(usize::from(how & 0x03)) {
        say(&hex::decode(apdu).unwrap());
    }
    for apdu in pieces(input) {
        say(apdu);
    }
    let (medium, anchor) = card.into_parts();
    let reopened = Card::open(medium, anchor, crate::common::device_key()).unwrap();
    assert_eq!(reopened.lock(), None, "whatever was said, what is written reads back");
}

/// The data of TERMINAL RESPONSE and ENVELOPE, in turn, of a terminal that can do everything, and FETCH between them.
pub fn toolkit(input: &[u8]) {
    let profile = card::Profile {
        alert_number: Some("8613800100500".parse().unwrap()),
        alert_endpoint: Some(([192, 0, 2, 1], 4711)),
        ..profile()
    };
    let mut rng = rng(1);
    let card =
        Card::personalise(Memory::new(), Counter::default(), crate::common::device_key(), &profile, &mut rng);
    let mut card = card.unwrap();
    let mut waits = 0;
    let mut say = |apdu: &[u8]| {
        let answer = card.transmit(apdu, &mut rng);
        judge(apdu, &answer);
        if let Some([0x91, octets]) = answer.last_chunk::<2>() {
            waits = *octets;
        }
        waits
    };
    for apdu in [USIM.to_owned(), verify_apdu(PIN), format!("8010000019{}", "ff".repeat(25))] {
        say(&hex::decode(apdu).unwrap());
    }
    for piece in pieces(input).take(64) {
        let Some((which, data)) = piece.split_first() else { continue };
        let data = data.get(..255).unwrap_or(data);
        let waits = say(&[0x80, 0xf2, 0, 0x0c]);
        say(&[0x80, 0x12, 0, 0, waits]);
        let ins = if which & 1 == 0 { 0x14 } else { 0xc2 };
        say(&[&[0x80, ins, 0, 0, data.len() as u8][..], data].concat());
    }
}

/// Data objects of either kind, and what is read from them.
pub fn tlv(input: &[u8]) {
    let mut rest = 0;
    for object in wire::tlv::objects(input).map_while(Result::ok) {
        rest += object.value.len();
        let written = wire::tlv::tlv(object.tag, object.value);
        assert_eq!(wire::tlv::find(&written, object.tag), Some(object.value));
    }
    assert!(rest <= input.len());
    for object in wire::toolkit::objects(input).map_while(Result::ok) {
        assert!(object.value.len() <= input.len());
    }
    let _ = wire::toolkit::Response::parse(input);
    let _ = wire::envelope::sms_of(input);
    let _ = wire::apdu::Command::parse(input).map(|command| command.to_bytes());
    let _ = wire::sms::Deliver::parse(input);
    let _ = wire::sms::Submit::parse(input);
    let _ = wire::secured_packet::CommandPacket::parse(input);
    let _ = wire::phonebook::Contact::parse(input);
}
