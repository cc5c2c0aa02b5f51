//! The enforcement point: what it believes, whom it serves, what it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use deed::event::{Body, Source, assemble};
use deed::signer::SignStatement;
use deed::state::bit;
use keys::Secret;
use keys::milenage::{Amf, Milenage, Sqn, conceal};
use keys::seal::SealKey;
use operator::auc::{self, Command, Facts, Memory, Reply};
use operator::pins::{EnforcementKeys, Loaded, META, Pins, Served};
use operator::store::{CardRow, Changes, Key, Row, Store};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use wire::{Imsi, Msisdn, UnixTime};
use world::*;

/// A world whose enforcement point keeps its pins in a store.
struct Point {
    world: World,
    pins: Pins,
    store: store::Memory,
    memory: Memory,
    rng: ChaCha20Rng,
}

fn enforcement_keys(world: &World) -> EnforcementKeys {
    EnforcementKeys {
        mac: Secret::new([101; 32]),
        kek: SealKey::new(Secret::new([102; 32])),
        roll: world.roll.clone(),
    }
}

impl Point {
    fn new() -> Self {
        let world = World::new(true);
        let mut pins = Pins::new(enforcement_keys(&world), world.manifests.clone());
        pins.set_current(true);
        let rng = ChaCha20Rng::seed_from_u64(1);
        let mut point = Self { world, pins, store: store::Memory::new(), memory: Memory::default(), rng };
        point.accept_all();
        point
    }

    /// The database's row of a card.
    fn row(&mut self, imsi: &Imsi) -> CardRow {
        let iccid = format!("89860012000000000{}", &imsi.as_str()[13..]).parse().unwrap();
        let kek = SealKey::new(Secret::new([102; 32]));
        let keys = self.world.keys_of(imsi).wrap(&kek, imsi, &iccid, &mut self.rng);
        CardRow { imsi: *imsi, iccid, card: vec![], keys }
    }

    fn accept_all(&mut self) {
        let have = self.pins.pin(&number()).map_or(0, |p| p.state.heads.len());
        for seq in have..self.world.events.len() {
            let event = self.world.events[seq].clone();
            let proof = self.world.proof(seq as u64);
            let imsis: Vec<Imsi> = self.world.card_keys.iter().map(|(imsi, _)| *imsi).collect();
            let rows: Vec<CardRow> = imsis.iter().map(|imsi| self.row(imsi)).collect();
            let find = |imsi: &Imsi| rows.iter().find(|r| r.imsi == *imsi).cloned();
            let change = self.pins.accept(&event, Some(&proof), &find, UnixTime(self.world.now)).unwrap();
            self.store.commit(std::slice::from_ref(&change.changes)).unwrap();
            self.pins.install(change);
        }
    }

    fn rows(&mut self) -> Vec<(Msisdn, Vec<u8>)> {
        self.store.pins().unwrap()
    }

    fn meta(&mut self) -> Vec<u8> {
        let Some(Row::Bytes(meta)) = self.store.load(&[Key::Meta(META)]).unwrap().pop().unwrap() else {
            panic!()
        };
        meta
    }

    fn load(&self, rows: &[(Msisdn, Vec<u8>)], meta: Option<&[u8]>) -> (Pins, Loaded) {
        Pins::load(enforcement_keys(&self.world), self.world.manifests.clone(), rows, meta)
    }

    fn imsi(&self) -> Imsi {
        self.pins.resolve(&number(), UnixTime(0)).unwrap()
    }

    fn ask(&mut self, command: Command) -> Result<(Changes, Reply), operator::Refusal> {
        let now_witnessed = UnixTime(self.world.now);
        let admitted = self.memory.admits(&command, now_witnessed);
        self.memory.count(&command, now_witnessed);
        let wants = [(command.imsi(), command.sequence_numbers())];
        let seq = if admitted { self.store.reserve_sqn(&wants).unwrap()[0] } else { None };
        let facts = Facts { pins: &self.pins, memory: &self.memory, now_witnessed, admitted, seq };
        let (changes, remember, reply) = auc::decide(&facts, &command, &mut self.rng)?;
        self.memory.remember(command.imsi(), &remember);
        self.store.commit(std::slice::from_ref(&changes)).unwrap();
        Ok((changes, reply))
    }

