//! The other side of a proof: keys that sign statements. Roles, recovery sheets, and a passkey in software.

use crate::Digest;
use crate::event::{AsOf, Body, Evidence, Proof, message};
use crate::manifest::{Role, RoleKey, RoleKind};
use crate::objection::Objection;
use crate::record::{FLAG_BE, Factor, FactorKey, Place, Purpose};
use crate::webauthn::{FLAG_BS, FLAG_UP, FLAG_UV};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base64ct::{Base64UrlUnpadded, Encoding};
use keys::sign::{Ed25519Key, Es256Key};

/// A key that can make a proof.
pub trait SignStatement {
    /// Its name in the deed.
    fn id(&self) -> Digest;
    /// Its signature over a statement's message.
    fn evidence(&mut self, message: &[u8]) -> Evidence;

    /// A proof for an event with this body, by somebody who has seen `as_of`.
    fn prove(&mut self, deed_id: &Digest, as_of: AsOf, body: &Body) -> Proof {
        let message = message(deed_id, &as_of, body.kind(), &body.encode());
        Proof { signer: self.id(), as_of, evidence: self.evidence(&message) }
    }

    /// An objection to hand in directly.
    fn object(&mut self, deed_id: &Digest, as_of: AsOf, body: &Body) -> Objection {
        let proof = self.prove(deed_id, as_of, body);
        Objection { deed_id: *deed_id, body: body.clone(), body_bytes: body.encode(), proof }
    }
}

/// An operator's role with its key.
#[derive(Debug)]
pub struct RoleSigner {
    /// The role as the manifest names it.
    pub role: Role,
    key: Ed25519Key,
}

impl RoleSigner {
    /// A role held by `office`, valid without end.
    pub fn new(kind: RoleKind, office: u64, key: Ed25519Key) -> Self {
        let role = Role { kind, key: RoleKey::Ed25519(key.public()), office, from: 0, until: 0 };
        Self { role, key }
    }

    /// The seed, to be stored sealed.
    pub fn seed(&self) -> keys::Secret<[u8; 32]> {
        self.key.seed()
    }

    /// Its proof for an event with this body, by somebody who has seen `as_of`.
    pub fn proof(&self, deed_id: &Digest, as_of: AsOf, body: &Body) -> Proof {
        let message = message(deed_id, &as_of, body.kind(), &body.encode());
        Proof { signer: self.role.id(), as_of, evidence: Evidence::Raw(self.key.sign(&message)) }
    }

    /// A signature of the role over something that is no statement: a receipt.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }
}

impl SignStatement for RoleSigner {
    fn id(&self) -> Digest {
        self.role.id()
    }

    fn evidence(&mut self, message: &[u8]) -> Evidence {
        Evidence::Raw(self.key.sign(message))
    }
}

/// A recovery sheet.
#[derive(Debug)]
pub struct Sheet(Ed25519Key);

impl Sheet {
    /// From the key a paper code stands for.
    pub const fn new(key: Ed25519Key) -> Self {
        Self(key)
    }

    /// As the deed has it: by digest, place 2.
    pub fn factor(&self) -> Factor {
        let digest = keys::digest::sha256(&[&self.0.public()]);
        Factor { purpose: Purpose::Recover, place: Place::Elsewhere, key: FactorKey::Ed25519Digest(digest) }
    }
}

impl SignStatement for Sheet {
    fn id(&self) -> Digest {
        self.factor().id().0
    }

    fn evidence(&mut self, message: &[u8]) -> Evidence {
        Evidence::Revealed { key: self.0.public(), signature: self.0.sign(message) }
    }
}

/// A raw Ed25519 factor: a hold-only code, or a device of the owner's own.
#[derive(Debug)]
pub struct RawSigner {
    factor: Factor,
    key: Ed25519Key,
}

