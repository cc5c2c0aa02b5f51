//! Remote management, as an attacker meets it: replay, forgery, weaker algorithms, garbled packets, power cuts, other
//! people's files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::medium::{Anchor, Counter, Medium, Memory};
use common::*;
use keys::Secret;
use keys::ota::OtaKeys;
use rand_chacha::rand_core::Rng as _;
use wire::envelope::sms_pp_download;
use wire::secured_packet::{
    AES_KEY_SET_1, COMMAND_ELEMENT, Head, MAX_COUNTER, ResponsePacket, ResponseStatus, Spi, command_element,
};
use wire::sms::{
    Address, Concatenation, DataCoding, Deliver, Element, ProtocolIdentifier, Timestamp, UserData,
};

const HEAD: Head = Head { spi: Spi::FULL, kic: AES_KEY_SET_1, kid: AES_KEY_SET_1, tar: [0xb0, 0x00, 0x10] };
const SPN: &str = "00a4080c047fff6f46";

fn deliver(header: Vec<Element>, octets: &[u8]) -> Deliver {
    let from = Address::from(&"8613800100500".parse::<wire::Msisdn>().unwrap());
    let data = UserData::octets(DataCoding::FOR_THE_CARD, header, octets.to_vec());
    let mut deliver = Deliver::new(from, Timestamp::new(wire::UnixTime(1_790_000_000), 32), data);
    deliver.protocol = ProtocolIdentifier::DATA_DOWNLOAD;
    deliver
}

fn envelope(deliver: &Deliver) -> String {
    let data = sms_pp_download(None, &deliver.to_bytes().unwrap());
    format!("80c20000{:02x}{}", data.len(), hex::encode(data))
}

/// A whole packet in one message.
fn message(packet: &[u8]) -> String {
    envelope(&deliver(vec![command_element()], packet))
}

/// The name as EF.SPN has it.
fn spn(name: &str) -> Vec<u8> {
    let mut out = vec![1];
    out.extend_from_slice(name.as_bytes());
    out.resize(17, 0xff);
    out
}

/// SELECT by path and UPDATE BINARY from the beginning.
fn script(path: &str, octets: &[u8]) -> Vec<u8> {
    let select = format!("00a4080c{:02x}{path}", path.len() / 2);
    let update = format!("00d60000{:02x}{}", octets.len(), hex::encode(octets));
    hex::decode(select + &update).unwrap()
}

fn rename(counter: u64, name: &str) -> Vec<u8> {
    ota_keys().seal_command(&HEAD, counter, &script("7fff6f46", &spn(name))).unwrap()
}

fn name<M: Medium, A: Anchor>(terminal: &mut Terminal<M, A>) -> String {
    assert!(terminal.send(USIM).ends_with("9000"));
    assert_eq!(terminal.raw(SPN), "9000");
    let octets = hex::decode(terminal.raw("00b0000011")).unwrap();
    octets[1..17].iter().take_while(|b| **b != 0xff).map(|b| char::from(*b)).collect()
}

/// The unsigned reason of a refusal: the packet with no checksum and nothing of the command.
fn refusal(answer: &str, status: ResponseStatus) {
    let expect = format!("027100000b0ab00010000000000000{:02x}9000", status.0);
    assert_eq!(answer, expect);
}

/// The receipt: counter, commands, status of the last.
fn receipt(answer: &str) -> (u64, u8, u16) {
    let answer = hex::decode(answer.strip_suffix("9000").unwrap()).unwrap();
    let packet = ResponsePacket::parse(&answer).unwrap();
    let response = ota_keys().open_response(&packet, true).unwrap();
    assert_eq!((response.tar, response.status), (HEAD.tar, ResponseStatus::OK));
    let [commands, high, low] = response.data[..] else { panic!("{:02x?}", response.data) };
    (response.counter, commands, u16::from_be_bytes([high, low]))
}

#[test]
fn the_operator_changes_its_name_and_gets_a_receipt() {
    let mut terminal = Terminal::new();
    assert_eq!(name(&mut terminal), "Simward");
    let answer = terminal.send(&message(&rename(1, "Shouhao")));
    assert_eq!(receipt(&answer), (1, 2, 0x9000));
    assert_eq!(name(&mut terminal), "Shouhao");
    terminal.send("00a4080c047fff6f38");
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    assert_eq!(name(&mut terminal), "Shouhao");
    assert_eq!(receipt(&terminal.send(&message(&rename(2, "Again")))), (2, 2, 0x9000));
    terminal.ready();
    terminal.send("00a4080c047fff6f38");
    assert_eq!(terminal.raw("00b0000301"), "0c9000", "service 28 is offered, beside 27");
}

