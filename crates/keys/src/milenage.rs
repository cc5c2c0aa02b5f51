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

/// A block as a number: octet 0 is the most significant, so rotations are those of TS 35.206.
type Block = u128;

const fn first_six(block: Block) -> [u8; 6] {
    let [a, b, c, d, e, f, ..] = block.to_be_bytes();
    [a, b, c, d, e, f]
}

const fn first_eight(block: Block) -> [u8; 8] {
    ((block >> 64) as u64).to_be_bytes()
}

const fn last_eight(block: Block) -> [u8; 8] {
    (block as u64).to_be_bytes()
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
        let encrypted = Block::from_be_bytes(block.into());
        Secret::new((encrypted ^ Block::from_be_bytes(*op.open())).to_be_bytes())
    }

    fn opc(&self) -> Block {
        Block::from_be_bytes(*self.opc.open())
    }

    /// Several blocks at once: they do not depend on each other, and the processor takes them side by side.
    fn encrypt<const N: usize>(&self, blocks: [Block; N]) -> [Block; N] {
        let mut blocks = blocks.map(|block| block.to_be_bytes().into());
        self.cipher.encrypt_blocks(&mut blocks);
        blocks.map(|block| Block::from_be_bytes(block.into()))
    }

    /// TEMP = E_K(RAND ⊕ OPc).
    fn temp(&self, rand: &[u8; 16]) -> Block {
        let [temp] = self.encrypt([Block::from_be_bytes(*rand) ^ self.opc()]);
        temp
    }

    /// What OUT1 encrypts: TEMP ⊕ rot(IN1 ⊕ OPc, r1), IN1 = SQN ‖ AMF ‖ SQN ‖ AMF, r1 = 64.
    fn in1(&self, temp: Block, sqn: Sqn, amf: Amf) -> Block {
        let half = Block::from(sqn.0 << 16 | u64::from(u16::from_be_bytes(amf.0)));
        temp ^ ((half << 64 | half) ^ self.opc()).rotate_left(64)
    }

    /// What OUT2 to OUT5 encrypt: rot(TEMP ⊕ OPc, r) ⊕ c.
    fn input(&self, temp: Block, r: u32, c: Block) -> Block {
        (temp ^ self.opc()).rotate_left(r) ^ c
    }

    /// f1 to f5 for one challenge: r2 to r4 are 0, 32 and 64 bits, c2 to c4 are 1, 2 and 4.
    pub fn vector(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> Vector {
        let (temp, opc) = (self.temp(rand), self.opc());
        let [out1, out2, out3, out4] = self.encrypt([
            self.in1(temp, sqn, amf),
            self.input(temp, 0, 1),
            self.input(temp, 32, 2),
            self.input(temp, 64, 4),
        ]);
        Vector {
            mac_a: first_eight(out1 ^ opc),
            res: last_eight(out2 ^ opc),
            ck: Secret::new((out3 ^ opc).to_be_bytes()),
            ik: Secret::new((out4 ^ opc).to_be_bytes()),
            ak: first_six(out2 ^ opc),
        }
    }

    /// f5 alone, to uncover the SQN of an AUTN before f1 can be checked. Two block operations.
    pub fn f5(&self, rand: &[u8; 16]) -> [u8; 6] {
        let [out2] = self.encrypt([self.input(self.temp(rand), 0, 1)]);
        first_six(out2 ^ self.opc())
    }

    /// f1*: the card proves its AUTS.
    pub fn f1_star(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> [u8; 8] {
        let [out1] = self.encrypt([self.in1(self.temp(rand), sqn, amf)]);
        last_eight(out1 ^ self.opc())
    }

    /// f5*: conceals the SQN of an AUTS; r5 is 96 bits, c5 is 8.
    pub fn f5_star(&self, rand: &[u8; 16]) -> [u8; 6] {
        let [out5] = self.encrypt([self.input(self.temp(rand), 96, 8)]);
        first_six(out5 ^ self.opc())
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
        make_auts(sqn_ms, self.f5_star(rand), self.f1_star(rand, sqn_ms, Amf::ZERO))
    }

    /// SQN_MS, if `auts` was made with this K for this RAND. MAC-S is compared in constant time.
    pub fn open_auts(&self, rand: &[u8; 16], auts: &[u8; 14]) -> Option<Sqn> {
        open_auts(auts, self.f5_star(rand), |sqn_ms| self.f1_star(rand, sqn_ms, Amf::ZERO))
    }
}

/// SQN_MS ⊕ AK* ‖ MAC-S.
pub(crate) fn make_auts(sqn_ms: Sqn, ak_star: [u8; 6], mac_s: [u8; 8]) -> [u8; 14] {
    let [s0, s1, s2, s3, s4, s5] = conceal(sqn_ms, ak_star);
    let [m0, m1, m2, m3, m4, m5, m6, m7] = mac_s;
    [s0, s1, s2, s3, s4, s5, m0, m1, m2, m3, m4, m5, m6, m7]
}

/// What [`make_auts`] made, if MAC-S is what f1* gives for the SQN_MS in it.
pub(crate) fn open_auts(
    auts: &[u8; 14],
    ak_star: [u8; 6],
    f1_star: impl FnOnce(Sqn) -> [u8; 8],
) -> Option<Sqn> {
    let [s0, s1, s2, s3, s4, s5, mac_s @ ..] = auts;
    let concealed = Sqn::from_bytes([*s0, *s1, *s2, *s3, *s4, *s5]);
    let sqn_ms = Sqn::from_bytes(conceal(concealed, ak_star));
    crate::secret::same(&f1_star(sqn_ms), mac_s).then_some(sqn_ms)
}

/// SQN ⊕ AK.
pub fn conceal(sqn: Sqn, ak: [u8; 6]) -> [u8; 6] {
    Sqn(sqn.0 ^ Sqn::from_bytes(ak).0).to_bytes()
}

/// GSM SRES and Kc from a UMTS vector: conversion functions c2 and c3 (TS 33.102 §6.8.1.2).
pub fn gsm(vector: &Vector) -> ([u8; 4], [u8; 8]) {
    let [a, b, c, d, e, f, g, h] = vector.res;
    let sres = [a ^ e, b ^ f, c ^ g, d ^ h];
    let fold = |key: &Secret<[u8; 16]>| {
        let key = Block::from_be_bytes(*key.open());
        (key >> 64) as u64 ^ key as u64
    };
    let kc = fold(&vector.ck) ^ fold(&vector.ik);
    (sres, kc.to_be_bytes())
}
