//! The operator's packets at the card, end to end: what `operator::ota` makes, in the ENVELOPE a phone makes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use card::medium::{Counter, Memory};
use card::{Card, Code, MncLength, Profile};
use keys::Secret;
use keys::ota::OtaKeys;
use operator::ota::{Receipt, Sending, Update, read_receipt, update_file};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wire::UnixTime;
use wire::envelope::sms_pp_download;
use wire::secured_packet::ResponseStatus;
use wire::sms::{Address, Deliver, Timestamp};

struct Phone {
    card: Card<Memory, Counter>,
    rng: ChaCha20Rng,
}

fn keys() -> OtaKeys {
    OtaKeys::new(Secret::new([3; 16]), Secret::new([4; 16]))
}

fn sending() -> Sending {
    let originator = Address::from(&"8613800100500".parse::<wire::Msisdn>().unwrap());
    Sending { originator, timestamp: Timestamp::new(UnixTime(1_790_000_000), 32), reference: 9 }
}

impl Phone {
    fn new() -> Self {
        let profile = Profile {
            iccid: "8986001200000000017".parse().unwrap(),
            imsi: "460001234567890".parse().unwrap(),
            mnc_length: MncLength::Two,
            aka: keys::aka::AkaKeys::Milenage { k: Secret::new([0; 16]), opc: Secret::new([0; 16]) },
            pin: Code::pin("1234").unwrap(),
            puk: Code::eight("12345678").unwrap(),
            adm1: Code::eight("87654321").unwrap(),
            pin2: None,
            universal_pin: None,
            more_adm: Vec::new(),
            concealment: None,
            gsm: true,
            msisdn: None,
            deed_id: None,
            card_key: None,
            alert_number: None,
            alert_endpoint: None,
            ota: Some(keys()),
        };
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = Secret::new([1; 32]);
        let card = Card::personalise(Memory::new(), Counter::default(), key, &profile, &mut rng).unwrap();
        Self { card, rng }
    }

    /// What a phone does with a message for the card: over the air it comes as octets. The report's user data.
    fn receive(&mut self, deliver: &Deliver) -> Vec<u8> {
        let tpdu = Deliver::parse(&deliver.to_bytes().unwrap()).unwrap().to_bytes().unwrap();
        let data = sms_pp_download(None, &tpdu);
        let envelope = [&[0x80, 0xc2, 0, 0, data.len() as u8][..], &data].concat();
        match self.card.transmit(&envelope, &mut self.rng).as_slice() {
            [0x61, len] => {
                let answer = self.card.transmit(&[0, 0xc0, 0, 0, *len], &mut self.rng);
                answer.strip_suffix(&[0x90, 0x00]).unwrap().to_vec()
            }
            [0x90, 0x00] => Vec::new(),
            other => panic!("{other:02x?}"),
        }
    }

    fn name(&mut self) -> Vec<u8> {
        self.card.transmit(&[0, 0xa4, 4, 0x0c, 7, 0xa0, 0, 0, 0, 0x87, 0x10, 2], &mut self.rng);
        self.card.transmit(&[0, 0xa4, 8, 0x0c, 4, 0x7f, 0xff, 0x6f, 0x46], &mut self.rng);
        self.card.transmit(&[0, 0xb0, 0, 0, 17], &mut self.rng)
    }
}

fn update(octets: &[u8]) -> Update<'_> {
    Update { path: &[0x7fff, 0x6f46], offset: 1, octets }
}

#[test]
fn what_the_operator_sends_the_card_does_once() {
    let mut phone = Phone::new();
    let [message] = &update_file(&keys(), 1, &update(b"Shouhao"), &sending()).unwrap()[..] else { panic!() };
    let answer = phone.receive(message);
    let expect = Receipt::Proven { counter: 1, commands: 2, status: 0x9000 };
    assert_eq!(read_receipt(&keys(), &answer).unwrap(), expect);
    assert!(phone.name()[1..].starts_with(b"Shouhao\xff"));
    let again = read_receipt(&keys(), &phone.receive(message)).unwrap();
    assert_eq!(again, Receipt::Unproven(ResponseStatus::COUNTER_LOW));
    // Another operator's keys: silence, and a receipt made with them is none of ours.
    let other = OtaKeys::new(Secret::new([5; 16]), Secret::new([6; 16]));
    let [forged] = &update_file(&other, 2, &update(b"Thief"), &sending()).unwrap()[..] else { panic!() };
    assert_eq!(phone.receive(forged), []);
    assert!(read_receipt(&other, &answer).is_err());
    assert!(phone.name()[1..].starts_with(b"Shouhao\xff"));
}

#[test]
fn an_update_beyond_one_message_goes_in_parts() {
    let mut phone = Phone::new();
    // 255 octets do not fit this file, and the card says so: but the packet comes together.
    let octets = [0x41; 255];
    let messages = update_file(&keys(), 7, &update(&octets), &sending()).unwrap();
    assert_eq!(messages.len(), 3);
    let mut answer = Vec::new();
    for message in &messages {
        assert!(answer.is_empty());
        answer = phone.receive(message);
    }
    let expect = Receipt::Proven { counter: 7, commands: 2, status: 0x6700 };
    assert_eq!(read_receipt(&keys(), &answer).unwrap(), expect);
}

#[test]
fn what_makes_no_packet_is_refused() {
    for (counter, update) in [
        (1 << 40, update(b"x")),
        (1, Update { path: &[], offset: 0, octets: b"x" }),
        (1, Update { path: &[0x7fff], offset: 0x8000, octets: b"x" }),
        (1, update(b"")),
        (1, update(&[0; 256])),
    ] {
        assert!(update_file(&keys(), counter, &update, &sending()).is_err());
    }
    assert!(read_receipt(&keys(), &[]).is_err());
    assert!(read_receipt(&keys(), &[2, 0x71, 0, 0, 2, 10, 0xb0]).is_err());
}
