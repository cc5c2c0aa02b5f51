//! MILENAGE (TS 35.206): f1, f1*, f2, f3, f4, f5, f5* over AES-128.
//!
//! One key schedule and five block operations a vector; three for an AUTS.

use crate::Secret;
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use core::fmt;

/// A sequence number of 48 bits, SEQ ‖ IND (TS 33.102 Annex C).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sqn(u64);

impl Sqn {
    /// Bits of IND: an array of 32 slots, as TS 33.102 §C.3.2 recommends.
    pub const IND_BITS: u32 = 5;
    /// The largest, 2^48 − 1.
    pub const MAX: Self = Self((1 << 48) - 1);

    /// From its number; `None` above 2^48 − 1.
    pub const fn new(value: u64) -> Option<Self> {
        if value <= Self::MAX.0 { Some(Self(value)) } else { None }
    }

    /// From the counter SEQ (43 bits) and the slot IND (5 bits); `None` where either does not fit.
    pub const fn from_parts(seq: u64, ind: u8) -> Option<Self> {
        if seq >= 1 << 43 || ind >= 1 << Self::IND_BITS {
            None
        } else {
            Some(Self(seq << Self::IND_BITS | ind as u64))
        }
    }

    /// The whole number.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The counter.
    pub const fn seq(self) -> u64 {
        self.0 >> Self::IND_BITS
    }

    /// The slot.
    pub const fn ind(self) -> u8 {
        (self.0 & ((1 << Self::IND_BITS) - 1)) as u8
    }

    /// Six octets, most significant first.
    pub const fn to_bytes(self) -> [u8; 6] {
        let [_, _, a, b, c, d, e, f] = self.0.to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// From six octets.
    pub const fn from_bytes(bytes: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = bytes;
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

/// Authentication management field; its most significant bit separates EPS, EAP-AKA' and 5G from the rest
/// (TS 33.102 Annex H).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amf(pub [u8; 2]);

impl Amf {
    /// All zero: what AUTS is computed with (TS 33.102 §6.3.3).
    pub const ZERO: Self = Self([0, 0]);
    /// The separation bit alone.
    pub const SEPARATION: Self = Self([0x80, 0]);
}

/// The outputs of f1 to f5 for one challenge. Prints nothing of its keys.
#[derive(Clone)]
pub struct Vector {
    /// f1: the network proves itself to the card.
    pub mac_a: [u8; 8],
    /// f2: the card's response.
    pub res: [u8; 8],
    /// f3.
    pub ck: Secret<[u8; 16]>,
    /// f4.
    pub ik: Secret<[u8; 16]>,
    /// f5: conceals the SQN.
    pub ak: [u8; 6],
}

impl fmt::Debug for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vector(…)")
    }
}

/// MILENAGE keyed for one subscriber: K's round keys and OPc.
pub struct Milenage {
    cipher: Aes128,
    opc: Secret<[u8; 16]>,
}

impl fmt::Debug for Milenage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Milenage(…)")
    }
}

type Block = [u8; 16];

fn xor(a: &Block, b: &Block) -> Block {
    core::array::from_fn(|i| a.get(i).copied().unwrap_or(0) ^ b.get(i).copied().unwrap_or(0))
}

/// Rotation towards the most significant bit by whole octets (r1..r5 are 64, 0, 32, 64, 96 bits).
fn rotate<const OCTETS: usize>(mut block: Block) -> Block {
    block.rotate_left(OCTETS);
    block
}

/// Adds one of c2..c5 (1, 2, 4, 8), which touch the last octet alone.
const fn add_constant(mut block: Block, c: u8) -> Block {
    let [.., last] = &mut block;
    *last ^= c;
    block
}

fn halves(block: Block) -> ([u8; 8], [u8; 8]) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = block;
    ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p])
}

const fn first_six(block: Block) -> [u8; 6] {
    let [a, b, c, d, e, f, ..] = block;
    [a, b, c, d, e, f]
}

impl Milenage {
    /// Keys the algorithm with K and OPc: one AES key schedule.
    pub fn new(k: &Secret<[u8; 16]>, opc: &Secret<[u8; 16]>) -> Self {
        Self { cipher: Aes128::new(k.open().into()), opc: opc.clone() }
    }

    /// OPc = OP ⊕ E_K(OP).
    pub fn opc_from_op(k: &Secret<[u8; 16]>, op: &Secret<[u8; 16]>) -> Secret<[u8; 16]> {
        let mut block = (*op.open()).into();
        Aes128::new(k.open().into()).encrypt_block(&mut block);
        Secret::new(xor(op.open(), &block.into()))
    }

    fn encrypt(&self, block: Block) -> Block {
        let mut block = block.into();
        self.cipher.encrypt_block(&mut block);
        block.into()
    }

    /// TEMP = E_K(RAND ⊕ OPc).
    fn temp(&self, rand: &Block) -> Block {
        self.encrypt(xor(rand, self.opc.open()))
    }

