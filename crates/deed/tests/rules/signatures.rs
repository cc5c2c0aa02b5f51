//! What a signature must be over, and by whom.

use crate::*;

pub(crate) const SCENARIOS: &[Scenario] = scenarios![
    a_sign_in_is_no_approval,
    authenticator_data_that_says_too_little_is_refused,
    a_security_key_whose_counter_went_back_may_only_object,
    a_well_signed_assertion_without_the_user_or_for_another_site_is_refused,
    a_browser_that_writes_no_cross_origin_is_a_browser,
    bytes_that_say_the_same_in_another_form_are_another_event_and_refused,
    a_statement_of_one_deed_is_worth_nothing_in_another,
];

#[test]
fn a_sign_in_is_no_approval() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let (body, mut proof) = world.consent_of(Who::Passkey, request, &intent);
    // Same passkey, a challenge of the portal's.
    proof.evidence = world.passkey.answer(&[42; 32]);
    assert_eq!(code(world.push(&body, &[proof.clone()])), "webauthn");
    // Right challenge, wrong page.
    let (_, good) = world.consent_of(Who::Passkey, request, &intent);
    let Evidence::Passkey { authenticator_data, client_data, signature } = good.evidence else { panic!() };
    let text = String::from_utf8(client_data).unwrap();
    for changed in [
        text.replace("move.localhost", "my.localhost"),
        text.replace("webauthn.get", "webauthn.create"),
        text.replace("false", "true"),
        text.replace(r#"":false}"#, r#"":false]"#),
    ] {
        let client_data = changed.into_bytes();
        let evidence =
            Evidence::Passkey { authenticator_data: authenticator_data.clone(), client_data, signature };
        proof.evidence = evidence;
        assert_eq!(code(world.push(&body, &[proof.clone()])), "webauthn");
    }
    // Chromium's further keys are welcome, if signed: the signature is not over this text.
    let client_data = text.replace("false}", r#"false,"other_keys":"x"}"#).into_bytes();
    proof.evidence = Evidence::Passkey { authenticator_data, client_data, signature };
    assert_eq!(code(world.push(&body, &[proof])), "signature");
}

#[test]
fn authenticator_data_that_says_too_little_is_refused() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    for (at, flip) in [(0, 0x01), (32, 0x01), (32, 0x04), (32, 0x40), (32, 0x08)] {
        let (body, mut proof) = world.consent_of(Who::Passkey, request, &intent);
        if let Evidence::Passkey { authenticator_data, .. } = &mut proof.evidence {
            authenticator_data[at] ^= flip;
        }
        assert_eq!(code(world.push(&body, &[proof])), "webauthn", "byte {at} bit {flip:#x}");
    }
}

#[test]
fn a_security_key_whose_counter_went_back_may_only_object() {
    let mut world = World::empty(true);
    let mut key = security_key(9);
    let body = world.issued(Source::New);
    let Body::Issued(mut issued) = body else { panic!() };
    issued.factors[1] = key.factor();
    let body = Body::Issued(issued);
    let zeros = [0; 32];
    let mut clone = security_key(9);
    for _ in 0..3 {
        key.answer(&[0; 32]);
    }
    let signers: [&mut dyn SignStatement; 4] =
        [&mut world.issuer, &mut world.passkey, &mut key, &mut world.hold_code];
    let proofs: Vec<_> = signers.into_iter().map(|s| s.prove(&zeros, AsOf::NOTHING, &body)).collect();
    let salt = world.salt();
    world.push_bytes(assemble(&zeros, 0, &zeros, &salt, &body, &proofs)).unwrap();
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let body = Body::Consented { request, intent: intent.clone() };
    let proof = clone.prove(&world.deed_id(), world.tip(), &body);
    assert_eq!(code(world.push(&body, &[proof])), "counter");
    let veto = Body::Vetoed { request, reason: 1 };
    let proof = clone.prove(&world.deed_id(), world.tip(), &veto);
    world.push(&veto, &[proof]).unwrap();
}

#[test]
fn a_well_signed_assertion_without_the_user_or_for_another_site_is_refused() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let key = Es256Key::from_scalar(&keys::Secret::new([1; 32])).unwrap();
    for (rp_id, flags) in [
        (RP_ID, 0x01 | 0x18),
        (RP_ID, 0x04 | 0x18),
        (RP_ID, 0x05),
        (RP_ID, 0x45 | 0x18),
        ("my.localhost", 0x05 | 0x18),
        (RP_ID, 0x05 | 0x18),
    ] {
        let (body, mut proof) = world.consent_of(Who::Passkey, request, &intent);
        let Evidence::Passkey { client_data, .. } = &proof.evidence else { panic!() };
        let client_data = client_data.clone();
        let mut authenticator_data = keys::digest::sha256(&[rp_id.as_bytes()]).to_vec();
        authenticator_data.extend_from_slice(&[flags, 0, 0, 0, 0]);
        let signed = [&authenticator_data[..], &keys::digest::sha256(&[&client_data])].concat();
        let signature = key.sign(&signed);
        proof.evidence = Evidence::Passkey { authenticator_data, client_data, signature };
        let result = world.push(&body, &[proof]);
        if rp_id == RP_ID && flags == 0x1d {
            result.unwrap();
        } else {
            assert_eq!(code(result), "webauthn", "{rp_id} {flags:#x}");
        }
    }
}

