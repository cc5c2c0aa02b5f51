//! The keys of remote management: AES-CBC for ciphering, AES-CMAC for checksums (TS 102 225 §5.1.2, §5.1.3, NIST SP
//! 800-38A, SP 800-38B). No other algorithm: a key that were also a DES key could be searched for as one.

use crate::Secret;
use crate::seal::NotOurs;
use crate::secret::same;
use aes::Aes128;
use alloc::vec::Vec;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use cmac::{Cmac, KeyInit, Mac};
use rand_core::CryptoRng;
use wire::Malformed;
use wire::secured_packet::{
    CHECKSUM_BYTES, COUNTER_BYTES, CommandPacket, Head, RESPONSE_HEADER, Response, ResponsePacket,
    ResponseStatus, Secured, counter_bytes,
};

/// Octets of a block.
const BLOCK: usize = 16;

/// KIc and KID of one key set.
#[derive(Debug, Clone)]
pub struct OtaKeys {
    kic: Secret<[u8; 16]>,
    kid: Secret<[u8; 16]>,
}

/// A command packet that was opened: its checksum is right, so whoever has the keys made it, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedCommand {
    /// Its counter.
    pub counter: u64,
    /// What was secured.
    pub data: Vec<u8>,
}

/// Whole blocks in place; octets after the last whole block stay as they are.
fn blocks(octets: &mut [u8]) -> &mut [aes::Block] {
    let (blocks, _) = aes::Block::slice_as_chunks_mut(octets);
    blocks
}

/// Zeros that fill up to a whole block.
const fn padding(len: usize) -> usize {
    (BLOCK - len % BLOCK) % BLOCK
}

impl OtaKeys {
    /// From the two keys.
    pub const fn new(kic: Secret<[u8; 16]>, kid: Secret<[u8; 16]>) -> Self {
        Self { kic, kid }
    }

