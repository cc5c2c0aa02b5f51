//! What a change of a deed is in the timeline: for each event who wrote it, and what it says.

use super::Node;
use deed::State;
use deed::event::{Body, Event, Observation, Proof};
use deed::intent::Intent;
use deed::manifest::{Manifest, RoleKind};
use deed::record::{FactorId, Place};
use operator::consent::{Command, Reply, describe};
use operator::presence::Seen;
use operator::store::{Changes, Write};
use operator::timeline::{Actor, Entry, Happened};
use wire::Msisdn;

impl Node {
    /// Adds to a decision's changes what they are in the timeline: written with them, or not at all.
    pub(super) fn note_changes(
        &mut self,
        number: &Msisdn,
        command: &Command,
        asked_by: Actor,
        reply: &Reply,
        changes: &mut Changes,
    ) {
        let before = self.pins.pin(number).and_then(|pin| pin.state.live.as_ref()).map(|l| l.intent.clone());
        let manifest = self.pins.manifests().newest().map(|(manifest, _)| manifest);
        let mut entries = told(&reply.events, &reply.state, manifest, before);
        if matches!(command, Command::Request { .. }) {
            // The consent service signs what somebody asks of it.
            let asked = entries.iter_mut().find(|entry| matches!(entry.what, Happened::Requested { .. }));
            asked.into_iter().for_each(|entry| entry.actor = asked_by);
        }
        let notices = changes.0.iter().filter_map(|write| match write {
            Write::Notice(notice) => Some(notice.code.clone()),
            _ => None,
        });
        let queued = notices.map(|code| Entry::new(Actor::Operator, Happened::NoticeQueued { code }));
        entries.extend(queued);
        for entry in entries {
            let write = self.entry(*number, &entry);
            changes.0.push(write);
        }
    }

    /// Whose word an objection is.
    pub(super) fn objector(&self, number: &Msisdn, proof: &Proof) -> Actor {
        let manifest = self.pins.manifests().newest().map(|(manifest, _)| manifest);
        let known = self.pins.pin(number).map(|pin| who(&pin.state, manifest, std::slice::from_ref(proof)).0);
        known.unwrap_or(Actor::Unknown)
    }
}

/// The entries of new events, in order. `live` is the intent that was live before them.
fn told(
    events: &[Vec<u8>],
    state: &State,
    manifest: Option<&Manifest>,
    mut live: Option<Intent>,
) -> Vec<Entry> {
    let mut out = Vec::new();
    for event in events.iter().filter_map(|bytes| Event::decode(bytes).ok()) {
        let (actor, from) = who(state, manifest, &event.proofs);
        let asked = |live: &Option<Intent>| {
            live.as_ref().map(|intent| (describe(intent), intent.change.kind())).unwrap_or_default()
        };
        let what = match &event.body {
            Body::Issued(issued) => {
                let card = issued.slots.first().map(|(_, card)| ending(card.iccid.as_str()));
                Some(Happened::Issued { iccid: card.unwrap_or_default() })
            }
            Body::Requested { intent } => {
                live = Some(intent.clone());
                let (what, change) = asked(&live);
                Some(Happened::Requested { what, change })
            }
            Body::Consented { .. } => Some(Happened::Consented { from }),
            // The notice itself is an entry.
            Body::Notified { .. } => None,
            Body::Vetoed { .. } => Some(Happened::Vetoed { from }),
            Body::Ended { reason, .. } => Some(Happened::Ended { reason: *reason }),
            Body::Held { bits, .. } => Some(Happened::Held { bits: locks(bits), from }),
            Body::Committed { .. } => {
                let (what, change) = asked(&live);
                Some(Happened::Committed { what, change })
            }
            Body::Watched { .. } => Some(Happened::WatchKeyChanged { from }),
            Body::Adopted { .. } => Some(Happened::ManifestAdopted {}),
            Body::Observed { what, .. } => {
                let what = match what {
                    Observation::Clone => "sequence numbers that one card alone does not make",
                    Observation::Edit => "an edit of the database, refused",
                    Observation::Reroute => "the number routed elsewhere",
                };
                Some(Happened::Observed { what: what.into() })
            }
        };
        out.extend(what.map(|what| Entry::new(actor, what)));
    }
    out
}

/// Who signed, and from where, in a word for each.
fn who(state: &State, manifest: Option<&Manifest>, proofs: &[Proof]) -> (Actor, String) {
    let card = |signer| state.slots.iter().any(|slot| slot.card.id().0 == signer);
    let of = |proof: &Proof| {
        if let Some(known) = state.factor(&FactorId(proof.signer)) {
            let place = match known.factor.place {
                Place::Phone => "phone",
                Place::Elsewhere => "elsewhere",
                Place::People => "people",
                Place::Operator => "operator",
            };
            return (Actor::Owner, place);
        }
        match manifest.and_then(|manifest| manifest.role(&proof.signer)).map(|role| role.kind) {
            Some(RoleKind::Desk) => (Actor::Desk, "desk"),
            Some(RoleKind::BreakGlass) => (Actor::Operator, "emergency key"),
            Some(_) => (Actor::Operator, "operator"),
            None if card(proof.signer) => (Actor::Card, "card"),
            None => (Actor::Unknown, "unknown"),
        }
    };
    let signers: Vec<_> = proofs.iter().map(of).collect();
    // Whoever owns the number counts before whoever serves it.
    let actor = signers.iter().map(|(actor, _)| *actor).min().unwrap_or(Actor::Unknown);
    let mut places: Vec<&str> = signers.into_iter().map(|(_, place)| place).collect();
    places.sort_unstable();
    places.dedup();
    (actor, places.join(", "))
}

/// Hold bits, as a field has them.
fn locks(bits: &[u64]) -> String {
    bits.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

fn ending(digits: &str) -> String {
    format!("…{}", digits.get(digits.len().saturating_sub(6)..).unwrap_or_default())
}

/// What an attach is in the timeline: itself, and what is different from the one before.
pub(super) fn attached(before: Option<&Seen>, seen: &Seen) -> Vec<Entry> {
    let Seen { imsi, imei, plmn, area, .. } = *seen;
    let area = u64::from(area);
    let mut out = vec![Happened::Attached { imsi, imei, plmn, area }];
    if let Some(before) = before {
        if before.imei != imei {
            out.push(Happened::PhoneChanged { from: before.imei, to: imei });
        }
        if before.plmn != plmn || u64::from(before.area) != area {
            out.push(Happened::PlaceChanged { from: before.plmn, to: plmn, area });
        }
        if before.plmn.country() != plmn.country() {
            out.push(Happened::CountryChanged { from: before.plmn, to: plmn });
        }
    }
    out.into_iter().map(|what| Entry::new(Actor::Network, what)).collect()
}
