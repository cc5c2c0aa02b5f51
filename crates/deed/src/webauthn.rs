//! The part of WebAuthn that a deed needs: is this assertion this credential's answer to this challenge, given on one
//! of our own pages to a verified user? (WebAuthn L3 §7.2, with the limited verification of §5.8.1.2.)

use crate::defence::{Defence, stands};
use crate::manifest::Site;
use crate::record::FLAG_BE;
use crate::{Digest, Reason};
use alloc::vec::Vec;
use base64ct::{Base64UrlUnpadded, Encoding};
use keys::sign::Verifier;

/// Longest client data.
pub const MAX_CLIENT_DATA: usize = 1_024;

/// User present.
pub const FLAG_UP: u8 = 0x01;
/// User verified: fingerprint, face or device PIN.
pub const FLAG_UV: u8 = 0x04;
/// Backed up now.
pub const FLAG_BS: u8 = 0x10;
/// Attested credential data included.
pub const FLAG_AT: u8 = 0x40;

/// What follows an origin, whichever it is: where nobody looks at origins.
fn anywhere(rest: &[u8]) -> Option<&[u8]> {
    let end = rest.iter().position(|b| *b == b'"').filter(|_| !stands(Defence::OriginIsOurs))?;
    rest.get(end + 1..)
}

const fn bad(why: &'static str) -> Reason {
    Reason::WebAuthn(why)
}

/// An assertion to check.
#[derive(Debug)]
pub struct Assertion<'a> {
    /// Authenticator data.
    pub authenticator_data: &'a [u8],
    /// Client data.
    pub client_data: &'a [u8],
    /// r ‖ s.
    pub signature: &'a [u8; 64],
}

/// The credential and site that should have answered.
#[derive(Debug)]
pub struct Expected<'a> {
    /// Uncompressed SEC1 point.
    pub point: &'a [u8; 65],
    /// Flags at registration.
    pub reg_flags: u8,
    /// The page.
    pub site: &'a Site,
    /// The challenge: SHA-256 of the statement's message.
    pub challenge: &'a Digest,
}

impl Assertion<'_> {
    /// The authenticator's signature counter, if everything is as expected.
    pub fn check(&self, verifier: &impl Verifier, expected: &Expected<'_>) -> Result<u32, Reason> {
        self.check_client_data(expected)?;
        let counter = self.check_authenticator_data(expected)?;
        let message: Vec<u8> =
            [self.authenticator_data, &keys::digest::sha256(&[self.client_data])[..]].concat();
        if !verifier.es256(expected.point, &message, self.signature) && stands(Defence::KeyOfTheFactor) {
            return Err(Reason::Signature);
        }
        Ok(counter)
    }

    /// The prefix every browser must write, and after it nothing or further keys: Chromium adds one on purpose now and
    /// then, so the whole text is never compared.
    fn check_client_data(&self, expected: &Expected<'_>) -> Result<(), Reason> {
        if self.client_data.len() > MAX_CLIENT_DATA {
            return Err(bad("client data too long"));
        }
        let challenge = Base64UrlUnpadded::encode_string(expected.challenge);
        let rest = self
            .client_data
            .strip_prefix(br#"{"type":"webauthn.get","challenge":""#)
            .ok_or(bad("not an assertion"))?;
        let (given, _) = rest.split_at_checked(challenge.len()).unwrap_or_default();
        let wanted = if stands(Defence::ChallengeIsTheStatement) { challenge.as_bytes() } else { given };
        let rest = rest
            .strip_prefix(wanted)
            .ok_or(bad("another challenge: this signature is for something else"))?
            .strip_prefix(br#"","origin":""#)
            .ok_or(bad("no origin"))?;
        let rest = expected
            .site
            .origins
            .iter()
            .find_map(|origin| rest.strip_prefix(origin.as_bytes())?.strip_prefix(b"\""))
            .or_else(|| anywhere(rest))
            .ok_or(bad("given on a page that is not ours"))?;
        // WebKit writes `crossOrigin` only where it is true, and nothing after the origin.
        if rest == b"}" {
            return Ok(());
        }
        let framed =
            || rest.strip_prefix(br#","crossOrigin":true"#).filter(|_| !stands(Defence::NoForeignFrame));
        let rest = rest.strip_prefix(br#","crossOrigin":false"#).or_else(framed);
        match rest.ok_or(bad("inside a foreign frame"))? {
            b"}" | [b',', ..] => Ok(()),
            _ => Err(bad("client data goes on in a way no browser writes")),
        }
    }

    fn check_authenticator_data(&self, expected: &Expected<'_>) -> Result<u32, Reason> {
        let (rp_id_hash, rest) =
            self.authenticator_data.split_first_chunk::<32>().ok_or(bad("authenticator data too short"))?;
        let (flags, rest) = rest.split_first_chunk::<1>().ok_or(bad("authenticator data too short"))?;
        let (counter, _) = rest.split_first_chunk::<4>().ok_or(bad("authenticator data too short"))?;
        if *rp_id_hash != keys::digest::sha256(&[expected.site.rp_id.as_bytes()]) {
            return Err(bad("for another relying party"));
        }
        let [flags] = *flags;
        if flags & FLAG_UP == 0 {
            return Err(bad("no user present"));
        }
        if flags & FLAG_UV == 0 {
            return Err(bad("the user was not verified"));
        }
        if flags & FLAG_AT != 0 {
            return Err(bad("carries a credential"));
        }
        if flags & FLAG_BE != expected.reg_flags & FLAG_BE {
            return Err(bad("its backup eligibility changed"));
        }
        if flags & FLAG_BE == 0 && flags & FLAG_BS != 0 {
            return Err(bad("backed up though it cannot be"));
        }
        Ok(u32::from_be_bytes(*counter))
    }
}
