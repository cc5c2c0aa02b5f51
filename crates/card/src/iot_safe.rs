//! The owner's key behind the interface of IoT SAFE (GSMA IoT.05): an application whose keys are made in the card and used there.
//!
//! | id | private | public |
//! |---|---|---|
//! | 01 | the owner's key, which signs; lasting | its public half |
//! | 02 | a key for one agreement; gone with the channel | its public half |
//! | 03 | – | the other side's, for that agreement |
//!
//! What uses a private key takes the holder's PIN on this channel, or that nobody is asked for it. Other objects, labels, files and
//! symmetric keys there are none. Commands come in class 0X or 8X, for clients do either.

use crate::answer::Answer;
use crate::card::Live;
use crate::change::Change;
use crate::medium::{Anchor, Medium};
use crate::owner_key::{OwnerKey, sign};
use crate::reference::IOT_SAFE;
use crate::session::{Channel, secrets};
use crate::state::State;
use crate::vault::Secrets;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use keys::agree::AgreeKey;
use keys::digest::sha256;
use keys::sign::Es256Key;
use rand_core::CryptoRng;
use wire::apdu::{Command, Ins, Status};
use wire::tlv::{find, objects, tlv};

const OWNERS: &[u8] = &[0x01];
const EPHEMERAL: &[u8] = &[0x02];
const PEERS: &[u8] = &[0x03];
/// Signatures under way at a time.
const SESSIONS: usize = 4;
/// Octets of a text to be signed that come in blocks.
const LONGEST_TEXT: usize = 4_096;

/// P1: begin; end without a result. P1 of a block: the last one.
const OPEN: u8 = 0x00;
const CLOSE: u8 = 0x01;
const LAST: u8 = 0x80;

/// Tags of commands and answers.
const PRIVATE_ID: u32 = 0x84;
const PUBLIC_ID: u32 = 0x85;
const SIGNATURE: u32 = 0x33;
const PUBLIC_KEY: u32 = 0x34;
const EC_KEY: u32 = 0x49;
const POINT: u32 = 0x86;
const TEXT: u32 = 0x9b;
const HASH: u32 = 0x9e;
const MODE: u32 = 0xa1;
const HASH_ALGORITHM: u32 = 0x91;
const SIGNATURE_ALGORITHM: u32 = 0x92;
/// SHA-256; ECDSA; ECDH.
const SHA_256: &[u8] = &[0x00, 0x01];
const ECDSA: &[u8] = &[0x04];
const ECKA: &[u8] = &[0x01];

/// What the application knows on one channel, for as long as it is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Safe {
    ephemeral: Option<AgreeKey>,
    peer: Option<[u8; 65]>,
    /// Which session brings the other side's key.
    bringing: Option<u8>,
    signing: [Option<Signing>; SESSIONS],
}

/// What is to be signed, as it comes.
#[derive(Clone)]
enum Signing {
    /// A text, of which this much has come, tags and lengths too.
    Text(Vec<u8>),
    /// Its digest.
    Hash,
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signing(…)")
    }
}

/// Whether a command is this application's, where it is the active one. CHANGE PIN has an instruction of its: a PIN begins with no
/// tag.
pub(crate) fn takes(command: &Command<'_>, channel: &Channel, state: &State) -> bool {
    let its = match command.ins {
        Ins::GENERATE_KEY_PAIR
        | Ins::READ_PUBLIC_KEY
        | Ins::COMPUTE_SIGNATURE
        | Ins::COMPUTE_DH
        | Ins::PUT_PUBLIC_KEY
        | Ins::GET_CHALLENGE => true,
        Ins::PERFORM_SECURITY_OPERATION => command.p1 <= CLOSE,
        // In class 8X, with an EF chosen, it is RETRIEVE DATA.
        Ins::GET_DATA => command.cla.0 & 0x80 == 0 || channel.ef.is_none(),
        Ins::CHANGE_PIN => command.p1 == CLOSE || command.data.first() == Some(&(PUBLIC_ID as u8)),
        _ => false,
    };
    its && channel.application.is_some_and(|id| state.tree.is_application(id, IOT_SAFE))
}

