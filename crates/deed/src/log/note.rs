//! Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

use super::LogError;
use crate::Digest;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};
use keys::sign::{Ed25519Key, Verifier};

/// Signature type of a note's own Ed25519 signature.
pub const TYPE_ED25519: u8 = 0x01;
/// Signature type of a timestamped Ed25519 cosignature.
pub const TYPE_COSIGNATURE: u8 = 0x04;

/// Longest note read.
const MAX_NOTE: usize = 16_384;
/// Most signature lines read.
const MAX_SIGNATURES: usize = 64;

/// A verifier key: `<name>+<hex key id>+<base64 of type ‖ key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    /// The signer's name.
    pub name: String,
    /// Signature type.
    pub kind: u8,
    /// Ed25519 public key.
    pub key: [u8; 32],
}

impl VerifierKey {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(LogError("a verifier key without its three parts"));
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(LogError("a verifier key without a name"));
        }
        let material =
            Base64::decode_vec(material).map_err(|_| LogError("a verifier key that is not base64"))?;
        let [kind @ (TYPE_ED25519 | TYPE_COSIGNATURE), key @ ..] = material.as_slice() else {
            return Err(LogError("a verifier key of a type that is not read here"));
        };
        let key = key.try_into().map_err(|_| LogError("a verifier key of the wrong length"))?;
        let parsed = Self { name: name.to_string(), kind: *kind, key };
        if hex::encode(parsed.id()) != id {
            return Err(LogError("a verifier key whose id is not its own"));
        }
        Ok(parsed)
    }

    /// SHA-256(name ‖ 0x0A ‖ type ‖ key), first four octets.
    pub fn id(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = keys::digest::sha256(&[self.name.as_bytes(), b"\n", &[self.kind], &self.key]);
        [a, b, c, d]
    }
}

impl core::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let material = [&[self.kind][..], &self.key].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), Base64::encode_string(&material))
    }
}

/// A signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    /// The signer's name.
    pub name: String,
    /// Key id.
    pub id: [u8; 4],
    /// The rest.
    pub signature: Vec<u8>,
}

impl core::fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let blob = [&self.id[..], &self.signature].concat();
        writeln!(f, "— {} {}", self.name, Base64::encode_string(&blob))
    }
}

impl SignatureLine {
    /// Reads one, its newline included.
    pub fn parse(line: &str) -> Result<Self, LogError> {
        let line = line.strip_suffix('\n').ok_or(LogError("a signature line that ends without a newline"))?;
        let rest = line.strip_prefix("— ").ok_or(LogError("a signature line that is none"))?;
        let (name, encoded) = rest.split_once(' ').ok_or(LogError("a signature line that is none"))?;
        if name.is_empty() || name.contains('+') || name.contains(char::is_whitespace) {
            return Err(LogError("a signature line without a name"));
        }
        let decoded = Base64::decode_vec(encoded).map_err(|_| LogError("a signature that is not base64"))?;
        let (id, signature) = decoded.split_first_chunk::<4>().ok_or(LogError("a signature too short"))?;
        Ok(Self { name: name.to_string(), id: *id, signature: signature.to_vec() })
    }
}

/// A text with signatures under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    /// The text, its final newline included.
    pub text: String,
    /// Who signed.
    pub signatures: Vec<SignatureLine>,
}

impl SignedNote {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        if bytes.len() > MAX_NOTE {
            return Err(LogError("a note too long to be a checkpoint"));
        }
        let note = Self::parse_any(bytes)?;
        for (at, line) in note.signatures.iter().enumerate() {
            let same = |other: &SignatureLine| other.name == line.name && other.id == line.id;
            if note.signatures.iter().take(at).any(same) {
                return Err(LogError("one key's signature twice"));
            }
        }
        if note.signatures.len() > MAX_SIGNATURES {
            return Err(LogError("too many signatures"));
        }
        Ok(note)
    }

    /// Reads one of anybody's, as long as it likes and with lines of keys that nobody knows as often as it likes. Whoever
    /// calls this bounds the bytes (C2SP signed-note, "Format": at least 16 signatures, some of nearly 5 kB).
    pub fn parse_any(bytes: &[u8]) -> Result<Self, LogError> {
        let note = core::str::from_utf8(bytes).map_err(|_| LogError("a note that is not UTF-8"))?;
        if note.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err(LogError("a control character in a note"));
        }
        let at = note.rfind("\n\n").ok_or(LogError("a note without signatures"))?;
        let (text, lines) = note.split_at_checked(at + 1).ok_or(LogError("a note without signatures"))?;
        let lines = lines.strip_prefix('\n').filter(|lines| !lines.is_empty());
        let lines = lines.ok_or(LogError("a note without signatures"))?;
        let signatures = lines.split_inclusive('\n').map(SignatureLine::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_string(), signatures })
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = format!("{}\n", self.text);
        for line in &self.signatures {
            out.push_str(&line.to_string());
        }
        out.into_bytes()
    }

    /// Whether `key` signed the text itself: `Some(false)` if a line claims so and lies.
    pub fn signed_by(&self, verifier: &impl Verifier, key: &VerifierKey) -> Option<bool> {
        let mut lines = self.signatures.iter().filter(|l| l.name == key.name && l.id == key.id()).peekable();
        lines.peek()?;
        Some(lines.all(|line| {
            let signature = line.signature.as_slice().try_into();
            signature.is_ok_and(|s| verifier.ed25519(&key.key, self.text.as_bytes(), s))
        }))
    }

    /// When `key` cosigned: `Some(Err)` if a line claims so and lies.
    pub fn cosigned_by(&self, verifier: &impl Verifier, key: &VerifierKey) -> Option<Result<u64, LogError>> {
        let line = self.signatures.iter().find(|l| l.name == key.name && l.id == key.id())?;
        let checked = || {
            let (time, signature) = line.signature.split_first_chunk::<8>()?;
            let time = u64::from_be_bytes(*time);
            if time > i64::MAX as u64 {
                return None;
            }
            let message = cosignature_message(time, &self.text);
            verifier.ed25519(&key.key, message.as_bytes(), signature.try_into().ok()?).then_some(time)
        };
        Some(checked().ok_or(LogError("a cosignature that does not verify")))
    }
}

