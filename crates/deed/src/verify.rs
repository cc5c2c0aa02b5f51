//! Verifying a history: from nothing or from a pinned state, event by event, and every signature of it.

use crate::defence::{Defence, stands};
use crate::event::{AsOf, Body, Event, Evidence, MAX_EVENTS, Proof, message};
use crate::intent::Change;
use crate::manifest::{Manifest, Manifests, RoleKey};
use crate::proven::Signer;
use crate::record::{Factor, FactorId, FactorKey};
use crate::state::State;
use crate::webauthn::{Assertion, Expected};
use crate::{Digest, Reason, Refusal, rules};
use alloc::vec::Vec;
use keys::sign::Verifier;

/// The state after `events`, which follow `from` or, without it, begin a deed.
pub fn verify<E: AsRef<[u8]>>(
    verifier: &impl Verifier,
    manifests: &Manifests,
    from: Option<State>,
    events: &[E],
) -> Result<State, Refusal> {
    let mut state = from;
    for bytes in events {
        state = Some(step(verifier, manifests, state, bytes.as_ref())?);
    }
    state.ok_or(Reason::Missing("there is no event at all").at(0))
}

/// The state after one more event.
pub fn step(
    verifier: &impl Verifier,
    manifests: &Manifests,
    state: Option<State>,
    bytes: &[u8],
) -> Result<State, Refusal> {
    let seq = state.as_ref().map_or(0, |s| s.heads.len() as u64);
    let event = Event::decode(bytes).map_err(|r| r.at(seq))?;
    apply(verifier, manifests, state, &event).map_err(|r| r.at(seq))
}

fn apply(
    verifier: &impl Verifier,
    manifests: &Manifests,
    state: Option<State>,
    event: &Event,
) -> Result<State, Reason> {
    let Some(state) = state else {
        let Body::Issued(issued) = &event.body else {
            return Err(Reason::Issue("it does not begin with event 0"));
        };
        if event.seq != 0 || event.deed_id != [0; 32] || event.prev != [0; 32] {
            return Err(Reason::Issue("event 0 names something before it"));
        }
        let (manifest, _) = manifests.get(&issued.manifest)?;
        let signers = signers(verifier, manifest, None, event)?;
        return rules::issue(event, issued, &signers);
    };
    if event.deed_id != state.deed_id {
        return Err(Reason::OtherDeed);
    }
    if event.seq != state.heads.len() as u64 {
        return Err(Reason::Sequence);
    }
    if event.prev != state.head() {
        return Err(Reason::Prev);
    }
    if event.seq >= MAX_EVENTS {
        return Err(Reason::Limit("number of events"));
    }
    // A manifest is adopted by its own consent service.
    let (manifest, _) = match &event.body {
        Body::Adopted { manifest, .. } => manifests.get(manifest)?,
        _ => manifests.get(&state.manifest)?,
    };
    let signers = signers(verifier, manifest, Some(&state), event)?;
    rules::apply(verifier, manifests, state, event, &signers)
}

/// All signers of an event, each checked; one bad proof fails the event.
fn signers(
    verifier: &impl Verifier,
    manifest: &Manifest,
    state: Option<&State>,
    event: &Event,
) -> Result<Vec<Signer>, Reason> {
    let mut seen: Vec<Digest> = Vec::new();
    let mut out = Vec::new();
    for proof in &event.proofs {
        if seen.contains(&proof.signer) {
            return Err(Reason::SignedTwice);
        }
        seen.push(proof.signer);
        out.push(check(verifier, manifest, state, event.body.kind(), &event.body, &event.body_bytes, proof)?);
    }
    Ok(out)
}

