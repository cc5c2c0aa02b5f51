//! Signatures as tags: who signed what, and nothing else. The rules ask for them through the trait that they ask
//! everybody through, so that a model of them is the rules themselves.

use base64ct::{Base64UrlUnpadded, Encoding};
use deed::Digest;
use deed::event::Evidence;
use deed::log::note::SignatureLine;
use deed::manifest::{Role, RoleKey, RoleKind};
use deed::record::{Factor, FactorKey, Place, Purpose};
use deed::signer::SignStatement;
use keys::sign::Verifier;

use crate::{ORIGIN, RP_ID};

/// A tag is good if it is the one that this key makes over this message. In a model nobody makes one but who has the key.
#[derive(Debug, Clone, Copy)]
pub struct Tags;

impl Verifier for Tags {
    fn es256(&self, key: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool {
        tag(key, message) == *signature
    }

    fn ed25519(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        tag(key, message) == *signature
    }
}

/// What a key makes over a message.
pub(super) fn tag(key: &[u8], message: &[u8]) -> [u8; 64] {
    let half = keys::digest::sha256(&[b"tag", &[key.len() as u8], key, message]);
    core::array::from_fn(|i| half[i % 32])
}

/// Somebody's key.
#[derive(Debug, Clone)]
pub struct Hand {
    id: Digest,
    key: Vec<u8>,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Raw,
    Revealed,
    Passkey(u8),
}

impl Hand {
    /// A role of the operator, and who has its key.
    pub fn role(kind: RoleKind, office: u64, seed: u8) -> (Self, Role) {
        let role = Role { kind, key: RoleKey::Ed25519([seed; 32]), office, from: 0, until: 0 };
        (Self { id: role.id(), key: vec![seed; 32], form: Form::Raw }, role)
    }

    /// A passkey that its owner's account syncs, said to be somewhere.
    pub fn synced(place: Place, seed: u8) -> (Self, Factor) {
        let reg_flags = 0x1d;
        let key = FactorKey::Passkey {
            point: [seed; 65],
            rp_id: RP_ID.into(),
            cred_id: vec![seed],
            aaguid: [0; 16],
            reg_flags,
        };
        let factor = Factor { purpose: Purpose::Move, place, key };
        (Self { id: factor.id().0, key: vec![seed; 65], form: Form::Passkey(reg_flags) }, factor)
    }

    /// A recovery sheet.
    pub fn sheet(seed: u8) -> (Self, Factor) {
        let key = FactorKey::Ed25519Digest(keys::digest::sha256(&[&[seed; 32]]));
        let factor = Factor { purpose: Purpose::Recover, place: Place::Elsewhere, key };
        (Self { id: factor.id().0, key: vec![seed; 32], form: Form::Revealed }, factor)
    }

    /// A key of a purpose, in a place.
    pub fn raw(purpose: Purpose, place: Place, seed: u8) -> (Self, Factor) {
        let factor = Factor { purpose, place, key: FactorKey::Ed25519([seed; 32]) };
        (Self { id: factor.id().0, key: vec![seed; 32], form: Form::Raw }, factor)
    }

    /// A line under a checkpoint.
    pub fn line(name: &str, id: [u8; 4], key: &[u8; 32], text: &str, time: Option<u64>) -> SignatureLine {
        let signature = match time {
            None => tag(key, text.as_bytes()).to_vec(),
            Some(time) => {
                let message = format!("cosignature/v1\ntime {time}\n{text}");
                [&time.to_be_bytes()[..], &tag(key, message.as_bytes())].concat()
            }
        };
        SignatureLine { name: name.into(), id, signature }
    }
}

impl SignStatement for Hand {
    fn id(&self) -> Digest {
        self.id
    }

    fn evidence(&mut self, message: &[u8]) -> Evidence {
        match self.form {
            Form::Raw => Evidence::Raw(tag(&self.key, message)),
            Form::Revealed => Evidence::Revealed {
                key: core::array::from_fn(|i| self.key[i]),
                signature: tag(&self.key, message),
            },
            Form::Passkey(flags) => {
                let challenge = keys::digest::sha256(&[message]);
                let client_data = format!(
                    r#"{{"type":"webauthn.get","challenge":"{}","origin":"{ORIGIN}","crossOrigin":false}}"#,
                    Base64UrlUnpadded::encode_string(&challenge),
                );
                let mut authenticator_data = keys::digest::sha256(&[RP_ID.as_bytes()]).to_vec();
                authenticator_data.extend([flags, 0, 0, 0, 0]);
                let signed =
                    [&authenticator_data[..], &keys::digest::sha256(&[client_data.as_bytes()])].concat();
                let signature = tag(&self.key, &signed);
                Evidence::Passkey { authenticator_data, client_data: client_data.into_bytes(), signature }
            }
        }
    }
}