#[test]
fn a_packet_said_again_is_refused_however_often_and_after_power_is_back() {
    let mut terminal = Terminal::new();
    let first = message(&rename(5, "First"));
    assert_eq!(receipt(&terminal.send(&first)), (5, 2, 0x9000));
    assert_eq!(receipt(&terminal.send(&message(&rename(6, "Second")))), (6, 2, 0x9000));
    for round in 0..3 {
        refusal(&terminal.send(&first), ResponseStatus::COUNTER_LOW);
        for counter in [0, 4, 5, 6] {
            refusal(&terminal.send(&message(&rename(counter, "Old"))), ResponseStatus::COUNTER_LOW);
        }
        assert_eq!(name(&mut terminal), "Second");
        let (medium, anchor) = terminal.card.into_parts();
        terminal = Terminal::open(medium, anchor);
        assert!(round < 3);
    }
}

#[test]
fn des_and_every_other_algorithm_and_key_set_are_refused_before_any_key_is_used() {
    let mut terminal = Terminal::new();
    for other in (0..=255u8).filter(|b| *b != AES_KEY_SET_1) {
        for head in [
            Head { kic: other, ..HEAD },
            Head { kid: other, ..HEAD },
            Head { kic: other, kid: other, ..HEAD },
        ] {
            let packet = ota_keys().seal_command(&head, 9, &script("7fff6f46", &spn("DES"))).unwrap();
            refusal(&terminal.send(&message(&packet)), ResponseStatus::CIPHERING_ERROR);
        }
    }
    assert_eq!(name(&mut terminal), "Simward");
    // 4 × 255 refusals have cost no try: it still takes 32 wrong checksums.
    assert_eq!(receipt(&terminal.send(&message(&rename(1, "AES")))), (1, 2, 0x9000));
}

#[test]
fn anything_less_than_ciphering_checksum_and_counter_is_refused() {
    let mut terminal = Terminal::new();
    for spi in (0..=255u8).filter(|b| *b != 0x16) {
        let head = Head { spi: Spi([spi, 0x19]), ..HEAD };
        let packet = ota_keys().seal_command(&head, 9, &script("7fff6f46", &spn("x"))).unwrap();
        refusal(&terminal.send(&message(&packet)), ResponseStatus::INSUFFICIENT_SECURITY_LEVEL);
    }
    // A plain packet as the standard lays it out, without ciphering and without checksum.
    let plain = [
        &[0, 0x27, 0x0d, 0, 1, 0, 0, 0xb0, 0, 0x10, 0, 0, 0, 0, 9, 0][..],
        &script("7fff6f46", &spn("x"))[..],
    ];
    let mut plain = plain.concat();
    plain[1] = plain.len() as u8 - 2;
    refusal(&terminal.send(&message(&plain)), ResponseStatus::INSUFFICIENT_SECURITY_LEVEL);
    for tar in [[0; 3], [0xb0, 0, 0], [0xb0, 0, 0x11], [0x53, 0x54, 0x48], *b"S@T"] {
        let packet = ota_keys().seal_command(&Head { tar, ..HEAD }, 9, &[]).unwrap();
        let answer = terminal.send(&message(&packet));
        assert_eq!(answer, format!("027100000b0a{}000000000000099000", hex::encode(tar)));
    }
    assert_eq!(name(&mut terminal), "Simward");
}

#[test]
fn a_wrong_checksum_is_met_with_silence_and_thirty_two_lock_the_key_set() {
    let mut terminal = Terminal::new();
    let foreign = OtaKeys::new(Secret::new([0; 16]), Secret::new([0; 16]));
    let forged = message(&foreign.seal_command(&HEAD, 9, &script("7fff6f46", &spn("x"))).unwrap());
    for _ in 0..31 {
        assert_eq!(terminal.raw(&forged), "9000", "no octet in answer");
        assert_eq!(terminal.raw("00c0000000"), "6985");
    }
    // One that was right once, said again, gives no try back; one that is right now gives all.
    assert_eq!(receipt(&terminal.send(&message(&rename(1, "Right")))), (1, 2, 0x9000));
    for tried in 0..32 {
        if tried % 8 == 0 {
            refusal(&terminal.send(&message(&rename(1, "Right"))), ResponseStatus::COUNTER_LOW);
        }
        assert_eq!(terminal.raw(&forged), "9000");
    }
    for _ in 0..2 {
        refusal(&terminal.send(&message(&rename(2, "Late"))), ResponseStatus::SECURITY_ERROR);
        let (medium, anchor) = terminal.card.into_parts();
        terminal = Terminal::open(medium, anchor);
    }
    assert_eq!(name(&mut terminal), "Right");
    terminal.ready();
}

