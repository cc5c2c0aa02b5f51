//! Keys in files of their own: a further key of the owner's, or a trusted person's (亲友见证人). The second file of a pair
//! is what is handed over; it is no secret.

use super::NumberError;
use deed::record::{Factor, Place, Purpose};
use deed::signer::RawSigner;
use keys::Secret;
use keys::sign::Ed25519Key;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use server::deployment::write_private;
use std::path::{Path, PathBuf};

/// A key and what it is for.
pub(super) struct KeyFile {
    name: String,
    purpose: Purpose,
    key: Ed25519Key,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretText {
    name: String,
    purpose: String,
    seed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicText {
    name: String,
    factor: String,
}

/// What a key is for, as its file says it.
const PURPOSES: [(&str, Purpose); 3] =
    [("move", Purpose::Move), ("hold", Purpose::HoldOnly), ("trusted", Purpose::Guardian)];

fn damaged(path: &Path, why: &str) -> NumberError {
    NumberError::Asked(format!("{}: {why}", path.display()))
}

fn read(path: &Path) -> Result<String, NumberError> {
    std::fs::read_to_string(path).map_err(|e| NumberError::File(path.display().to_string(), e))
}

impl KeyFile {
    /// A fresh one.
    pub(super) fn random(name: &str, purpose: Purpose, rng: &mut impl CryptoRng) -> Self {
        Self { name: name.into(), purpose, key: Ed25519Key::random(rng) }
    }

    /// From its file.
    pub(super) fn load(path: &Path) -> Result<Self, NumberError> {
        // The parser's own message quotes the line it fails at, and that may be the key.
        let text: SecretText =
            toml::from_str(&read(path)?).map_err(|_| damaged(path, "not a key file of `simward`"))?;
        let purpose = PURPOSES.iter().find(|(name, _)| *name == text.purpose).map(|(_, purpose)| *purpose);
        let purpose = purpose.ok_or_else(|| damaged(path, "a purpose that is none"))?;
        let mut seed = [0; 32];
        hex::decode_to_slice(&text.seed, &mut seed).map_err(|_| damaged(path, "`seed` is not 32 bytes"))?;
        Ok(Self { name: text.name, purpose, key: Ed25519Key::from_seed(&Secret::new(seed)) })
    }

    /// Writes the key, and beside it `….pub`, which is handed over; its path and text.
    pub(super) fn save(&self, path: &Path) -> Result<(PathBuf, String), NumberError> {
        let public = public_path(path);
        for path in [path, &public] {
            if path.exists() {
                return Err(damaged(path, "exists; nothing was overwritten"));
            }
        }
        let purpose = PURPOSES.iter().find(|(_, purpose)| *purpose == self.purpose).map(|(name, _)| *name);
        let secret = SecretText {
            name: self.name.clone(),
            purpose: purpose.unwrap_or_default().into(),
            seed: hex::encode(self.key.seed().danger_expose()),
        };
        let factor = hex::encode(self.signer().factor().encode());
        let text = |value: Result<String, toml::ser::Error>| {
            value.map_err(|e| NumberError::Asked(format!("{}: {e}", path.display())))
        };
        let secret = text(toml::to_string(&secret))?;
        let hand_over = text(toml::to_string(&PublicText { name: self.name.clone(), factor }))?;
        let write = |path: &Path, text: &str| {
            write_private(path, text.as_bytes()).map_err(|e| NumberError::File(path.display().to_string(), e))
        };
        write(path, &secret)?;
        write(&public, &hand_over)?;
        Ok((public, hand_over))
    }

    /// Removes a key by which nothing lives.
    pub(super) fn forget(path: &Path) {
        let _ = std::fs::remove_file(path);
        let _ = std::fs::remove_file(public_path(path));
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// As a signer.
    pub(super) fn signer(&self) -> RawSigner {
        let place = if self.purpose == Purpose::Guardian { Place::People } else { Place::Elsewhere };
        RawSigner::new(self.purpose, place, Ed25519Key::from_seed(&self.key.seed()))
    }
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// A trusted person as somebody handed them over: a key file's second part, or one with a passkey in it.
pub(super) fn read_person(path: &Path) -> Result<(String, Factor), NumberError> {
    let text: PublicText = toml::from_str(&read(path)?)
        .map_err(|_| damaged(path, "not what `simward number trust-key new` hands over"))?;
    let factor = hex::decode(&text.factor).ok().and_then(|bytes| Factor::decode(&bytes).ok());
    let factor = factor.ok_or_else(|| damaged(path, "`factor` is no key of a deed"))?;
    if factor.purpose != Purpose::Guardian {
        return Err(damaged(path, "not a trusted person's key; theirs are made for nothing else"));
    }
    Ok((text.name, factor))
}
