//! What the model does with tags is done with real keys to real pins in a real store: random walks through its scenes, act by
//! act, and both say the same of each. Now and then the enforcement point forgets all but its file.
//!
//! SIMWARD_WALKS says how many; 3,000 in `./test --soak`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use keys::Secret;
use keys::seal::SealKey;
use keys::subscriber::SubscriberKeys;
use operator::pins::{EnforcementKeys, Loaded, META, PinChange, Pins};
use operator::store::{CardRow, Key, Row, Store};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::Sqlite;
use wire::{Imsi, Msisdn, UnixTime};
use world::model::{Done, Model, Signatures, Universe, card_keys, scenes};

/// An enforcement point with its file.
struct Point {
    pins: Pins,
    store: Sqlite,
    file: PathBuf,
    rows: Vec<CardRow>,
}

fn kek() -> SealKey {
    SealKey::new(Secret::new([102; 32]))
}

fn enforcement_keys(model: &Model) -> EnforcementKeys {
    EnforcementKeys { mac: Secret::new([101; 32]), kek: kek(), roll: model.stage.roll.clone() }
}

fn number() -> Msisdn {
    "8613800138000".parse().unwrap()
}

impl Point {
    fn new(model: &Model, file: &Path, rng: &mut ChaCha20Rng) -> Self {
        let pins = Pins::new(enforcement_keys(model), model.stage.manifests.clone());
        let store = Sqlite::open(file, Duration::from_secs(1)).unwrap();
        let rows = model.stage.cards.iter().zip(1..).map(|(card, n)| {
            let keys: SubscriberKeys = card_keys(n);
            let keys = keys.wrap(&kek(), &card.imsi, &card.iccid, rng);
            CardRow { imsi: card.imsi, iccid: card.iccid, card: vec![], keys }
        });
        let mut point = Self { pins, store, file: file.to_path_buf(), rows: rows.collect() };
        point.pins.set_current(true);
        point
    }

    fn in_force(&mut self, change: PinChange) {
        self.store.commit(std::slice::from_ref(&change.changes)).unwrap();
        self.pins.install(change);
    }

    /// The same that was done in the model.
    fn does(&mut self, done: &Done, now: UnixTime) {
        let rows = self.rows.clone();
        let find = |imsi: &Imsi| rows.iter().find(|row| row.imsi == *imsi).cloned();
        let change = match done {
            Done::Accepted(_, event, proof) => self.pins.accept(event, Some(proof), &find, now).unwrap(),
            Done::Objected(_, objection) => self.pins.object(objection, now).unwrap().0,
            Done::Closed(_, commit) => self.pins.close(commit, &find, now).unwrap(),
        };
        self.in_force(change);
    }

    /// It is started again, from its file.
    fn starts_again(&mut self, model: &Model) {
        self.store = Sqlite::open(&self.file, Duration::from_secs(1)).unwrap();
        let rows = self.store.pins().unwrap();
        let Some(Row::Bytes(meta)) = self.store.load(&[Key::Meta(META)]).unwrap().pop().unwrap() else {
            panic!("pins without their sum")
        };
        let keys = enforcement_keys(model);
        let (pins, loaded) = Pins::load(keys, model.stage.manifests.clone(), &rows, Some(&meta));
        assert_eq!(loaded, Loaded::Whole);
        self.pins = pins;
        self.pins.set_current(true);
    }

    /// It knows what the model's node knows, and both directions say the same.
    fn agrees(&self, universe: &Universe, node: usize) {
        let (now, number) = (UnixTime(universe.now), number());
        let pin = self.pins.pin(&number).unwrap();
        assert_eq!(*pin, *universe.nodes[node].pin);
        let card = self.pins.resolve(&number, now);
        assert_eq!(card, pin.resolve(now));
        assert_eq!(card.and_then(|imsi| self.pins.number_of(&imsi, now)), card.map(|_| number));
    }
}

#[test]
fn what_the_model_does_with_tags_real_keys_do_to_real_pins_in_a_real_store() {
    let walks = std::env::var("SIMWARD_WALKS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let scenes: Vec<_> = scenes().into_iter().filter(|scene| !scene.name.contains("pretends")).collect();
    let (mut taken, mut refused) = (0, 0);
    for walk in 0..walks {
        let mut rng = ChaCha20Rng::seed_from_u64(walk);
        let scene = scenes[walk as usize % scenes.len()].clone();
        let tags = Model::new(scene.clone());
        let real = Model::with(Signatures::Real, scene);
        let folder = tempfile::tempdir().unwrap();
        let mut told = tags.begins().pop().unwrap();
        let mut true_one = real.begins().pop().unwrap();
        let mut points: Vec<Point> = (0..true_one.nodes.len())
            .map(|n| Point::new(&real, &folder.path().join(format!("{n}.db")), &mut rng))
            .collect();
        let first = true_one.done.clone();
        points.iter_mut().for_each(|point| point.does(&first[0], UnixTime(true_one.now)));
        for _ in 0..14 {
            let acts = tags.acts(&told);
            let act = &acts[rng.next_u32() as usize % acts.len()];
            let (with_tags, with_keys) = (tags.after(&told, act), real.after(&true_one, act));
            assert_eq!(with_tags.is_some(), with_keys.is_some(), "walk {walk}: {act:?}");
            let (Some(with_tags), Some(with_keys)) = (with_tags, with_keys) else {
                refused += 1;
                continue;
            };
            (told, true_one) = (with_tags, with_keys);
            taken += 1;
            for done in &true_one.done {
                let (Done::Accepted(node, ..) | Done::Objected(node, _) | Done::Closed(node, _)) = done;
                points[*node].does(done, UnixTime(true_one.now));
            }
            for (node, point) in points.iter_mut().enumerate() {
                if rng.next_u32() % 4 == 0 {
                    point.starts_again(&real);
                }
                point.agrees(&true_one, node);
            }
            assert_eq!(real.broken(&true_one), Vec::<&str>::new(), "walk {walk}");
        }
    }
    println!("{walks} walks: {taken} acts taken, {refused} refused by both");
    assert!(taken > walks && refused > walks);
}
