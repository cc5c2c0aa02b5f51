//! The owner's key of a real card, made in it and never outside, as the old card's factor in a deed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use card::medium::{Counter, Memory};
use card::{Card, Code, MncLength, Profile};
use deed::event::{Body, Evidence, Proof, message};
use deed::intent::Change;
use deed::state::bit;
use keys::Secret;
use keys::aka::AkaKeys;
use keys::digest::sha256;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use world::{DAY, MINUTE, Who, World, code};

const SAFE: &str = "00a4040007a0000005590010";
const PIN: &str = "002000010831323334ffffffff";

struct Chip {
    card: Card<Memory, Counter>,
    rng: ChaCha20Rng,
}

impl Chip {
    /// One that was given no key to sign by.
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let profile = Profile {
            iccid: "8986001200000000017".parse().unwrap(),
            imsi: "460001234567890".parse().unwrap(),
            mnc_length: MncLength::Two,
            aka: AkaKeys::Milenage { k: Secret::new([1; 16]), opc: Secret::new([2; 16]) },
            pin: Code::pin("1234").unwrap(),
            puk: Code::eight("12345678").unwrap(),
            adm1: Code::eight("87654321").unwrap(),
            pin2: None,
            universal_pin: None,
            more_adm: Vec::new(),
            msisdn: None,
            deed_id: None,
            concealment: None,
            gsm: false,
            card_key: None,
            alert_number: None,
            alert_endpoint: None,
            ota: None,
        };
        let key = Secret::new([9; 32]);
        let card = Card::personalise(Memory::new(), Counter::default(), key, &profile, &mut rng).unwrap();
        Self { card, rng }
    }

    fn say(&mut self, apdu: &str) -> Vec<u8> {
        let answer = self.card.transmit(&hex::decode(apdu).unwrap(), &mut self.rng);
        match answer[..] {
            [0x61, len] => self.say(&format!("00c00000{len:02x}")),
            [ref data @ .., 0x90, 0x00] => data.to_vec(),
            _ => panic!("{apdu}: {answer:02x?}"),
        }
    }

    /// READ PUBLIC KEY.
    fn public(&mut self) -> [u8; 65] {
        self.say(SAFE);
        self.say("00cd000003850101")[6..].try_into().unwrap()
    }

    /// COMPUTE SIGNATURE over a digest, for the holder.
    fn sign(&mut self, message: &[u8]) -> [u8; 64] {
        self.say(SAFE);
        self.say(PIN);
        self.say("002a00010d840101a1010391020001920104");
        let digest = hex::encode(sha256(&[message]));
        self.say(&format!("002b8001229e20{digest}"))[2..].try_into().unwrap()
    }
}

#[test]
fn a_key_made_in_the_card_wakes_it_in_a_quarter_of_an_hour_and_a_newer_one_does_not() {
    let mut world = World::new(true);
    let mut chip = Chip::new();
    let mut spare = world.card();
    spare.card_pub = Some(chip.public());
    let add = world.intent(Change::Add { slot: 1, card: spare.clone(), dormant: true });
    let request = world.request(&add).unwrap();
    world.agree(Who::Passkey, request, &add).unwrap();
    world.commit_after(request, DAY).unwrap();
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    let from = world.state().card().unwrap().id();
    let wake = world.intent(Change::Wake { slot: 1, from, to: spare.clone(), lost: true });
    let request = world.request(&wake).unwrap();
    world.agree(Who::Sheet, request, &wake).unwrap();
    let body = Body::Consented { request, intent: wake };
    let (deed_id, as_of) = (world.deed_id(), world.tip());
    let message = message(&deed_id, &as_of, body.kind(), &body.encode());
    let proof = |chip: &mut Chip| {
        let evidence = Evidence::Raw(chip.sign(&message));
        Proof { signer: spare.id().0, as_of, evidence }
    };
    // Another card's signature, and that of a key that took the place of this one, are none.
    let mut renewed = Chip::new();
    renewed.say(SAFE);
    renewed.say(PIN);
    renewed.say("00b9000003840101");
    let refused = proof(&mut renewed);
    assert_eq!(code(world.push(&body, &[refused])), "signature");
    let given = proof(&mut chip);
    world.push(&body, &[given]).unwrap();
    world.commit_after(request, 15 * MINUTE).unwrap();
    assert_eq!(world.state().card().unwrap().id(), spare.id());
}
