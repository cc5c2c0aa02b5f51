//! The scenes that are walked through: who has what, and how far.

use super::{Key, Scene, Wish, Witnesses};
use crate::{DAY, HOUR, MINUTE};
use deed::record::Place;

/// All of them.
pub fn scenes() -> Vec<Scene> {
    vec![
        Scene {
            name: "the operator alone: consent service, both desks, two of three witnesses",
            wishes: &[Wish::Theirs, Wish::DropPaper],
            desks: true,
            attentive: false,
            deep: 7,
            ..Scene::default()
        },
        Scene {
            name: "the operator alone gives a number up",
            wishes: &[Wish::GiveUp],
            desks: true,
            attentive: false,
            passes: &[DAY, 30 * DAY, 89 * DAY],
            most: (8, 130 * DAY),
            deep: 6,
            ..Scene::default()
        },
        Scene {
            name: "the phone is stolen",
            thief: &[Key::Phone],
            owner: &[Key::Paper],
            wishes: &[Wish::Theirs, Wish::TheirKey, Wish::DropPaper],
            overs: &[Place::Phone, Place::Operator],
            deep: 5,
            ..Scene::default()
        },
        Scene {
            name: "the paper is stolen",
            thief: &[Key::Paper],
            owner: &[Key::Phone],
            overs: &[Place::Elsewhere, Place::Operator],
            deep: 6,
            ..Scene::default()
        },
        Scene {
            name: "the phone is stolen, and the line is suspended and lifted",
            thief: &[Key::Phone],
            owner: &[Key::Paper],
            wishes: &[Wish::Lift, Wish::Theirs],
            deep: 6,
            ..Scene::default()
        },
        Scene {
            name: "the old card comes back after a rescue",
            thief: &[Key::Phone],
            owner: &[Key::Paper],
            wishes: &[Wish::Back],
            owner_moves: true,
            quiet: true,
            passes: &[15 * MINUTE, DAY],
            most: (10, 3 * DAY),
            deep: 8,
            ..Scene::default()
        },
        Scene {
            name: "a synced passkey pretends to be elsewhere",
            keys: &[Key::Phone, Key::Paper, Key::Pretender],
            thief: &[Key::Phone, Key::Pretender],
            owner: &[Key::Paper],
            ..Scene::default()
        },
        Scene {
            name: "what the owner said is held back, said twice, said elsewhere",
            wishes: &[],
            owner_moves: true,
            desks: true,
            passes: &[15 * MINUTE],
            most: (8, HOUR),
            deep: 6,
            ..Scene::default()
        },
        Scene {
            name: "objections and a commit cross",
            thief: &[Key::Phone],
            owner: &[Key::Paper],
            torn: true,
            quiet: true,
            passes: &[15 * MINUTE, 23 * HOUR + 45 * MINUTE],
            most: (8, 26 * HOUR),
            deep: 12,
            ..Scene::default()
        },
        Scene {
            name: "an inattentive owner, and a key that a thief adds",
            thief: &[Key::Phone],
            owner: &[],
            wishes: &[Wish::TheirKey, Wish::Theirs],
            attentive: false,
            safe: false,
            quiet: true,
            witnesses: Witnesses { all: 3, quorum: 3, liars: 0 },
            passes: &[DAY, 8 * DAY],
            most: (9, 19 * DAY),
            deep: 11,
            ..Scene::default()
        },
        Scene {
            name: "two nodes and a log that is shown in two ways",
            wishes: &[],
            owner_moves: true,
            witnesses: Witnesses { all: 3, quorum: 2, liars: 1 },
            nodes: 2,
            split: true,
            passes: &[15 * MINUTE],
            most: (6, 30 * MINUTE),
            deep: 7,
            ..Scene::default()
        },
        Scene {
            name: "an insider floods the deed while the owner moves",
            wishes: &[],
            owner_moves: true,
            flood: true,
            passes: &[15 * MINUTE],
            most: (8, 30 * MINUTE),
            deep: 6,
            ..Scene::default()
        },
    ]
}
