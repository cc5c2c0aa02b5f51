//! A holder's account at the portal: how somebody signs in for a number. Kept sealed in the operator's database.

use crate::node::Node;
use deed::defence::{Defence, stands};
use operator::Refusal;
use operator::store::Write;
use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::{Passkey, Uuid};
use wire::{Msisdn, UnixTime};

/// Most passkeys and known devices of one account.
const MOST_PASSKEYS: usize = 16;
const MOST_DEVICES: usize = 32;

/// An account.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) passkeys: Vec<SignInKey>,
    /// A password, of use only together with an authenticator app.
    #[serde(default)]
    pub(super) password: Option<Password>,
    #[serde(default)]
    pub(super) totp: Option<Totp>,
    /// One that is being set up.
    #[serde(default)]
    pub(super) new_totp: Option<String>,
    /// Tries of password and code lately.
    #[serde(default)]
    tries: Tries,
    /// Digests of the marks of devices that signed in before.
    devices: Vec<String>,
}

/// A password at rest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Password {
    /// Argon2id, as a PHC string.
    pub(super) phc: String,
    /// Since when it is the password.
    pub(super) since: u64,
    /// Right passwords with wrong codes since then: somebody else knows it.
    #[serde(default)]
    right_with_wrong_code: u32,
}

impl Password {
    pub(super) const fn new(phc: String, since: UnixTime) -> Self {
        Self { phc, since: since.0, right_with_wrong_code: 0 }
    }

    /// Whether there is evidence that somebody else knows it: the one reason to force a change.
    pub(super) fn is_known_to_others(&self) -> bool {
        self.right_with_wrong_code >= EVIDENCE && stands(Defence::FailuresCount)
    }
}

/// An authenticator app (RFC 6238).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Totp {
    /// The secret, in base32.
    pub(super) secret: String,
    /// The newest step that a code was accepted for: none is accepted twice.
    pub(super) step: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Tries {
    since: u64,
    spent: u32,
}

/// Tries of password and code in a quarter of an hour.
const MOST_TRIES: u32 = 5;
const TRIES_WINDOW: u64 = 15 * 60;
/// Right passwords with wrong codes that are evidence enough.
const EVIDENCE: u32 = 3;

/// A passkey for signing in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SignInKey {
    /// The handle under which the browser keeps it: one for each credential.
    pub(super) handle: Uuid,
    pub(super) passkey: Passkey,
    /// On what it was made.
    pub(super) device: String,
    pub(super) made: u64,
    pub(super) used: Option<u64>,
}

fn name(number: &Msisdn) -> String {
    format!("account/{number}")
}

fn handle_name(handle: &Uuid) -> String {
    format!("handle/{handle}")
}

impl Account {
    pub(super) fn load(node: &mut Node, number: &Msisdn) -> Result<Self, Refusal> {
        Ok(node.door_row(&name(number))?.unwrap_or_default())
    }

    pub(super) fn put(&self, node: &mut Node, number: &Msisdn) -> Write {
        node.door_put(&name(number), self)
    }

    /// Adds a passkey; the writes that make it findable.
    pub(super) fn add(
        &mut self,
        node: &mut Node,
        number: &Msisdn,
        key: SignInKey,
    ) -> Result<Vec<Write>, Refusal> {
        if self.passkeys.len() >= MOST_PASSKEYS {
            return Err(Refusal::refused("limit", "this account has as many passkeys as it can hold"));
        }
        let handle = node.door_put(&handle_name(&key.handle), &number.to_string());
        self.passkeys.push(key);
        Ok(vec![handle, self.put(node, number)])
    }

    /// Whether a device was here before; from now on it was.
    pub(super) fn knows_device(&mut self, mark: &str) -> bool {
        let digest = hex::encode(keys::digest::sha256(&[mark.as_bytes()]));
        if self.devices.contains(&digest) {
            return true;
        }
        if self.devices.len() >= MOST_DEVICES {
            self.devices.remove(0);
        }
        self.devices.push(digest);
        false
    }

    /// Whether a device was here before.
    pub(super) fn has_device(&self, mark: &str) -> bool {
        self.devices.contains(&hex::encode(keys::digest::sha256(&[mark.as_bytes()])))
    }

    /// Spends a try of password and code; whether there was one. Spent before anything is compared.
    pub(super) fn spend_try(&mut self, now: UnixTime) -> bool {
        if now.0.saturating_sub(self.tries.since) >= TRIES_WINDOW {
            self.tries = Tries { since: now.0, spent: 0 };
        }
        self.tries.spent = self.tries.spent.saturating_add(1);
        self.tries.spent <= MOST_TRIES || !stands(Defence::FailuresCount)
    }

    /// Takes a code: right, and for a later step than any before.
    pub(super) fn take_code(&mut self, code: &str, now: UnixTime) -> bool {
        let Some(totp) = &mut self.totp else { return false };
        match step_of(&totp.secret, code, now) {
            Some(step) if step > totp.step => {
                totp.step = step;
                self.tries = Tries::default();
                true
            }
            _ => false,
        }
    }

    /// The password was right and the code was not.
    pub(super) fn right_with_wrong_code(&mut self) {
        if let Some(password) = &mut self.password {
            password.right_with_wrong_code = password.right_with_wrong_code.saturating_add(1);
        }
    }

    /// The key under a handle.
    pub(super) fn by_handle(&mut self, handle: &Uuid) -> Option<&mut SignInKey> {
        self.passkeys.iter_mut().find(|key| key.handle == *handle)
    }
}

/// An authenticator with this secret, in base32: SHA-1, six digits, 30 seconds, as every app has it.
pub(super) fn authenticator(secret: &str, number: &Msisdn) -> Option<totp_rs::Totp> {
    let secret = totp_rs::Secret::try_from_base32(secret).ok()?;
    let builder = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_secret(secret);
    builder.with_account_name(format!("+{number}")).with_issuer(Some("Simward")).build().ok()
}

/// The step that a code is right for: this one, the one before or the one after.
pub(super) fn step_of(secret: &str, code: &str, now: UnixTime) -> Option<u64> {
    let secret = totp_rs::Secret::try_from_base32(secret).ok()?;
    let builder = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_secret(secret);
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    builder.with_skew(1).build().ok()?.check(&code, now.0)
}

/// The number whose account has this handle.
pub(super) fn number_of(node: &mut Node, handle: &Uuid) -> Result<Option<Msisdn>, Refusal> {
    let text: Option<String> = node.door_row(&handle_name(handle))?;
    Ok(text.and_then(|text| text.parse().ok()))
}

impl SignInKey {
    pub(super) fn new(handle: Uuid, passkey: Passkey, device: String, now: UnixTime) -> Self {
        Self { handle, passkey, device, made: now.0, used: None }
    }
}
