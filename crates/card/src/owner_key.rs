//! The owner's key: a pair of P-256 that is made in the card, signs there and leaves it never. Its public half stands in the
//! number's deed as the card's factor.

use crate::codec::Reader;
use crate::vault::{Compartment, Secrets, VaultKey};
use alloc::vec::Vec;
use keys::Secret;
use keys::sign::Es256Key;
use rand_core::CryptoRng;

const PURPOSE: &[u8] = b"simward.card.owner.1";

/// The pair, its private half sealed with what hangs on the PIN.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OwnerKey {
    /// An uncompressed SEC1 point.
    pub(crate) public: [u8; 65],
    private: Compartment,
}

impl OwnerKey {
    pub(crate) fn new(key: &Es256Key, vault: &VaultKey, rng: &mut impl CryptoRng) -> Self {
        let private = Compartment::seal(vault, PURPOSE, key.scalar().danger_expose(), rng);
        Self { public: key.public(), private }
    }

    /// The key that signs.
    fn open(&self, vault: &VaultKey) -> Option<Es256Key> {
        let scalar = self.private.open(vault, PURPOSE)?;
        Es256Key::from_scalar(&Secret::new(scalar.as_slice().try_into().ok()?))
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.public);
        self.private.put(out);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { public: reader.array()?, private: Compartment::read(reader)? })
    }
}

/// Signs a digest of SHA-256: r ‖ s, 64 octets. Cards that were made before the owner's key was the card's own sign with the one
/// they were given. `None` if there is none.
pub(crate) fn sign(owner: Option<&OwnerKey>, secrets: &Secrets, digest: &[u8; 32]) -> Option<[u8; 64]> {
    match owner {
        Some(owner) => Some(owner.open(&secrets.key)?.sign_digest(digest)),
        None => Some(secrets.card_key.as_ref()?.sign_digest(digest)),
    }
}
