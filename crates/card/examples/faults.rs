//! What an attacker may ask of a card while he makes its processor leave out an instruction.
//!
//! `faults CASE [honest]` makes a card, lets it answer one command in [`under_attack`], then looks whether the attacker won, and says so to
//! [`verdict`]. `tests/faults/run.py` runs it in an emulator, once for every instruction under attack, without that instruction.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is a card that answers no more"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use card::Card;
use card::medium::{Counter, Memory};
use common::*;
use keys::milenage::{Amf, Sqn};
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use wire::envelope::sms_pp_download;
use wire::secured_packet::{AES_KEY_SET_1, Head, Spi, command_element};
use wire::sms::{Address, DataCoding, Deliver, ProtocolIdentifier, Timestamp, UserData};

/// The attacker has what he should not.
const WON: u32 = 1;
/// He was told whether a code is right, and the card does not remember that he asked.
const FREE_TRY: u32 = 2;

const RAND: [u8; 16] = [7; 16];
const READ_SPN: &str = "00b0000011";
const SELECT_SPN: &str = "00a4080c047fff6f46";
const SELECT_IMSI: &str = "00a4080c047fff6f07";
const READ_IMSI: &str = "00b0000009";
const IMSI: &str = "084906002143658709";

/// The command that is attacked. Instructions are left out from here until it returns.
#[inline(never)]
fn under_attack(card: &mut Card<Memory, Counter>, apdu: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
    card.transmit(black_box(apdu), rng)
}

/// The same for what is not a card: the code that a person in a hurry writes.
#[inline(never)]
fn naive_under_attack(card: &mut Naive, code: [u8; 4]) -> u16 {
    card.verify(black_box(code))
}

/// Where the emulator reads what came of it.
#[inline(never)]
fn verdict(what: u32) {
    black_box(what);
}

/// A PIN compared where it is kept, its tries counted in place.
struct Naive {
    pin: [u8; 4],
    tries: u8,
    open: bool,
}

impl Naive {
    fn verify(&mut self, code: [u8; 4]) -> u16 {
        if self.tries == 0 {
            return 0x6983;
        }
        if code == self.pin {
            self.tries = 3;
            self.open = true;
            return 0x9000;
        }
        self.tries -= 1;
        0x63c0 | u16::from(self.tries)
    }
}

/// A card that stands before the command, the command, and how to tell that the attacker won.
struct Case {
    terminal: Terminal,
    apdu: String,
    won: fn(&mut Terminal, &str) -> bool,
    /// What asks how many tries are left, where one is to be spent.
    tries: Option<&'static str>,
}

impl Case {
    fn new(terminal: Terminal, apdu: impl Into<String>, won: fn(&mut Terminal, &str) -> bool) -> Self {
        Self { terminal, apdu: apdu.into(), won, tries: None }
    }

    /// One that spends a try, which this command asks for.
    fn spends(self, query: &'static str) -> Self {
        Self { tries: Some(query), ..self }
    }
}

/// The holder is known, or taken for somebody who is.
fn is_holder(terminal: &mut Terminal, _: &str) -> bool {
    terminal.raw(SELECT_IMSI);
    terminal.raw(READ_IMSI).contains(IMSI)
}

fn is_operator(terminal: &mut Terminal, _: &str) -> bool {
    terminal.raw(SELECT_SPN);
    terminal.raw("00d600000100") == "9000"
}

/// The answer to the challenge that all these cases are about.
fn is_authenticated(terminal: &mut Terminal, _: &str) -> bool {
    let res = milenage().vector(&RAND, Sqn::default(), Amf::ZERO).res;
    terminal.raw("00c0000000").contains(&hex::encode(res))
}

fn is_renamed(terminal: &mut Terminal, _: &str) -> bool {
    terminal.send(USIM);
    terminal.raw(SELECT_SPN);
    !terminal.raw(READ_SPN).contains(&hex::encode("Simward"))
}

