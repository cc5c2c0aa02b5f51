//! Bootstrapping (GBA_U) and AUTHENTICATE in blocks, as an attacker meets them: challenges of the other kind, heard before, forged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use keys::gba::{For, ks, ks_naf};
use keys::milenage::{Amf, Sqn};

const RAND: [u8; 16] = [9; 16];
const IMPI: &[u8] = b"460001234567890@ims.mnc000.mcc460.3gppnetwork.org";
const NAF: &[u8] = b"bank.example\x01\x00\x00\x00\x00";

fn ready() -> Terminal {
    let mut terminal = Terminal::new();
    terminal.ready();
    terminal
}

fn derive_apdu(naf: &[u8], impi: &[u8]) -> String {
    let data = [&[0xde, naf.len() as u8][..], naf, &[impi.len() as u8], impi].concat();
    format!("00880084{:02x}{}", data.len(), hex::encode(data))
}

/// What the home network and a service agree on.
fn expected(naf: &[u8]) -> String {
    let vector = milenage().vector(&RAND, Sqn::from_parts(1, 0).unwrap(), Amf::SEPARATION);
    let key = ks_naf(&ks(&vector.ck, &vector.ik), For::Terminal, &RAND, IMPI, naf);
    format!("db20{}9000", hex::encode(key.danger_expose()))
}

#[test]
fn a_service_and_the_card_have_the_same_key_and_nobody_has_the_one_beneath() {
    let mut terminal = ready();
    let vector = milenage().vector(&RAND, Sqn::from_parts(1, 0).unwrap(), Amf::SEPARATION);
    let mut res = vector.res;
    res[7] ^= 1;
    // RES alone, its last bit the other one: neither CK nor IK leaves.
    assert_eq!(terminal.send(&gba_apdu(RAND, 1)), format!("db08{}9000", hex::encode(res)));
    assert_eq!(terminal.send(&derive_apdu(NAF, IMPI)), expected(NAF));
    assert_eq!(terminal.raw("00a4080c047fff6fd6"), "9000");
    assert!(terminal.raw("00b0000012").starts_with(&format!("10{}00", hex::encode(RAND))));
    assert_eq!(terminal.raw("00a4080c047fff6fda"), "9000");
    assert!(terminal.raw("00b201048c").starts_with(&format!("80{:02x}{}8100", NAF.len(), hex::encode(NAF))));
    // It is all there after a power cut; and for no one without the PIN.
    let mut terminal = reopen_locked(terminal);
    terminal.send(USIM);
    assert_eq!(terminal.raw(&derive_apdu(NAF, IMPI)), "6982");
    terminal.ready();
    assert_eq!(terminal.send(&derive_apdu(NAF, IMPI)), expected(NAF));
    assert_eq!(terminal.send(&derive_apdu(b"other.example\x01\0\0\0\0", IMPI)).len(), 2 * 34 + 4);
    assert_eq!(terminal.raw("00a4080c047fff6fda"), "9000");
    assert!(terminal.raw("00b202048c").contains(&hex::encode(NAF)), "the first is second now");
}

#[test]
fn a_challenge_of_one_kind_is_none_of_the_other() {
    let mut terminal = ready();
    let (rand, autn) = challenge(RAND, 1, 0);
    let ordinary = format!("0088008423dd10{}10{}", hex::encode(rand), hex::encode(autn));
    assert_eq!(terminal.raw(&ordinary), "9862");
    let marked = gba_apdu(RAND, 1);
    let marked = format!("0088008122{}", &marked[12..]);
    assert_eq!(terminal.raw(&marked), "9862");
    // Nothing has changed: the same challenge is fresh.
    assert!(terminal.send(&authenticate_apdu((rand, autn))).starts_with("db08"));
    // And now heard before, in either kind.
    let auts = terminal.send(&gba_apdu(RAND, 1));
    assert!(auts.starts_with("dc0e") && auts.ends_with("9000"), "{auts}");
    let auts: [u8; 14] = hex::decode(&auts[4..32]).unwrap().try_into().unwrap();
    assert_eq!(milenage().open_auts(&RAND, &auts), Sqn::from_parts(1, 0));
    assert_eq!(terminal.raw(&derive_apdu(NAF, IMPI)), "6985", "and it left no key");
}

