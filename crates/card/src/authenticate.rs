//! AUTHENTICATE of the USIM and the ISIM (TS 31.102 §7.1.2, TS 31.103 §7.1.2, TS 33.102 §6.3.3).

use crate::answer::Answer;
use crate::card::Live;
use crate::change::Change;
use crate::gba;
use crate::medium::{Anchor, Medium};
use crate::objects::expected;
use crate::plain::Plain;
use crate::reference::{ISIM, USIM};
use crate::session::{Channel, secrets};
use crate::sqn::SqnArray;
use crate::vault::Secrets;
use alloc::vec::Vec;
use core::fmt;
use core::hint::black_box;
use keys::aka::Aka;
use keys::milenage::{Amf, Sqn, Vector, conceal, gsm};
use keys::secret::same;
use rand_core::CryptoRng;
use wire::apdu::{Command, Ins, Status};
use wire::tlv::{find, tlv};

/// GSM, 3G and bootstrapping security contexts; the others (voice groups, local keys) are not here.
const GSM_CONTEXT: u8 = 0x80;
const UMTS_CONTEXT: u8 = 0x81;
const GBA_CONTEXT: u8 = 0x84;
/// P2 of those that are not here (TS 31.102 §7.1.2): voice group, broadcast, local key.
const VGCS_VBS_CONTEXT: u8 = 0x82;
const MBMS_CONTEXT: u8 = 0x85;
const LOCAL_KEY_CONTEXT: u8 = 0x86;

/// Answers a challenge, for whoever gave the PIN.
pub(crate) fn authenticate<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    channel: &Channel,
    open: &mut Option<Secrets>,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    if command.p1 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let is = |begins| channel.application.is_some_and(|id| live.state.tree.is_application(id, begins));
    let is_usim = is(USIM);
    if !is_usim && !is(ISIM) {
        return Err(Status::CONDITIONS_NOT_SATISFIED);
    }
    let secrets = secrets(live, channel, open)?;
    let aka = &secrets.aka;
    match command.p2 {
        // Of the USIM alone, and not of every one.
        GSM_CONTEXT if !live.state.gsm || !is_usim => Err(Status::SECURITY_CONTEXT_NOT_SUPPORTED),
        GSM_CONTEXT => {
            let [0x10, rand @ ..] = command.data else { return Err(Status::WRONG_LENGTH) };
            let rand = rand.try_into().map_err(|_| Status::WRONG_LENGTH)?;
            Ok(Answer::Held(gsm_context(aka, rand)))
        }
        UMTS_CONTEXT => {
            let (rand, autn) = gba::challenge(command.data).ok_or(Status::WRONG_LENGTH)?;
            umts_context(live, aka, rand, autn, rng).map(Answer::Held)
        }
        GBA_CONTEXT if is_usim => gba::context(command.data, live, secrets, rng),
        GBA_CONTEXT | VGCS_VBS_CONTEXT | MBMS_CONTEXT | LOCAL_KEY_CONTEXT => {
            Err(Status::SECURITY_CONTEXT_NOT_SUPPORTED)
        }
        _ => Err(Status::WRONG_P1_P2),
    }
}

/// AUTHENTICATE with a data object, 53 or 73, that comes and goes block by block.
#[derive(Clone)]
pub(crate) enum Blocks {
    /// What has come so far, and for which context.
    In { context: u8, so_far: Vec<u8> },
    /// The answer, which has keys in it, and how much of it has been given.
    Out { context: u8, whole: Plain, given: usize },
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blocks(…)")
    }
}

/// P1 of a block: the first or the next of the command, the first or the next of the answer (TS 102 221 §11.1.16).
const FIRST: u8 = 0x80;
const NEXT: u8 = 0x00;
const FIRST_OF_ANSWER: u8 = 0xa0;
const NEXT_OF_ANSWER: u8 = 0x20;
/// Octets of a block of an answer.
const BLOCK: usize = 256;
/// Octets of a command in blocks.
const LONGEST: usize = 1_024;

/// AUTHENTICATE with the odd instruction (TS 102 221 §11.1.16): the same contexts, their data in an object that may be longer than
/// a command.
pub(crate) fn authenticate_blocks<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    channel: &mut Channel,
    open: &mut Option<Secrets>,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let under_way = channel.blocks.take();
    let so_far = match (command.p1, under_way) {
        (FIRST, _) => command.data.to_vec(),
        (NEXT, Some(Blocks::In { context, so_far })) if context == command.p2 => {
            [&so_far[..], command.data].concat()
        }
        (FIRST_OF_ANSWER, Some(Blocks::Out { context, whole, .. })) if context == command.p2 => {
            // Whoever was the holder may be so no more.
            secrets(live, channel, open)?;
            return Ok(give(command, whole, 0, channel));
        }
        (NEXT_OF_ANSWER, Some(Blocks::Out { context, whole, given }))
            if context == command.p2 && given > 0 =>
        {
            secrets(live, channel, open)?;
            return Ok(give(command, whole, given, channel));
        }
        (NEXT | FIRST_OF_ANSWER | NEXT_OF_ANSWER, _) => return Err(Status::CONDITIONS_NOT_SATISFIED),
        _ => return Err(Status::WRONG_P1_P2),
    };
    let context = command.p2;
    let tag = match so_far.first() {
        Some(tag @ (0x53 | 0x73)) => u32::from(*tag),
        _ => return Err(Status::WRONG_DATA),
    };
    match expected(&so_far) {
        Some(all) if so_far.len() == all => {}
        Some(all) if so_far.len() > all || all > LONGEST => return Err(Status::WRONG_DATA),
        None if so_far.len() > 4 => return Err(Status::WRONG_DATA),
        Some(_) | None => {
            channel.blocks = Some(Blocks::In { context, so_far });
            return Err(Status::MORE_DATA_EXPECTED);
        }
    }
    let data = find(&so_far, tag).ok_or(Status::WRONG_DATA)?;
    let plain = Command { ins: Ins::AUTHENTICATE, p1: 0, data, ..*command };
    let answer = authenticate(&plain, live, channel, open, rng)?;
    let Answer::Held(answer) = &answer else { return Err(Status::TECHNICAL_PROBLEM) };
    channel.blocks = Some(Blocks::Out { context, whole: Plain::new(tlv(tag, answer)), given: 0 });
    Err(Status::RESPONSE_WAITS)
}