    /// OUT1, whose halves are f1 and f1*.
    fn out1(&self, temp: &Block, sqn: Sqn, amf: Amf) -> Block {
        let [s0, s1, s2, s3, s4, s5] = sqn.to_bytes();
        let [a0, a1] = amf.0;
        let in1 = [s0, s1, s2, s3, s4, s5, a0, a1, s0, s1, s2, s3, s4, s5, a0, a1];
        let rotated = rotate::<8>(xor(&in1, self.opc.open()));
        xor(&self.encrypt(xor(temp, &rotated)), self.opc.open())
    }

    /// OUT2 to OUT5: E_K(rot(TEMP ⊕ OPc, r) ⊕ c) ⊕ OPc.
    fn out<const OCTETS: usize>(&self, temp: &Block, c: u8) -> Block {
        let input = add_constant(rotate::<OCTETS>(xor(temp, self.opc.open())), c);
        xor(&self.encrypt(input), self.opc.open())
    }

    /// f1 to f5 for one challenge.
    pub fn vector(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> Vector {
        let temp = self.temp(rand);
        let (mac_a, _) = halves(self.out1(&temp, sqn, amf));
        let out2 = self.out::<0>(&temp, 1);
        let (_, res) = halves(out2);
        Vector {
            mac_a,
            res,
            ck: Secret::new(self.out::<4>(&temp, 2)),
            ik: Secret::new(self.out::<8>(&temp, 4)),
            ak: first_six(out2),
        }
    }

    /// f5 alone, to uncover the SQN of an AUTN before f1 can be checked. Two block operations.
    pub fn f5(&self, rand: &[u8; 16]) -> [u8; 6] {
        first_six(self.out::<0>(&self.temp(rand), 1))
    }

    /// f1*: the card proves its AUTS.
    pub fn f1_star(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> [u8; 8] {
        halves(self.out1(&self.temp(rand), sqn, amf)).1
    }

    /// f5*: conceals the SQN of an AUTS.
    pub fn f5_star(&self, rand: &[u8; 16]) -> [u8; 6] {
        first_six(self.out::<12>(&self.temp(rand), 8))
    }

    /// AUTN = SQN ⊕ AK ‖ AMF ‖ MAC-A (TS 33.102 §6.3.2).
    pub fn autn(vector: &Vector, sqn: Sqn, amf: Amf) -> [u8; 16] {
        let [s0, s1, s2, s3, s4, s5] = conceal(sqn, vector.ak);
        let [a0, a1] = amf.0;
        let [m0, m1, m2, m3, m4, m5, m6, m7] = vector.mac_a;
        [s0, s1, s2, s3, s4, s5, a0, a1, m0, m1, m2, m3, m4, m5, m6, m7]
    }

    /// AUTS = SQN_MS ⊕ AK* ‖ MAC-S, with AMF zero (TS 33.102 §6.3.3).
    pub fn auts(&self, rand: &[u8; 16], sqn_ms: Sqn) -> [u8; 14] {
        let [s0, s1, s2, s3, s4, s5] = conceal(sqn_ms, self.f5_star(rand));
        let [m0, m1, m2, m3, m4, m5, m6, m7] = self.f1_star(rand, sqn_ms, Amf::ZERO);
        [s0, s1, s2, s3, s4, s5, m0, m1, m2, m3, m4, m5, m6, m7]
    }

    /// SQN_MS, if `auts` was made with this K for this RAND. MAC-S is compared in constant time.
    pub fn open_auts(&self, rand: &[u8; 16], auts: &[u8; 14]) -> Option<Sqn> {
        let [s0, s1, s2, s3, s4, s5, mac_s @ ..] = auts;
        let concealed = Sqn::from_bytes([*s0, *s1, *s2, *s3, *s4, *s5]);
        let sqn_ms = Sqn::from_bytes(conceal(concealed, self.f5_star(rand)));
        crate::secret::same(&self.f1_star(rand, sqn_ms, Amf::ZERO), mac_s).then_some(sqn_ms)
    }
}

/// SQN ⊕ AK.
pub fn conceal(sqn: Sqn, ak: [u8; 6]) -> [u8; 6] {
    Sqn(sqn.0 ^ Sqn::from_bytes(ak).0).to_bytes()
}

/// GSM SRES and Kc from a UMTS vector: conversion functions c2 and c3 (TS 33.102 §6.8.1.2).
pub fn gsm(vector: &Vector) -> ([u8; 4], [u8; 8]) {
    let [a, b, c, d, e, f, g, h] = vector.res;
    let sres = [a ^ e, b ^ f, c ^ g, d ^ h];
    let (ck1, ck2) = halves(*vector.ck.open());
    let (ik1, ik2) = halves(*vector.ik.open());
    let kc =
        u64::from_be_bytes(ck1) ^ u64::from_be_bytes(ck2) ^ u64::from_be_bytes(ik1) ^ u64::from_be_bytes(ik2);
    (sres, kc.to_be_bytes())
}