/// Carries one of them out.
pub(crate) fn run<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    channel: &mut Channel,
    open: &mut Option<Secrets>,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let mut safe = channel.safe.take().unwrap_or_default();
    let answer = match command.ins {
        Ins::GET_CHALLENGE => random(command, rng),
        Ins::GET_DATA => describe(command, live, &safe),
        Ins::READ_PUBLIC_KEY => public_key(command, live, &safe),
        Ins::GENERATE_KEY_PAIR => generate(command, live, channel, &mut safe, open, rng),
        Ins::PERFORM_SECURITY_OPERATION => begin(command, live, channel, &mut safe, open),
        Ins::COMPUTE_SIGNATURE => update(command, live, channel, &mut safe, open),
        Ins::CHANGE_PIN => bring(command, &mut safe),
        Ins::PUT_PUBLIC_KEY => brought(command, &mut safe),
        _ => agree(command, live, channel, &safe, open),
    };
    channel.safe = Some(safe);
    answer
}

/// GET RANDOM: as many octets as are asked for.
fn random(command: &Command<'_>, rng: &mut impl CryptoRng) -> Result<Answer<'static>, Status> {
    if (command.p1, command.p2) != (0, 0) {
        return Err(Status::WRONG_P1_P2);
    }
    let mut octets = alloc::vec![0; command.le.ok_or(Status::WRONG_LENGTH)?.min(256)];
    rng.fill_bytes(&mut octets);
    Ok(Answer::Made(octets))
}

/// The one object that a command names, private or public.
fn named<'c>(command: &Command<'c>, tag: u32) -> Result<&'c [u8], Status> {
    find(command.data, tag).ok_or(Status::WRONG_DATA)
}

/// GET DATA: of the application, of all objects, or of one.
fn describe<M, A>(command: &Command<'_>, live: &Live<M, A>, safe: &Safe) -> Result<Answer<'static>, Status> {
    const ALL: u8 = 0x01;
    const ONE_PRIVATE: u8 = 0xc1;
    const ONE_PUBLIC: u8 = 0xc2;
    if command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let answer = match command.p1 {
        0 => application(),
        ALL => [OWNERS, EPHEMERAL]
            .into_iter()
            .map(|id| private_object(id, live, safe))
            .chain([OWNERS, EPHEMERAL, PEERS].into_iter().map(|id| public_object(id, live, safe)))
            .collect::<Vec<_>>()
            .concat(),
        ONE_PRIVATE => match named(command, PRIVATE_ID)? {
            id @ ([0x01] | [0x02]) => private_object(id, live, safe),
            _ => return Err(Status::FILE_NOT_FOUND),
        },
        ONE_PUBLIC => match named(command, PUBLIC_ID)? {
            id @ ([0x01] | [0x02] | [0x03]) => public_object(id, live, safe),
            _ => return Err(Status::FILE_NOT_FOUND),
        },
        _ => return Err(Status::WRONG_P1_P2),
    };
    Ok(Answer::Held(answer))
}

/// Version, name, how many objects of which kind, what can be done, with what, in how many sessions.
fn application() -> Vec<u8> {
    const SIGN_GENERATE_AGREE: &[u8] = &[0x07];
    let fields: [(u32, &[u8]); 11] = [
        (0x10, &[0x01]),
        (0x11, IOT_SAFE),
        (0xb1, &[0]),
        (0xb2, &[2]),
        (0xb3, &[3]),
        (0xb4, &[0]),
        (0x90, SIGN_GENERATE_AGREE),
        (0x91, SHA_256),
        (0x92, ECDSA),
        (0x93, ECKA),
        (0xb7, &[SESSIONS as u8]),
    ];
    fields.iter().flat_map(|(tag, value)| tlv(*tag, value)).collect()
}

/// One object's template: id, access, whether there is something, kind of key, what it is for.
fn object(template: u32, id_tag: u32, id: &[u8], there: bool) -> Vec<u8> {
    const P256_LASTING: u8 = 0x13;
    const P256_PASSING: u8 = 0x14;
    let signs = id == OWNERS;
    let fields: [(u32, &[u8]); 6] = [
        (id_tag, id),
        (0x60, &[if template == 0xc1 { 0x02 } else { 0x03 }]),
        (0x4a, &[u8::from(there)]),
        (0x4b, &[if signs { P256_LASTING } else { P256_PASSING }]),
        (0x4e, &[0x01]),
        (0x61, &[if signs { 0x03 } else { 0x06 }]),
    ];
    let mut inner: Vec<u8> = fields.iter().flat_map(|(tag, value)| tlv(*tag, value)).collect();
    if signs {
        inner.extend([tlv(SIGNATURE_ALGORITHM, ECDSA), tlv(HASH_ALGORITHM, SHA_256)].concat());
    } else {
        inner.extend(tlv(0x6f, ECKA));
    }
    tlv(template, &inner)
}

fn private_object<M, A>(id: &[u8], live: &Live<M, A>, safe: &Safe) -> Vec<u8> {
    object(0xc1, PRIVATE_ID, id, point(id, live, safe).is_some())
}

fn public_object<M, A>(id: &[u8], live: &Live<M, A>, safe: &Safe) -> Vec<u8> {
    object(0xc2, PUBLIC_ID, id, point(id, live, safe).is_some())
}

/// A public key that is there.
fn point<M, A>(id: &[u8], live: &Live<M, A>, safe: &Safe) -> Option<[u8; 65]> {
    match id {
        OWNERS => live.state.extras.owner.as_ref().map(|owner| owner.public),
        EPHEMERAL => safe.ephemeral.as_ref().map(AgreeKey::public),
        PEERS => safe.peer,
        _ => None,
    }
}

/// 34 { 49 { 86 { 04 ‖ X ‖ Y } } }.
fn key_object(point: &[u8; 65]) -> Vec<u8> {
    tlv(PUBLIC_KEY, &tlv(EC_KEY, &tlv(POINT, point)))
}

/// READ PUBLIC KEY. Anybody may.
fn public_key<M, A>(
    command: &Command<'_>,
    live: &Live<M, A>,
    safe: &Safe,
) -> Result<Answer<'static>, Status> {
    if (command.p1, command.p2) != (0, 0) {
        return Err(Status::WRONG_P1_P2);
    }
    let point = point(named(command, PUBLIC_ID)?, live, safe).ok_or(Status::FILE_NOT_FOUND)?;
    Ok(Answer::Held(key_object(&point)))
}

