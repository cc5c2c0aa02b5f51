//! Four eyes: a version of the rules counts when two offices have signed its exact octets.

use super::rules::RuleSet;
use crate::Refusal;
use deed::Digest;
use deed::manifest::{Manifest, Role, RoleKey, RoleKind};
use keys::sign::Verifier;
use serde::{Deserialize, Serialize};

/// What an office signs: `simward.rules.1` ‖ 0x00 ‖ octets. No signature of a desk over anything else is one of these.
pub fn message(rules: &[u8]) -> Vec<u8> {
    [b"simward.rules.1\0", rules].concat()
}

/// One office's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The role's name in the manifest.
    pub role: Digest,
    /// Its signature, 64 octets.
    pub signature: Vec<u8>,
}

/// Rules that two offices have signed. Made by [`Approved::check`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    rules: RuleSet,
    offices: Vec<u64>,
}

impl Approval {
    /// The role whose word this is, if it is: a desk's key of this manifest, in its time, over these octets.
    pub fn check<'a>(
        &self,
        verifier: &impl Verifier,
        manifest: &'a Manifest,
        rules: &[u8],
        at: u64,
    ) -> Result<&'a Role, Refusal> {
        let role = manifest.role(&self.role).filter(|role| role.kind == RoleKind::Desk && role.valid_at(at));
        let role = role.ok_or_else(|| {
            Refusal::refused("role", "no desk of the manifest has this key, or not at this time")
        })?;
        let signature = <[u8; 64]>::try_from(&self.signature[..]);
        let message = message(rules);
        let good = signature.is_ok_and(|signature| match &role.key {
            RoleKey::Es256(key) => verifier.es256(key, &message, &signature),
            RoleKey::Ed25519(key) => verifier.ed25519(key, &message, &signature),
        });
        if good {
            Ok(role)
        } else {
            Err(Refusal::refused("signature", "the signature is not over these octets, or not by this key"))
        }
    }
}

impl Approved {
    /// Two offices, two keys, these octets.
    pub fn check(
        verifier: &impl Verifier,
        manifest: &Manifest,
        rules: &[u8],
        approvals: &[Approval],
        at: u64,
    ) -> Result<Self, Refusal> {
        let parsed = RuleSet::parse(rules).map_err(Refusal::Malformed)?;
        let mut known: Vec<&Role> = Vec::new();
        for approval in approvals {
            let role = approval.check(verifier, manifest, rules, at)?;
            if known.iter().any(|other| other.key == role.key || other.office == role.office) {
                return Err(Refusal::refused(
                    "one-voice",
                    "one key or one office has signed twice; another must",
                ));
            }
            known.push(role);
        }
        if known.len() < 2 {
            return Err(Refusal::refused("four-eyes", "two offices must sign these rules"));
        }
        Ok(Self { rules: parsed, offices: known.iter().map(|role| role.office).collect() })
    }

    /// The same for a version that is to take the place of `active`: it must be the next, and name that one.
    pub fn succeed(
        verifier: &impl Verifier,
        manifest: &Manifest,
        rules: &[u8],
        approvals: &[Approval],
        (at, active): (u64, Option<&RuleSet>),
    ) -> Result<Self, Refusal> {
        next(&RuleSet::parse(rules).map_err(Refusal::Malformed)?, active)?;
        Self::check(verifier, manifest, rules, approvals, at)
    }

    /// The rules.
    pub const fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// The offices that signed.
    pub fn offices(&self) -> &[u64] {
        &self.offices
    }
}

/// Whether rules follow the active ones.
pub(super) fn next(rules: &RuleSet, active: Option<&RuleSet>) -> Result<(), Refusal> {
    let (version, previous) =
        active.map_or((1, None), |active| (active.version().saturating_add(1), Some(active.digest())));
    if rules.version() == version && rules.previous() == previous {
        return Ok(());
    }
    let why = format!("the next version is {version}, and names the active one in `previous`");
    Err(Refusal::refused("stale", why))
}

