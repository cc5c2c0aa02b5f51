//! What is released: a signed note (C2SP signed-note, Ed25519) whose text is
//!
//! ```text
//! simward release 1
//! version 0.2.0
//! serial 7
//! issued 2026-11-25
//! expires 2027-02-25
//! sha256 <64 hexadecimal digits> <file name>
//! ```
//!
//! with a line for each binary. The serial grows with every manifest, whatever the version does.

use deed::log::note::{SignatureLine, SignedNote, TYPE_ED25519, VerifierKey};
use jiff::civil::Date;
use keys::sign::{Ed25519Key, Host};
use semver::Version;
use std::fmt::Write as _;

const FIRST_LINE: &str = "simward release 1";

/// Why a manifest counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It is no manifest.
    #[error("not a manifest: {0}")]
    Malformed(String),
    /// None of the keys signed it.
    #[error("not signed by a key you trust: whoever sent it may have made it up, or changed it")]
    Unsigned,
    /// Its time is over.
    #[error("it expired on {0}: a newer one is due, and somebody may keep it from you")]
    Expired(Date),
    /// From tomorrow.
    #[error("it was issued on {0}, which has not come yet: is this machine's clock right?")]
    NotYet(Date),
    /// Older than what was seen.
    #[error("serial {serial} is older than {seen}, seen before: somebody shows you old news")]
    Older {
        /// Its serial.
        serial: u64,
        /// The newest seen.
        seen: u64,
    },
    /// Two under one serial.
    #[error(
        "another manifest with serial {0} was seen before: whoever signs says different things to different people"
    )]
    Forked(u64),
}

/// A manifest's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// What is the newest.
    pub(crate) version: Version,
    /// Grows with each.
    pub(crate) serial: u64,
    /// Since when.
    pub(crate) issued: Date,
    /// Until when it may be believed.
    pub(crate) expires: Date,
    /// SHA-256 and name of each binary.
    pub(crate) binaries: Vec<([u8; 32], String)>,
}

/// The newest that was seen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    /// Its serial.
    pub(crate) serial: u64,
    /// SHA-256 of its text, hexadecimal.
    pub(crate) text: String,
}