/// GENERATE KEY PAIR: a new key in the place of the old one, which then signs no more. The number's deed knows it only once its
/// owner has told it.
fn generate<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    channel: &Channel,
    safe: &mut Safe,
    open: &mut Option<Secrets>,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    if (command.p1, command.p2) != (0, 0) {
        return Err(Status::WRONG_P1_P2);
    }
    let id = named(command, PRIVATE_ID)?;
    let vault = &secrets(live, channel, open)?.key;
    let point = match id {
        // A key that is gone does not come back: not for whoever happens to have a telephone that asks for no PIN.
        OWNERS if !live.state.asks_holder() => return Err(Status::CONDITIONS_NOT_SATISFIED),
        OWNERS => {
            let owner = OwnerKey::new(&Es256Key::random(rng), vault, rng);
            let point = owner.public;
            live.commit(&[Change::OwnerKey(owner)], rng)?;
            point
        }
        EPHEMERAL => safe.ephemeral.insert(AgreeKey::random(rng)).public(),
        _ => return Err(Status::FILE_NOT_FOUND),
    };
    Ok(Answer::Held([tlv(PRIVATE_ID, id), tlv(PUBLIC_ID, id), key_object(&point)].concat()))
}

/// The place of a session.
fn session<'s>(command: &Command<'_>, safe: &'s mut Safe) -> Result<&'s mut Option<Signing>, Status> {
    safe.signing.get_mut(usize::from(command.p2)).ok_or(Status::WRONG_P1_P2)
}

/// COMPUTE SIGNATURE INIT: which key, and what it will get.
fn begin<M, A>(
    command: &Command<'_>,
    live: &Live<M, A>,
    channel: &Channel,
    safe: &mut Safe,
    open: &mut Option<Secrets>,
) -> Result<Answer<'static>, Status> {
    const FULL_TEXT: &[u8] = &[0x01];
    const PAD_AND_SIGN: &[u8] = &[0x03];
    let place = session(command, safe)?;
    *place = None;
    if command.p1 == CLOSE {
        return Ok(Answer::Done);
    }
    if named(command, PRIVATE_ID)? != OWNERS {
        return Err(Status::FILE_NOT_FOUND);
    }
    let is = |tag, value: &[u8]| find(command.data, tag) == Some(value);
    if !is(HASH_ALGORITHM, SHA_256) || !is(SIGNATURE_ALGORITHM, ECDSA) {
        return Err(Status::WRONG_DATA);
    }
    let signing = match find(command.data, MODE) {
        Some(FULL_TEXT) => Signing::Text(Vec::new()),
        Some(PAD_AND_SIGN) => Signing::Hash,
        _ => return Err(Status::WRONG_DATA),
    };
    secrets(live, channel, open)?;
    *place = Some(signing);
    Ok(Answer::Done)
}

