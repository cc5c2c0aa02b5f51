//! Proof of life: the holder says with a key that the number is theirs and wanted still.
//!
//! What is signed is no statement of a deed, and says so in its first octets:
//!
//! ```text
//! simward.alive.1 ‖ 0x00 ‖ number, digits ‖ date, YYYY-MM-DD
//! ```
//!
//! A passkey answers the SHA-256 of it as its challenge, on a page of its own site; a sheet signs it as it is.

use deed::Reason;
use deed::event::Evidence;
use deed::manifest::Site;
use deed::record::{Factor, FactorKey, Purpose};
use deed::webauthn::{Assertion, Expected};
use jiff::civil::Date;
use keys::sign::Verifier;
use serde::{Deserialize, Serialize};
use wire::Msisdn;

const LABEL: &[u8] = b"simward.alive.1\0";

/// What is signed.
pub fn message(number: &Msisdn, on: Date) -> Vec<u8> {
    [LABEL, number.as_str().as_bytes(), on.to_string().as_bytes()].concat()
}

/// Why a proof of life is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAlive {
    /// The evidence is not this key's over this number and day.
    #[error("the signature does not hold: {0}")]
    Signature(Reason),
    /// A key that may not say it.
    #[error("this key can only suspend or vouch; the holder's passkey or recovery sheet proves life")]
    Key,
    /// Another key than the ledger knows.
    #[error("it is by another key than the ledger knows this number's holder by")]
    Stranger,
    /// A day that has not come.
    #[error("{0} has not come yet: a proof is for the day it is made")]
    Early(Date),
    /// What the ledger holds is no evidence.
    #[error("what the ledger holds is no evidence: {0}")]
    Damaged(&'static str),
}

/// The key by which a ledger knows a number's holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The factor's record as deeds write it, in hexadecimal.
    pub factor: String,
    /// On whose page its passkey answers; empty for a key that is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub origin: String,
}

impl Holder {
    /// Knows a factor, which answers on `origin`.
    pub fn new(factor: &Factor, origin: &str) -> Self {
        Self { factor: hex::encode(factor.encode()), origin: origin.into() }
    }

    fn factor(&self) -> Result<Factor, NotAlive> {
        let bytes =
            hex::decode(&self.factor).map_err(|_| NotAlive::Damaged("`factor` is not hexadecimal"))?;
        Factor::decode(&bytes).map_err(|_| NotAlive::Damaged("`factor` is no key of a deed"))
    }

    /// Its name in a deed, in hexadecimal.
    pub fn id(&self) -> Result<String, NotAlive> {
        Ok(hex::encode(self.factor()?.id().0))
    }
}

/// A proof of life as a ledger keeps it: enough to verify it again whenever it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alive {
    /// The day it is for.
    pub on: Date,
    /// Which key showed it: its name in a deed, in hexadecimal.
    pub key: String,
    /// r ‖ s, or an Ed25519 signature.
    pub signature: String,
    /// A passkey's authenticator data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub authenticator_data: String,
    /// A passkey's client data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_data: String,
    /// The key whose digest the factor is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revealed: String,
}

/// That a number's holder was alive on a day. Made only by [`Alive::verify`].
#[derive(Debug)]
pub struct ProofOfLife {
    number: Msisdn,
    on: Date,
}

impl ProofOfLife {
    /// Whose number.
    pub const fn number(&self) -> &Msisdn {
        &self.number
    }

    /// When.
    pub const fn on(&self) -> Date {
        self.on
    }
}

fn octets<const N: usize>(text: &str) -> Result<[u8; N], NotAlive> {
    let mut out = [0; N];
    hex::decode_to_slice(text, &mut out).map_err(|_| NotAlive::Damaged("a signature of another length"))?;
    Ok(out)
}

impl Alive {
    /// What a key answered to [`message`].
    pub fn new(on: Date, holder: &Holder, evidence: &Evidence) -> Result<Self, NotAlive> {
        let mut alive = Self {
            on,
            key: holder.id()?,
            signature: String::new(),
            authenticator_data: String::new(),
            client_data: String::new(),
            revealed: String::new(),
        };
        match evidence {
            Evidence::Passkey { authenticator_data, client_data, signature } => {
                alive.signature = hex::encode(signature);
                alive.authenticator_data = hex::encode(authenticator_data);
                alive.client_data = hex::encode(client_data);
            }
            Evidence::Raw(signature) => alive.signature = hex::encode(signature),
            Evidence::Revealed { key, signature } => {
                alive.signature = hex::encode(signature);
                alive.revealed = hex::encode(key);
            }
        }
        Ok(alive)
    }

