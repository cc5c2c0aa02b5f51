//! The manifest: under which keys, origins, log policy and waits an operator keeps deeds.

use crate::Reason;
use crate::cbor::{Reader, Writer, whole};
use crate::class::Class;
use crate::defence::{Defence, stands};
use crate::hash::{self, Digest};
use crate::log::Leaf;
use crate::log::policy::Policy;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use keys::sign::Verifier;

/// What an operator's key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleKind {
    /// 1: signs first events.
    Issuer,
    /// 2: the consent service: requests, notices, ends, commits.
    Consent,
    /// 3: a desk: can only object, or support a place-2 factor against the phone.
    Desk,
    /// 4: the authentication centre.
    Auc,
    /// 5: emergency suspend; can only hold, and lift the legal bit.
    BreakGlass,
}

impl RoleKind {
    const fn number(self) -> u64 {
        match self {
            Self::Issuer => 1,
            Self::Consent => 2,
            Self::Desk => 3,
            Self::Auc => 4,
            Self::BreakGlass => 5,
        }
    }
}

/// A role's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleKey {
    /// Suite 2: ES256.
    Es256([u8; 65]),
    /// Suite 3: Ed25519.
    Ed25519([u8; 32]),
}

/// An operator's key and what it is for: `[role, suite, key, office, from, until]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// What for.
    pub kind: RoleKind,
    /// Which key.
    pub key: RoleKey,
    /// Which office holds it: two desks of one office are one voice.
    pub office: u64,
    /// From when.
    pub from: u64,
    /// Until when; 0 for no end.
    pub until: u64,
}

impl Role {
    fn encode(&self) -> Vec<u8> {
        let (suite, key): (u64, &[u8]) = match &self.key {
            RoleKey::Es256(key) => (2, key),
            RoleKey::Ed25519(key) => (3, key),
        };
        Writer::new()
            .array(6)
            .uint(self.kind.number())
            .uint(suite)
            .bytes(key)
            .uint(self.office)
            .uint(self.from)
            .uint(self.until)
            .done()
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        r.array(6)?;
        let kind = match r.uint()? {
            1 => RoleKind::Issuer,
            2 => RoleKind::Consent,
            3 => RoleKind::Desk,
            4 => RoleKind::Auc,
            5 => RoleKind::BreakGlass,
            _ => return Err(Reason::Unknown("role")),
        };
        let key = match r.uint()? {
            2 => RoleKey::Es256(r.array_of()?),
            3 => RoleKey::Ed25519(r.array_of()?),
            _ => return Err(Reason::Unknown("role suite")),
        };
        Ok(Self { kind, key, office: r.uint()?, from: r.uint()?, until: r.uint()? })
    }

    /// Its name: H(role, bytes).
    pub fn id(&self) -> Digest {
        hash::labelled(hash::ROLE, &self.encode())
    }

    /// Whether it is valid at a witnessed time.
    pub const fn valid_at(&self, time: u64) -> bool {
        self.from <= time && (self.until == 0 || time <= self.until)
    }
}

/// A page where owners sign: `[rp_id, [origin…], page_digest(32)]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The relying party id, `move.<domain>`.
    pub rp_id: String,
    /// Exactly these origins.
    pub origins: Vec<String>,
    /// SHA-256 of the page.
    pub page_digest: Digest,
}

/// A wait of the operator's own: longer than the floor, or in a test deployment any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// For which kind of intent.
    pub kind: u64,
    /// For which class.
    pub class: Class,
    /// Seconds.
    pub seconds: u64,
}

/// `[1, operator, env, version, prev, roles, sites, log_policy, delays, roll_scheme, roll_digest, next_root]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The operator's name.
    pub operator: String,
    /// Whether its deeds are real: a test deployment says so with every answer and may shorten waits.
    pub live: bool,
    /// 1, 2, …
    pub version: u64,
    /// The manifest before; zeros in the first.
    pub prev: Digest,
    /// Keys.
    pub roles: Vec<Role>,
    /// Pages.
    pub sites: Vec<Site>,
    /// C2SP tlog-policy, verbatim.
    pub log_policy: Vec<u8>,
    /// Own waits.
    pub delays: Vec<Delay>,
    /// SHA-256 of the roll key (roll scheme 1).
    pub roll_digest: Digest,
    /// SHA-256 of the public key that signs the next manifest.
    pub next_root: Digest,
}