impl RuleSet {
    /// Whether it may follow the active rules: the next version, naming them.
    pub fn follows(&self, active: Option<&Self>) -> Result<(), Refusal> {
        next(self, active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deed::signer::RoleSigner;
    use keys::Secret;
    use keys::sign::{Ed25519Key, Host};

    const FIRST: &str = include_str!("../../rules/caution-1.toml");

    fn key(n: u8) -> Ed25519Key {
        Ed25519Key::from_seed(&Secret::new([n; 32]))
    }

    fn signer(kind: RoleKind, office: u64, n: u8) -> RoleSigner {
        RoleSigner::new(kind, office, key(n))
    }

    fn manifest(roles: &[&RoleSigner]) -> Manifest {
        Manifest {
            operator: "o".into(),
            live: false,
            version: 1,
            prev: [0; 32],
            roles: roles.iter().map(|r| r.role.clone()).collect(),
            sites: Vec::new(),
            log_policy: Vec::new(),
            delays: Vec::new(),
            roll_digest: [0; 32],
            next_root: [0; 32],
        }
    }

    fn approval(signer: &RoleSigner, bytes: &[u8]) -> Approval {
        Approval { role: signer.role.id(), signature: signer.sign(&message(bytes)).to_vec() }
    }

    #[test]
    fn rules_count_when_two_offices_have_signed_them_and_not_before() {
        let (one, two) = (signer(RoleKind::Desk, 1, 1), signer(RoleKind::Desk, 2, 2));
        let (same_office, other_kind) = (signer(RoleKind::Desk, 1, 3), signer(RoleKind::Consent, 3, 4));
        let stranger = signer(RoleKind::Desk, 9, 9);
        let manifest = manifest(&[&one, &two, &same_office, &other_kind]);
        let bytes = FIRST.as_bytes();
        let check = |approvals: &[Approval]| {
            Approved::check(&Host, &manifest, bytes, approvals, 5).map_err(|refusal| refusal.code())
        };
        let by = |signer: &RoleSigner| approval(signer, bytes);
        assert_eq!(check(&[by(&one), by(&two)]).unwrap().offices(), [1, 2]);
        assert_eq!(check(&[]).unwrap_err(), "four-eyes");
        assert_eq!(check(&[by(&one)]).unwrap_err(), "four-eyes");
        assert_eq!(check(&[by(&one), by(&one)]).unwrap_err(), "one-voice");
        assert_eq!(check(&[by(&one), by(&same_office)]).unwrap_err(), "one-voice");
        assert_eq!(check(&[by(&one), by(&other_kind)]).unwrap_err(), "role");
        assert_eq!(check(&[by(&one), by(&stranger)]).unwrap_err(), "role");
        let changed = bytes.iter().copied().chain(*b"\n").collect::<Vec<u8>>();
        assert_eq!(check(&[by(&one), approval(&two, &changed)]).unwrap_err(), "signature");
        // A signature over the octets alone, without the label, is none; nor is one that is too short.
        let bare = Approval { role: two.role.id(), signature: two.sign(bytes).to_vec() };
        assert_eq!(check(&[by(&one), bare]).unwrap_err(), "signature");
        let short = Approval { signature: vec![0; 63], ..by(&two) };
        assert_eq!(check(&[by(&one), short]).unwrap_err(), "signature");
        let borrowed = Approval { role: two.role.id(), ..by(&one) };
        assert_eq!(check(&[by(&one), borrowed]).unwrap_err(), "signature");
    }

    #[test]
    fn a_stale_version_is_refused_however_many_sign_it() {
        let (one, two) = (signer(RoleKind::Desk, 1, 1), signer(RoleKind::Desk, 2, 2));
        let manifest = manifest(&[&one, &two]);
        let active = RuleSet::parse(FIRST.as_bytes()).unwrap();
        let hex = |digest: &Digest| digest.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let text = |version: u64, previous: &str| {
            FIRST.replacen("version = 1", &format!("version = {version}"), 1).replacen(
                "previous = \"\"",
                &format!("previous = \"{previous}\""),
                1,
            )
        };
        let succeed = |text: &str, active: Option<&RuleSet>| {
            let approvals = [approval(&one, text.as_bytes()), approval(&two, text.as_bytes())];
            let succeeded = Approved::succeed(&Host, &manifest, text.as_bytes(), &approvals, (5, active));
            succeeded.map(drop).map_err(|refusal| refusal.code())
        };
        let before = hex(active.digest());
        assert_eq!(succeed(FIRST, None), Ok(()));
        assert_eq!(succeed(&text(2, &before), Some(&active)), Ok(()));
        assert_eq!(succeed(FIRST, Some(&active)), Err("stale"), "the one that is active");
        assert_eq!(succeed(&text(3, &before), Some(&active)), Err("stale"), "one left out");
        assert_eq!(succeed(&text(2, &"ab".repeat(32)), Some(&active)), Err("stale"), "another's successor");
        assert_eq!(succeed(&text(2, &before), None), Err("stale"), "a successor of nothing");
    }
}