impl RawSigner {
    /// A key for a purpose, somewhere.
    pub fn new(purpose: Purpose, place: Place, key: Ed25519Key) -> Self {
        Self { factor: Factor { purpose, place, key: FactorKey::Ed25519(key.public()) }, key }
    }

    /// As the deed has it.
    pub const fn factor(&self) -> &Factor {
        &self.factor
    }
}

impl SignStatement for RawSigner {
    fn id(&self) -> Digest {
        self.factor.id().0
    }

    fn evidence(&mut self, message: &[u8]) -> Evidence {
        Evidence::Raw(self.key.sign(message))
    }
}

/// A passkey in software: what a browser and its authenticator would answer, byte for byte.
#[derive(Debug)]
pub struct SoftPasskey {
    key: Es256Key,
    rp_id: String,
    origin: String,
    cred_id: Vec<u8>,
    synced: bool,
    place: Place,
    counter: u32,
}

impl SoftPasskey {
    /// A passkey that its owner's account syncs: place 1, counter always 0.
    pub fn synced(key: Es256Key, rp_id: &str, origin: &str, cred_id: &[u8]) -> Self {
        let (rp_id, origin) = (rp_id.to_string(), origin.to_string());
        Self { key, rp_id, origin, cred_id: cred_id.to_vec(), synced: true, place: Place::Phone, counter: 0 }
    }

    /// A security key: place 2, counting its signatures.
    pub fn security_key(key: Es256Key, rp_id: &str, origin: &str, cred_id: &[u8]) -> Self {
        let (rp_id, origin) = (rp_id.to_string(), origin.to_string());
        Self {
            key,
            rp_id,
            origin,
            cred_id: cred_id.to_vec(),
            synced: false,
            place: Place::Elsewhere,
            counter: 1,
        }
    }

    /// As the deed has it.
    pub fn factor(&self) -> Factor {
        Factor {
            purpose: Purpose::Move,
            place: self.place,
            key: FactorKey::Passkey {
                point: self.key.public(),
                rp_id: self.rp_id.clone(),
                cred_id: self.cred_id.clone(),
                aaguid: [0; 16],
                reg_flags: self.flags(),
            },
        }
    }

    const fn flags(&self) -> u8 {
        FLAG_UP | FLAG_UV | if self.synced { FLAG_BE | FLAG_BS } else { 0 }
    }

    /// The secret scalar, to be stored sealed by whoever keeps this passkey.
    pub fn scalar(&self) -> keys::Secret<[u8; 32]> {
        self.key.scalar()
    }

    /// The relying party it is bound to.
    pub fn rp_id(&self) -> &str {
        &self.rp_id
    }

    /// The origin of the pages it answers on.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The credential id.
    pub fn cred_id(&self) -> &[u8] {
        &self.cred_id
    }

    /// The answer to any challenge, on this passkey's own page.
    pub fn answer(&mut self, challenge: &Digest) -> Evidence {
        let client_data = format!(
            r#"{{"type":"webauthn.get","challenge":"{}","origin":"{}","crossOrigin":false}}"#,
            Base64UrlUnpadded::encode_string(challenge),
            self.origin
        );
        let mut authenticator_data = keys::digest::sha256(&[self.rp_id.as_bytes()]).to_vec();
        authenticator_data.push(self.flags());
        authenticator_data.extend_from_slice(&self.counter.to_be_bytes());
        if !self.synced {
            self.counter = self.counter.saturating_add(1);
        }
        let signed = [&authenticator_data[..], &keys::digest::sha256(&[client_data.as_bytes()])].concat();
        Evidence::Passkey {
            signature: self.key.sign(&signed),
            authenticator_data,
            client_data: client_data.into_bytes(),
        }
    }
}

impl SignStatement for SoftPasskey {
    fn id(&self) -> Digest {
        self.factor().id().0
    }

    fn evidence(&mut self, message: &[u8]) -> Evidence {
        self.answer(&keys::digest::sha256(&[message]))
    }
}