#[test]
fn a_browser_that_writes_no_cross_origin_is_a_browser() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let key = Es256Key::from_scalar(&keys::Secret::new([1; 32])).unwrap();
    for (end, accepted) in [("}x", false), (",}", false), (r#","crossOrigin":true}"#, false), ("}", true)] {
        let (body, mut proof) = world.consent_of(Who::Passkey, request, &intent);
        let Evidence::Passkey { authenticator_data, client_data, .. } = proof.evidence else { panic!() };
        let text = String::from_utf8(client_data).unwrap().replace(r#","crossOrigin":false}"#, end);
        let client_data = text.into_bytes();
        let signed = [&authenticator_data[..], &keys::digest::sha256(&[&client_data])].concat();
        proof.evidence = Evidence::Passkey { authenticator_data, client_data, signature: key.sign(&signed) };
        assert_eq!(world.push(&body, &[proof]).is_ok(), accepted, "{end}");
    }
}

#[test]
fn bytes_that_say_the_same_in_another_form_are_another_event_and_refused() {
    let mut world = World::new(true);
    let note = Body::Held { bits: vec![bit::ROAMING], silenced: vec![], reason: 0 };
    let proof = world.passkey.prove(&world.deed_id(), world.tip(), &note);
    let event = world.event(&note, &[proof]);
    // The format number 1 in two bytes, an array of indefinite length, a byte too many, a byte too few.
    let longer = [&event[..1], &[0x18, 0x01], &event[2..]].concat();
    let indefinite = [&[0x9f], &event[1..], &[0xff]].concat();
    let trailing = [&event[..], &[0x00]].concat();
    let short = event[..event.len() - 1].to_vec();
    let other_format = [&event[..1], &[0x02], &event[2..]].concat();
    for (bytes, reason) in [
        (longer, "encoding"),
        (indefinite, "encoding"),
        (trailing, "encoding"),
        (short, "encoding"),
        (other_format, "unknown"),
    ] {
        assert_eq!(code(world.push_bytes(bytes)), reason);
    }
    world.push_bytes(event).unwrap();
}

#[test]
fn a_statement_of_one_deed_is_worth_nothing_in_another() {
    let mut one = World::new(true);
    let mut other = World::new(true);
    let to = one.card();
    let note = Body::Held { bits: vec![bit::ROAMING], silenced: vec![], reason: 0 };
    // Another salt, another deed: the first event's bytes differ, so the same proof belongs to one deed only.
    other.events.clear();
    other.indices.clear();
    let body = other.issued(Source::New);
    let proofs = other.issue_proofs(&body);
    other.push_bytes(assemble(&[0; 32], 0, &[0; 32], &[5; 16], &body, &proofs)).unwrap();
    assert_ne!(one.deed_id(), other.deed_id());
    let proof = one.passkey.prove(&one.deed_id(), one.tip(), &note);
    assert_eq!(code(other.push(&note, std::slice::from_ref(&proof))), "as-of");
    let event = one.event(&note, &[proof]);
    assert_eq!(code(other.push_bytes(event)), "other-deed");
    let _ = to;
}

#[test]
fn factors_that_pretend_are_refused() {
    for (purpose, place, key) in [
        (Purpose::Card, Place::Elsewhere, FactorKey::Es256([4; 65])),
        (Purpose::Recover, Place::Phone, FactorKey::Ed25519([1; 32])),
        (Purpose::Guardian, Place::Elsewhere, FactorKey::Ed25519([1; 32])),
        (Purpose::Move, Place::Operator, FactorKey::Ed25519([1; 32])),
        (Purpose::Move, Place::People, FactorKey::Ed25519([1; 32])),
    ] {
        assert!(Factor::decode(&Factor { purpose, place, key }.encode()).is_err());
    }
}

#[test]
fn every_changed_byte_of_a_history_is_refused_or_makes_another_head() {
    let mut world = World::new(true);
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    world.commit_after(request, DAY).unwrap();
    let head = world.state().head();
    for e in 0..world.events.len() {
        for i in 0..world.events[e].len() {
            let mut changed = world.events.clone();
            changed[e][i] ^= 1 << (i % 8);
            if let Ok(state) = verify(&Portable, &world.manifests, None, &changed) {
                assert_ne!(state.head(), head, "event {e} byte {i}");
                assert_eq!(
                    e,
                    world.events.len() - 1,
                    "only the last event's salt is covered by nothing but its head"
                );
            }
        }
        for cut in 0..world.events[e].len() {
            let mut changed = world.events.clone();
            changed[e].truncate(cut);
            assert!(verify(&Portable, &world.manifests, None, &changed).is_err());
        }
    }
}
