//! What a log hands to a witness: a checkpoint, and the proof that it goes on from an older one (C2SP tlog-witness,
//! "add-checkpoint").
//!
//! ```text
//! old <size>
//! <base64 hash>        at most 63 of them
//!
//! <checkpoint>
//! ```

use super::LogError;
use super::note::{SignedNote, decimal};
use crate::Digest;
use alloc::format;
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};

/// Longest one read: a checkpoint with sixteen of the longest signatures, its proof, and room.
pub const MAX_SUBMISSION: usize = 128 * 1024;
/// Most lines of a proof: "The client MUST NOT send more than 63 consistency proof lines."
const MAX_PROOF: usize = 63;

/// A parsed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Size of the checkpoint that the proof begins at.
    pub old: u64,
    /// The consistency proof.
    pub proof: Vec<Digest>,
    /// The checkpoint, whatever signatures are under it.
    pub note: SignedNote,
}

impl Submission {
    /// Reads one. Whether its checkpoint is one, and whose, is looked at by the witness.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        if bytes.len() > MAX_SUBMISSION {
            return Err(LogError("a request longer than any checkpoint needs"));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| LogError("a request that is not UTF-8"))?;
        let (head, note) = text.split_once("\n\n").ok_or(LogError("a request without its empty line"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or(LogError("a request without its old size"))?;
        let mut proof = Vec::new();
        for line in lines {
            let hash = Base64::decode_vec(line).ok().and_then(|hash| hash.try_into().ok());
            proof.push(hash.ok_or(LogError("a proof line that is no hash"))?);
        }
        if proof.len() > MAX_PROOF {
            return Err(LogError("a proof longer than any tree is high"));
        }
        Ok(Self { old, proof, note: SignedNote::parse_any(note.as_bytes())? })
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = format!("old {}\n", self.old);
        for hash in &self.proof {
            out.push_str(&Base64::encode_string(hash));
            out.push('\n');
        }
        out.push('\n');
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.note.encode());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of tlog-witness.
    const EXAMPLE: &str = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\nexample.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa \
        Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — example.com/behind-the-sofa \
        opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";

    #[test]
    fn the_published_example_is_read_and_written_as_it_is() {
        let read = Submission::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!((read.old, read.proof.len(), read.note.signatures.len()), (20_852_014, 4, 2));
        assert_eq!(read.encode(), EXAMPLE.as_bytes());
    }

    #[test]
    fn a_request_has_one_form() {
        for bad in [
            EXAMPLE.replace("old 2", "old 02"),
            EXAMPLE.replace("old 2", "old +2"),
            EXAMPLE.replace("old 20852014", "old "),
            EXAMPLE.replace("old ", "Old "),
            EXAMPLE.replace("old 20852014\n", ""),
            EXAMPLE.replace("jrJZDm", "jr\nZDm"),
            EXAMPLE.replace("wy=\n", "wy\n").replace("swk=\n", "swk\n"),
            EXAMPLE.replace("\n\nexample", "\nexample"),
            EXAMPLE.replace("\n\n—", "\n—"),
            EXAMPLE.replace('\n', "\r\n"),
            EXAMPLE.trim_end().into(),
            EXAMPLE.split_once("\n\n").unwrap().0.into(),
            EXAMPLE.replace(
                "PlRN",
                &format!("{}PlRN", "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n".repeat(60)),
            ),
            format!("{EXAMPLE}{}", "x".repeat(MAX_SUBMISSION)),
        ] {
            assert!(Submission::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        for cut in 0..EXAMPLE.len() {
            // A prefix that ends after a whole signature line is a request with one signature.
            let whole = EXAMPLE[..0].len() + EXAMPLE.rfind("— ").unwrap();
            assert_eq!(Submission::parse(&EXAMPLE.as_bytes()[..cut]).is_ok(), cut == whole, "{cut}");
        }
    }
}
