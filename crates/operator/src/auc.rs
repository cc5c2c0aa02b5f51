//! The authentication centre: vectors for the card that the pin names, and for no other.
//!
//! The hot path verifies no signature and reads no database row: the pin is in memory, checked by its MAC when it was
//! loaded; K is keyed into MILENAGE there; the SEQ was taken out of its ledger, durably, before [`decide`] is asked.

use crate::Refusal;
use crate::pins::{Pins, Served};
use crate::store::{Changes, Write};
use deed::state::bit;
use keys::milenage::{Amf, Milenage, Sqn, gsm};
use rand_core::CryptoRng;
use std::collections::{HashMap, VecDeque};
use wire::gateway::{Quintuplet, Triplet};
use wire::{Imsi, UnixTime};

/// IND of the vectors given to an EAP server: each kind of consumer has a slot of the card's array for itself.
const IND_EAP: u8 = 1;
/// Challenges remembered for each card, so that an AUTS is accepted only for one of ours, once.
const OUTSTANDING: usize = 8;
/// Vectors a card may be given in a minute: nobody needs more, and each is an oracle query.
const PER_MINUTE: u32 = 60;
/// Resynchronisations accepted in a minute.
const RESYNC_PER_MINUTE: u32 = 3;

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// GSM triplets, at most three.
    Gsm {
        /// Whose.
        imsi: Imsi,
        /// How many.
        count: u8,
    },
    /// One UMTS quintuplet with the separation bit: the gateway does not say AKA or AKA', and AKA' needs it.
    Umts {
        /// Whose.
        imsi: Imsi,
    },
    /// The card reported its SQN.
    Resync {
        /// Whose.
        imsi: Imsi,
        /// The challenge it answers.
        rand: [u8; 16],
        /// (SQN_MS ⊕ AK*) ‖ MAC-S.
        auts: [u8; 14],
    },
}

impl Command {
    /// Whose authentication it is about.
    pub const fn imsi(&self) -> Imsi {
        match self {
            Self::Gsm { imsi, .. } | Self::Umts { imsi } | Self::Resync { imsi, .. } => *imsi,
        }
    }

    /// How many SEQ numbers it needs.
    pub const fn sequence_numbers(&self) -> u64 {
        match self {
            Self::Umts { .. } => 1,
            // A GSM challenge carries no SQN.
            Self::Gsm { .. } | Self::Resync { .. } => 0,
        }
    }
}

/// What is answered.
pub enum Reply {
    /// Triplets.
    Gsm(Vec<Triplet>),
    /// A quintuplet.
    Umts(Box<Quintuplet>),
    /// The ledger stands where the card is, or stood there already.
    Resynced,
}

/// What is known.
pub struct Facts<'a> {
    /// Who is served.
    pub pins: &'a Pins,
    /// What was asked lately.
    pub memory: &'a Memory,
    /// The newest time that a quorum of witnesses vouches for: what pins are asked at.
    pub now_witnessed: UnixTime,
    /// Whether [`Memory::admits`] it.
    pub admitted: bool,
    /// SEQ taken for this command; the next one for a resynchronisation.
    pub seq: Option<u64>,
}

/// Challenges and rates, in memory only: after a restart the card is simply challenged anew.
#[derive(Debug, Default)]
pub struct Memory(HashMap<Imsi, Lately>);

#[derive(Debug, Default)]
struct Lately {
    outstanding: VecDeque<[u8; 16]>,
    minute: u64,
    vectors: u32,
    resyncs: u32,
}

/// What to remember.
#[derive(Debug, Default)]
pub struct Remember {
    issued: Option<[u8; 16]>,
    answered: Option<[u8; 16]>,
}

impl Memory {
    fn counts(&self, imsi: &Imsi, now: UnixTime) -> (u32, u32) {
        self.0.get(imsi).filter(|l| l.minute == now.0 / 60).map_or((0, 0), |l| (l.vectors, l.resyncs))
    }

    /// Whether a command may be answered at all: looked at before a sequence number is spent on it.
    pub fn admits(&self, command: &Command, now: UnixTime) -> bool {
        let (vectors, resyncs) = self.counts(&command.imsi(), now);
        let outstanding = |rand| self.outstanding(&command.imsi(), rand);
        vectors < PER_MINUTE
            && match command {
                Command::Resync { rand, .. } => resyncs < RESYNC_PER_MINUTE && outstanding(rand),
                _ => true,
            }
    }

    fn outstanding(&self, imsi: &Imsi, rand: &[u8; 16]) -> bool {
        self.0.get(imsi).is_some_and(|l| l.outstanding.contains(rand))
    }

