//! Authentication and key agreement by either algorithm: what a card and its network have in common (TS 33.102 §6.3).

use crate::Secret;
use crate::milenage::{Amf, Milenage, Sqn, Vector, make_auts, open_auts};
use crate::tuak::{Lengths, Tuak, TuakKey};
use crate::xor::Xor;
use core::fmt;

/// A subscriber's keys, and the algorithm they are for.
#[derive(Clone)]
pub enum AkaKeys {
    /// MILENAGE (TS 35.206).
    Milenage {
        /// The subscriber's key.
        k: Secret<[u8; 16]>,
        /// The operator's constant as this K sees it.
        opc: Secret<[u8; 16]>,
    },
    /// TUAK (TS 35.231), with the lengths of a 3G vector and one application of Keccak-f.
    Tuak {
        /// The subscriber's key.
        k: TuakKey,
        /// The operator's constant as this K sees it.
        topc: Secret<[u8; 32]>,
    },
    /// The test algorithm (TS 34.108 §8.1.2), which keeps no secret: for test networks.
    Xor {
        /// The subscriber's key.
        k: Secret<[u8; 16]>,
    },
}

impl fmt::Debug for AkaKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Milenage { .. } => "AkaKeys(MILENAGE, …)",
            Self::Tuak { .. } => "AkaKeys(TUAK, …)",
            Self::Xor { .. } => "AkaKeys(XOR, …)",
        })
    }
}

impl AkaKeys {
    /// The algorithm with these keys.
    pub fn keyed(&self) -> Aka {
        match self {
            Self::Milenage { k, opc } => Aka::Milenage(Milenage::new(k, opc)),
            Self::Tuak { k, topc } => Aka::Tuak(Tuak::new(k.clone(), topc.clone(), Lengths::UMTS)),
            Self::Xor { k } => Aka::Xor(Xor::new(k.clone())),
        }
    }
}

/// An algorithm keyed for one subscriber.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the larger one is what nearly every card has")]
pub enum Aka {
    /// MILENAGE.
    Milenage(Milenage),
    /// TUAK.
    Tuak(Tuak),
    /// The test algorithm.
    Xor(Xor),
}

impl Aka {
    /// f1 to f5 for one challenge.
    pub fn vector(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> Vector {
        match self {
            Self::Milenage(milenage) => milenage.vector(rand, sqn, amf),
            Self::Tuak(tuak) => tuak.vector(rand, sqn, amf),
            Self::Xor(xor) => xor.vector(rand, sqn, amf),
        }
    }

    /// f5 alone, to uncover the SQN of an AUTN before f1 can be checked.
    pub fn f5(&self, rand: &[u8; 16]) -> [u8; 6] {
        match self {
            Self::Milenage(milenage) => milenage.f5(rand),
            Self::Tuak(tuak) => tuak.f5(rand),
            Self::Xor(xor) => xor.f5(rand),
        }
    }

    fn f5_star(&self, rand: &[u8; 16]) -> [u8; 6] {
        match self {
            Self::Milenage(milenage) => milenage.f5_star(rand),
            Self::Tuak(tuak) => tuak.f5_star(rand),
            Self::Xor(xor) => xor.f5(rand),
        }
    }

    fn mac_s(&self, rand: &[u8; 16], sqn_ms: Sqn) -> [u8; 8] {
        match self {
            Self::Milenage(milenage) => milenage.f1_star(rand, sqn_ms, Amf::ZERO),
            Self::Tuak(tuak) => {
                tuak.f1_star(rand, sqn_ms, Amf::ZERO).first_chunk().copied().unwrap_or_default()
            }
            Self::Xor(xor) => xor.f1(rand, sqn_ms, Amf::ZERO),
        }
    }

    /// AUTS = SQN_MS ⊕ AK* ‖ MAC-S, with AMF zero (TS 33.102 §6.3.3).
    pub fn auts(&self, rand: &[u8; 16], sqn_ms: Sqn) -> [u8; 14] {
        make_auts(sqn_ms, self.f5_star(rand), self.mac_s(rand, sqn_ms))
    }

    /// SQN_MS, if `auts` was made with these keys for this RAND. MAC-S is compared in constant time.
    pub fn open_auts(&self, rand: &[u8; 16], auts: &[u8; 14]) -> Option<Sqn> {
        open_auts(auts, self.f5_star(rand), |sqn_ms| self.mac_s(rand, sqn_ms))
    }
}