#[test]
fn no_changed_bit_of_a_packet_is_ever_carried_out() {
    let packet = rename(1, "Flip");
    let mut silent = 0;
    let mut terminal = Terminal::new();
    for bit in 0..packet.len() * 8 {
        if bit % 24 == 0 {
            terminal = Terminal::new();
        }
        let mut bad = packet.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let answer = terminal.send(&message(&bad));
        silent += u32::from(answer == "9000");
        let unsigned = answer.starts_with("027100000b0a") && answer.len() == 36;
        assert!(answer == "9000" || answer == "6a80" || unsigned, "bit {bit}: {answer}");
        assert_eq!(name(&mut terminal), "Simward", "bit {bit}");
    }
    assert!(silent > 300, "{silent} met with silence");
}

#[test]
fn cut_and_garbled_envelopes_are_refused_and_nothing_panics() {
    let whole = hex::decode(message(&rename(1, "Cut"))).unwrap();
    let mut rng = rng(31);
    let mut terminal = Terminal::new();
    for len in 5..whole.len() {
        let mut cut = whole[..len].to_vec();
        cut[4] = (len - 5) as u8;
        let answer = terminal.raw(&hex::encode(cut));
        assert!(["6a80", "9000", "6700"].contains(&answer.as_str()), "{len}: {answer}");
    }
    for round in 0..20_000u64 {
        if round % 500 == 0 {
            terminal = Terminal::new();
        }
        let mut bad = whole.clone();
        for _ in 0..=rng.next_u64() % 3 {
            let at = 5 + (rng.next_u64() as usize) % (bad.len() - 5);
            bad[at] = rng.next_u64() as u8;
        }
        if bad == whole {
            continue;
        }
        terminal.raw(&hex::encode(&bad));
    }
    // What is not for the card, and what is another envelope.
    let mut text = deliver(vec![command_element()], &rename(1, "Text"));
    text.protocol = ProtocolIdentifier::PLAIN;
    assert_eq!(terminal.raw(&envelope(&text)), "6a80");
    assert_eq!(terminal.raw(&envelope(&deliver(vec![], &rename(1, "x")))), "6a80");
    for apdu in ["80c200000ad3088202018190010156", "80c2000000", "80c20000", "80c2010001d1"] {
        assert!(["6a80", "6a86", "6700"].contains(&terminal.raw(apdu).as_str()), "{apdu}");
    }
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw(&format!("00{}", &message(&rename(1, "x"))[2..])), "6d00", "it is of class 80");
    assert_eq!(name(&mut terminal), "Simward");
}

#[test]
fn only_the_files_given_to_the_operator_can_be_written_from_afar() {
    let mut terminal = Terminal::new();
    terminal.ready();
    let before = |terminal: &mut Terminal| {
        ["7fff6f07", "7fff6f38", "7fff6f78", "2f1d", "7fff6fad", "7fff6f7e"].map(|path| {
            terminal.send(&format!("00a4080c{:02x}{path}", path.len() / 2));
            terminal.raw("00b0000000")
        })
    };
    let was = before(&mut terminal);
    let mut counter = 0;
    let mut send = |terminal: &mut Terminal, script: &[u8]| {
        counter += 1;
        let packet = ota_keys().seal_command(&HEAD, counter, script).unwrap();
        let (its, commands, status) = receipt(&terminal.send(&message(&packet)));
        assert_eq!(its, counter);
        (commands, status)
    };
    for path in
        ["7fff6f07", "7fff6f38", "7fff6f78", "2f1d", "7fff6fad", "7fff6f08", "7fff6f7e", "2fe2", "2f06"]
    {
        let (commands, status) = send(&mut terminal, &script(path, &[0]));
        assert_eq!((commands, [0x6982, 0x6981].contains(&status)), (2, true), "{path} {status:04x}");
    }
    // Contacts and messages; by short identifier; another command; a file that is not there; no length.
    for (script, expect) in [
        (format!("00a4080c047f106f3a00dc010422{}", "41".repeat(34)), (2, 0x6982)),
        (format!("00a4080c047fff6f3c00dc0104b0{}", "01".repeat(0xb0)), (1, 0)),
        ("00d6870001 08".replace(' ', ""), (1, 0x6982)),
        ("00b0000001ff".into(), (1, 0x6d00)),
        ("002000010831323334ffffffff".into(), (1, 0x6d00)),
        ("0088008100".into(), (1, 0x6d00)),
        ("80d600000108".into(), (1, 0x6e00)),
        ("00a4080c027fff00a4080c0212 34".replace(' ', ""), (2, 0x6a82)),
        ("00a4080c047fff6f4600d6000012".to_owned() + &"00".repeat(18), (2, 0x6700)),
        ("00a408".into(), (1, 0x6700)),
        (String::new(), (0, 0x6700)),
    ] {
        let script = hex::decode(script).unwrap();
        if script.len() > 110 {
            continue; // goes over two messages; see below
        }
        assert_eq!(send(&mut terminal, &script), expect, "{}", hex::encode(&script));
    }
    // What came before the refusal was done, in one with it.
    let both = [script("7fff6f46", &spn("Half")), script("7fff6f07", &[0])].concat();
    assert_eq!(send(&mut terminal, &both), (4, 0x6982));
    assert_eq!(name(&mut terminal), "Half");
    assert_eq!(send(&mut terminal, &script("7fff6f31", &[7])), (2, 0x9000));
    terminal.ready();
    assert_eq!(before(&mut terminal), was);
}

