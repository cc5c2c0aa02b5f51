//! Managing a number's card from afar.

use super::{NumberError, Where};
use crate::api::Api;
use server::bank::PostedView;
use server::view::UpdateBody;

/// Octets of the name in EF.SPN, after the display condition (TS 31.102 §4.2.12).
const NAME: usize = 16;

/// Writes another operator's name into EF.SPN, by a secured packet.
pub(super) fn rename_operator(at: &Where, name: &str) -> Result<(), NumberError> {
    let septets = wire::sms::alphabet::encode(name).filter(|septets| septets.len() <= NAME);
    let mut octets = septets.ok_or_else(|| {
        NumberError::Asked(format!("{name:?} is not a name of up to {NAME} characters of the GSM alphabet"))
    })?;
    octets.resize(NAME, 0xff);
    let api = Api::of_folder(&at.data)?;
    let body = UpdateBody { path: "7fff6f46".into(), offset: 1, octets: hex::encode(octets) };
    let posted: PostedView = api.post(&format!("/v1/numbers/{}/card", at.number), &api.desk, &body)?;
    match posted.state.as_str() {
        "sent" => println!("sent: sealed for this card alone, AES, with a counter it takes once"),
        state => println!("{state}: the card gets it when it attaches"),
    }
    Ok(())
}