    /// Takes a vector; the challenge and the SQN in it, as the card's own key sees them.
    fn challenge(&mut self) -> ([u8; 16], Sqn) {
        let imsi = self.imsi();
        let (_, Reply::Umts(q)) = self.ask(Command::Umts { imsi }).unwrap() else { panic!() };
        let milenage = self.world.keys_of(&imsi).milenage();
        let concealed: [u8; 6] = q.autn[..6].try_into().unwrap();
        let sqn = Sqn::from_bytes(conceal(Sqn::from_bytes(concealed), milenage.f5(&q.rand)));
        let vector = milenage.vector(&q.rand, sqn, Amf::SEPARATION);
        assert_eq!(q.autn, Milenage::autn(&vector, sqn, Amf::SEPARATION), "the card would accept it");
        assert_eq!(q.res, vector.res);
        (q.rand, sqn)
    }
}

fn number() -> Msisdn {
    "8613800138000".parse().unwrap()
}

fn code<T>(result: Result<T, operator::Refusal>) -> &'static str {
    result.err().unwrap().code()
}

#[test]
fn pins_read_back_as_they_were_and_answer_both_ways() {
    let mut point = Point::new();
    let (rows, meta) = (point.rows(), point.meta());
    let (mut pins, loaded) = point.load(&rows, Some(&meta));
    assert_eq!(loaded, Loaded::Whole);
    let imsi = point.imsi();
    assert_eq!(
        (pins.resolve(&number(), UnixTime(0)), pins.number_of(&imsi, UnixTime(0))),
        (None, None),
        "nor is anything resolved"
    );
    assert!(
        matches!(pins.serve(&imsi, UnixTime(0)), Served::Refused { code: "replay", .. }),
        "not before it is current"
    );
    pins.set_current(true);
    assert!(matches!(pins.serve(&imsi, UnixTime(0)), Served::Line(_)));
    assert_eq!(
        (pins.resolve(&number(), UnixTime(0)), pins.number_of(&imsi, UnixTime(0))),
        (Some(imsi), Some(number()))
    );
    pins.set_behind(number());
    assert_eq!((pins.resolve(&number(), UnixTime(0)), pins.number_of(&imsi, UnixTime(0))), (None, None));
}

#[test]
fn one_changed_byte_of_any_row_and_nothing_is_believed() {
    let mut point = Point::new();
    let (rows, meta) = (point.rows(), point.meta());
    for i in 0..rows[0].1.len() {
        let mut changed = rows.clone();
        changed[0].1[i] ^= 1;
        assert!(matches!(point.load(&changed, Some(&meta)).1, Loaded::Tampered { .. }), "byte {i}");
    }
    for i in 0..meta.len() {
        let mut changed = meta.clone();
        changed[i] ^= 1;
        let (pins, loaded) = point.load(&rows, Some(&changed));
        assert!(matches!(loaded, Loaded::Tampered { .. }), "byte {i}");
        assert_eq!(pins.numbers().count(), 0);
    }
}

#[test]
fn a_row_removed_renamed_or_put_back_from_yesterday_is_noticed() {
    let mut point = Point::new();
    let yesterday = point.rows();
    point.world.hold(Who::Passkey, &[bit::ROAMING]).unwrap();
    point.accept_all();
    let (rows, meta) = (point.rows(), point.meta());
    assert!(matches!(point.load(&[], Some(&meta)).1, Loaded::Tampered { .. }), "removed");
    assert!(matches!(point.load(&rows, None).1, Loaded::Tampered { .. }), "the sum removed");
    let mut renamed = rows.clone();
    renamed[0].0 = "8613900139000".parse().unwrap();
    assert!(matches!(point.load(&renamed, Some(&meta)).1, Loaded::Tampered { .. }), "renamed");
    assert!(matches!(point.load(&yesterday, Some(&meta)).1, Loaded::Tampered { .. }), "one row put back");
    let doubled = [rows.clone(), rows.clone()].concat();
    assert!(matches!(point.load(&doubled, Some(&meta)).1, Loaded::Tampered { .. }), "doubled");
    assert_eq!(point.load(&rows, Some(&meta)).1, Loaded::Whole);
}