#[test]
fn a_packet_of_several_messages_is_joined_and_one_with_a_part_missing_is_not() {
    // Long enough for three: the name written over and over.
    let long: Vec<u8> = (0..10).flat_map(|i| script("7fff6f46", &spn(&format!("Long {i}")))).collect();
    let packet = |counter| ota_keys().seal_command(&HEAD, counter, &long).unwrap();
    let parts = |packet: &[u8], reference: u8| -> Vec<String> {
        let pieces: Vec<&[u8]> = packet.chunks(130).collect();
        let count = pieces.len() as u8;
        let part = |(i, piece): (usize, &&[u8])| {
            let mut header = vec![Concatenation::element(reference, count, i as u8 + 1)];
            if i == 0 {
                header.push(command_element());
            }
            envelope(&deliver(header, piece))
        };
        pieces.iter().enumerate().map(part).collect()
    };
    let mut terminal = Terminal::new();
    let three = parts(&packet(1), 7);
    assert_eq!(three.len(), 3);
    assert_eq!(terminal.raw(&three[0]), "9000");
    assert_eq!(terminal.raw(&three[1]), "9000");
    assert_eq!(name(&mut terminal), "Simward");
    assert_eq!(receipt(&terminal.send(&three[2])), (1, 20, 0x9000));
    assert_eq!(name(&mut terminal), "Long 9");
    // Backwards, and one twice.
    let three = parts(&packet(2), 8);
    for part in [&three[2], &three[2], &three[1]] {
        assert_eq!(terminal.raw(part), "9000");
    }
    assert_eq!(receipt(&terminal.send(&three[0])), (2, 20, 0x9000));
    // A reset forgets the parts, another reference too; parts of two packets do not mix.
    let (one, other) = (parts(&packet(3), 9), parts(&packet(4), 9));
    assert_eq!(terminal.raw(&one[0]), "9000");
    terminal.card.reset();
    assert_eq!(terminal.raw(&one[1]), "9000");
    assert_eq!(terminal.raw(&one[2]), "9000");
    assert_eq!(terminal.raw(&other[0]), "9000", "joined, and the checksum is wrong: silence");
    assert_eq!(receipt(&terminal.send(&message(&rename(3, "Third")))), (3, 2, 0x9000));
    // The element anywhere but in the first part; more parts than a card keeps.
    let header = vec![Concatenation::element(1, 2, 2), command_element()];
    assert_eq!(terminal.raw(&envelope(&deliver(header, &[0; 20]))), "6a80");
    let header = vec![Concatenation::element(1, 2, 1)];
    assert_eq!(terminal.raw(&envelope(&deliver(header, &[0; 20]))), "6a80");
    let header = vec![Concatenation::element(1, 6, 1), Element { id: COMMAND_ELEMENT, data: vec![] }];
    assert_eq!(terminal.raw(&envelope(&deliver(header, &[0; 20]))), "6a80");
}

