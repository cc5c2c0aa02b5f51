//! The records inside events: cards and factors. What they are put together to ask for is an [intent](crate::intent).

use crate::Reason;
use crate::cbor::{Reader, Writer, whole};
use crate::defence::{Defence, stands};
use crate::hash::{self, Digest};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use wire::{Eid, Iccid, Imsi};

/// A card's name in a deed: H(card, bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardId(pub Digest);

/// The whole card a slot holds, so that a signature over an intent covers its IMSI, its chip and its key.
///
/// `[1, iccid, imsi, eid, key_commit(32), card_pub(65 or empty)]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Serial number.
    pub iccid: Iccid,
    /// Identity towards the network.
    pub imsi: Imsi,
    /// The eUICC it lives in, if it is a profile.
    pub eid: Option<Eid>,
    /// Commitment to K and OPc ([`keys::subscriber::SubscriberKeys::commitment`]).
    pub key_commit: Digest,
    /// The card's own P-256 key, uncompressed, if it has one.
    pub card_pub: Option<[u8; 65]>,
}

pub(crate) fn identifier<T: core::str::FromStr<Err = wire::Malformed>>(text: &str) -> Result<T, Reason> {
    text.parse().map_err(|e: wire::Malformed| Reason::Encoding(e.why))
}

pub(crate) fn optional<const N: usize>(bytes: &[u8]) -> Result<Option<[u8; N]>, Reason> {
    if bytes.is_empty() {
        return Ok(None);
    }
    bytes
        .try_into()
        .map(Some)
        .map_err(|_| Reason::Encoding("a byte string of another length than the record has"))
}

impl Card {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let eid = self.eid.map(|e| e.to_string()).unwrap_or_default();
        Writer::new()
            .array(6)
            .uint(1)
            .text(self.iccid.as_str())
            .text(self.imsi.as_str())
            .text(&eid)
            .bytes(&self.key_commit)
            .bytes(self.card_pub.as_ref().map_or(&[][..], |k| k))
            .done()
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        r.array(6)?;
        if r.uint()? != 1 {
            return Err(Reason::Unknown("card record version"));
        }
        let (iccid, imsi) = (identifier(r.text()?)?, identifier(r.text()?)?);
        let eid = match r.text()? {
            "" => None,
            text => Some(identifier(text)?),
        };
        Ok(Self { iccid, imsi, eid, key_commit: r.array_of()?, card_pub: optional(r.bytes()?)? })
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, Self::read)
    }

    /// Its name.
    pub fn id(&self) -> CardId {
        CardId(hash::labelled(hash::CARD, &self.encode()))
    }
}

/// Whose number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenure {
    /// 1: a person's.
    Personal,
    /// 2: a business's.
    Business,
    /// 3: a minor's.
    Minor,
}

impl Tenure {
    /// Its number in the format.
    pub const fn number(self) -> u64 {
        match self {
            Self::Personal => 1,
            Self::Business => 2,
            Self::Minor => 3,
        }
    }

    pub(crate) const fn from_number(n: u64) -> Result<Self, Reason> {
        match n {
            1 => Ok(Self::Personal),
            2 => Ok(Self::Business),
            3 => Ok(Self::Minor),
            _ => Err(Reason::Unknown("tenure")),
        }
    }
}

/// What a factor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// 1: consents and objects.
    Move,
    /// 2: holds, and nothing else.
    HoldOnly,
    /// 3: the recovery sheet: consents and objects.
    Recover,
    /// 4: a card's own key: consents and objects.
    Card,
    /// 5: a trusted person.
    Guardian,
}

/// Where a factor is. Places are what a thief must take one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// 1: in the phone. A synced passkey and the card beside it are this one place.
    Phone,
    /// 2: elsewhere: a security key, paper, a second device.
    Elsewhere,
    /// 3: other people.
    People,
    /// 4: the operator. No factor is ever here.
    Operator,
}

impl Place {
    /// Its number in the format.
    pub const fn number(self) -> u64 {
        match self {
            Self::Phone => 1,
            Self::Elsewhere => 2,
            Self::People => 3,
            Self::Operator => 4,
        }
    }

    pub(crate) const fn bit(self) -> u8 {
        1 << self.number()
    }

    pub(crate) const fn from_number(n: u64) -> Option<Self> {
        match n {
            1 => Some(Self::Phone),
            2 => Some(Self::Elsewhere),
            3 => Some(Self::People),
            4 => Some(Self::Operator),
            _ => None,
        }
    }
}

