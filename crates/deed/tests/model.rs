//! Every state of the model, within bounds that each scene states: no law of docs/model.md is broken in any.
//!
//! `cargo test --release -p deed --features model --test model -- --nocapture` prints how many states each scene has;
//! `SIMWARD_DEEPER=1` goes an act deeper. With the feature
//! `danger_switches` single rules are taken away, and the law that stands on each falls.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use stateright::{Checker, Model as _, Property};
use world::model::{Act, Model, Scene, Universe, scenes};

/// A model, and the laws that are asked about.
struct Checked(Model, &'static [&'static str]);

impl stateright::Model for Checked {
    type State = Universe;
    type Action = Act;

    fn init_states(&self) -> Vec<Universe> {
        self.0.begins()
    }

    fn actions(&self, universe: &Universe, acts: &mut Vec<Act>) {
        acts.extend(self.0.acts(universe));
    }

    fn next_state(&self, universe: &Universe, act: Act) -> Option<Universe> {
        self.0.after(universe, &act)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("the laws hold", |model: &Self, universe| {
            !model.0.broken(universe).iter().any(|law| model.1.contains(law))
        })]
    }

    fn within_boundary(&self, universe: &Universe) -> bool {
        self.0.within(universe)
    }
}

/// All that the model looks at, by the names that docs/model.md gives them.
#[cfg(not(feature = "danger_switches"))]
const LAWS: &[&str] =
    &["D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D10", "D11", "D12", "D13", "D14", "D15", "D18", "D20"];

/// The way to a state in which one of these laws is broken, if there is any; and how many states were seen.
fn explore(scene: Scene, laws: &'static [&'static str]) -> (Option<Vec<Act>>, usize) {
    let name = scene.name;
    let deep = scene.deep + std::env::var("SIMWARD_DEEPER").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let checked = Checked(Model::new(scene), laws);
    // The checker counts states on the way, and looks at none as deep as its target.
    let checker = checked.checker().threads(2).target_max_depth(deep + 2).spawn_bfs().join();
    let states = checker.unique_state_count();
    let way = checker.discovery("the laws hold").map(|path| {
        println!("{:?}", path.last_state());
        path.into_actions()
    });
    println!(
        "model: {name}: {states} states, {} acts deep: {}",
        checker.max_depth().saturating_sub(2),
        way.as_ref().map_or("the laws hold in each".into(), |acts| format!("{laws:?} broken by {acts:?}"))
    );
    (way, states)
}

#[cfg(not(feature = "danger_switches"))]
#[test]
fn no_law_is_broken_in_any_state() {
    let mut all = 0;
    for scene in scenes() {
        let name = scene.name;
        let (broken, states) = explore(scene, LAWS);
        assert_eq!(broken, None, "{name}");
        all += states;
    }
    println!("model: {all} states in all");
    // Where nothing can be reached, nothing is shown.
    assert!(all > 200_000);
}

#[cfg(feature = "danger_switches")]
mod mutants {
    use super::*;
    use deed::defence::{Defence, danger_all_on, danger_switch_off};

    /// Without one rule: in which scene which law falls.
    const MUTANTS: [(Defence, &str, &[&str]); 10] = [
        (Defence::ObjectionsStop, "objections and a commit cross", &["D4"]),
        (Defence::SeenNotNewest, "an insider floods", &["D20"]),
        (Defence::ObjectionsVoid, "what the owner said is held back", &["D11"]),
        (Defence::StatementsWorkOnce, "what the owner said is held back", &["D11"]),
        (Defence::SyncedIsInThePhone, "a synced passkey pretends", &["D3"]),
        (Defence::QuorumSaysReady, "the phone is stolen", &["D6"]),
        (Defence::QuorumsShareAWitness, "two nodes", &["D8"]),
        (Defence::DesksAreNoPlace, "the operator alone: consent service", &["D2"]),
        (Defence::BornAtExpiry, "an inattentive owner", &["D12"]),
        (Defence::UndoingWaits, "the old card comes back", &["D3"]),
    ];

    /// One at a time, because a rule is taken away in the whole process.
    #[test]
    fn each_rule_taken_away_breaks_the_law_that_stands_on_it() {
        for (rule, scene, law) in MUTANTS {
            danger_all_on();
            danger_switch_off(rule);
            let scene = scenes().into_iter().find(|s| s.name.starts_with(scene)).unwrap();
            let (way, _) = explore(scene, law);
            danger_all_on();
            assert!(way.is_some(), "without {rule:?} {law:?} holds all the same");
            println!("model: without {rule:?} {law:?} is broken");
        }
    }
}