impl Manifest {
    fn text(&self) -> String {
        let Self { version, serial, issued, expires, binaries } = self;
        let mut text =
            format!("{FIRST_LINE}\nversion {version}\nserial {serial}\nissued {issued}\nexpires {expires}\n");
        for (digest, name) in binaries {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "sha256 {} {name}", hex::encode(digest));
        }
        text
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let bad = |what: &str| Refused::Malformed(what.into());
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(bad("another first line"));
        }
        let mut field = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.ok_or_else(|| Refused::Malformed(format!("no `{name}` where it should be")))
        };
        let version = field("version")?.parse().map_err(|_| bad("a version that is none"))?;
        let serial = field("serial")?.parse().map_err(|_| bad("a serial that is no number"))?;
        let issued = field("issued")?.parse().map_err(|_| bad("a date that is none"))?;
        let expires = field("expires")?.parse().map_err(|_| bad("a date that is none"))?;
        let mut binaries = Vec::new();
        for line in lines {
            let rest = line.strip_prefix("sha256 ").ok_or_else(|| bad("a line that is not known"))?;
            let (digest, name) = rest.split_once(' ').ok_or_else(|| bad("a digest without a name"))?;
            let mut octets = [0; 32];
            hex::decode_to_slice(digest, &mut octets).map_err(|_| bad("a digest that is none"))?;
            binaries.push((octets, name.to_owned()));
        }
        let manifest = Self { version, serial, issued, expires, binaries };
        // One text for one meaning: no leading zeros, no second spelling.
        if manifest.text() == text { Ok(manifest) } else { Err(bad("not written as manifests are")) }
    }

    /// The signed note.
    pub(crate) fn sign(&self, name: &str, key: &Ed25519Key) -> Vec<u8> {
        let text = self.text();
        let signer = VerifierKey { name: name.into(), kind: TYPE_ED25519, key: key.public() };
        let signature = key.sign(text.as_bytes()).to_vec();
        let signatures = vec![SignatureLine { name: name.into(), id: signer.id(), signature }];
        SignedNote { text, signatures }.encode()
    }

    /// Checks a signed note: signed, in its time, not older than what was seen. With what is to be remembered.
    pub(crate) fn check(
        note: &[u8],
        keys: &[VerifierKey],
        today: Date,
        seen: Option<&Seen>,
    ) -> Result<(Self, Seen), Refused> {
        let note = SignedNote::parse(note).map_err(|e| Refused::Malformed(e.to_string()))?;
        // Every claim of a key that is known must hold, and there must be one.
        let claims: Vec<bool> = keys.iter().filter_map(|key| note.signed_by(&Host, key)).collect();
        if claims.is_empty() || claims.contains(&false) {
            return Err(Refused::Unsigned);
        }
        let manifest = Self::parse(&note.text)?;
        let text = hex::encode(keys::digest::sha256(&[note.text.as_bytes()]));
        match seen {
            Some(seen) if manifest.serial < seen.serial => {
                return Err(Refused::Older { serial: manifest.serial, seen: seen.serial });
            }
            Some(seen) if manifest.serial == seen.serial && text != seen.text => {
                return Err(Refused::Forked(manifest.serial));
            }
            _ => {}
        }
        if manifest.issued > today {
            return Err(Refused::NotYet(manifest.issued));
        }
        if manifest.expires < today {
            return Err(Refused::Expired(manifest.expires));
        }
        let serial = manifest.serial;
        Ok((manifest, Seen { serial, text }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use keys::Secret;

    const TODAY: Date = date(2026, 11, 25);

    fn key(seed: u8) -> (Ed25519Key, VerifierKey) {
        let key = Ed25519Key::from_seed(&Secret::new([seed; 32]));
        let public = VerifierKey { name: "simward".into(), kind: TYPE_ED25519, key: key.public() };
        (key, public)
    }

    fn manifest(serial: u64) -> Manifest {
        Manifest {
            version: Version::new(0, 2, 0),
            serial,
            issued: date(2026, 11, 20),
            expires: date(2027, 2, 20),
            binaries: vec![([7; 32], "simward-x86_64".into())],
        }
    }

    fn check(note: &[u8], seen: Option<&Seen>) -> Result<(Manifest, Seen), Refused> {
        Manifest::check(note, &[key(1).1], TODAY, seen)
    }

    #[test]
    fn a_signed_one_is_taken_and_an_older_one_then_refused() {
        let note = manifest(7).sign("simward", &key(1).0);
        let (taken, seen) = check(&note, None).unwrap();
        assert_eq!(taken, manifest(7));
        assert!(check(&note, Some(&seen)).is_ok(), "the same again");
        let older = manifest(6).sign("simward", &key(1).0);
        assert_eq!(check(&older, Some(&seen)), Err(Refused::Older { serial: 6, seen: 7 }));
        let forked = Manifest { version: Version::new(0, 3, 0), ..manifest(7) }.sign("simward", &key(1).0);
        assert_eq!(check(&forked, Some(&seen)), Err(Refused::Forked(7)));
    }

    #[test]
    fn unsigned_or_signed_by_another_is_refused() {
        let text = manifest(7).text();
        assert!(matches!(check(text.as_bytes(), None), Err(Refused::Malformed(_))));
        let other = manifest(7).sign("simward", &key(2).0);
        assert_eq!(check(&other, None), Err(Refused::Unsigned));
        assert_eq!(Manifest::check(&other, &[], TODAY, None), Err(Refused::Unsigned));
    }

    #[test]
    fn every_changed_bit_is_refused() {
        let note = manifest(7).sign("simward", &key(1).0);
        for bit in 0..note.len() * 8 {
            let mut changed = note.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&changed, None).is_err(), "bit {bit}");
        }
        for cut in 0..note.len() {
            assert!(check(&note[..cut], None).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn out_of_its_time_is_refused() {
        let sign = |manifest: Manifest| manifest.sign("simward", &key(1).0);
        let old = sign(Manifest { expires: date(2026, 11, 24), ..manifest(7) });
        assert_eq!(check(&old, None), Err(Refused::Expired(date(2026, 11, 24))));
        let last_day = sign(Manifest { expires: TODAY, ..manifest(7) });
        assert!(check(&last_day, None).is_ok());
        let tomorrow = sign(Manifest { issued: date(2026, 11, 26), ..manifest(7) });
        assert_eq!(check(&tomorrow, None), Err(Refused::NotYet(date(2026, 11, 26))));
    }

    #[test]
    fn one_meaning_has_one_text() {
        let (signer, _) = key(1);
        let spelled = manifest(7).text().replace("serial 7", "serial 07");
        let public = key(1).1;
        let signature = signer.sign(spelled.as_bytes()).to_vec();
        let line = SignatureLine { name: "simward".into(), id: public.id(), signature };
        let note = SignedNote { text: spelled, signatures: vec![line] }.encode();
        assert!(matches!(check(&note, None), Err(Refused::Malformed(_))));
    }
}