/// A block of an answer. Once the last was asked for in its length, none is asked for again.
fn give(command: &Command<'_>, whole: Plain, from: usize, channel: &mut Channel) -> Answer<'static> {
    let given = whole.len().min(from + BLOCK);
    let block = whole.get(from..given).unwrap_or_default().to_vec();
    let more = given < whole.len();
    if more || command.le != Some(block.len()) {
        channel.blocks =
            Some(Blocks::Out { context: command.p2, whole, given: if more { given } else { from } });
    }
    if more { Answer::Warned(block, Status::MORE_DATA_WAITS) } else { Answer::Made(block) }
}

/// 04 SRES 08 Kc, converted from the UMTS vector (TS 33.102 §6.8.1.2). There is no AUTN and no SQN to check.
fn gsm_context(aka: &Aka, rand: &[u8; 16]) -> Vec<u8> {
    // SRES and Kc depend on f2 to f4 alone, so SQN and AMF may be anything.
    let (sres, kc) = gsm(&aka.vector(rand, Sqn::default(), Amf::ZERO));
    [&[4][..], &sres, &[8], &kc].concat()
}

/// DB 08 RES 10 CK 10 IK 08 Kc, or DC 0E AUTS. The SQN is durable before RES leaves.
fn umts_context<M: Medium, A: Anchor>(
    live: &mut Live<M, A>,
    aka: &Aka,
    rand: &[u8; 16],
    autn: &[u8; 16],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Status> {
    let (sqn, vector) = match accept(&live.state.sqn, aka, rand, autn, |vector| vector.mac_a)? {
        Accepted::Fresh(sqn, vector) => (sqn, vector),
        Accepted::Stale(auts) => return Ok(auts),
    };
    live.commit(&[Change::Sqn(sqn)], rng)?;
    let (_, kc) = gsm(&vector);
    let (ck, ik) = (vector.ck.danger_expose(), vector.ik.danger_expose());
    Ok([&[0xdb, 8][..], &vector.res, &[16], ck, &[16], ik, &[8], &kc].concat())
}

/// A challenge of the home network's.
pub(crate) enum Accepted {
    /// Never heard before.
    Fresh(Sqn, Vector),
    /// Heard before: DC 0E AUTS.
    Stale(Vec<u8>),
}

/// Whether a challenge is the home network's, and fresh.
///
/// MAC-A first: from a stranger nothing is learnt, not even whether his SQN was fresh, and nothing changes. Then the SQN. Either is
/// asked twice, so that a processor that is made to leave out one instruction gives no answer away. The separation bit of the AMF
/// is the terminal's to judge (TS 33.102 Annex H). `mac` is what the MAC in AUTN must be.
pub(crate) fn accept(
    heard: &SqnArray,
    aka: &Aka,
    rand: &[u8; 16],
    autn: &[u8; 16],
    mac: impl Fn(&Vector) -> [u8; 8],
) -> Result<Accepted, Status> {
    let [s0, s1, s2, s3, s4, s5, amf0, amf1, theirs @ ..] = autn;
    let concealed = Sqn::from_bytes([*s0, *s1, *s2, *s3, *s4, *s5]);
    let sqn = Sqn::from_bytes(conceal(concealed, aka.f5(rand)));
    let vector = aka.vector(rand, sqn, Amf([*amf0, *amf1]));
    is_authentic(&mac(&vector), theirs)?;
    let fresh = is_fresh(heard, sqn);
    is_authentic(black_box(&mac(&vector)), black_box(theirs))?;
    if fresh && is_fresh(black_box(heard), black_box(sqn)) {
        return Ok(Accepted::Fresh(sqn, vector));
    }
    let auts = aka.auts(rand, heard.highest());
    Ok(Accepted::Stale([&[0xdc, 14][..], &auts].concat()))
}

#[inline(never)]
fn is_authentic(ours: &[u8; 8], theirs: &[u8; 8]) -> Result<(), Status> {
    if same(ours, theirs) { Ok(()) } else { Err(Status::AUTHENTICATION_INCORRECT_MAC) }
}

#[inline(never)]
fn is_fresh(heard: &SqnArray, sqn: Sqn) -> bool {
    heard.accepts(sqn)
}
