//! AUTHENTICATE of the USIM and the ISIM (TS 31.102 §7.1.2, TS 31.103 §7.1.2, TS 33.102 §6.3.3).

use crate::answer::Answer;
use crate::card::Live;
use crate::change::Change;
use crate::medium::{Anchor, Medium};
use crate::reference::USIM;
use crate::session::{Channel, secrets};
use crate::vault::Secrets;
use alloc::vec::Vec;
use keys::aka::Aka;
use keys::milenage::{Amf, Sqn, conceal, gsm};
use keys::secret::same;
use rand_core::CryptoRng;
use wire::apdu::{Command, Status};

/// GSM and 3G security contexts; the others (VGCS, GBA, local keys) are not here.
const GSM_CONTEXT: u8 = 0x80;
const UMTS_CONTEXT: u8 = 0x81;
/// P2 of the contexts that come later (TS 31.102 §7.1.2): voice group, bootstrapping, local key.
const VGCS_VBS_CONTEXT: u8 = 0x82;
const GBA_CONTEXT: u8 = 0x84;
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
    if !is(&[]) {
        return Err(Status::CONDITIONS_NOT_SATISFIED);
    }
    let is_usim = is(USIM);
    let aka = &secrets(live, channel, open)?.aka;
    match command.p2 {
        // Of the USIM alone, and not of every one.
        GSM_CONTEXT if !live.state.gsm || !is_usim => Err(Status::SECURITY_CONTEXT_NOT_SUPPORTED),
        GSM_CONTEXT => {
            let [0x10, rand @ ..] = command.data else { return Err(Status::WRONG_LENGTH) };
            let rand = rand.try_into().map_err(|_| Status::WRONG_LENGTH)?;
            Ok(Answer::Held(gsm_context(aka, rand)))
        }
        UMTS_CONTEXT => {
            let [0x10, rest @ ..] = command.data else { return Err(Status::WRONG_LENGTH) };
            let (rand, rest) = rest.split_first_chunk::<16>().ok_or(Status::WRONG_LENGTH)?;
            let [0x10, autn @ ..] = rest else { return Err(Status::WRONG_LENGTH) };
            let autn = autn.try_into().map_err(|_| Status::WRONG_LENGTH)?;
            umts_context(live, aka, rand, autn, rng).map(Answer::Held)
        }
        VGCS_VBS_CONTEXT | GBA_CONTEXT | LOCAL_KEY_CONTEXT => Err(Status::SECURITY_CONTEXT_NOT_SUPPORTED),
        _ => Err(Status::WRONG_P1_P2),
    }
}

/// 04 SRES 08 Kc, converted from the UMTS vector (TS 33.102 §6.8.1.2). There is no AUTN and no SQN to check.
fn gsm_context(aka: &Aka, rand: &[u8; 16]) -> Vec<u8> {
    // SRES and Kc depend on f2 to f4 alone, so SQN and AMF may be anything.
    let (sres, kc) = gsm(&aka.vector(rand, Sqn::default(), Amf::ZERO));
    [&[4][..], &sres, &[8], &kc].concat()
}

/// DB 08 RES 10 CK 10 IK 08 Kc, or DC 0E AUTS.
///
/// MAC-A first: from a stranger nothing is learnt, not even whether his SQN was fresh, and nothing changes. Then the
/// SQN, which is durable before RES leaves. The separation bit of the AMF is the terminal's to judge
/// (TS 33.102 Annex H).
fn umts_context<M: Medium, A: Anchor>(
    live: &mut Live<M, A>,
    aka: &Aka,
    rand: &[u8; 16],
    autn: &[u8; 16],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Status> {
    let [s0, s1, s2, s3, s4, s5, amf0, amf1, mac @ ..] = autn;
    let concealed = Sqn::from_bytes([*s0, *s1, *s2, *s3, *s4, *s5]);
    let sqn = Sqn::from_bytes(conceal(concealed, aka.f5(rand)));
    let vector = aka.vector(rand, sqn, Amf([*amf0, *amf1]));
    if !same(&vector.mac_a, mac) {
        return Err(Status::AUTHENTICATION_INCORRECT_MAC);
    }
    if !live.state.sqn.accepts(sqn) {
        let auts = aka.auts(rand, live.state.sqn.highest());
        return Ok([&[0xdc, 14][..], &auts].concat());
    }
    live.commit(&[Change::Sqn(sqn)], rng)?;
    let (_, kc) = gsm(&vector);
    let (ck, ik) = (vector.ck.danger_expose(), vector.ik.danger_expose());
    Ok([&[0xdb, 8][..], &vector.res, &[16], ck, &[16], ik, &[8], &kc].concat())
}