impl Manifest {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        Writer::new()
            .array(12)
            .uint(1)
            .text(&self.operator)
            .uint(u64::from(self.live))
            .uint(self.version)
            .bytes(&self.prev)
            .list(&self.roles, |w, role| w.raw(&role.encode()))
            .list(&self.sites, |w, site| {
                w.array(3)
                    .text(&site.rp_id)
                    .list(&site.origins, |w, origin| w.text(origin))
                    .bytes(&site.page_digest)
            })
            .bytes(&self.log_policy)
            .list(&self.delays, |w, d| w.array(3).uint(d.kind).uint(d.class.number()).uint(d.seconds))
            .uint(1)
            .bytes(&self.roll_digest)
            .bytes(&self.next_root)
            .done()
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, Self::read)
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        r.array(12)?;
        if r.uint()? != 1 {
            return Err(Reason::Unknown("manifest version"));
        }
        let operator = r.text()?.to_string();
        let live = match r.uint()? {
            0 => false,
            1 => true,
            _ => return Err(Reason::Unknown("environment")),
        };
        let (version, prev) = (r.uint()?, r.array_of()?);
        let mut roles = Vec::new();
        for _ in 0..r.list(256, "number of roles")? {
            roles.push(Role::read(r)?);
        }
        let mut sites = Vec::new();
        for _ in 0..r.list(16, "number of sites")? {
            r.array(3)?;
            let rp_id = r.text()?.to_string();
            let n = r.list(16, "number of origins")?;
            let origins = (0..n).map(|_| r.text().map(str::to_string)).collect::<Result<_, _>>()?;
            sites.push(Site { rp_id, origins, page_digest: r.array_of()? });
        }
        let log_policy = r.bytes()?.to_vec();
        let mut delays = Vec::new();
        for _ in 0..r.list(64, "number of delays")? {
            r.array(3)?;
            let kind = r.uint()?;
            let class = Class::from_number(r.uint()?).ok_or(Reason::Unknown("class"))?;
            delays.push(Delay { kind, class, seconds: r.uint()? });
        }
        if r.uint()? != 1 {
            return Err(Reason::NotYet("this roll scheme"));
        }
        Ok(Self {
            operator,
            live,
            version,
            prev,
            roles,
            sites,
            log_policy,
            delays,
            roll_digest: r.array_of()?,
            next_root: r.array_of()?,
        })
    }

    /// Its name.
    pub fn id(&self) -> Digest {
        hash::labelled(hash::MANIFEST, &self.encode())
    }

    /// The role with this id.
    pub fn role(&self, id: &Digest) -> Option<&Role> {
        self.roles.iter().find(|role| role.id() == *id)
    }

    /// The first role of a kind.
    pub fn role_of(&self, kind: RoleKind) -> Option<&Role> {
        self.roles.iter().find(|role| role.kind == kind)
    }

    /// The site of a relying party.
    pub fn site(&self, rp_id: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.rp_id == rp_id)
    }

    /// Its wait for a kind and class, if it has one of its own.
    pub fn delay(&self, kind: u64, class: Class) -> Option<u64> {
        self.delays.iter().find(|d| d.kind == kind && d.class == class).map(|d| d.seconds)
    }

    /// What a later manifest allows that this one does not, if anything: an added key, another page, witness or log, a
    /// shorter wait. A page taken away counts too, for with it goes the voice of whoever signs there.
    pub fn loosened_by(&self, later: &Self) -> Option<&'static str> {
        let known = |new: &Role| {
            let same = |old: &Role| (old.kind, &old.key, old.office) == (new.kind, &new.key, new.office);
            // A key may end sooner than it did, or begin later.
            let within = |old: &Role| {
                old.from <= new.from && (old.until == 0 || new.until != 0 && new.until <= old.until)
            };
            self.roles.iter().any(|old| same(old) && within(old))
        };
        let no_shorter = |old: &Delay| later.delay(old.kind, old.class).is_some_and(|new| new >= old.seconds);
        let not_new = |new: &Delay| self.live || self.delay(new.kind, new.class).is_some();
        if !later.roles.iter().all(known) {
            Some("it adds a key, or lets one live longer, and has not been public for thirty days")
        } else if later.sites != self.sites {
            Some("it changes where owners sign, and has not been public for thirty days")
        } else if later.log_policy != self.log_policy {
            Some("it changes the log or its witnesses, and has not been public for thirty days")
        } else if !self.delays.iter().all(no_shorter) || !later.delays.iter().all(not_new) {
            Some("it shortens a wait, and has not been public for thirty days")
        } else if later.roll_digest != self.roll_digest || later.operator != self.operator {
            Some("it names another operator or roll key, and has not been public for thirty days")
        } else {
            None
        }
    }

    /// One key is one voice: under two offices it would be two.
    fn check_roles(&self) -> Result<(), Reason> {
        for (i, role) in self.roles.iter().enumerate() {
            if self.roles.iter().take(i).any(|other| other.kind == role.kind && other.key == role.key) {
                return Err(Reason::Limit("one key in one role twice"));
            }
        }
        Ok(())
    }

    /// Its log policy, whose quorum must leave no room for a split view: k ≥ 1 + ⌊2n/3⌋.
    pub fn policy(&self) -> Result<Policy, Reason> {
        let policy = Policy::parse(&self.log_policy).map_err(|e| Reason::Log(e.to_string()))?;
        if policy.logs().len() != 1 {
            // Places in the log are compared, and that means something within one log only.
            return Err(Reason::Log("the policy must name one log".into()));
        }
        let (k, n) = (policy.smallest_quorum(), policy.witnesses().len());
        if k < 1 + 2 * n / 3 && stands(Defence::QuorumsShareAWitness) {
            return Err(Reason::Log("the quorum is too small to exclude split views".into()));
        }
        Ok(policy)
    }
}

