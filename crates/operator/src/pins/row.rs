//! A pin as the enforcement point stores it: its bytes, its cards' wrapped keys, and a MAC bound to the row's name.

use super::Followed;
use deed::Digest;
use deed::cbor::{Writer, whole};
use deed::pin::Pin;
use keys::Secret;
use keys::digest::hmac_sha256;

/// The wrapped keys of a card, under the commitment that its deed names: one IMSI may get a new K.
pub(super) type Wrapped = (Digest, Vec<u8>);

/// A pin and the wrapped keys of its cards, as a row holds them.
pub(super) type PinRow = (Pin, Vec<Wrapped>);

pub(super) fn encode_row(pin: &Pin, wrapped: &[Wrapped]) -> Vec<u8> {
    Writer::new()
        .array(2)
        .bytes(&pin.encode())
        .list(wrapped, |w, (commitment, keys)| w.array(2).bytes(commitment).bytes(keys))
        .done()
}

pub(super) fn decode_row(body: &[u8]) -> Option<PinRow> {
    whole(body, |r| {
        r.array(2)?;
        let pin = Pin::decode(r.bytes()?)?;
        let mut wrapped = Vec::new();
        for _ in 0..r.list(32, "number of keys")? {
            r.array(2)?;
            wrapped.push((r.array_of()?, r.bytes()?.to_vec()));
        }
        Ok((pin, wrapped))
    })
    .ok()
}

pub(super) fn decode_objections(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    whole(body, |r| {
        let n = r.list(1 << 20, "number of objections")?;
        (0..n).map(|_| r.bytes().map(<[u8]>::to_vec)).collect()
    })
    .ok()
}

pub(super) fn decode_meta(body: &[u8]) -> Option<(Followed, Vec<u8>)> {
    whole(body, |r| {
        r.array(4)?;
        let followed = Followed { size: r.uint()?, root: r.array_of()?, time: r.uint()? };
        Ok((followed, r.bytes()?.to_vec()))
    })
    .ok()
}

/// Body ‖ HMAC, bound to the row's name.
pub(super) fn mac(key: &Secret<[u8; 32]>, body: &[u8], name: &str) -> Vec<u8> {
    let mac = hmac_sha256(key, &[b"simward.pin.row.1\0", name.as_bytes(), b"\0", body]);
    [body, &mac].concat()
}

pub(super) fn unmac<'a>(key: &Secret<[u8; 32]>, row: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (body, mac) = row.split_last_chunk::<32>()?;
    let good = hmac_sha256(key, &[b"simward.pin.row.1\0", name.as_bytes(), b"\0", body]);
    keys::secret::same(&good, mac).then_some(body)
}
