//! Events, the statements their signers make, and the proofs that carry the signatures.
//!
//! A signer signs what he wants and the head he has seen, not the tip of the chain: other events cannot starve him.

use crate::cbor::{Reader, Writer, whole};
use crate::defence::{Defence, stands};
use crate::hash::{self, Digest};
use crate::intent::Intent;
use crate::record::{Card, Factor, FactorId, Tenure, read_bits};
use crate::{FORMAT, Reason};
use alloc::vec::Vec;
use keys::Secret;
use wire::Msisdn;

/// Longest event.
pub const MAX_EVENT_BYTES: usize = 65_536;
/// Most events of a deed.
pub const MAX_EVENTS: u64 = 4_096;
/// The last places of a deed, kept for its owner: nobody but a factor begins anything there.
pub const RESERVED_EVENTS: u64 = 256;
/// Most watch keys of a deed.
pub const MAX_WATCH_KEYS: u64 = 32;
/// Most factors of a deed.
pub const MAX_FACTORS: u64 = 16;
/// Most card slots of a deed.
pub const MAX_SLOTS: u64 = 8;
/// Most proofs of an event.
pub const MAX_PROOFS: u64 = 32;

/// The head a signer had seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// Its place in the chain.
    pub seq: u64,
    /// The head there.
    pub head: Digest,
}

impl AsOf {
    /// Before there is a deed: what the signers of event 0 name.
    pub const NOTHING: Self = Self { seq: 0, head: [0; 32] };
}

/// What a signature consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// `[authenticatorData, clientDataJSON, signature r‖s]`: suite 1.
    Passkey {
        /// WebAuthn L3 §6.1.
        authenticator_data: Vec<u8>,
        /// WebAuthn L3 §5.8.1.
        client_data: Vec<u8>,
        /// r ‖ s.
        signature: [u8; 64],
    },
    /// `[signature]`: suites 2 and 3, and roles.
    Raw([u8; 64]),
    /// `[public key, signature]`: suite 4.
    Revealed {
        /// The key whose digest the factor is.
        key: [u8; 32],
        /// Its signature.
        signature: [u8; 64],
    },
}

/// One signer's proof: `[signer_id(32), as_of_seq, as_of_head(32), evidence]`. The verifier rebuilds the statement
/// from this and the event, so nothing signed is carried twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// A factor's, a role's or a sleeping card's id.
    pub signer: Digest,
    /// What the signer had seen.
    pub as_of: AsOf,
    /// The signature.
    pub evidence: Evidence,
}

impl Proof {
    pub(crate) fn write(&self, w: Writer) -> Writer {
        let w = w.array(4).bytes(&self.signer).uint(self.as_of.seq).bytes(&self.as_of.head);
        match &self.evidence {
            Evidence::Passkey { authenticator_data, client_data, signature } => {
                w.array(3).bytes(authenticator_data).bytes(client_data).bytes(signature)
            }
            Evidence::Raw(signature) => w.array(1).bytes(signature),
            Evidence::Revealed { key, signature } => w.array(2).bytes(key).bytes(signature),
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        r.array(4)?;
        let signer = r.array_of()?;
        let as_of = AsOf { seq: r.uint()?, head: r.array_of()? };
        let evidence = match r.list(3, "evidence")? {
            1 => Evidence::Raw(r.array_of()?),
            2 => Evidence::Revealed { key: r.array_of()?, signature: r.array_of()? },
            3 => Evidence::Passkey {
                authenticator_data: r.bytes()?.to_vec(),
                client_data: r.bytes()?.to_vec(),
                signature: r.array_of()?,
            },
            _ => return Err(Reason::Encoding("evidence without a signature")),
        };
        Ok(Self { signer, as_of, evidence })
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.write(Writer::new()).done()
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, Self::read)
    }
}

/// The bytes a signer's key is asked to sign:
/// `simward.deed.statement.1` ‖ 0x00 ‖ `[1, deed_id, [as_of_seq, as_of_head], type, body]`.
///
/// A raw key signs this message; a passkey signs with SHA-256 of it as its challenge.
pub fn message(deed_id: &Digest, as_of: &AsOf, kind: u64, body: &[u8]) -> Vec<u8> {
    let statement = Writer::new()
        .array(5)
        .uint(FORMAT)
        .bytes(if stands(Defence::StatementsNameTheirDeed) { deed_id } else { &[0; 32] })
        .array(2)
        .uint(as_of.seq)
        .bytes(&as_of.head)
        .uint(kind)
        .raw(body)
        .done();
    hash::message(hash::STATEMENT, &statement)
}