/// A factor's key, by suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorKey {
    /// Suite 1: a WebAuthn credential with ES256.
    Passkey {
        /// Uncompressed SEC1 point.
        point: [u8; 65],
        /// The relying party it answers to, `move.<domain>`.
        rp_id: String,
        /// Credential id, for the browser's allow list; never used to find a factor.
        cred_id: Vec<u8>,
        /// Authenticator model.
        aaguid: [u8; 16],
        /// Authenticator flags at registration.
        reg_flags: u8,
    },
    /// Suite 2: raw ES256, a card's key.
    Es256([u8; 65]),
    /// Suite 3: raw Ed25519.
    Ed25519([u8; 32]),
    /// Suite 4: Ed25519 known by the SHA-256 of its public key until it signs: the recovery sheet. Spent by the
    /// first commit that counts it.
    Ed25519Digest(Digest),
}

/// Authenticator data flag "backup eligible": the credential may be synced (WebAuthn L3 §6.1).
pub const FLAG_BE: u8 = 0x08;

/// A key that its owner put into the deed.
///
/// `[purpose, place, suite, key, rp_id, cred_id, aaguid(16), reg_flags]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// What for.
    pub purpose: Purpose,
    /// Where.
    pub place: Place,
    /// Which key.
    pub key: FactorKey,
}

/// A factor's name in a deed: H(factor, CBOR[suite, key, rp_id]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactorId(pub Digest);

impl Factor {
    fn parts(&self) -> (u64, &[u8], &str, &[u8], [u8; 16], u8) {
        match &self.key {
            FactorKey::Passkey { point, rp_id, cred_id, aaguid, reg_flags } => {
                (1, point, rp_id, cred_id, *aaguid, *reg_flags)
            }
            FactorKey::Es256(point) => (2, point, "", &[], [0; 16], 0),
            FactorKey::Ed25519(key) => (3, key, "", &[], [0; 16], 0),
            FactorKey::Ed25519Digest(digest) => (4, digest, "", &[], [0; 16], 0),
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (suite, key, rp_id, cred_id, aaguid, reg_flags) = self.parts();
        let purpose = match self.purpose {
            Purpose::Move => 1,
            Purpose::HoldOnly => 2,
            Purpose::Recover => 3,
            Purpose::Card => 4,
            Purpose::Guardian => 5,
        };
        Writer::new()
            .array(8)
            .uint(purpose)
            .uint(self.place.number())
            .uint(suite)
            .bytes(key)
            .text(rp_id)
            .bytes(cred_id)
            .bytes(&aaguid)
            .uint(u64::from(reg_flags))
            .done()
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        r.array(8)?;
        let purpose = match r.uint()? {
            1 => Purpose::Move,
            2 => Purpose::HoldOnly,
            3 => Purpose::Recover,
            4 => Purpose::Card,
            5 => Purpose::Guardian,
            _ => return Err(Reason::Unknown("factor purpose")),
        };
        let place = Place::from_number(r.uint()?).ok_or(Reason::Unknown("factor place"))?;
        let suite = r.uint()?;
        let key = r.bytes()?;
        let (rp_id, cred_id, aaguid) = (r.text()?, r.bytes()?, r.array_of::<16>()?);
        let reg_flags = u8::try_from(r.uint()?).map_err(|_| Reason::Encoding("flags over one octet"))?;
        let wrong = |_| Reason::Encoding("a key of another length than its suite has");
        let key = match suite {
            1 => FactorKey::Passkey {
                point: key.try_into().map_err(wrong)?,
                rp_id: rp_id.to_string(),
                cred_id: cred_id.to_vec(),
                aaguid,
                reg_flags,
            },
            2 => FactorKey::Es256(key.try_into().map_err(wrong)?),
            3 => FactorKey::Ed25519(key.try_into().map_err(wrong)?),
            4 => FactorKey::Ed25519Digest(key.try_into().map_err(wrong)?),
            _ => return Err(Reason::Unknown("factor suite")),
        };
        let factor = Self { purpose, place, key };
        if suite != 1 && (!rp_id.is_empty() || !cred_id.is_empty() || aaguid != [0; 16] || reg_flags != 0) {
            return Err(Reason::Encoding("passkey fields on a key that is no passkey"));
        }
        factor.check()?;
        Ok(factor)
    }

    /// Whether purpose, place and suite go together. A synced passkey and a card key are in the phone, without
    /// exception; place 2 needs a passkey that cannot be synced, or a raw Ed25519 key.
    fn check(&self) -> Result<(), Reason> {
        let portable = match &self.key {
            FactorKey::Passkey { rp_id, cred_id, reg_flags, .. } => {
                if rp_id.is_empty() || cred_id.is_empty() || cred_id.len() > 1_023 {
                    return Err(Reason::Encoding("a passkey without its relying party or credential id"));
                }
                reg_flags & FLAG_BE == 0 || !stands(Defence::SyncedIsInThePhone)
            }
            FactorKey::Es256(_) => false,
            FactorKey::Ed25519(_) | FactorKey::Ed25519Digest(_) => true,
        };
        let raw_ed25519 = matches!(self.key, FactorKey::Ed25519(_) | FactorKey::Ed25519Digest(_));
        let fits = match self.purpose {
            Purpose::Guardian => self.place == Place::People,
            Purpose::Card => self.place == Place::Phone && matches!(self.key, FactorKey::Es256(_)),
            Purpose::Recover => self.place == Place::Elsewhere && raw_ed25519,
            Purpose::Move | Purpose::HoldOnly => match self.place {
                Place::Phone => true,
                Place::Elsewhere => portable,
                Place::People | Place::Operator => false,
            },
        };
        if fits {
            Ok(())
        } else {
            Err(Reason::Encoding("a factor whose purpose, place and suite do not go together"))
        }
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, Self::read)
    }