/// A manifest under its root's signature: `[manifest, root key, signature]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedManifest {
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// Ed25519 public key of the root.
    pub root: [u8; 32],
    /// Over `simward.deed.manifest.1` ‖ 0x00 ‖ bytes.
    pub signature: [u8; 64],
}

impl SignedManifest {
    /// The message a root key signs for a manifest's bytes.
    pub fn message(manifest: &[u8]) -> Vec<u8> {
        hash::message(hash::MANIFEST, manifest)
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.write(Writer::new()).done()
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, Self::read)
    }

    pub(crate) fn write(&self, w: Writer) -> Writer {
        w.array(3).bytes(&self.manifest).bytes(&self.root).bytes(&self.signature)
    }

    /// Reads one, signature and all; [`Manifests::verify`] says what it is worth.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        r.array(3)?;
        Ok(Self { manifest: r.bytes()?.to_vec(), root: r.array_of()?, signature: r.array_of()? })
    }
}

/// The manifests of one operator, from the configured root to the newest, each signed by the key whose digest the one
/// before had already named.
#[derive(Debug, Clone)]
pub struct Manifests {
    root_digest: Digest,
    chain: Vec<(Digest, Manifest, Policy)>,
}

impl Manifests {
    /// Checks the chain. `root_digest` is SHA-256 of the first root's public key, known from elsewhere.
    pub fn verify(
        verifier: &impl Verifier,
        root_digest: &Digest,
        chain: &[SignedManifest],
    ) -> Result<Self, Reason> {
        let mut expected = *root_digest;
        let mut prev = [0; 32];
        let mut out: Vec<(Digest, Manifest, Policy)> = Vec::new();
        for signed in chain {
            let message = SignedManifest::message(&signed.manifest);
            if keys::digest::sha256(&[&signed.root]) != expected
                || !verifier.ed25519(&signed.root, &message, &signed.signature)
            {
                return Err(Reason::Root);
            }
            let manifest = Manifest::decode(&signed.manifest)?;
            if manifest.prev != prev || manifest.version != out.len() as u64 + 1 {
                return Err(Reason::Root);
            }
            let policy = manifest.policy()?;
            manifest.check_roles()?;
            prev = manifest.id();
            expected = manifest.next_root;
            out.push((prev, manifest, policy));
        }
        if out.is_empty() { Err(Reason::Root) } else { Ok(Self { root_digest: *root_digest, chain: out }) }
    }

    /// The manifest of this id, with its log policy.
    pub fn get(&self, id: &Digest) -> Result<(&Manifest, &Policy), Reason> {
        self.chain.iter().find(|(known, ..)| known == id).map(|(_, m, p)| (m, p)).ok_or(Reason::Manifest)
    }

    /// The leaf by which a manifest is public: anybody who knows the operator's root recognises it, and two manifests of
    /// one version have one tag.
    pub fn leaf(&self, manifest: &Manifest) -> Leaf {
        Leaf { tag: self.tag(manifest.version), head: manifest.id() }
    }

    /// The tag of a version's leaf, whether that manifest is known or not.
    pub fn tag(&self, version: u64) -> Digest {
        hash::labelled(hash::ROOT, &[&self.root_digest[..], &version.to_be_bytes()].concat())
    }

    /// All of them, from the first to the newest.
    pub fn all(&self) -> impl Iterator<Item = &Manifest> {
        self.chain.iter().map(|(_, manifest, _)| manifest)
    }

    /// The newest.
    pub fn newest(&self) -> Option<(&Manifest, &Policy)> {
        self.chain.last().map(|(_, m, p)| (m, p))
    }
}