/// Where the number came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// 1: never used, or free again.
    New,
    /// 2: ported in from another operator.
    Ported,
    /// 3: was in use here without a deed.
    Claimed,
}

/// Event 0: the number's first card and the owner's keys.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Under which rules.
    pub manifest: Digest,
    /// The number.
    pub number: Msisdn,
    /// How often it has been issued before.
    pub generation: u64,
    /// Closing head of the generation before.
    pub previous: Option<Digest>,
    /// Where it came from.
    pub source: Source,
    /// Whose kind of number it is.
    pub tenure: Tenure,
    /// Makes tags; who has it sees the deed's next event the moment it is logged.
    pub watch_key: Secret<[u8; 32]>,
    /// First cards.
    pub slots: Vec<(u64, Card)>,
    /// The owner's keys.
    pub factors: Vec<Factor>,
}

/// What an event says.
#[derive(Debug, Clone)]
pub enum Body {
    /// 0.
    Issued(Issued),
    /// 1: somebody asks for a change.
    Requested {
        /// For what.
        intent: Intent,
    },
    /// 2: a factor agrees to the whole intent.
    Consented {
        /// Head of the request.
        request: Digest,
        /// The intent, in full.
        intent: Intent,
    },
    /// 3: the owner was told.
    Notified {
        /// Head of the request.
        request: Digest,
        /// Digests of receipts.
        receipts: Vec<Digest>,
    },
    /// 4: stop this request.
    Vetoed {
        /// Head of the request.
        request: Digest,
        /// Why, a number for the record.
        reason: u64,
    },
    /// 5: the request is over (1 expired, 2 refused, 3 superseded).
    Ended {
        /// Head of the request.
        request: Digest,
        /// Which of the three.
        reason: u64,
    },
    /// 6: bits are set, factors silenced.
    Held {
        /// Which bits, rising.
        bits: Vec<u64>,
        /// Which factors lose their consent (1) or their objections (2).
        silenced: Vec<(FactorId, u64)>,
        /// Why, a number for the record.
        reason: u64,
    },
    /// 7: the change is done.
    Committed {
        /// Head of the request.
        request: Digest,
        /// The event whose logging began the wait.
        start_seq: u64,
        /// tlog-proof of that event, early.
        early: Vec<u8>,
        /// The same, late.
        late: Vec<u8>,
        /// For a ported or claimed number that counts class A: tlog-proof of event 1; else empty.
        origin: Vec<u8>,
    },
    /// 8: tags are made with a new watch key from the next event on.
    Watched {
        /// It.
        watch_key: Secret<[u8; 32]>,
    },
    /// 9: the deed goes on under a later manifest.
    Adopted {
        /// Which.
        manifest: Digest,
        /// tlog-proof of the manifest's leaf, 30 days before; empty where nothing becomes looser.
        early: Vec<u8>,
        /// The same, now; empty where nothing becomes looser.
        late: Vec<u8>,
    },
    /// 10: the authentication centre saw something. Changes no authority.
    Observed {
        /// What kind of thing.
        what: Observation,
        /// Digest of what was seen.
        digest: Digest,
    },
}

/// What the authentication centre may have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// 1: sequence numbers that one card alone does not make.
    Clone,
    /// 2: a change of the database that no event allows; it was refused.
    Edit,
    /// 3: the number routed elsewhere without this deed.
    Reroute,
}

impl Observation {
    /// Its number in the format.
    pub const fn number(self) -> u64 {
        match self {
            Self::Clone => 1,
            Self::Edit => 2,
            Self::Reroute => 3,
        }
    }

    const fn from_number(n: u64) -> Result<Self, Reason> {
        match n {
            1 => Ok(Self::Clone),
            2 => Ok(Self::Edit),
            3 => Ok(Self::Reroute),
            _ => Err(Reason::Unknown("observation")),
        }
    }
}

