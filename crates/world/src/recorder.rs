//! Tests as vectors: every history that a test tries, with what became of it.

use crate::World;
use deed::{Refusal, State};
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Collects every history that a test tries, with what became of it: the published vectors.
#[derive(Default)]
struct Recorder {
    scenario: String,
    events: BTreeMap<String, String>,
    cases: Vec<serde_json::Value>,
    deployment: Option<(String, String)>,
}

/// Runs scenarios and returns all they tried as one JSON document.
pub fn recorded(scenarios: &[(&str, fn())]) -> serde_json::Value {
    RECORDER.set(Some(Recorder::default()));
    for (name, run) in scenarios {
        RECORDER.with_borrow_mut(|r| r.as_mut().unwrap().scenario = (*name).to_string());
        run();
    }
    let recorder = RECORDER.take().unwrap();
    let (root_digest, manifests) = recorder.deployment.unwrap();
    serde_json::json!({
        "about": "Histories of deeds, format 1. `accept` says whether the whole is legal; if not, `at` is the first event \
                  that is no legal continuation and `reason` why. Events are listed once, under the first 16 digits of \
                  their SHA-256.",
        "format": 1,
        "root_digest": root_digest,
        "manifests": manifests,
        "events": recorder.events,
        "cases": recorder.cases,
    })
}

pub(super) fn record(world: &World, events: &[Vec<u8>], result: &Result<State, Refusal>) {
    RECORDER.with_borrow_mut(|recorder| {
        let Some(recorder) = recorder else { return };
        let mut names = Vec::new();
        for event in events {
            let name = hex::encode(&keys::digest::sha256(&[event])[..8]);
            recorder.events.entry(name.clone()).or_insert_with(|| hex::encode(event));
            names.push(name);
        }
        let mut case = serde_json::json!({ "scenario": recorder.scenario, "events": names });
        match result {
            Ok(state) => {
                case["accept"] = true.into();
                case["state"] = serde_json::json!({
                    "number": state.number.as_str(),
                    "deed_id": hex::encode(state.deed_id),
                    "seq": state.seq(),
                    "head": hex::encode(state.head()),
                    "card_id": hex::encode(state.card().unwrap().id().0),
                    "holds": state.standing_holds(),
                    "live": state.live.as_ref().map(|l| hex::encode(l.head)),
                });
            }
            Err(refusal) => {
                case["accept"] = false.into();
                case["at"] = refusal.seq.into();
                case["reason"] = refusal.reason.code().into();
            }
        }
        recorder.cases.push(case);
        let manifests: Vec<String> = world.signed.iter().map(|m| hex::encode(m.encode())).collect();
        recorder.deployment = Some((hex::encode(world.root_digest()), manifests.join("")));
    });
}
