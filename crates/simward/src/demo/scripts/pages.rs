//! Pages: whoever stands between the owner's hand and the move page.

use super::Outcome;
use super::hands::{HOUR, Key, desk_asks, is_on, move_to, story, veto};
use crate::demo::DemoError;
use crate::demo::attacks;
use crate::demo::cast::Cast;
use crate::demo::report::refusal;
use crate::up::seeded;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use deed::event::{AsOf, Body, Evidence, Proof, message};
use deed::signer::SoftPasskey;
use deed::webauthn::{FLAG_BS, FLAG_UP, FLAG_UV};
use keys::sign::Es256Key;

/// Another page, as it might be.
const ELSEWHERE: &str = "https://move.simward.example.net";

/// A script of the portal's turns "please sign in" into a signature.
pub(super) fn asking_for_a_sign_in(cast: &mut Cast) -> Result<Outcome, DemoError> {
    story(cast, attacks::by_another_signature)
}

/// What the owner's passkey answers on some page, in some frame.
fn answer(cast: &Cast, origin: &str, framed: bool, challenge: &[u8; 32]) -> Option<Evidence> {
    let key = Es256Key::from_scalar(&cast.owner.passkey.scalar())?;
    let client_data = format!(
        r#"{{"type":"webauthn.get","challenge":"{}","origin":"{origin}","crossOrigin":{framed}}}"#,
        Base64UrlUnpadded::encode_string(challenge),
    );
    let mut authenticator_data = keys::digest::sha256(&[cast.owner.passkey.rp_id().as_bytes()]).to_vec();
    authenticator_data.push(FLAG_UP | FLAG_UV | deed::record::FLAG_BE | FLAG_BS);
    authenticator_data.extend_from_slice(&[0; 4]);
    let signed = [&authenticator_data[..], &keys::digest::sha256(&[client_data.as_bytes()])].concat();
    let signature = key.sign(&signed);
    Some(Evidence::Passkey { authenticator_data, client_data: client_data.into_bytes(), signature })
}

/// The thief's card is asked for; the owner's finger is lent by a page that is not the move page.
fn approved(
    cast: &mut Cast,
    sign: impl FnOnce(&mut Cast, &[u8; 32]) -> Option<Evidence>,
    through: &'static str,
) -> Result<Outcome, DemoError> {
    let blank = cast.blank.clone();
    let (intent, request) = desk_asks(cast, move_to(cast, &blank)?, None)??;
    let body = Body::Consented { request, intent };
    let (deed_id, as_of): ([u8; 32], AsOf) = (cast.owner.receipt.deed_id, cast.tip()?);
    let challenge = keys::digest::sha256(&[&message(&deed_id, &as_of, body.kind(), &body.encode())]);
    let signer = cast.owner.passkey.factor().id().0;
    let evidence = sign(cast, &challenge).ok_or_else(|| super::hands::stuck("no passkey"))?;
    let refused = refusal(cast.say(&body, &[Proof { signer, as_of, evidence }]));
    if refused.is_none() {
        cast.pass(49 * HOUR)?;
        return Ok(Outcome::Through(through));
    }
    cast.pass(HOUR)?;
    let moved = is_on(cast, &blank)?;
    veto(cast, Key::Sheet)?;
    Ok(Outcome::unless(moved, through, refused.unwrap_or_default()))
}

/// On a page of another origin: a related one, a taken-over subdomain, a lost domain.
pub(super) fn on_another_origin(cast: &mut Cast) -> Result<Outcome, DemoError> {
    approved(
        cast,
        |cast, challenge| answer(cast, ELSEWHERE, false, challenge),
        "an approval from any page counts",
    )
}

/// On our own page, inside a foreign one's frame.
pub(super) fn in_a_frame(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let framed = |cast: &mut Cast, challenge: &[u8; 32]| {
        let origin = cast.owner.passkey.origin().to_string();
        answer(cast, &origin, true, challenge)
    };
    approved(cast, framed, "an approval from a foreign frame counts")
}

/// By a passkey of the thief's that has the same credential id.
pub(super) fn with_the_same_credential_id(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let thiefs = |cast: &mut Cast, challenge: &[u8; 32]| {
        let own = &cast.owner.passkey;
        let key = Es256Key::random(&mut seeded().ok()?);
        let mut twin = SoftPasskey::synced(key, own.rp_id(), own.origin(), own.cred_id());
        Some(twin.answer(challenge))
    };
    approved(cast, thiefs, "a credential id stands for a key")
}