#[test]
fn every_vector_has_the_number_its_ledger_gave_and_no_other_has_it() {
    let mut point = Point::new();
    let seqs: Vec<u64> = (0..20).map(|_| point.challenge().1.seq()).collect();
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
}

#[test]
fn an_auts_counts_once_and_only_for_a_challenge_of_ours() {
    let mut point = Point::new();
    let imsi = point.imsi();
    let (rand, _) = point.challenge();
    let milenage = point.world.keys_of(&imsi).milenage();
    let auts = milenage.auts(&rand, Sqn::from_parts(5_000, 1).unwrap());
    let resync = |rand, auts| Command::Resync { imsi, rand, auts };
    let strange = milenage.auts(&[9; 16], Sqn::from_parts(5_000, 1).unwrap());
    assert_eq!(code(point.ask(resync([9; 16], strange))), "auts", "a challenge nobody sent");
    let mut forged = auts;
    forged[13] ^= 1;
    assert_eq!(code(point.ask(resync(rand, forged))), "auts", "MAC-S is wrong");
    point.ask(resync(rand, auts)).unwrap();
    point.world.now += 60;
    assert_eq!(code(point.ask(resync(rand, auts))), "auts", "a second time");
    assert_eq!(point.challenge().1.seq(), 5_001);
    // A card that is behind does not pull the ledger back.
    let (rand, _) = point.challenge();
    let behind = milenage.auts(&rand, Sqn::from_parts(3, 1).unwrap());
    let (changes, _) = point.ask(resync(rand, behind)).unwrap();
    assert_eq!(changes, Changes::default());
    assert_eq!(point.challenge().1.seq(), 5_003);
}

#[test]
fn nobody_farms_vectors_or_resynchronisations() {
    let mut point = Point::new();
    let imsi = point.imsi();
    for _ in 0..60 {
        point.ask(Command::Umts { imsi }).unwrap();
    }
    assert_eq!(code(point.ask(Command::Umts { imsi })), "rate");
    assert_eq!(code(point.ask(Command::Gsm { imsi, count: 3 })), "rate");
    point.world.now += 60;
    point.ask(Command::Gsm { imsi, count: 3 }).unwrap();
    let (rand, _) = point.challenge();
    for _ in 0..3 {
        assert_eq!(code(point.ask(Command::Resync { imsi, rand, auts: [0; 14] })), "auts");
    }
    assert_eq!(code(point.ask(Command::Resync { imsi, rand, auts: [0; 14] })), "rate");
}

#[test]
fn a_suspended_line_and_a_stranger_get_nothing() {
    let mut point = Point::new();
    let imsi = point.imsi();
    assert_eq!(code(point.ask(Command::Umts { imsi: "460009999999999".parse().unwrap() })), "unknown");
    point.world.hold(Who::Passkey, &[bit::TWO_G]).unwrap();
    point.accept_all();
    assert_eq!(code(point.ask(Command::Gsm { imsi, count: 2 })), "2g");
    point.challenge();
    point.world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    point.accept_all();
    assert_eq!(code(point.ask(Command::Umts { imsi })), "suspended");
}

#[test]
fn a_suspension_handed_in_directly_bars_at_once_and_survives_a_restart() {
    let mut point = Point::new();
    let imsi = point.imsi();
    let body = Body::Held { bits: vec![bit::SERVICE], silenced: vec![], reason: 1 };
    let (deed_id, tip) = (point.world.deed_id(), point.world.tip());
    let objection = point.world.hold_code.object(&deed_id, tip, &body).encode();
    let (change, _) = point.pins.object(&objection, UnixTime(point.world.now)).unwrap();
    point.store.commit(std::slice::from_ref(&change.changes)).unwrap();
    point.pins.install(change);
    assert_eq!(code(point.ask(Command::Umts { imsi })), "suspended");
    let (rows, meta) = (point.rows(), point.meta());
    let (mut pins, loaded) = point.load(&rows, Some(&meta));
    assert_eq!(loaded, Loaded::Whole);
    pins.set_current(true);
    assert!(matches!(pins.serve(&imsi, UnixTime(0)), Served::EmergencyOnly));
    // Rows that do not add up are not believed, but the objection in them is signed and not lost.
    let Loaded::Tampered { objections, .. } = point.load(&rows, None).1 else { panic!() };
    assert_eq!(objections, [objection]);
}

