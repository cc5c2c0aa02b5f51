//! The GSM 7 bit default alphabet with its extension table (TS 23.038 §6.2.1), and septets in octets (§6.1.2).

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// The default alphabet, by code. 1B leads into the extension table and stands for no character of its own.
const DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', // 00
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ' ', 'Æ', 'æ', 'ß', 'É', // 10
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', // 20
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', // 30
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', // 40
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', // 50
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 60
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à', // 70
];

/// Leads into the extension table.
const ESCAPE: u8 = 0x1b;

/// The extension table: the code after [`ESCAPE`], and its character.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{0c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The one or two septets of a character; `None` of one that this alphabet lacks.
pub fn septets_of(character: char) -> Option<impl Iterator<Item = u8>> {
    let default = || (0..=127u8).zip(DEFAULT).find(|(code, c)| *c == character && *code != ESCAPE);
    let (first, second) = match default() {
        Some((code, _)) => (code, None),
        None => (ESCAPE, Some(EXTENSION.iter().find(|(_, c)| *c == character)?.0)),
    };
    Some(core::iter::once(first).chain(second))
}

/// The septets of a text, one an octet; `None` if it needs another alphabet.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    for character in text.chars() {
        out.extend(septets_of(character)?);
    }
    Some(out)
}

/// The text of septets. After an escape, a code that the extension table lacks is read from the default alphabet;
/// a second escape, and one at the end, are a space (§6.2.1.1).
pub fn decode(septets: &[u8]) -> String {
    let character = |code: u8| DEFAULT.get(usize::from(code & 0x7f)).copied().unwrap_or(' ');
    let mut out = String::with_capacity(septets.len());
    let mut codes = septets.iter().copied();
    while let Some(code) = codes.next() {
        if code != ESCAPE {
            out.push(character(code));
            continue;
        }
        let after = codes.next().unwrap_or(ESCAPE);
        let extended = EXTENSION.iter().find(|(c, _)| *c == after).map(|(_, c)| *c);
        out.push(extended.unwrap_or_else(|| character(after)));
    }
    out
}

/// Packs septets into octets, the first into the lowest bits, after `offset` bits that stay zero.
pub fn pack(septets: &[u8], offset: usize) -> Vec<u8> {
    let mut out = vec![0; (offset + septets.len() * 7).div_ceil(8)];
    for (i, septet) in septets.iter().enumerate() {
        let at = offset + i * 7;
        let [low, high] = (u16::from(septet & 0x7f) << (at % 8)).to_le_bytes();
        for (place, bits) in out.iter_mut().skip(at / 8).zip([low, high]) {
            *place |= bits;
        }
    }
    out
}

/// `count` septets out of octets, the first after `offset` bits; `None` if there are not so many.
pub fn unpack(octets: &[u8], offset: usize, count: usize) -> Option<Vec<u8>> {
    if (offset + count * 7).div_ceil(8) > octets.len() {
        return None;
    }
    let octet = |i: usize| octets.get(i).copied().unwrap_or(0);
    let septet = |i: usize| {
        let at = offset + i * 7;
        (u16::from_le_bytes([octet(at / 8), octet(at / 8 + 1)]) >> (at % 8)) as u8 & 0x7f
    };
    Some((0..count).map(septet).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn septets_pack_as_the_common_examples_show() {
        // "hellohello", in every description of the PDU format.
        let packed = hex::decode("e8329bfd4697d9ec37").unwrap();
        assert_eq!(pack(&encode("hellohello").unwrap(), 0), packed);
        assert_eq!(decode(&unpack(&packed, 0, 10).unwrap()), "hellohello");
        assert_eq!(unpack(&packed, 0, 11), None);
    }

    #[test]
    fn every_character_of_both_tables_comes_back() {
        for character in DEFAULT.into_iter().chain(EXTENSION.map(|(_, c)| c)) {
            let text = String::from(character);
            assert_eq!(decode(&encode(&text).unwrap()), text);
        }
        assert_eq!(encode("€").unwrap(), [0x1b, 0x65]);
        for other in ["中", "ç", "`", "😀", "\t"] {
            assert_eq!(encode(other), None, "{other}");
        }
    }

    #[test]
    fn escapes_to_nowhere_are_read_as_the_standard_says() {
        assert_eq!(decode(&[0x1b, b'a']), "a");
        assert_eq!(decode(&[0x1b]), " ");
        assert_eq!(decode(&[0x1b, 0x1b, b'a']), " a");
    }
}