/// One proof over a statement of this type and body, against this state.
pub(crate) fn check(
    verifier: &impl Verifier,
    manifest: &Manifest,
    state: Option<&State>,
    kind: u64,
    body: &Body,
    body_bytes: &[u8],
    proof: &Proof,
) -> Result<Signer, Reason> {
    let (deed_id, tip) = match state {
        None => ([0; 32], AsOf::NOTHING),
        Some(state) => (state.deed_id, AsOf { seq: state.seq(), head: state.head() }),
    };
    match state {
        None if proof.as_of != AsOf::NOTHING => return Err(Reason::AsOf),
        Some(state)
            if state.head_at(proof.as_of.seq) != Some(proof.as_of.head) && stands(Defence::SeenIsOurs) =>
        {
            return Err(Reason::AsOf);
        }
        _ => {}
    }
    let message = message(&deed_id, &proof.as_of, kind, body_bytes);
    let id = FactorId(proof.signer);
    if let Some(known) = state.and_then(|s| s.factor(&id)) {
        if proof.as_of != tip && !stands(Defence::SeenNotNewest) {
            return Err(Reason::Stale("a factor signs at the newest event only"));
        }
        let counter = factor_signature(verifier, manifest, &known.factor, &message, &proof.evidence)?;
        let fresh_counter = counter == 0 && known.counter == 0 || counter > known.counter;
        return Ok(Signer::Factor { id, counter, fresh_counter });
    }
    if let Some(factor) = introduced(body, &id) {
        let counter = factor_signature(verifier, manifest, factor, &message, &proof.evidence)?;
        return Ok(Signer::Introduced { id, counter });
    }
    if let Some(role) = manifest.role(&proof.signer) {
        if proof.as_of != tip {
            return Err(Reason::Stale("an operator's key signs at the newest event only"));
        }
        let Evidence::Raw(signature) = &proof.evidence else { return Err(Reason::Signature) };
        let good = match &role.key {
            RoleKey::Es256(key) => verifier.es256(key, &message, signature),
            RoleKey::Ed25519(key) => verifier.ed25519(key, &message, signature),
        };
        return if good { Ok(Signer::Role(role.clone())) } else { Err(Reason::Signature) };
    }
    if let Some(point) = sleeping_card(state, body, &proof.signer) {
        let Evidence::Raw(signature) = &proof.evidence else { return Err(Reason::Signature) };
        let good = verifier.es256(&point, &message, signature);
        return if good { Ok(Signer::SleepingCard) } else { Err(Reason::Signature) };
    }
    Err(Reason::Signer)
}

/// A factor that the event's own body introduces.
fn introduced<'a>(body: &'a Body, id: &FactorId) -> Option<&'a Factor> {
    match body {
        Body::Issued(issued) => issued.factors.iter().find(|f| f.id() == *id),
        Body::Requested { intent } | Body::Consented { intent, .. } => {
            intent.change.introduces().iter().find(|f| f.id() == *id)
        }
        _ => None,
    }
}

/// The key of the sleeping card that the intent names, if `signer` is that card.
fn sleeping_card(state: Option<&State>, body: &Body, signer: &Digest) -> Option<[u8; 65]> {
    let (Body::Requested { intent } | Body::Consented { intent, .. }) = body else { return None };
    let Change::Wake { slot, .. } = &intent.change else { return None };
    let slot = state?.slot(*slot)?;
    if slot.dormant && slot.card.id().0 == *signer { slot.card.card_pub } else { None }
}

/// The passkey's counter (0 for raw keys), if the signature is this factor's over this message.
fn factor_signature(
    verifier: &impl Verifier,
    manifest: &Manifest,
    factor: &Factor,
    message: &[u8],
    evidence: &Evidence,
) -> Result<u32, Reason> {
    let good = match (&factor.key, evidence) {
        (
            FactorKey::Passkey { point, rp_id, reg_flags, .. },
            Evidence::Passkey { authenticator_data, client_data, signature },
        ) => {
            let site = manifest.site(rp_id).ok_or(Reason::WebAuthn("its relying party is none of ours"))?;
            let challenge = keys::digest::sha256(&[message]);
            let assertion = Assertion { authenticator_data, client_data, signature };
            let expected = Expected { point, reg_flags: *reg_flags, site, challenge: &challenge };
            return assertion.check(verifier, &expected);
        }
        (FactorKey::Es256(point), Evidence::Raw(signature)) => verifier.es256(point, message, signature),
        (FactorKey::Ed25519(key), Evidence::Raw(signature)) => verifier.ed25519(key, message, signature),
        (FactorKey::Ed25519Digest(digest), Evidence::Revealed { key, signature }) => {
            keys::digest::sha256(&[key]) == *digest && verifier.ed25519(key, message, signature)
        }
        _ => false,
    };
    if good { Ok(0) } else { Err(Reason::Signature) }
}