#[test]
fn a_card_whose_key_is_not_the_committed_one_never_comes_to_a_number() {
    let mut point = Point::new();
    let to = point.world.card();
    let thiefs = point.world.card();
    let intent = point.world.move_to(&to);
    let request = point.world.request(&intent).unwrap();
    point.world.agree(Who::Passkey, request, &intent).unwrap();
    point.accept_all();
    point.world.commit_after(request, DAY).unwrap();
    let event = point.world.events.last().unwrap().clone();
    let proof = point.world.proof(point.world.state().seq());
    let now = UnixTime(point.world.now);
    let accept = |point: &Point, row: Option<CardRow>| {
        point.pins.accept(&event, Some(&proof), &|_| row.clone(), now).map(drop)
    };
    assert_eq!(code(accept(&point, None)), "key-mismatch");
    // The thief's wrapped key in the new card's row: it was sealed for another place.
    let thiefs = point.row(&thiefs.imsi);
    let good = point.row(&to.imsi);
    let copied = CardRow { keys: thiefs.keys.clone(), ..good.clone() };
    assert_eq!(code(accept(&point, Some(copied))), "key-mismatch");
    // The thief's key, sealed for the right place by somebody who has the key-encryption key: the commitment differs.
    let kek = SealKey::new(Secret::new([102; 32]));
    let keys = point.world.keys_of(&thiefs.imsi).clone().wrap(&kek, &to.imsi, &to.iccid, &mut point.rng);
    assert_eq!(code(accept(&point, Some(CardRow { keys, ..good.clone() }))), "key-mismatch");
    accept(&point, Some(good)).unwrap();
}

#[test]
fn a_card_of_one_number_never_comes_to_another() {
    let mut point = Point::new();
    // A second number whose first card is the first number's.
    let mut other = World::empty(true);
    let Body::Issued(mut issued) = other.issued(Source::New) else { panic!() };
    issued.number = "8613900139000".parse().unwrap();
    issued.slots = vec![(0, point.world.state().card().unwrap().clone())];
    let body = Body::Issued(issued);
    let proofs = other.issue_proofs(&body);
    let event = assemble(&[0; 32], 0, &[0; 32], &[3; 16], &body, &proofs);
    let imsi = point.imsi();
    let row = point.row(&imsi);
    let refused =
        point.pins.admit(point.world.state().card().unwrap(), &"8613900139000".parse().unwrap(), &row);
    assert_eq!(code(refused), "card-taken");
    let refused = point.pins.accept(&event, None, &|_| Some(row.clone()), UnixTime(0)).map(drop);
    assert_ne!(code(refused), "");
}

#[test]
fn a_witness_goes_forward_on_one_tree_only() {
    use operator::log::Log;
    use operator::witness::{Seen, Witness};
    let leaf = |n: u8| deed::log::Leaf { tag: [n; 32], head: [n; 32] };
    let mut log = Log::new("log.test".into(), ed25519(1));
    let mut witness = Witness::new("w".into(), ed25519(2), log.vkey(), Seen::nothing());
    log.push(&leaf(1));
    log.push(&leaf(2));
    let two = log.sign().unwrap();
    witness.cosign(&two, &[], UnixTime(5)).unwrap();
    log.push(&leaf(3));
    let three = log.sign().unwrap();
    assert_eq!(code(witness.cosign(&three, &[], UnixTime(6)).map(drop)), "witness", "no consistency proof");
    witness.cosign(&three, &log.consistency(2).unwrap(), UnixTime(6)).unwrap();
    assert_eq!(code(witness.cosign(&two, &[], UnixTime(7)).map(drop)), "witness", "smaller than seen");
    let mut fork = Log::new("log.test".into(), ed25519(1));
    for n in [1, 2, 9, 4] {
        fork.push(&leaf(n));
    }
    let forked = fork.sign().unwrap();
    let refused = witness.cosign(&forked, &fork.consistency(3).unwrap(), UnixTime(8)).map(drop);
    assert_eq!(code(refused), "witness", "a fork");
    let impostor = Log::new("log.test".into(), ed25519(9)).sign().unwrap();
    assert_eq!(code(witness.cosign(&impostor, &[], UnixTime(9)).map(drop)), "witness", "another key");
    assert_eq!(witness.seen().size, 3);
}
