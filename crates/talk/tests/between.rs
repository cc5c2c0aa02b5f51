//! Two ends, and somebody in between who keeps, changes, repeats and swaps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use keys::agree::{Agree, AgreeKey, NotAPoint};
use keys::sign::{Es256Key, Portable};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeSet;
use talk::call::{answer, call};
use talk::identity::{Identity, NotTheirs, Peer, safety_number};
use talk::message::{open, seal};
use talk::{Inbox, TalkError};
use wire::Msisdn;

struct End {
    key: AgreeKey,
    peer: Peer,
    inbox: Inbox,
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn identity(number: &str, key: &AgreeKey, card: &Es256Key) -> Identity {
    let number: Msisdn = number.parse().unwrap();
    let signature = card.sign(&Identity::statement(&number, &key.public()));
    Identity { number, key: key.public(), signature }
}

fn end(number: &str, seed: u64) -> End {
    let (card, key) = (Es256Key::random(&mut rng(seed)), AgreeKey::random(&mut rng(seed + 100)));
    let identity = identity(number, &key, &card);
    let peer = identity.verify(&Portable, &identity.number, &card.public()).unwrap();
    End { key, peer, inbox: Inbox::default() }
}

fn two() -> (End, End) {
    (end("8613800138000", 1), end("8613800138002", 2))
}

#[test]
fn a_message_opens_once_for_whom_it_is_and_nobody_else() {
    let (mut a, mut b) = two();
    let mut c = end("8613800138003", 3);
    let packet = seal(&mut a.key, &a.peer, &b.peer, "晚上见".as_bytes(), &mut rng(9)).unwrap();
    assert_eq!(open(&mut c.key, &c.peer, &a.peer, &packet, &mut c.inbox), Err(TalkError::NotOurs));
    // Said to be from somebody else.
    assert_eq!(open(&mut b.key, &b.peer, &c.peer, &packet, &mut b.inbox), Err(TalkError::NotOurs));
    let text = open(&mut b.key, &b.peer, &a.peer, &packet, &mut b.inbox).unwrap();
    assert_eq!(text, "晚上见".as_bytes());
    assert_eq!(open(&mut b.key, &b.peer, &a.peer, &packet, &mut b.inbox), Err(TalkError::Replayed));
    // Sent back to its sender.
    assert_eq!(open(&mut a.key, &a.peer, &b.peer, &packet, &mut a.inbox), Err(TalkError::NotOurs));
}

#[test]
fn every_bit_and_every_length_counts() {
    let (mut a, mut b) = two();
    let packet = seal(&mut a.key, &a.peer, &b.peer, b"", &mut rng(9)).unwrap();
    for bit in 0..packet.len() * 8 {
        let mut bad = packet.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let opened = open(&mut b.key, &b.peer, &a.peer, &bad, &mut b.inbox);
        assert!(
            matches!(opened, Err(TalkError::NotOurs | TalkError::Malformed | TalkError::Agree(NotAPoint))),
            "{bit}"
        );
    }
    for cut in 0..packet.len() {
        assert!(open(&mut b.key, &b.peer, &a.peer, &packet[..cut], &mut b.inbox).is_err());
    }
    assert_eq!(open(&mut b.key, &b.peer, &a.peer, &packet, &mut b.inbox).unwrap(), b"");
}

#[test]
fn lengths_say_little() {
    let (mut a, b) = two();
    let mut length = |text: &[u8]| seal(&mut a.key, &a.peer, &b.peer, text, &mut rng(9)).unwrap().len();
    assert_eq!(length(b"yes"), length(b"I would rather not, but thank you"));
}

#[test]
fn a_key_that_another_card_signed_is_nobodys() {
    let (card, other) = (Es256Key::random(&mut rng(1)), Es256Key::random(&mut rng(2)));
    let key = AgreeKey::random(&mut rng(3));
    let number: Msisdn = "8613800138000".parse().unwrap();
    let good = identity("8613800138000", &key, &card);
    assert!(good.verify(&Portable, &number, &card.public()).is_ok());
    assert_eq!(good.verify(&Portable, &number, &other.public()), Err(NotTheirs));
    let swapped = Identity { key: AgreeKey::random(&mut rng(4)).public(), ..good.clone() };
    assert_eq!(swapped.verify(&Portable, &number, &card.public()), Err(NotTheirs));
    let elsewhere: Msisdn = "8613800138001".parse().unwrap();
    assert_eq!(good.verify(&Portable, &elsewhere, &card.public()), Err(NotTheirs));
    let renamed = Identity { number: elsewhere, ..good };
    assert_eq!(renamed.verify(&Portable, &elsewhere, &card.public()), Err(NotTheirs));
}

#[test]
fn both_see_the_same_safety_number_and_another_key_another() {
    let (a, b) = two();
    let number = safety_number(&a.peer, &b.peer);
    assert_eq!(number, safety_number(&b.peer, &a.peer));
    assert_eq!(number.len(), 35);
    assert_ne!(number, safety_number(&a.peer, &end("8613800138002", 7).peer));
}

fn talking() -> (talk::call::Call, talk::call::Call) {
    let (mut a, mut b) = two();
    let ringing = call(&mut a.key, &a.peer, &b.peer, &mut rng(10)).unwrap();
    let offer = ringing.offer().to_vec();
    let (there, packet) = answer(&mut b.key, &b.peer, &a.peer, &offer, &mut b.inbox, &mut rng(11)).unwrap();
    // The same offer does not ring twice.
    let again = answer(&mut b.key, &b.peer, &a.peer, &offer, &mut b.inbox, &mut rng(12));
    assert_eq!(again.err(), Some(TalkError::Replayed));
    (ringing.answered(&mut a.key, &a.peer, &b.peer, &packet).unwrap(), there)
}

#[test]
fn a_call_goes_both_ways_and_frames_may_be_lost_but_not_repeated() {
    let (mut here, mut there) = talking();
    let frames: Vec<_> = (0..5u8).map(|n| here.seal(&[n]).unwrap()).collect();
    assert_eq!(there.open(&frames[0]).unwrap(), [0]);
    assert_eq!(there.open(&frames[3]).unwrap(), [3]);
    assert_eq!(there.open(&frames[3]), Err(TalkError::Replayed));
    assert_eq!(there.open(&frames[1]), Err(TalkError::Replayed));
    let mut bad = frames[4].clone();
    bad[9] ^= 1;
    assert_eq!(there.open(&bad), Err(TalkError::NotOurs));
    assert_eq!(there.open(&frames[4]).unwrap(), [4]);
    // Back, and not to whoever sent it.
    let back = there.seal(b"back").unwrap();
    assert!(there.open(&back).is_err());
    assert_eq!(here.open(&back).unwrap(), b"back");
    let far = (0..1002).map(|_| here.seal(b"").unwrap()).last().unwrap();
    assert_eq!(there.open(&far), Err(TalkError::TooFar));
}

#[test]
fn no_two_frames_look_alike() {
    let (mut here, mut there) = talking();
    let sealed: BTreeSet<Vec<u8>> = (0..100)
        .flat_map(|_| [here.seal(b"the same").unwrap(), there.seal(b"the same").unwrap()])
        .map(|packet| packet[5..].to_vec())
        .collect();
    assert_eq!(sealed.len(), 200);
}

#[test]
fn an_answer_to_another_offer_is_none() {
    let (mut a, mut b) = two();
    let first = call(&mut a.key, &a.peer, &b.peer, &mut rng(10)).unwrap();
    let second = call(&mut a.key, &a.peer, &b.peer, &mut rng(20)).unwrap();
    let (_, packet) =
        answer(&mut b.key, &b.peer, &a.peer, first.offer(), &mut b.inbox, &mut rng(11)).unwrap();
    assert_eq!(second.answered(&mut a.key, &a.peer, &b.peer, &packet).err(), Some(TalkError::NotOurs));
}

/// A card that has lost its power.
struct NoCard;

impl Agree for NoCard {
    type Error = NotAPoint;
    fn public(&mut self) -> Result<[u8; 65], NotAPoint> {
        Err(NotAPoint)
    }
    fn agree(&mut self, _: &[u8; 65]) -> Result<keys::Secret<[u8; 32]>, NotAPoint> {
        Err(NotAPoint)
    }
}

#[test]
fn without_the_card_nothing_goes() {
    let (a, b) = two();
    assert_eq!(seal(&mut NoCard, &a.peer, &b.peer, b"text", &mut rng(1)), Err(TalkError::Agree(NotAPoint)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_comes_nothing_opens_and_nothing_panics(packet in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut a, mut b) = two();
        prop_assert!(open(&mut b.key, &b.peer, &a.peer, &packet, &mut b.inbox).is_err());
        prop_assert!(answer(&mut b.key, &b.peer, &a.peer, &packet, &mut b.inbox, &mut rng(1)).is_err());
        let ringing = call(&mut a.key, &a.peer, &b.peer, &mut rng(2)).unwrap();
        prop_assert!(ringing.answered(&mut a.key, &a.peer, &b.peer, &packet).is_err());
        let (mut here, _) = talking();
        prop_assert!(here.open(&packet).is_err());
    }

    #[test]
    fn every_text_comes_back(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut a, mut b) = two();
        let packet = seal(&mut a.key, &a.peer, &b.peer, &text, &mut rng(5)).unwrap();
        prop_assert_eq!(open(&mut b.key, &b.peer, &a.peer, &packet, &mut b.inbox).unwrap(), text);
    }
}
