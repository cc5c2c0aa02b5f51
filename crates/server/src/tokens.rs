//! Who somebody is who shows a token: the deployment's three first ones, and named ones with roles and scopes.
//!
//! ```text
//! DIR/keys/desk.token     a supervisor's, as it always was
//! DIR/keys/bureau.token   the personalisation bureau's
//! DIR/keys/bank.token     a machine's, with every scope
//! DIR/tokens.toml         named tokens: role, scopes and SHA-256; never the token
//! ```
//!
//! The file is read again when it has changed: a revoked token is dead at the next call.

use keys::digest::sha256;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use wire::Malformed;

/// What somebody is at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A desk: asks, holds, looks up. Weakens nothing.
    Clerk,
    /// A desk that also answers for others: rules of caution, alarms, what desks did.
    Supervisor,
    /// Reads alarms and what was done, and no number in full.
    Auditor,
    /// The personalisation bureau: draws cards.
    Bureau,
    /// A relying party's machine: what its scopes allow.
    Machine,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Clerk, Self::Supervisor, Self::Auditor, Self::Bureau, Self::Machine];

    /// Its name, which never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clerk => "clerk",
            Self::Supervisor => "supervisor",
            Self::Auditor => "auditor",
            Self::Bureau => "bureau",
            Self::Machine => "machine",
        }
    }
}

impl FromStr for Role {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or(Malformed::new("role", "none of clerk, supervisor, auditor, bureau, machine"))
    }
}

/// What a machine's token may be for.
pub const SCOPES: [&str; 3] = ["messages", "sim-swap", "who-agreed"];

/// Somebody who showed a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What the token is called.
    pub name: String,
    /// What it lets its holder be.
    pub role: Role,
    /// For machines, what for.
    pub scopes: Vec<String>,
}

/// A named token as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRow {
    /// What it is called.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// For machines, what for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// When it was made.
    pub made: u64,
    /// SHA-256 of the token: it is 256 random bits, so nobody guesses what this is of.
    pub sha256: String,
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// Its tokens.
    #[serde(default, rename = "token")]
    pub tokens: Vec<TokenRow>,
}

impl TokenFile {
    /// From its file; an absent one is empty.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(format!("{}: {e}", path.display())),
        };
        let file: Self = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let unknown = |row: &&TokenRow| row.scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str()));
        match file.tokens.iter().find(unknown) {
            Some(row) => Err(format!("{}: {} has a scope that is none", path.display(), row.name)),
            None => Ok(file),
        }
    }

    /// As the file's text.
    pub fn to_text(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|e| e.to_string())
    }
}

/// Every token of a deployment, by its digest.
pub struct Tokens {
    fixed: HashMap<[u8; 32], Caller>,
    path: Option<PathBuf>,
    named: Mutex<Named>,
}

#[derive(Default)]
struct Named {
    /// When the file was written that they were read from, and how long it was.
    stamp: Option<(SystemTime, u64)>,
    callers: HashMap<[u8; 32], Caller>,
}

/// What a token is compared by.
fn digest(token: &str) -> [u8; 32] {
    sha256(&[token.as_bytes()])
}

impl Tokens {
    /// Nobody's: whatever is shown, it is no token.
    pub fn none() -> Self {
        Self { fixed: HashMap::new(), path: None, named: Mutex::default() }
    }

    /// The deployment's first three.
    pub fn first(desk: &str, bureau: &str, bank: &str) -> Self {
        let all = SCOPES.map(str::to_string).to_vec();
        let caller = |name: &str, role, scopes| Caller { name: name.into(), role, scopes };
        let fixed = HashMap::from([
            (digest(desk), caller("desk", Role::Supervisor, Vec::new())),
            (digest(bureau), caller("bureau", Role::Bureau, Vec::new())),
            (digest(bank), caller("bank", Role::Machine, all)),
        ]);
        Self { fixed, ..Self::none() }
    }

    /// And the named ones in a file.
    pub fn with_file(self, path: &Path) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// Whose token this is.
    pub fn caller(&self, token: &str) -> Option<Caller> {
        let digest = digest(token);
        if let Some(caller) = self.fixed.get(&digest) {
            return Some(caller.clone());
        }
        let path = self.path.as_deref()?;
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = std::fs::metadata(path).ok().and_then(|m| Some((m.modified().ok()?, m.len())));
        if stamp.is_none() || stamp != named.stamp {
            // A file that does not read lets nobody in: an old one may have a revoked token.
            let file = TokenFile::load(path).unwrap_or_else(|why| {
                tracing::error!(%why, "no named token is taken");
                TokenFile::default()
            });
            let row = |row: TokenRow| {
                let mut digest = [0; 32];
                hex::decode_to_slice(&row.sha256, &mut digest).ok()?;
                Some((digest, Caller { name: row.name, role: row.role, scopes: row.scopes }))
            };
            *named = Named { stamp, callers: file.tokens.into_iter().filter_map(row).collect() };
        }
        named.callers.get(&digest).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tokens: &[(&str, Role, &str)]) -> String {
        let row = |(name, role, token): &(&str, Role, &str)| TokenRow {
            name: (*name).into(),
            role: *role,
            scopes: Vec::new(),
            made: 1,
            sha256: hex::encode(digest(token)),
        };
        TokenFile { tokens: tokens.iter().map(row).collect() }.to_text().unwrap()
    }

    #[test]
    fn a_revoked_token_is_dead_at_once_and_a_damaged_file_lets_nobody_in() {
        let folder = std::env::temp_dir().join(format!("simward-tokens-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("tokens.toml");
        let tokens = Tokens::first("d", "b", "m").with_file(&path);
        assert_eq!(tokens.caller("t"), None);
        std::fs::write(&path, file(&[("ann", Role::Clerk, "t"), ("bob", Role::Auditor, "u")])).unwrap();
        assert_eq!(tokens.caller("t").unwrap().role, Role::Clerk);
        assert_eq!(tokens.caller("u").unwrap().name, "bob");
        assert_eq!(tokens.caller(&hex::encode(digest("t"))), None, "the digest is no token");
        std::fs::write(&path, file(&[("bob", Role::Auditor, "u")])).unwrap();
        assert_eq!(tokens.caller("t"), None);
        std::fs::write(&path, "token = 1").unwrap();
        assert_eq!(tokens.caller("u"), None);
        assert_eq!(tokens.caller("d").unwrap().role, Role::Supervisor);
        assert_eq!(Tokens::none().caller(""), None);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