#[test]
fn a_cut_at_every_step_carries_a_packet_out_once_or_not_at_all() {
    let (_, first) = mortal();
    let saved = (first.0.borrow().banks.clone(), first.0.borrow().synced, first.0.borrow().anchor);
    let mut rng = rng(41);
    let update = message(&rename(1, "Once"));
    let (mut done, mut not_done) = (0, 0);
    for warm in [false, true] {
        let mut all = None;
        let mut fuel = 0;
        while all.is_none_or(|all| fuel <= all) {
            let world = Mortal::default();
            {
                let mut w = world.0.borrow_mut();
                (w.banks, w.synced, w.anchor) = saved.clone();
            }
            let mut terminal = Terminal::open(world.clone(), world.clone());
            if warm {
                assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
            }
            let start = world.0.borrow().steps;
            world.0.borrow_mut().fuel = all.map(|_| fuel);
            let answer = terminal.send(&update);
            let dead = world.0.borrow().dead();
            if all.is_none() {
                all = Some(world.0.borrow().steps - start);
                assert_eq!(receipt(&answer), (1, 2, 0x9000));
                continue;
            }
            world.0.borrow_mut().cut(&mut rng);
            let mut terminal = Terminal::open(world.clone(), world.clone());
            terminal.rng = common::rng(rng.next_u64());
            assert_eq!(terminal.card.lock(), None);
            let before = name(&mut terminal);
            // Whoever sent it sends it again: it is carried out now if and only if it was not before.
            let again = terminal.send(&update);
            match before.as_str() {
                "Once" => {
                    refusal(&again, ResponseStatus::COUNTER_LOW);
                    done += 1;
                }
                "Simward" => {
                    assert!(dead, "acknowledged and lost after {fuel} steps");
                    assert_eq!(receipt(&again), (1, 2, 0x9000));
                    not_done += 1;
                }
                half => panic!("{half} after {fuel} steps"),
            }
            // Snapshots are long: every step of what is ours, every seventh of theirs.
            fuel += if warm { 1 } else { 7 };
        }
    }
    assert!(done > 2 && not_done > 100, "{done} done, {not_done} not");
}

#[test]
fn a_full_disk_carries_nothing_out_and_costs_nothing() {
    let (mut terminal, world) = mortal();
    assert!(terminal.send(USIM).ends_with("9000"));
    world.0.borrow_mut().full_at = Some(0);
    for _ in 0..100 {
        assert_eq!(terminal.raw(&message(&rename(1, "Full"))), "6581");
        assert_eq!(terminal.raw("00c0000000"), "6985");
    }
    assert_eq!(name(&mut terminal), "Simward");
    world.0.borrow_mut().full_at = None;
    assert_eq!(receipt(&terminal.send(&message(&rename(1, "Room")))), (1, 2, 0x9000));
}

#[test]
fn receipts_come_as_they_are_asked_for() {
    let mut terminal = Terminal::new();
    let mut send = |counter, spi2, path: &str| {
        let head = Head { spi: Spi([0x16, spi2]), ..HEAD };
        let octets = if path == "7fff6f46" { spn("x") } else { vec![0] };
        terminal.send(&message(&ota_keys().seal_command(&head, counter, &script(path, &octets)).unwrap()))
    };
    assert_eq!(send(1, 0x00, "7fff6f46"), "9000", "none asked for");
    assert_eq!(send(2, 0x1a, "7fff6f46"), "9000", "only on errors");
    assert_eq!(receipt(&send(3, 0x1a, "7fff6f07")), (3, 2, 0x6982));
    let answer = send(4, 0x09, "7fff6f46");
    let signed = hex::decode(answer.strip_suffix("9000").unwrap()).unwrap();
    let response = ota_keys().open_response(&ResponsePacket::parse(&signed).unwrap(), false).unwrap();
    assert_eq!((response.counter, response.data), (4, vec![2, 0x90, 0x00]));
    assert_eq!(send(5, 0x01, "7fff6f46"), "027100000e0ab000100000000005000002900 09000".replace(' ', ""));
    assert_eq!(send(5, 0x00, "7fff6f46"), "9000", "a replay, and no answer asked for");
    assert_eq!(send(MAX_COUNTER, 0x00, "7fff6f46"), "9000");
    refusal(&send(MAX_COUNTER, 0x19, "7fff6f46"), ResponseStatus::COUNTER_BLOCKED);
}

#[test]
fn a_card_without_keys_knows_no_such_command() {
    let mut rng = rng(1);
    let profile = card::Profile { ota: None, ..profile() };
    let card =
        card::Card::personalise(Memory::new(), Counter::default(), device_key(), &profile, &mut rng).unwrap();
    let mut terminal = Terminal { card, rng };
    assert_eq!(terminal.raw(&message(&rename(1, "x"))), "6a81");
    terminal.ready();
    terminal.send("00a4080c047fff6f38");
    assert_eq!(terminal.raw("00b0000301"), "049000", "nor is it offered");
    let (medium, anchor) = terminal.card.into_parts();
    assert_eq!(Terminal::open(medium, anchor).raw(&message(&rename(1, "x"))), "6a81");
}
