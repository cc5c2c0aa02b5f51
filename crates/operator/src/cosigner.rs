//! A witness that anybody runs, of as many logs as it likes (C2SP tlog-witness): what it says to a checkpoint.
//!
//! It decides from what it has seen of that log and remembers nothing itself. Whoever hosts it stores what it has seen
//! before giving the line away, and lets nothing come between.

use deed::log::merkle::{consistent, empty_root};
use deed::log::note::{Checkpoint, SignatureLine, TYPE_COSIGNATURE, VerifierKey, cosign};
use deed::log::submission::Submission;
use keys::sign::{Ed25519Key, Host};
use wire::UnixTime;

/// Why a checkpoint is not cosigned. Each has a status of its own in the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// 400: not a request.
    #[error("{0}")]
    Malformed(&'static str),
    /// 404.
    #[error("this witness does not know that log")]
    UnknownLog,
    /// 403.
    #[error("the checkpoint is not signed by its log")]
    NotSigned,
    /// 409: with the size that a proof must begin at.
    #[error("the newest checkpoint cosigned here has {0} leaves")]
    Conflict(u64),
    /// 422.
    #[error("{0}")]
    Inconsistent(&'static str),
    /// 500: the host failed.
    #[error("{0}")]
    Broken(String),
}

/// A witness's key and the logs it knows, each by its name.
#[derive(Debug)]
pub struct Cosigner {
    name: String,
    key: Ed25519Key,
    logs: Vec<VerifierKey>,
}

impl Cosigner {
    /// A witness of these logs. Keys with one name are one log's.
    pub const fn new(name: String, key: Ed25519Key, logs: Vec<VerifierKey>) -> Self {
        Self { name, key, logs }
    }

    /// Its key as policies name it.
    pub fn vkey(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), kind: TYPE_COSIGNATURE, key: self.key.public() }
    }

    /// The logs.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// Of which log this is a checkpoint, if it is one that this witness knows and it is signed by it.
    pub fn checkpoint(&self, submission: &Submission) -> Result<Checkpoint, Declined> {
        let checkpoint =
            Checkpoint::parse_any(&submission.note.text).map_err(|e| Declined::Malformed(e.0))?;
        let known: Vec<_> = self.logs.iter().filter(|log| log.name == checkpoint.origin).collect();
        if known.is_empty() {
            return Err(Declined::UnknownLog);
        }
        // Signatures of unknown keys are ignored; one that claims to be a known key's and is not spoils the note.
        let signed: Vec<bool> =
            known.into_iter().filter_map(|log| submission.note.signed_by(&Host, log)).collect();
        if signed.is_empty() || signed.contains(&false) {
            return Err(Declined::NotSigned);
        }
        Ok(checkpoint)
    }

    /// The line for a checkpoint that goes on from the newest one cosigned of its log, in the order of checks that the
    /// specification has.
    pub fn cosign(
        &self,
        submission: &Submission,
        newest: Option<&Checkpoint>,
        now: UnixTime,
    ) -> Result<SignatureLine, Declined> {
        let checkpoint = self.checkpoint(submission)?;
        let (size, root) = newest.map_or_else(|| (0, empty_root()), |c| (c.size, c.root));
        if submission.old > checkpoint.size {
            return Err(Declined::Malformed("the old size is larger than the checkpoint's"));
        }
        if submission.old != size {
            return Err(Declined::Conflict(size));
        }
        if checkpoint.size == 0 && checkpoint.root != empty_root() {
            return Err(Declined::Inconsistent("a tree of no leaves has another root"));
        }
        if !consistent(size, &root, checkpoint.size, &checkpoint.root, &submission.proof) {
            return Err(Declined::Inconsistent("the tree does not go on from the newest one cosigned here"));
        }
        if now == UnixTime(0) {
            return Err(Declined::Broken(
                "this witness's clock does not run; a time of 0 says nothing".into(),
            ));
        }
        Ok(cosign(&submission.note.text, &self.name, &self.key, now.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deed::log::merkle::{Tree, leaf_hash};
    use deed::log::note::{SignedNote, TYPE_ED25519};
    use keys::Secret;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn key(n: u8) -> Ed25519Key {
        Ed25519Key::from_seed(&Secret::new([n; 32]))
    }

    fn cosigner() -> Cosigner {
        let log = |key: Ed25519Key| VerifierKey { name: "log".into(), kind: TYPE_ED25519, key: key.public() };
        Cosigner::new("w".into(), key(9), vec![log(key(1)), log(key(2))])
    }

    fn tree(n: u64) -> Tree {
        let mut tree = Tree::new();
        (0..n).for_each(|i| tree.push(leaf_hash(&i.to_be_bytes())));
        tree
    }

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint { origin: "log".into(), size, root: tree(size).root(size).unwrap() }
    }

    fn submission(old: u64, size: u64) -> Submission {
        let proof = tree(size).consistency(old, size).unwrap_or_default();
        Submission { old, proof, note: checkpoint(size).sign("log", &key(1)) }
    }

    fn answer(submission: &Submission, newest: u64) -> Result<(), Declined> {
        let newest = (newest > 0).then(|| checkpoint(newest));
        let line = cosigner().cosign(submission, newest.as_ref(), NOW)?;
        let note = SignedNote { text: submission.note.text.clone(), signatures: vec![line] };
        assert_eq!(note.cosigned_by(&Host, &cosigner().vkey()), Some(Ok(NOW.0)));
        Ok(())
    }

    #[test]
    fn every_step_forward_is_cosigned_and_the_same_again() {
        for old in 0..9 {
            for size in old..9 {
                assert_eq!(answer(&submission(old, size), old), Ok(()), "{old} {size}");
            }
        }
    }

    #[test]
    fn each_refusal_has_its_name() {
        use Declined::{Conflict, Inconsistent, Malformed, NotSigned, UnknownLog};
        let whole = submission(3, 7);
        let with = |change: &dyn Fn(&mut Submission)| {
            let mut changed = whole.clone();
            change(&mut changed);
            answer(&changed, 3).unwrap_err()
        };
        let sign = |checkpoint: &Checkpoint| checkpoint.sign("log", &key(1));
        let other = Checkpoint { origin: "other".into(), ..checkpoint(7) }.sign("other", &key(1));
        assert_eq!(with(&|s| s.note = other.clone()), UnknownLog);
        assert_eq!(with(&|s| s.note.signatures.clear()), NotSigned);
        assert_eq!(with(&|s| s.note = checkpoint(7).sign("log", &key(3))), NotSigned, "a stranger's key");
        assert_eq!(with(&|s| s.note.signatures[0].signature[9] ^= 1), NotSigned);
        assert_eq!(with(&|s| s.note.text.push_str("more\n")), NotSigned, "an extension nobody signed");
        let mut spoilt = checkpoint(7).sign("log", &key(2)).signatures.remove(0);
        spoilt.signature[9] ^= 1;
        assert_eq!(with(&|s| s.note.signatures.push(spoilt.clone())), NotSigned, "one good line, one bad");
        assert!(matches!(with(&|s| s.note.text = "log\n7\n".into()), Malformed(_)));
        assert!(matches!(with(&|s| s.old = 8), Malformed(_)));
        assert_eq!(with(&|s| s.old = 4), Conflict(3));
        assert_eq!(with(&|s| s.old = 0), Conflict(3));
        assert_eq!(
            with(&|s| s.note = sign(&checkpoint(2))),
            Malformed("the old size is larger than the checkpoint's")
        );
        assert!(matches!(with(&|s| s.proof[0][0] ^= 1), Inconsistent(_)));
        assert!(matches!(with(&|s| s.proof.clear()), Inconsistent(_)));
        assert!(matches!(with(&|s| s.proof.push([0; 32])), Inconsistent(_)));
        let split = Checkpoint { root: [5; 32], ..checkpoint(7) };
        assert!(matches!(with(&|s| s.note = sign(&split)), Inconsistent(_)));
        let same_size =
            Submission { old: 3, proof: vec![], note: sign(&Checkpoint { root: [5; 32], ..checkpoint(3) }) };
        assert!(matches!(answer(&same_size, 3), Err(Inconsistent(_))), "two roots of one size");
        let from_nothing = Submission { old: 0, proof: vec![[1; 32]], note: sign(&checkpoint(7)) };
        assert!(matches!(answer(&from_nothing, 0), Err(Inconsistent(_))), "a proof where none belongs");
        let empty =
            Submission { old: 0, proof: vec![], note: sign(&Checkpoint { root: [5; 32], ..checkpoint(0) }) };
        assert!(matches!(answer(&empty, 0), Err(Inconsistent(_))));
        let no_clock = cosigner().cosign(&whole, Some(&checkpoint(3)), UnixTime(0));
        assert!(matches!(no_clock, Err(Declined::Broken(_))));
    }

    #[test]
    fn a_log_with_extension_lines_is_cosigned_with_them() {
        let plain = checkpoint(7);
        let text = format!("{}an extension\n", plain.text());
        let vkey = &cosigner().logs[0];
        let line = SignatureLine {
            name: "log".into(),
            id: vkey.id(),
            signature: key(1).sign(text.as_bytes()).to_vec(),
        };
        let mut asked = submission(0, 7);
        asked.note = SignedNote { text, signatures: vec![line] };
        assert_eq!(answer(&asked, 0), Ok(()));
    }
}