impl Body {
    /// The event type's number.
    pub const fn kind(&self) -> u64 {
        match self {
            Self::Issued(_) => 0,
            Self::Requested { .. } => 1,
            Self::Consented { .. } => 2,
            Self::Notified { .. } => 3,
            Self::Vetoed { .. } => 4,
            Self::Ended { .. } => 5,
            Self::Held { .. } => 6,
            Self::Committed { .. } => 7,
            Self::Watched { .. } => 8,
            Self::Adopted { .. } => 9,
            Self::Observed { .. } => 10,
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let w = Writer::new();
        match self {
            Self::Issued(i) => w
                .array(9)
                .bytes(&i.manifest)
                .text(i.number.as_str())
                .uint(i.generation)
                .bytes(i.previous.as_ref().map_or(&[][..], |p| p))
                .uint(match i.source {
                    Source::New => 1,
                    Source::Ported => 2,
                    Source::Claimed => 3,
                })
                .uint(i.tenure.number())
                .bytes(i.watch_key.danger_expose())
                .list(&i.slots, |w, (slot, card)| w.array(2).uint(*slot).raw(&card.encode()))
                .list(&i.factors, |w, factor| w.raw(&factor.encode())),
            Self::Requested { intent } => w.raw(&intent.encode()),
            Self::Consented { request, intent } => w.array(2).bytes(request).raw(&intent.encode()),
            Self::Notified { request, receipts } => {
                w.array(2).bytes(request).list(receipts, |w, digest| w.bytes(digest))
            }
            Self::Vetoed { request, reason } | Self::Ended { request, reason } => {
                w.array(2).bytes(request).uint(*reason)
            }
            Self::Held { bits, silenced, reason } => w
                .array(3)
                .list(bits, |w, bit| w.uint(*bit))
                .list(silenced, |w, (factor, what)| w.array(2).bytes(&factor.0).uint(*what))
                .uint(*reason),
            Self::Committed { request, start_seq, early, late, origin } => {
                w.array(5).bytes(request).uint(*start_seq).bytes(early).bytes(late).bytes(origin)
            }
            Self::Watched { watch_key } => w.array(1).bytes(watch_key.danger_expose()),
            Self::Adopted { manifest, early, late } => w.array(3).bytes(manifest).bytes(early).bytes(late),
            Self::Observed { what, digest } => w.array(2).uint(what.number()).bytes(digest),
        }
        .done()
    }

    pub(crate) fn read(kind: u64, r: &mut Reader<'_>) -> Result<Self, Reason> {
        match kind {
            0 => read_issued(r).map(Self::Issued),
            1 => Ok(Self::Requested { intent: Intent::read(r)? }),
            2 => {
                r.array(2)?;
                Ok(Self::Consented { request: r.array_of()?, intent: Intent::read(r)? })
            }
            3 => {
                r.array(2)?;
                let request = r.array_of()?;
                let n = r.list(32, "number of receipts")?;
                let receipts = (0..n).map(|_| r.array_of()).collect::<Result<_, _>>()?;
                Ok(Self::Notified { request, receipts })
            }
            4 => {
                r.array(2)?;
                Ok(Self::Vetoed { request: r.array_of()?, reason: r.uint()? })
            }
            5 => {
                r.array(2)?;
                let (request, reason) = (r.array_of()?, r.uint()?);
                if !(1..=3).contains(&reason) {
                    return Err(Reason::Unknown("reason to end a request"));
                }
                Ok(Self::Ended { request, reason })
            }
            6 => read_held(r),
            7 => {
                r.array(5)?;
                Ok(Self::Committed {
                    request: r.array_of()?,
                    start_seq: r.uint()?,
                    early: r.bytes()?.to_vec(),
                    late: r.bytes()?.to_vec(),
                    origin: r.bytes()?.to_vec(),
                })
            }
            8 => {
                r.array(1)?;
                Ok(Self::Watched { watch_key: Secret::new(r.array_of()?) })
            }
            9 => {
                r.array(3)?;
                let (manifest, early, late) = (r.array_of()?, r.bytes()?.to_vec(), r.bytes()?.to_vec());
                Ok(Self::Adopted { manifest, early, late })
            }
            10 => {
                r.array(2)?;
                Ok(Self::Observed { what: Observation::from_number(r.uint()?)?, digest: r.array_of()? })
            }
            _ => Err(Reason::Unknown("event type")),
        }
    }

    /// From its bytes.
    pub fn decode(kind: u64, bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, |r| Self::read(kind, r))
    }
}