    /// Counts a command of a card that is served, allowed or not; strangers' IMSIs take no memory.
    pub fn count(&mut self, command: &Command, now: UnixTime) {
        let lately = self.0.entry(command.imsi()).or_default();
        let minute = now.0 / 60;
        if lately.minute != minute {
            (lately.minute, lately.vectors, lately.resyncs) = (minute, 0, 0);
        }
        let counter = match command {
            Command::Resync { .. } => &mut lately.resyncs,
            _ => &mut lately.vectors,
        };
        *counter = counter.saturating_add(1);
    }

    /// Remembers what a decision says.
    pub fn remember(&mut self, imsi: Imsi, what: &Remember) {
        let lately = self.0.entry(imsi).or_default();
        if let Some(rand) = what.issued {
            if lately.outstanding.len() >= OUTSTANDING {
                lately.outstanding.pop_front();
            }
            lately.outstanding.push_back(rand);
        }
        if let Some(rand) = what.answered {
            lately.outstanding.retain(|r| *r != rand);
        }
    }
}

/// Decides one authentication command.
pub fn decide(
    facts: &Facts<'_>,
    command: &Command,
    rng: &mut impl CryptoRng,
) -> Result<(Changes, Remember, Reply), Refusal> {
    let imsi = command.imsi();
    let line = match facts.pins.serve(&imsi, facts.now_witnessed) {
        Served::Line(line) => line,
        Served::EmergencyOnly => {
            return Err(Refusal::refused("suspended", "the line is suspended: emergency calls only"));
        }
        Served::Refused { code, why } => return Err(Refusal::refused(code, why)),
    };
    if !facts.admitted {
        return Err(match command {
            Command::Resync { rand, .. } if !facts.memory.outstanding(&imsi, rand) => {
                Refusal::refused("auts", "no challenge of ours is outstanding with this RAND")
            }
            _ => Refusal::refused("rate", "this card is authenticated more often than any phone needs"),
        });
    }
    match command {
        Command::Gsm { count, .. } => {
            if line.held(bit::TWO_G) {
                return Err(Refusal::refused("2g", "the owner does not want to be served over 2G"));
            }
            let triplets = (0..(*count).clamp(1, 3)).map(|_| triplet(line.milenage, rng)).collect();
            Ok((Changes::default(), Remember::default(), Reply::Gsm(triplets)))
        }
        Command::Umts { .. } => {
            let seq =
                facts.seq.ok_or_else(|| Refusal::Broken("a served card without an SQN ledger".into()))?;
            let sqn = Sqn::from_parts(seq, IND_EAP);
            let sqn =
                sqn.ok_or_else(|| Refusal::refused("sqn", "the card's sequence numbers are used up"))?;
            let mut rand = [0; 16];
            rng.fill_bytes(&mut rand);
            let vector = line.milenage.vector(&rand, sqn, Amf::SEPARATION);
            let quintuplet = Quintuplet {
                rand,
                autn: Milenage::autn(&vector, sqn, Amf::SEPARATION),
                ik: *vector.ik.danger_expose(),
                ck: *vector.ck.danger_expose(),
                res: vector.res,
            };
            let remember = Remember { issued: Some(rand), answered: None };
            Ok((Changes::default(), remember, Reply::Umts(Box::new(quintuplet))))
        }
        Command::Resync { rand, auts, .. } => {
            let sqn_ms = line.milenage.open_auts(rand, auts);
            let sqn_ms = sqn_ms.ok_or_else(|| Refusal::refused("auts", "MAC-S does not verify"))?;
            // TS 33.102 §6.3.5: the ledger moves only if the next SQN would not be accepted anyway. It never falls, though
            // one that is over Δ ahead of the card would have to: the rate limit keeps it from getting there for years.
            let next = facts.seq.unwrap_or(0);
            let changes = if next > sqn_ms.seq() {
                Changes::default()
            } else {
                Changes(vec![Write::Sqn { imsi, next: sqn_ms.seq().saturating_add(1) }])
            };
            Ok((changes, Remember { issued: None, answered: Some(*rand) }, Reply::Resynced))
        }
    }
}

fn triplet(milenage: &Milenage, rng: &mut impl CryptoRng) -> Triplet {
    let mut rand = [0; 16];
    rng.fill_bytes(&mut rand);
    // f2 to f4 do not depend on SQN or AMF.
    let (sres, kc) = gsm(&milenage.vector(&rand, Sqn::default(), Amf::ZERO));
    Triplet { rand, sres, kc }
}
