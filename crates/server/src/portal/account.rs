//! A holder's account at the portal: how somebody signs in for a number. Kept sealed in the operator's database.

use crate::node::Node;
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
    /// Digests of the marks of devices that signed in before.
    devices: Vec<String>,
}

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

/// A sign-in, or an attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SignIn {
    /// `passkey`, `password` or `begin`.
    pub(super) how: String,
    pub(super) ok: bool,
    /// What the browser says it is.
    pub(super) device: String,
    /// Whether it signed in here for the first time.
    pub(super) new_device: bool,
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

    /// The key under a handle.
    pub(super) fn by_handle(&mut self, handle: &Uuid) -> Option<&mut SignInKey> {
        self.passkeys.iter_mut().find(|key| key.handle == *handle)
    }
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
