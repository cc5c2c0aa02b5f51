//! The paper key: 130 random bits that a person can write down, and the signing key they stand for.
//!
//! It is a key, not a password: it signs one statement on the owner's own device and is never sent anywhere.

use crate::Secret;
use crate::digest::sha256;
use crate::sign::Ed25519Key;
use alloc::string::String;
use rand_core::CryptoRng;

/// Symbols of the code: digits and letters without I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 26 symbols of five bits.
const SYMBOLS: usize = 26;

/// A recovery sheet's code.
#[derive(Clone)]
pub struct PaperCode(Secret<[u8; SYMBOLS]>);

impl core::fmt::Debug for PaperCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PaperCode(…)")
    }
}

impl PaperCode {
    /// A fresh one.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut raw = [0; SYMBOLS];
        rng.fill_bytes(&mut raw);
        Self(Secret::new(raw.map(|b| ALPHABET.get(usize::from(b & 31)).copied().unwrap_or(b'0'))))
    }

    /// As somebody typed it: spaces, hyphens and case do not matter, and I, L and O are read as 1, 1 and 0.
    pub fn parse(text: &str) -> Option<Self> {
        let mut symbols = [0; SYMBOLS];
        let mut count = 0;
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_uppercase() {
                'I' | 'L' => '1',
                'O' => '0',
                other => other,
            };
            let byte = u8::try_from(c).ok().filter(|b| ALPHABET.contains(b))?;
            *symbols.get_mut(count)? = byte;
            count += 1;
        }
        (count == SYMBOLS).then(|| Self(Secret::new(symbols)))
    }

    /// The code in groups, to be printed on the owner's sheet and nowhere else.
    pub fn danger_print(&self) -> String {
        let mut out = String::new();
        for (i, symbol) in self.0.open().iter().enumerate() {
            if i > 0 && i % 5 == 0 {
                out.push('-');
            }
            out.push(char::from(*symbol));
        }
        out
    }

    /// The Ed25519 key it stands for. 130 bits need no stretching.
    pub fn key(&self) -> Ed25519Key {
        Ed25519Key::from_seed(&Secret::new(sha256(&[b"simward.paper.1\0", self.0.open()])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_however_it_is_typed() {
        let code = PaperCode::parse("01234-56789-ABCDE-FGHJK-MNPQR-S").unwrap();
        let typed = PaperCode::parse("o l234 56789abcdefghjkmnpqrs").unwrap();
        assert_eq!(code.key().public(), typed.key().public());
        assert_eq!(code.danger_print(), "01234-56789-ABCDE-FGHJK-MNPQR-S");
        assert!(PaperCode::parse("01234-56789-ABCDE-FGHJK-MNPQR").is_none());
        assert!(PaperCode::parse("01234-56789-ABCDE-FGHJK-MNPQR-ST").is_none());
        assert!(PaperCode::parse("U1234-56789-ABCDE-FGHJK-MNPQR-S").is_none());
    }
}
