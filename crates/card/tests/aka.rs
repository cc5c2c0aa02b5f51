//! AUTHENTICATE: the card proves itself to its home network alone, and to each challenge once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use keys::Secret;
use keys::milenage::{Amf, Milenage, Sqn};

fn ready() -> Terminal {
    let mut terminal = Terminal::new();
    terminal.ready();
    terminal
}

/// SQN_MS out of an answer DC 0E AUTS 9000, opened as the home network opens it.
fn sqn_ms(answer: &str, rand: [u8; 16]) -> Sqn {
    let auts = answer.strip_prefix("dc0e").and_then(|a| a.strip_suffix("9000")).expect(answer);
    milenage().open_auts(&rand, &bytes(auts)).expect("MAC-S is right")
}

#[test]
fn a_wrong_mac_is_told_as_such_and_changes_nothing() {
    let mut terminal = ready();
    let (rand, good) = challenge([3; 16], 10, 0);
    for bit in 0..128 {
        let mut autn = good;
        autn[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(terminal.raw(&authenticate_apdu((rand, autn))), "9862", "bit {bit} of AUTN");
        let mut other = rand;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(terminal.raw(&authenticate_apdu((other, good))), "9862", "bit {bit} of RAND");
        assert_eq!(terminal.raw("00c0000000"), "6985", "nothing waits");
    }
    // Also where the SQN is stale: a stranger does not learn that it is.
    assert!(terminal.send(&authenticate_apdu((rand, good))).starts_with("db08"));
    let mut autn = good;
    autn[15] ^= 1;
    assert_eq!(terminal.raw(&authenticate_apdu((rand, autn))), "9862");
    let answer = terminal.send(&authenticate_apdu((rand, good)));
    assert_eq!(sqn_ms(&answer, rand), Sqn::from_parts(10, 0).unwrap());
}

#[test]
fn a_challenge_is_answered_once_and_then_with_auts() {
    let mut terminal = ready();
    let (rand, autn) = challenge([4; 16], 7, 3);
    let apdu = authenticate_apdu((rand, autn));
    let vector = milenage().vector(&rand, Sqn::from_parts(7, 3).unwrap(), Amf::SEPARATION);
    let (_, kc) = keys::milenage::gsm(&vector);
    let expected = format!(
        "db08{}10{}10{}08{}9000",
        hex::encode(vector.res),
        hex::encode(vector.ck.danger_expose()),
        hex::encode(vector.ik.danger_expose()),
        hex::encode(kc)
    );
    assert_eq!(terminal.raw(&apdu), "6135");
    assert_eq!(terminal.raw("00c0000035"), expected);
    assert_eq!(terminal.raw("00c0000035"), "6985", "given out once");
    for _ in 0..3 {
        assert_eq!(sqn_ms(&terminal.send(&apdu), rand), Sqn::from_parts(7, 3).unwrap());
    }
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    terminal.ready();
    assert_eq!(sqn_ms(&terminal.send(&apdu), rand), Sqn::from_parts(7, 3).unwrap());
}

#[test]
fn test_set_one_of_ts_35_208_runs_through_the_card() {
    let mut terminal = ready();
    let rand = bytes("23553cbe9637a89d218ae64dae47bf35");
    let autn = bytes("55f328b43577b9b94a9ffac354dfafb3");
    // Its SQN lies beyond Δ for a new card, so the answer is AUTS with SQN_MS 0; the GSM context has no SQN.
    assert_eq!(sqn_ms(&terminal.send(&authenticate_apdu((rand, autn))), rand), Sqn::default());
    let gsm = terminal.send(&format!("008800801110{}", hex::encode(rand)));
    assert_eq!(gsm, "0446f8416a08eae4be823af9a08b9000");
}

#[test]
fn a_jump_beyond_delta_is_refused_and_does_not_move_the_array() {
    let mut terminal = ready();
    let rand = [5; 16];
    let delta = 1 << 28;
    assert!(terminal.send(&authenticate_apdu(challenge(rand, 3, 1))).starts_with("db08"));
    let far = terminal.send(&authenticate_apdu(challenge(rand, 3 + delta + 1, 2)));
    assert_eq!(sqn_ms(&far, rand), Sqn::from_parts(3, 1).unwrap());
    assert!(terminal.send(&authenticate_apdu(challenge(rand, 3 + delta, 2))).starts_with("db08"));
}

#[test]
fn vectors_of_several_networks_may_arrive_out_of_order_in_slots_of_their_own() {
    let mut terminal = ready();
    for (seq, ind) in [(40, 0), (39, 1), (38, 2), (41, 31)] {
        let answer = terminal.send(&authenticate_apdu(challenge([seq as u8; 16], seq, ind)));
        assert!(answer.starts_with("db08"), "{seq} in {ind}");
    }
    let stale = terminal.send(&authenticate_apdu(challenge([1; 16], 39, 1)));
    assert_eq!(sqn_ms(&stale, [1; 16]), Sqn::from_parts(41, 31).unwrap());
}

#[test]
fn the_last_number_before_2_to_the_48_is_taken_and_nothing_after_it() {
    let mut terminal = ready();
    let delta = 1u64 << 28;
    let last = (1u64 << 43) - 1;
    // Too far to walk in steps of Δ through AUTHENTICATE (2^15 of them, each a write), so a stride of the highest.
    let mut seq = 0;
    while seq < last {
        seq = (seq + delta).min(last);
        let answer = terminal.raw(&authenticate_apdu(challenge([6; 16], seq, 0)));
        assert_eq!(answer, "6135", "{seq}");
    }
    for (seq, ind) in [(last, 0), (0, 0), (1, 0), (0, 1)] {
        let answer = terminal.send(&authenticate_apdu(challenge([7; 16], seq, ind)));
        assert_eq!(sqn_ms(&answer, [7; 16]), Sqn::from_parts(last, 0).unwrap(), "{seq} in {ind}");
    }
}

#[test]
fn the_separation_bit_is_for_the_terminal_to_judge() {
    let mut terminal = ready();
    let milenage = milenage();
    for (seq, amf) in [(1, Amf([0, 0])), (2, Amf([0x80, 0])), (3, Amf([0xb9, 0xb9]))] {
        let sqn = Sqn::from_parts(seq, 0).unwrap();
        let autn = Milenage::autn(&milenage.vector(&[8; 16], sqn, amf), sqn, amf);
        assert!(terminal.send(&authenticate_apdu(([8; 16], autn))).starts_with("db08"), "{amf:?}");
    }
}

#[test]
fn a_malformed_challenge_is_refused_before_any_key_is_used() {
    let mut terminal = ready();
    let r = "00".repeat(16);
    for (apdu, sw) in [
        ("0088008100".to_owned(), "6700"),
        (format!("0088008121{r}10{r}"), "6700"),
        (format!("008800812210{r}0f{r}"), "6700"),
        (format!("008800812211{r}10{r}"), "6700"),
        (format!("008800811110{r}"), "6700"),
        (format!("008800802210{r}10{r}"), "6700"),
        (format!("008800801010{}", "00".repeat(15)), "6700"),
        (format!("008801812210{r}10{r}"), "6a86"),
        (format!("008800852210{r}10{r}"), "9864"),
        (format!("008800842210{r}10{r}"), "6a80"),
        (format!("008800002210{r}10{r}"), "6a86"),
    ] {
        assert_eq!(terminal.raw(&apdu), sw, "{apdu}");
    }
}

/// A TUAK card answers as its network expects, over one log with everything else.
#[test]
fn a_card_of_tuak_proves_itself_and_refuses_as_one_of_milenage_does() {
    use keys::aka::AkaKeys;
    use keys::tuak::TuakKey;
    let (k16, k32) = (Secret::new([0xb8; 16]), Secret::new([0x15; 32]));
    for k in [TuakKey::Bits128(k16), TuakKey::Bits256(k32)] {
        let aka = AkaKeys::Tuak { k, topc: Secret::new([0x2b; 32]) };
        let network = aka.keyed();
        let challenge = |seq: u64| {
            let sqn = Sqn::from_parts(seq, 0).unwrap();
            let vector = network.vector(&[7; 16], sqn, Amf::SEPARATION);
            (([7; 16], Milenage::autn(&vector, sqn, Amf::SEPARATION)), vector)
        };
        let mut rng = rng(4);
        let profile = card::Profile { aka: aka.clone(), ..profile() };
        let (medium, anchor) = (card::medium::Memory::new(), card::medium::Counter::default());
        let card = card::Card::personalise(medium, anchor, device_key(), &profile, &mut rng).unwrap();
        let mut terminal = Terminal { card, rng };
        terminal.ready();
        let (first, vector) = challenge(1);
        let answer = terminal.send(&authenticate_apdu(first));
        let expected =
            [&[8][..], &vector.res, &[16], vector.ck.danger_expose(), &[16], vector.ik.danger_expose()];
        assert!(answer.starts_with(&format!("db{}", hex::encode(expected.concat()))), "{answer}");
        let (medium, anchor) = terminal.card.into_parts();
        let mut terminal = Terminal::open(medium, anchor);
        terminal.ready();
        let replayed = terminal.send(&authenticate_apdu(first));
        let auts: [u8; 14] = bytes(&replayed[4..32]);
        assert_eq!(network.open_auts(&[7; 16], &auts), Sqn::from_parts(1, 0), "{replayed}");
        let (rand, mut autn) = challenge(2).0;
        autn[15] ^= 1;
        assert_eq!(terminal.raw(&authenticate_apdu((rand, autn))), "9862");
        assert!(terminal.send(&authenticate_apdu(challenge(2).0)).starts_with("db08"));
    }
}