    /// Whether it is the holder's, for this number and a day that has come.
    pub fn verify(
        &self,
        verifier: &impl Verifier,
        number: &Msisdn,
        holder: &Holder,
        today: Date,
    ) -> Result<ProofOfLife, NotAlive> {
        if self.on > today {
            return Err(NotAlive::Early(self.on));
        }
        let factor = holder.factor()?;
        if self.key != holder.id()? {
            return Err(NotAlive::Stranger);
        }
        if !matches!(factor.purpose, Purpose::Move | Purpose::Recover) {
            return Err(NotAlive::Key);
        }
        let message = message(number, self.on);
        let signature: [u8; 64] = octets(&self.signature)?;
        let good = match &factor.key {
            FactorKey::Passkey { point, rp_id, reg_flags, .. } => {
                let bytes = |text| {
                    hex::decode(text).map_err(|_| NotAlive::Damaged("evidence that is not hexadecimal"))
                };
                let (authenticator_data, client_data) =
                    (bytes(&self.authenticator_data)?, bytes(&self.client_data)?);
                let site =
                    Site { rp_id: rp_id.clone(), origins: vec![holder.origin.clone()], page_digest: [0; 32] };
                let challenge = keys::digest::sha256(&[&message]);
                let assertion = Assertion {
                    authenticator_data: &authenticator_data,
                    client_data: &client_data,
                    signature: &signature,
                };
                let expected = Expected { point, reg_flags: *reg_flags, site: &site, challenge: &challenge };
                assertion.check(verifier, &expected).map_err(NotAlive::Signature)?;
                true
            }
            FactorKey::Es256(point) => verifier.es256(point, &message, &signature),
            FactorKey::Ed25519(key) => verifier.ed25519(key, &message, &signature),
            FactorKey::Ed25519Digest(digest) => {
                let key: [u8; 32] = octets(&self.revealed)?;
                keys::digest::sha256(&[&key]) == *digest && verifier.ed25519(&key, &message, &signature)
            }
        };
        if good {
            Ok(ProofOfLife { number: *number, on: self.on })
        } else {
            Err(NotAlive::Signature(Reason::Signature))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use deed::record::Place;
    use deed::signer::{RawSigner, Sheet, SignStatement, SoftPasskey};
    use keys::sign::{Ed25519Key, Es256Key, Host};
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    const ORIGIN: &str = "https://move.example";

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(7)
    }

    fn passkey() -> SoftPasskey {
        SoftPasskey::synced(Es256Key::random(&mut rng()), "move.example", ORIGIN, &[1; 32])
    }

    fn number(text: &str) -> Msisdn {
        text.parse().unwrap()
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    /// A proof of life, for whoever's tests need one.
    pub(crate) fn proof(whose: &str, on: Date) -> ProofOfLife {
        let mut passkey = passkey();
        let holder = Holder::new(&passkey.factor(), ORIGIN);
        let evidence = passkey.evidence(&message(&number(whose), on));
        let alive = Alive::new(on, &holder, &evidence).unwrap();
        alive.verify(&Host, &number(whose), &holder, on).unwrap()
    }

    #[test]
    fn a_proof_is_for_its_number_its_day_and_its_key() {
        let mut passkey = passkey();
        let holder = Holder::new(&passkey.factor(), ORIGIN);
        let (mine, day) = (number("8613800138000"), date("2026-11-25"));
        let alive = Alive::new(day, &holder, &passkey.evidence(&message(&mine, day))).unwrap();
        assert_eq!(alive.verify(&Host, &mine, &holder, day).unwrap().on(), day);

        fn no(alive: &Alive, number: &Msisdn, holder: &Holder, today: Date) -> NotAlive {
            alive.verify(&Host, number, holder, today).unwrap_err()
        }
        assert!(matches!(no(&alive, &number("8613800138001"), &holder, day), NotAlive::Signature(_)));
        assert_eq!(no(&alive, &mine, &holder, date("2026-11-24")), NotAlive::Early(day));
        let later = Alive { on: date("2026-11-26"), ..alive.clone() };
        assert!(matches!(no(&later, &mine, &holder, date("2026-12-01")), NotAlive::Signature(_)));
        let elsewhere = Holder { origin: "https://move.examp1e".into(), ..holder.clone() };
        assert!(matches!(no(&alive, &mine, &elsewhere, day), NotAlive::Signature(_)));
        let other = SoftPasskey::synced(
            Es256Key::random(&mut ChaCha20Rng::seed_from_u64(8)),
            "move.example",
            ORIGIN,
            &[1; 32],
        );
        let stranger = Holder::new(&other.factor(), ORIGIN);
        assert_eq!(no(&alive, &mine, &stranger, day), NotAlive::Stranger);
        let renamed = Alive { key: stranger.id().unwrap(), ..alive.clone() };
        assert!(matches!(no(&renamed, &mine, &stranger, day), NotAlive::Signature(_)));
        let cut = Alive { signature: alive.signature[2..].into(), ..alive };
        assert!(matches!(no(&cut, &mine, &holder, day), NotAlive::Damaged(_)));
    }

    #[test]
    fn an_answer_to_something_else_is_no_proof_of_life() {
        let mut passkey = passkey();
        let holder = Holder::new(&passkey.factor(), ORIGIN);
        let (mine, day) = (number("8613800138000"), date("2026-11-25"));
        for other in [
            &b"simward.receipt.1\x0086138001380002026-11-25"[..],
            b"8613800138000",
            b"simward.alive.186138001380002026-11-25",
        ] {
            let alive = Alive::new(day, &holder, &passkey.evidence(other)).unwrap();
            assert!(alive.verify(&Host, &mine, &holder, day).is_err());
        }
    }

    #[test]
    fn a_sheet_proves_life_and_a_hold_code_does_not() {
        let (mine, day) = (number("8613800138000"), date("2026-11-25"));
        let mut sheet = Sheet::new(Ed25519Key::random(&mut rng()));
        let holder = Holder::new(&sheet.factor(), "");
        let alive = Alive::new(day, &holder, &sheet.evidence(&message(&mine, day))).unwrap();
        assert!(alive.verify(&Host, &mine, &holder, day).is_ok());
        let mut hold = RawSigner::new(Purpose::HoldOnly, Place::Elsewhere, Ed25519Key::random(&mut rng()));
        let holder = Holder::new(hold.factor(), "");
        let alive = Alive::new(day, &holder, &hold.evidence(&message(&mine, day))).unwrap();
        assert_eq!(alive.verify(&Host, &mine, &holder, day).unwrap_err(), NotAlive::Key);
    }
}