    /// Its name.
    pub fn id(&self) -> FactorId {
        let (suite, key, rp_id, ..) = self.parts();
        let bytes = Writer::new().array(3).uint(suite).bytes(key).text(rp_id).done();
        FactorId(hash::labelled(hash::FACTOR, &bytes))
    }

    /// Whether it may consent to anything.
    pub const fn consents(&self) -> bool {
        !matches!(self.purpose, Purpose::HoldOnly)
    }
}

/// Hold bits, rising, each at most once, at least one: `[bit…]`.
pub(crate) fn read_bits(r: &mut Reader<'_>) -> Result<Vec<u64>, Reason> {
    let n = r.list(9, "number of hold bits")?;
    let mut bits = Vec::new();
    for _ in 0..n {
        let bit = r.uint()?;
        if bit > 8 {
            return Err(Reason::Unknown("hold bit"));
        }
        if bits.last().is_some_and(|last| *last >= bit) {
            return Err(Reason::Encoding("hold bits out of order"));
        }
        bits.push(bit);
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first vector of the format.
    #[test]
    fn the_card_of_the_first_vector() {
        let card = Card {
            iccid: "8986001200000000017".parse().unwrap(),
            imsi: "460001234567890".parse().unwrap(),
            eid: None,
            key_commit: core::array::from_fn(|i| i as u8),
            card_pub: None,
        };
        let bytes = card.encode();
        assert_eq!(bytes.len(), 74);
        assert!(hex::encode(&bytes).starts_with(
            "860173383938363030313230303030303030303031376f343630303031323334353637383930605820000102"
        ));
        assert_eq!(
            hex::encode(card.id().0),
            "9d0473c013944fa5ee1040eeae4cc0bd784e6c58fd1540ed7e22cdd354772dd4"
        );
        assert_eq!(Card::decode(&bytes), Ok(card));
        assert_eq!(
            hex::encode(hash::tag(&keys::Secret::new([0; 32]), 8)),
            "9ec9d9180177992f7c10c3c0e386943431433d38fe2735cf9a8376febf574243"
        );
    }

    #[test]
    fn a_synced_passkey_is_never_elsewhere() {
        let passkey = |place, reg_flags| Factor {
            purpose: Purpose::Move,
            place,
            key: FactorKey::Passkey {
                point: [4; 65],
                rp_id: "move.localhost".into(),
                cred_id: [1].to_vec(),
                aaguid: [0; 16],
                reg_flags,
            },
        };
        assert!(Factor::decode(&passkey(Place::Phone, 0x1d).encode()).is_ok());
        assert!(Factor::decode(&passkey(Place::Elsewhere, 0x05).encode()).is_ok());
        assert!(Factor::decode(&passkey(Place::Elsewhere, 0x1d).encode()).is_err());
        let card_key = |place| Factor { purpose: Purpose::Move, place, key: FactorKey::Es256([4; 65]) };
        assert!(Factor::decode(&card_key(Place::Elsewhere).encode()).is_err());
    }
}