    /// Fresh ones.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self { kic: Secret::random(rng), kid: Secret::random(rng) }
    }

    /// The key of the ciphering.
    pub const fn kic(&self) -> &Secret<[u8; 16]> {
        &self.kic
    }

    /// The key of the checksum.
    pub const fn kid(&self) -> &Secret<[u8; 16]> {
        &self.kid
    }

    /// CBC from a vector of zeros.
    fn encipher(&self, octets: &mut [u8]) {
        let mut cipher = cbc::Encryptor::<Aes128>::new(self.kic.open().into(), &[0; BLOCK].into());
        cipher.encrypt_blocks(blocks(octets));
    }

    fn decipher(&self, octets: &mut [u8]) {
        let mut cipher = cbc::Decryptor::<Aes128>::new(self.kic.open().into(), &[0; BLOCK].into());
        cipher.decrypt_blocks(blocks(octets));
    }

    /// The first eight octets of the CMAC.
    fn checksum(&self, parts: &[&[u8]]) -> [u8; CHECKSUM_BYTES] {
        let mut mac = <Cmac<Aes128> as KeyInit>::new(self.kid.open().into());
        for part in parts {
            mac.update(part);
        }
        let whole: [u8; BLOCK] = mac.finalize().into_bytes().into();
        whole.first_chunk().copied().unwrap_or_default()
    }

    /// The command packet of `data` under a counter.
    pub fn seal_command(&self, head: &Head, counter: u64, data: &[u8]) -> Result<Vec<u8>, Malformed> {
        let padding = padding(COUNTER_BYTES + CHECKSUM_BYTES + data.len());
        let mut padded = data.to_vec();
        padded.resize(data.len() + padding, 0);
        let clear = head.to_bytes(COUNTER_BYTES + CHECKSUM_BYTES + padded.len())?;
        let [a, b, c, d, e] = counter_bytes(counter);
        let counter = [a, b, c, d, e, padding as u8];
        let checksum = self.checksum(&[&clear, &counter, &padded]);
        let mut rest = [&counter[..], &checksum, &padded].concat();
        self.encipher(&mut rest);
        Ok([&clear[..], &rest].concat())
    }

    /// Opens what [`OtaKeys::seal_command`] made. Neither the counter nor the data of another packet is told.
    pub fn open_command(&self, packet: &CommandPacket<'_>) -> Result<OpenedCommand, NotOurs> {
        if packet.rest.is_empty() || !packet.rest.len().is_multiple_of(BLOCK) {
            return Err(NotOurs);
        }
        let mut rest = packet.rest.to_vec();
        self.decipher(&mut rest);
        let secured = Secured::parse(&rest).map_err(|_| NotOurs)?;
        let [a, b, c, d, e] = counter_bytes(secured.counter);
        let counter = [a, b, c, d, e, secured.padding];
        let expected = self.checksum(&[packet.clear, &counter, secured.padded]);
        if !same(&expected, &secured.checksum) {
            return Err(NotOurs);
        }
        let data = secured.data().ok_or(NotOurs)?.to_vec();
        Ok(OpenedCommand { counter: secured.counter, data })
    }

    /// The response packet with its user data header: with a checksum, enciphered if that was asked for. Only ever made
    /// for whoever has the keys.
    pub fn seal_response(&self, response: &Response, enciphered: bool) -> Result<Vec<u8>, Malformed> {
        let data = &response.data;
        let padding = if enciphered { padding(COUNTER_BYTES + 1 + CHECKSUM_BYTES + data.len()) } else { 0 };
        let mut padded = data.clone();
        padded.resize(data.len() + padding, 0);
        let clear = Response::head(response.tar, CHECKSUM_BYTES, padded.len())?;
        let [a, b, c, d, e] = counter_bytes(response.counter);
        let middle = [a, b, c, d, e, padding as u8, response.status.0];
        let checksum = self.checksum(&[&RESPONSE_HEADER, &clear, &middle, &padded]);
        let mut rest = [&middle[..], &checksum, &padded].concat();
        if enciphered {
            self.encipher(&mut rest);
        }
        Ok([&RESPONSE_HEADER[..], &clear, &rest].concat())
    }

    /// Opens a response packet that has a checksum.
    pub fn open_response(&self, packet: &ResponsePacket<'_>, enciphered: bool) -> Result<Response, NotOurs> {
        let mut rest = packet.rest.to_vec();
        if packet.checksum_len != CHECKSUM_BYTES || (enciphered && !rest.len().is_multiple_of(BLOCK)) {
            return Err(NotOurs);
        }
        if enciphered {
            self.decipher(&mut rest);
        }
        let (middle, tail) = rest.split_first_chunk::<{ COUNTER_BYTES + 1 }>().ok_or(NotOurs)?;
        let (checksum, padded) = tail.split_first_chunk::<CHECKSUM_BYTES>().ok_or(NotOurs)?;
        let expected = self.checksum(&[&RESPONSE_HEADER, packet.clear, middle, padded]);
        if !same(&expected, checksum) {
            return Err(NotOurs);
        }
        let [a, b, c, d, e, padding, status] = *middle;
        let len = padded.len().checked_sub(usize::from(padding)).ok_or(NotOurs)?;
        let counter = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
        let data = padded.get(..len).unwrap_or_default().to_vec();
        Ok(Response { tar: packet.tar, counter, status: ResponseStatus(status), data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::secured_packet::Spi;

    fn key(text: &str) -> Secret<[u8; 16]> {
        Secret::new(hex::decode(text).unwrap().try_into().unwrap())
    }

    /// The key set of osmocom/pysim, tests/unittests/test_ota.py.
    fn pysim() -> OtaKeys {
        OtaKeys::new(key("200102030405060708090a0b0c0d0e0f"), key("201102030405060708090a0b0c0d0e0f"))
    }

    #[test]
    fn packets_are_the_ones_that_pysim_makes_and_a_real_card_answered() {
        // The same file, AES128-SJA5-CIPHERED-CC: its packet, and the answer of the card it was sent to.
        let head = Head { spi: Spi([0x06, 0x19]), kic: 0x22, kid: 0x22, tar: [0xb0, 0x00, 0x11] };
        let apdu = hex::decode("00a40004023f00").unwrap();
        let packet = pysim().seal_command(&head, 0, &apdu).unwrap();
        assert_eq!(
            hex::encode(&packet),
            "00281506192222b00011e87cceebb2d93083011ce294f93fc4d8de80da1abae8c37ca3e72ec4432e5058"
        );
        let opened = pysim().open_command(&CommandPacket::parse(&packet).unwrap()).unwrap();
        assert_eq!(opened, OpenedCommand { counter: 0, data: apdu });
        let answer =
            hex::decode("027100002412b00011ebc6b497e2cad7aedf36ace0e3a29b38853f0fe9ccde81913be5702b73abce1f")
                .unwrap();
        let response = pysim().open_response(&ResponsePacket::parse(&answer).unwrap(), true).unwrap();
        assert_eq!((response.status, hex::encode(&response.data)), (ResponseStatus::OK, "016132".into()));
        assert_eq!(pysim().seal_response(&response, true).unwrap(), answer);
    }

    #[test]
    fn checksums_are_cmacs_of_the_standard() {
        // NIST SP 800-38B D.1, AES-128, examples 1 to 3, cut to eight octets.
        let keys = OtaKeys::new(key(&"00".repeat(16)), key("2b7e151628aed2a6abf7158809cf4f3c"));
        let message =
            hex::decode("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411")
                .unwrap();
        for (len, mac) in [(0, "bb1d6929e9593728"), (16, "070a16b46b4d4144"), (40, "dfa66747de9ae630")] {
            assert_eq!(hex::encode(keys.checksum(&[&message[..len]])), mac, "{len}");
        }
        // NIST SP 800-38A F.2.1 has a vector of its own; from zeros, its first block is the ECB one of F.1.1.
        let keys = OtaKeys::new(key("2b7e151628aed2a6abf7158809cf4f3c"), key(&"00".repeat(16)));
        let mut block = message[..16].to_vec();
        keys.encipher(&mut block);
        assert_eq!(hex::encode(block), "3ad77bb40d7a3660a89ecaf32466ef97");
    }

    #[test]
    fn whatever_is_changed_does_not_open() {
        let head = Head { spi: Spi::FULL, kic: 0x12, kid: 0x12, tar: [0xb0, 0, 0x10] };
        let packet = pysim().seal_command(&head, 7, b"words").unwrap();
        for bit in 16..packet.len() * 8 {
            let mut bad = packet.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let opened = CommandPacket::parse(&bad).map(|p| pysim().open_command(&p));
            assert!(matches!(opened, Ok(Err(NotOurs))), "bit {bit}");
        }
        let other = OtaKeys::new(key("200102030405060708090a0b0c0d0e0f"), key(&"00".repeat(16)));
        assert!(other.open_command(&CommandPacket::parse(&packet).unwrap()).is_err());
        let response =
            Response { tar: head.tar, counter: 7, status: ResponseStatus::OK, data: b"answer".to_vec() };
        for enciphered in [false, true] {
            let sealed = pysim().seal_response(&response, enciphered).unwrap();
            let open = |bytes: &[u8]| {
                ResponsePacket::parse(bytes).ok().map(|p| pysim().open_response(&p, enciphered))
            };
            assert_eq!(open(&sealed), Some(Ok(response.clone())));
            for bit in 0..sealed.len() * 8 {
                let mut bad = sealed.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(!matches!(open(&bad), Some(Ok(_))), "bit {bit}");
            }
        }
    }
}