#[test]
fn a_forged_mark_is_refused_at_every_bit() {
    let mut terminal = ready();
    let good = hex::decode(gba_apdu(RAND, 1)).unwrap();
    for bit in 0..16 * 8 {
        let mut bad = good.clone();
        bad[24 + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(terminal.raw(&hex::encode(bad)), "9862", "bit {bit}");
    }
    assert!(terminal.send(&hex::encode(good)).starts_with("db08"));
}

#[test]
fn names_longer_than_a_command_come_in_blocks() {
    let mut terminal = ready();
    assert!(terminal.send(&gba_apdu(RAND, 1)).starts_with("db08"));
    let naf = [&[b'n'; 200][..], &[1, 0, 0, 0, 0]].concat();
    let data = [&[0xde, naf.len() as u8][..], &naf, &[IMPI.len() as u8], IMPI].concat();
    let object = wire::tlv::tlv(0x73, &data);
    let blocks: Vec<&[u8]> = object.chunks(100).collect();
    for (at, block) in blocks.iter().enumerate() {
        let p1 = if at == 0 { 0x80 } else { 0x00 };
        let answer = terminal.raw(&format!("0089{p1:02x}84{:02x}{}", block.len(), hex::encode(block)));
        assert_eq!(answer, if at + 1 == blocks.len() { "62f3" } else { "63f1" });
    }
    let key = expected(&naf);
    assert_eq!(terminal.send("0089a08424"), format!("7322{key}"));
    assert_eq!(terminal.raw("0089a08424"), "6985", "once it is given it is gone");
    // Nor does whoever lost the PIN get it.
    let apdu = derive_apdu(NAF, IMPI);
    let object = wire::tlv::tlv(0x73, &hex::decode(&apdu[10..]).unwrap());
    assert_eq!(terminal.raw(&format!("00898084{:02x}{}", object.len(), hex::encode(&object))), "62f3");
    assert_eq!(terminal.raw("0089208424"), "6985", "there is no second block");
    assert_eq!(terminal.raw(&format!("00898084{:02x}{}", object.len(), hex::encode(&object))), "62f3");
    assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c2");
    assert_eq!(terminal.raw("0089a08424"), "6982");
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    // Another command in between, and it is gone.
    assert_eq!(terminal.raw("0089808404730ade01"), "63f1");
    assert_eq!(terminal.raw("0089a08424"), "6985");
}

#[test]
fn a_card_of_the_test_network_speaks_xor_and_no_other_does() {
    use card::medium::{Counter, Memory};
    use card::{Card, OpenError, Profile};
    use keys::aka::AkaKeys;
    let k = || keys::Secret::new([0x2a; 16]);
    let make = |imsi: &str| {
        let profile = Profile { aka: AkaKeys::Xor { k: k() }, imsi: imsi.parse().unwrap(), ..profile() };
        Card::personalise(Memory::new(), Counter::default(), device_key(), &profile, &mut rng(1))
    };
    assert_eq!(make("460001234567890").map(drop), Err(OpenError::TestAlgorithm));
    let mut terminal = Terminal { card: make("001011234567890").unwrap(), rng: rng(2) };
    terminal.ready();
    let sqn = Sqn::from_parts(1, 0).unwrap();
    let vector = AkaKeys::Xor { k: k() }.keyed().vector(&RAND, sqn, Amf::SEPARATION);
    let autn = keys::milenage::Milenage::autn(&vector, sqn, Amf::SEPARATION);
    let answer = terminal.send(&authenticate_apdu((RAND, autn)));
    assert!(answer.starts_with(&format!("db08{}", hex::encode(vector.res))), "{answer}");
    let terminal = reopened(terminal);
    assert_eq!(terminal.card.lock(), None);
}