/// A case; with `honest` the same for somebody who may, which shows that winning is seen.
fn case(name: &str, honest: bool) -> Option<Case> {
    let mut terminal = Terminal::new();
    terminal.send(USIM);
    let pin = if honest { PIN } else { WRONG };
    Some(match name {
        "verify" => Case::new(terminal, verify_apdu(pin), is_holder).spends("0020000100"),
        "verify-adm" => {
            let code = if honest { ADM } else { "11111111" };
            Case::new(terminal, verify_adm_apdu(code), is_operator).spends("0020000a00")
        }
        "unblock" => {
            let puk = if honest { PUK } else { "99999999" };
            Case::new(terminal, unblock_apdu(puk, WRONG), is_holder).spends("002c000100")
        }
        "change" => Case::new(terminal, change_apdu(pin, "7777"), is_holder).spends("0020000100"),
        "blocked" => {
            for _ in 0..if honest { 2 } else { 3 } {
                terminal.raw(&verify_apdu(WRONG));
            }
            Case::new(terminal, verify_apdu(PIN), is_holder)
        }
        "mac" => {
            terminal.ready();
            let (rand, mut autn) = challenge(RAND, 1, 0);
            autn[15] ^= if honest { 0 } else { 0x40 };
            Case::new(terminal, authenticate_apdu((rand, autn)), is_authenticated)
        }
        "sqn" => {
            terminal.ready();
            let heard = authenticate_apdu(challenge(RAND, 1, 0));
            if !honest {
                terminal.send(&heard);
            }
            Case::new(terminal, heard, is_authenticated)
        }
        "authenticate" => {
            known(&mut terminal, honest);
            Case::new(terminal, authenticate_apdu(challenge(RAND, 1, 0)), is_authenticated)
        }
        "read" => {
            known(&mut terminal, honest);
            terminal.raw(SELECT_IMSI);
            Case::new(terminal, READ_IMSI, |_, answer| answer.contains(IMSI))
        }
        "update" => {
            terminal.ready();
            if honest {
                terminal.raw(&verify_adm_apdu(ADM));
            }
            terminal.raw(SELECT_SPN);
            Case::new(terminal, format!("00d6000011{}", "58".repeat(17)), is_renamed)
        }
        "remote" => Case::new(terminal, packet(honest), is_renamed),
        "sign" => {
            known(&mut terminal, honest);
            let digest = "5a".repeat(32);
            Case::new(terminal, format!("002a9e9a20{digest}"), |_, answer| answer.starts_with("61"))
        }
        _ => return None,
    })
}

fn known(terminal: &mut Terminal, honest: bool) {
    if honest {
        terminal.raw(&verify_apdu(PIN));
    }
}

/// A secured packet that renames the network, its checksum wrong in one bit unless it is the operator's.
fn packet(honest: bool) -> String {
    let head = Head { spi: Spi::FULL, kic: AES_KEY_SET_1, kid: AES_KEY_SET_1, tar: [0xb0, 0x00, 0x10] };
    let script = hex::decode(format!("00a4080c047fff6f4600d6000011{}", "58".repeat(17))).unwrap();
    let mut packet = ota_keys().seal_command(&head, 1, &script).unwrap();
    *packet.last_mut().unwrap() ^= u8::from(!honest);
    let from = Address::from(&"8613800100500".parse::<wire::Msisdn>().unwrap());
    let data = UserData::octets(DataCoding::FOR_THE_CARD, vec![command_element()], packet);
    let mut deliver = Deliver::new(from, Timestamp::new(wire::UnixTime(1_790_000_000), 32), data);
    deliver.protocol = ProtocolIdentifier::DATA_DOWNLOAD;
    let data = sms_pp_download(None, &deliver.to_bytes().unwrap());
    format!("80c20000{:02x}{}", data.len(), hex::encode(data))
}

fn naive() -> u32 {
    let mut card = Naive { pin: *b"1234", tries: 3, open: false };
    let status = naive_under_attack(&mut card, *b"9999");
    let won = if status == 0x9000 || card.open { WON } else { 0 };
    won | if status & 0xfff0 == 0x63c0 && card.tries == 3 { FREE_TRY } else { 0 }
}

fn judge(name: &str, honest: bool) -> u32 {
    if name == "naive" {
        return naive();
    }
    let Some(Case { mut terminal, apdu, won, tries }) = case(name, honest) else { panic!("no such case") };
    let before = tries.map(|query| terminal.raw(query));
    let apdu = hex::decode(apdu).unwrap();
    let answer = hex::encode(under_attack(&mut terminal.card, &apdu, &mut terminal.rng));
    let mut what = if won(&mut terminal, &answer) { WON } else { 0 };
    // As many tries as before: that is the answer to the question how many there are, which tells nothing of a code.
    let told = answer.starts_with("63c") && before.as_ref() != Some(&answer);
    if let Some(query) = tries.filter(|_| told) {
        let (medium, anchor) = terminal.card.into_parts();
        // A card that does not open any more answers no further question.
        let reopened = Card::open(medium, anchor, device_key()).ok().filter(|card| card.lock().is_none());
        if let Some(card) = reopened
            && before == Some(Terminal { card, rng: rng(9) }.raw(query))
        {
            what |= FREE_TRY;
        }
    }
    what
}

fn main() {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    verdict(judge(&name, words.next().is_some_and(|word| word == "honest")));
}
