//! Signatures as tags: who signed what, and nothing else. The rules ask for them through the trait that they ask
//! everybody through, so that a model of them is the rules themselves. The same stage plays with real keys, too.

use crate::{ORIGIN, RP_ID};
use base64ct::{Base64UrlUnpadded, Encoding};
use deed::Digest;
use deed::event::Evidence;
use deed::log::note::{SignatureLine, cosign};
use deed::manifest::{Role, RoleKey, RoleKind};
use deed::record::{Factor, FactorKey, Place, Purpose};
use deed::signer::{RawSigner, RoleSigner, Sheet, SignStatement, SoftPasskey};
use keys::Secret;
use keys::sign::{Ed25519Key, Es256Key, Portable, Verifier};

/// What a signature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// A tag is good if it is the one that this key makes over this message. In a model nobody makes one but who has the key.
    Tags,
    /// The real thing.
    Real,
}

impl Verifier for Signatures {
    fn es256(&self, key: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool {
        match self {
            Self::Tags => tag(key, message) == *signature,
            Self::Real => Portable.es256(key, message, signature),
        }
    }

    fn ed25519(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        match self {
            Self::Tags => tag(key, message) == *signature,
            Self::Real => Portable.ed25519(key, message, signature),
        }
    }
}

impl Signatures {
    /// The public key of a seed.
    pub(super) fn ed25519_of(self, seed: u8) -> [u8; 32] {
        match self {
            Self::Tags => [seed; 32],
            Self::Real => ed25519(seed).public(),
        }
    }

    /// A raw signature.
    pub(super) fn sign(self, seed: u8, message: &[u8]) -> [u8; 64] {
        match self {
            Self::Tags => tag(&[seed; 32], message),
            Self::Real => ed25519(seed).sign(message),
        }
    }

    /// A witness's line.
    pub(super) fn cosign(self, seed: u8, name: &str, id: [u8; 4], text: &str, time: u64) -> SignatureLine {
        match self {
            Self::Tags => {
                let message = format!("cosignature/v1\ntime {time}\n{text}");
                let signature = [&time.to_be_bytes()[..], &tag(&[seed; 32], message.as_bytes())].concat();
                SignatureLine { name: name.into(), id, signature }
            }
            Self::Real => cosign(text, name, &ed25519(seed), time),
        }
    }
}

fn ed25519(seed: u8) -> Ed25519Key {
    Ed25519Key::from_seed(&Secret::new([seed; 32]))
}

/// What a key makes over a message.
fn tag(key: &[u8], message: &[u8]) -> [u8; 64] {
    let half = keys::digest::sha256(&[b"tag", &[key.len() as u8], key, message]);
    core::array::from_fn(|i| half[i % 32])
}

/// Somebody's key.
#[derive(Debug, Clone)]
pub struct Hand {
    id: Digest,
    seed: u8,
    signatures: Signatures,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Role(RoleKind, u64),
    Raw(Purpose, Place),
    Sheet,
    Passkey,
}

/// Registration flags of a passkey that is synced.
const SYNCED: u8 = 0x1d;

impl Hand {
    /// A role of the operator, and who has its key.
    pub fn role(signatures: Signatures, kind: RoleKind, office: u64, seed: u8) -> (Self, Role) {
        let key = RoleKey::Ed25519(signatures.ed25519_of(seed));
        let role = Role { kind, key, office, from: 0, until: 0 };
        (Self { id: role.id(), seed, signatures, form: Form::Role(kind, office) }, role)
    }

    /// A passkey that its owner's account syncs, said to be somewhere.
    pub fn synced(signatures: Signatures, place: Place, seed: u8) -> (Self, Factor) {
        let point = match signatures {
            Signatures::Tags => [seed; 65],
            Signatures::Real => es256(seed).public(),
        };
        let key = FactorKey::Passkey {
            point,
            rp_id: RP_ID.into(),
            cred_id: vec![seed],
            aaguid: [0; 16],
            reg_flags: SYNCED,
        };
        let factor = Factor { purpose: Purpose::Move, place, key };
        (Self { id: factor.id().0, seed, signatures, form: Form::Passkey }, factor)
    }

    /// A recovery sheet.
    pub fn sheet(signatures: Signatures, seed: u8) -> (Self, Factor) {
        let digest = keys::digest::sha256(&[&signatures.ed25519_of(seed)]);
        let key = FactorKey::Ed25519Digest(digest);
        let factor = Factor { purpose: Purpose::Recover, place: Place::Elsewhere, key };
        (Self { id: factor.id().0, seed, signatures, form: Form::Sheet }, factor)
    }

    /// A key of a purpose, in a place.
    pub fn raw(signatures: Signatures, purpose: Purpose, place: Place, seed: u8) -> (Self, Factor) {
        let key = FactorKey::Ed25519(signatures.ed25519_of(seed));
        let factor = Factor { purpose, place, key };
        (Self { id: factor.id().0, seed, signatures, form: Form::Raw(purpose, place) }, factor)
    }

    fn tagged(&self, message: &[u8]) -> Evidence {
        let key = [self.seed; 32];
        match self.form {
            Form::Role(..) | Form::Raw(..) => Evidence::Raw(tag(&key, message)),
            Form::Sheet => Evidence::Revealed { key, signature: tag(&key, message) },
            Form::Passkey => {
                let challenge = keys::digest::sha256(&[message]);
                let client_data = format!(
                    r#"{{"type":"webauthn.get","challenge":"{}","origin":"{ORIGIN}","crossOrigin":false}}"#,
                    Base64UrlUnpadded::encode_string(&challenge),
                );
                let mut authenticator_data = keys::digest::sha256(&[RP_ID.as_bytes()]).to_vec();
                authenticator_data.extend([SYNCED, 0, 0, 0, 0]);
                let signed =
                    [&authenticator_data[..], &keys::digest::sha256(&[client_data.as_bytes()])].concat();
                let signature = tag(&[self.seed; 65], &signed);
                Evidence::Passkey { authenticator_data, client_data: client_data.into_bytes(), signature }
            }
        }
    }

    fn real(&self, message: &[u8]) -> Evidence {
        let key = ed25519(self.seed);
        match self.form {
            Form::Role(kind, office) => RoleSigner::new(kind, office, key).evidence(message),
            Form::Raw(purpose, place) => RawSigner::new(purpose, place, key).evidence(message),
            Form::Sheet => Sheet::new(key).evidence(message),
            Form::Passkey => {
                SoftPasskey::synced(es256(self.seed), RP_ID, ORIGIN, &[self.seed]).evidence(message)
            }
        }
    }
}

fn es256(seed: u8) -> Es256Key {
    Es256Key::from_scalar(&Secret::new([seed; 32])).unwrap()
}

impl SignStatement for Hand {
    fn id(&self) -> Digest {
        self.id
    }

    fn evidence(&mut self, message: &[u8]) -> Evidence {
        match self.signatures {
            Signatures::Tags => self.tagged(message),
            Signatures::Real => self.real(message),
        }
    }
}