fn cosignature_message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// A log's checkpoint: origin, size and root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// Their root.
    pub root: Digest,
}

impl Checkpoint {
    /// The note text.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, Base64::encode_string(&self.root))
    }

    /// From a note's text; extension lines are refused, since no log of ours writes any.
    pub fn parse(text: &str) -> Result<Self, LogError> {
        if text.split('\n').count() != 4 {
            return Err(LogError("a checkpoint without its three lines"));
        }
        Self::parse_any(text)
    }

    /// From the text of any log's note. Extension lines are cosigned with the rest and mean nothing here
    /// (C2SP tlog-checkpoint, "Note text"; tlog-cosignature, "Ed25519 signed message").
    pub fn parse_any(text: &str) -> Result<Self, LogError> {
        let body = text.strip_suffix('\n').ok_or(LogError("a checkpoint that ends without a newline"))?;
        let mut lines = body.split('\n');
        let mut line = || lines.next().ok_or(LogError("a checkpoint without its three lines"));
        let (origin, size, root) = (line()?, line()?, line()?);
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(LogError("an empty line in a checkpoint"));
        }
        let size = decimal(size).ok_or(LogError("a checkpoint size that is no number"))?;
        let root = Base64::decode_vec(root).ok().and_then(|r| r.try_into().ok());
        Ok(Self {
            origin: origin.to_string(),
            size,
            root: root.ok_or(LogError("a checkpoint root that is none"))?,
        })
    }

    /// Under the log's signature.
    pub fn sign(&self, name: &str, key: &Ed25519Key) -> SignedNote {
        let text = self.text();
        let vkey = VerifierKey { name: name.to_string(), kind: TYPE_ED25519, key: key.public() };
        let signature = key.sign(text.as_bytes()).to_vec();
        SignedNote {
            signatures: [SignatureLine { name: vkey.name.clone(), id: vkey.id(), signature }].to_vec(),
            text,
        }
    }
}

/// A decimal number without leading zeroes.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// A witness's cosignature line for a checkpoint's text at a time.
pub fn cosign(text: &str, name: &str, key: &Ed25519Key, time: u64) -> SignatureLine {
    let vkey = VerifierKey { name: name.to_string(), kind: TYPE_COSIGNATURE, key: key.public() };
    let signature = [&time.to_be_bytes()[..], &key.sign(cosignature_message(time, text).as_bytes())].concat();
    SignatureLine { name: vkey.name.clone(), id: vkey.id(), signature }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP signed-note.
    #[test]
    fn the_published_example_verifies() {
        let key = VerifierKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
            .unwrap();
        let note = "This is an example message.\n\n— example.com/foo \
                    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        let parsed = SignedNote::parse(note.as_bytes()).unwrap();
        assert_eq!(parsed.signed_by(&keys::sign::Portable, &key), Some(true));
        assert_eq!(parsed.encode(), note.as_bytes());
        let mut changed = parsed;
        changed.text.push('x');
        assert_eq!(changed.signed_by(&keys::sign::Portable, &key), Some(false));
    }

    #[test]
    fn checkpoints_have_one_form() {
        let root = Base64::encode_string(&[7; 32]);
        assert!(Checkpoint::parse(&format!("o\n7\n{root}\n")).is_ok());
        for bad in [
            format!("o\n07\n{root}\n"),
            format!("o\n+7\n{root}\n"),
            format!("\n7\n{root}\n"),
            format!("o\n7\n{root}"),
            format!("o\n7\n{root}\nextension\n"),
            "o\n7\nAAAA\n".to_string(),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
    }
}