/// COMPUTE SIGNATURE UPDATE: the text, block by block, or its digest; with the last one comes the signature, r ‖ s.
fn update<M, A>(
    command: &Command<'_>,
    live: &Live<M, A>,
    channel: &Channel,
    safe: &mut Safe,
    open: &mut Option<Secrets>,
) -> Result<Answer<'static>, Status> {
    if !matches!(command.p1, 0 | LAST) {
        return Err(Status::WRONG_P1_P2);
    }
    let place = session(command, safe)?;
    let digest = match place.take().ok_or(Status::CONDITIONS_NOT_SATISFIED)? {
        Signing::Hash if command.p1 == LAST => {
            find(command.data, HASH).and_then(|hash| hash.try_into().ok()).ok_or(Status::WRONG_DATA)?
        }
        Signing::Hash => return Err(Status::WRONG_P1_P2),
        Signing::Text(mut text) => {
            text.extend_from_slice(command.data);
            if text.len() > LONGEST_TEXT {
                return Err(Status::NOT_ENOUGH_MEMORY);
            }
            if command.p1 != LAST {
                *place = Some(Signing::Text(text));
                return Ok(Answer::Done);
            }
            digest(&text).ok_or(Status::WRONG_DATA)?
        }
    };
    let secrets = secrets(live, channel, open)?;
    let signature = sign(live.state.extras.owner.as_ref(), secrets, &digest);
    Ok(Answer::Held(tlv(SIGNATURE, &signature.ok_or(Status::FILE_NOT_FOUND)?)))
}

/// The digest of a text that came as one object or as several.
fn digest(blocks: &[u8]) -> Option<[u8; 32]> {
    let mut parts = Vec::new();
    for object in objects(blocks) {
        parts.push(object.ok().filter(|o| o.tag == TEXT)?.value);
    }
    (!parts.is_empty()).then(|| sha256(&parts))
}

/// PUT PUBLIC KEY INIT.
fn bring(command: &Command<'_>, safe: &mut Safe) -> Result<Answer<'static>, Status> {
    safe.bringing = None;
    match command.p1 {
        CLOSE => Ok(Answer::Done),
        OPEN if named(command, PUBLIC_ID)? == PEERS => {
            safe.bringing = Some(command.p2);
            Ok(Answer::Done)
        }
        OPEN => Err(Status::FILE_NOT_FOUND),
        _ => Err(Status::WRONG_P1_P2),
    }
}

/// PUT PUBLIC KEY UPDATE: the whole key in one block. That it is on the curve is seen when it is used.
fn brought(command: &Command<'_>, safe: &mut Safe) -> Result<Answer<'static>, Status> {
    if command.p1 != LAST {
        return Err(Status::WRONG_P1_P2);
    }
    safe.bringing.take().filter(|session| *session == command.p2).ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
    let point = find(command.data, PUBLIC_KEY)
        .and_then(|key| find(key, EC_KEY))
        .and_then(|key| find(key, POINT))
        .and_then(|point| point.try_into().ok());
    safe.peer = Some(point.ok_or(Status::WRONG_DATA)?);
    Ok(Answer::Done)
}

/// COMPUTE DH: the x coordinate, 32 octets.
fn agree<M, A>(
    command: &Command<'_>,
    live: &Live<M, A>,
    channel: &Channel,
    safe: &Safe,
    open: &mut Option<Secrets>,
) -> Result<Answer<'static>, Status> {
    if (command.p1, command.p2) != (0, 0) {
        return Err(Status::WRONG_P1_P2);
    }
    if named(command, PRIVATE_ID)? != EPHEMERAL || named(command, PUBLIC_ID)? != PEERS {
        return Err(Status::FILE_NOT_FOUND);
    }
    secrets(live, channel, open)?;
    let (Some(key), Some(peer)) = (&safe.ephemeral, &safe.peer) else {
        return Err(Status::CONDITIONS_NOT_SATISFIED);
    };
    let secret = key.agree(peer).map_err(|_| Status::WRONG_DATA)?;
    Ok(Answer::Held(secret.danger_expose().to_vec()))
}

/// Of a channel that has none yet.
pub(crate) type OnChannel = Option<Box<Safe>>;