fn read_issued(r: &mut Reader<'_>) -> Result<Issued, Reason> {
    r.array(9)?;
    let manifest = r.array_of()?;
    let number = r.text()?.parse().map_err(|e: wire::Malformed| Reason::Encoding(e.why))?;
    let generation = r.uint()?;
    let previous = match r.bytes()? {
        [] => None,
        head => Some(head.try_into().map_err(|_| Reason::Encoding("a head that is not 32 bytes"))?),
    };
    let source = match r.uint()? {
        1 => Source::New,
        2 => Source::Ported,
        3 => Source::Claimed,
        _ => return Err(Reason::Unknown("source")),
    };
    let tenure = Tenure::from_number(r.uint()?)?;
    let watch_key = Secret::new(r.array_of()?);
    let mut slots = Vec::new();
    for _ in 0..r.list(MAX_SLOTS, "number of card slots")? {
        r.array(2)?;
        slots.push((r.uint()?, Card::read(r)?));
    }
    let mut factors = Vec::new();
    for _ in 0..r.list(MAX_FACTORS, "number of factors")? {
        factors.push(Factor::read(r)?);
    }
    Ok(Issued { manifest, number, generation, previous, source, tenure, watch_key, slots, factors })
}

fn read_held(r: &mut Reader<'_>) -> Result<Body, Reason> {
    r.array(3)?;
    let bits = read_bits(r)?;
    let mut silenced = Vec::new();
    for _ in 0..r.list(MAX_FACTORS, "number of silenced factors")? {
        r.array(2)?;
        let factor = FactorId(r.array_of()?);
        let what = r.uint()?;
        if !(1..=2).contains(&what) {
            return Err(Reason::Unknown("kind of silencing"));
        }
        silenced.push((factor, what));
    }
    Ok(Body::Held { bits, silenced, reason: r.uint()? })
}

/// An event as it was received: `[1, deed_id, seq, prev, salt(16), type, body, [Proof…]]`.
#[derive(Debug, Clone)]
pub struct Event {
    /// Zeros in event 0, whose head becomes the deed's id.
    pub deed_id: Digest,
    /// Its place in the chain.
    pub seq: u64,
    /// Head of the event before; zeros in event 0.
    pub prev: Digest,
    /// What it says.
    pub body: Body,
    /// The bytes of what it says: signatures are over these.
    pub body_bytes: Vec<u8>,
    /// Who signed.
    pub proofs: Vec<Proof>,
    /// H(event, bytes), proofs included.
    pub head: Digest,
}

impl Event {
    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        if bytes.len() > MAX_EVENT_BYTES {
            return Err(Reason::Limit("size of an event"));
        }
        whole(bytes, |r| {
            r.array(8)?;
            if r.uint()? != FORMAT {
                return Err(Reason::Unknown("format"));
            }
            let (deed_id, seq, prev) = (r.array_of()?, r.uint()?, r.array_of()?);
            let _salt: [u8; 16] = r.array_of()?;
            let kind = r.uint()?;
            let (body, body_bytes) = r.spanned(|r| Body::read(kind, r))?;
            let mut proofs = Vec::new();
            for _ in 0..r.list(MAX_PROOFS, "number of proofs")? {
                proofs.push(Proof::read(r)?);
            }
            let head = hash::labelled(hash::EVENT, bytes);
            Ok(Self { deed_id, seq, prev, body, body_bytes: body_bytes.to_vec(), proofs, head })
        })
    }

    /// The deed this event belongs to: the one it names, or, for event 0, the one it begins.
    pub fn deed(&self) -> Digest {
        if self.seq == 0 { self.head } else { self.deed_id }
    }
}

/// Puts an event together. The salt keeps a public leaf from telling what it is the leaf of: 16 fresh random bytes.
pub fn assemble(
    deed_id: &Digest,
    seq: u64,
    prev: &Digest,
    salt: &[u8; 16],
    body: &Body,
    proofs: &[Proof],
) -> Vec<u8> {
    Writer::new()
        .array(8)
        .uint(FORMAT)
        .bytes(deed_id)
        .uint(seq)
        .bytes(prev)
        .bytes(salt)
        .uint(body.kind())
        .raw(&body.encode())
        .list(proofs, |w, proof| proof.write(w))
        .done()
}

/// The head of an event's bytes.
pub fn head(bytes: &[u8]) -> Digest {
    hash::labelled(hash::EVENT, bytes)
}
