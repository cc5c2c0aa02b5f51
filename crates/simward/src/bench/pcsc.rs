//! A card in a PC/SC reader, as fast as it goes.

use super::{BenchError, Figure};
use crate::card::load;
use crate::pcsc::{Connection, Context};
use card::Profile;
use keys::milenage::{Amf, Milenage, Sqn};
use std::path::Path;
use std::time::{Duration, Instant};
use wire::apdu::{Cla, Command, Ins, Status, response};

const USIM: &[u8] = &[0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02];

/// READ BINARY of EF.ICCID and, if the card's profile is given, AUTHENTICATE.
pub(crate) fn run(
    reader: Option<&str>,
    profile: Option<&Path>,
    duration: Duration,
) -> Result<Vec<Figure>, BenchError> {
    let profile = profile.map(load).transpose()?;
    let context = Context::establish()?;
    let (name, card) = context.connect_first(reader)?;
    tracing::info!(reader = name, "measuring");
    let mut figures = vec![read_binary(&card, duration)?];
    if let Some(profile) = &profile {
        figures.push(authenticate(&card, profile, duration)?);
    }
    Ok(figures)
}

fn send(
    card: &Connection<'_>,
    name: &'static str,
    command: Command<'_>,
    hint: &'static str,
) -> Result<Vec<u8>, BenchError> {
    let refused = |answer| BenchError::Card { command: name, answer, hint };
    let bytes = command.to_bytes().map_err(|_| refused(Status::WRONG_LENGTH))?;
    let answer = card.transmit(&bytes)?;
    let (data, status) = response(&answer).map_err(|_| refused(Status::TECHNICAL_PROBLEM))?;
    match status.to_bytes() {
        [0x90, 0x00] => Ok(data.to_vec()),
        [0x61, more] => {
            let le = Some(if more == 0 { 256 } else { usize::from(more) });
            let rest =
                Command { cla: Cla::INTERINDUSTRY, ins: Ins::GET_RESPONSE, p1: 0, p2: 0, data: &[], le };
            send(card, name, rest, hint)
        }
        _ => Err(refused(status)),
    }
}

const fn command(ins: Ins, p1: u8, p2: u8, data: &[u8], le: Option<usize>) -> Command<'_> {
    Command { cla: Cla::INTERINDUSTRY, ins, p1, p2, data, le }
}

fn read_binary(card: &Connection<'_>, duration: Duration) -> Result<Figure, BenchError> {
    const HINT: &str = "is this a UICC?";
    send(card, "SELECT EF.ICCID", command(Ins::SELECT, 8, 0x0c, &[0x2f, 0xe2], None), HINT)?;
    let read = command(Ins::READ_BINARY, 0, 0, &[], Some(10));
    let (mut n, start) = (0, Instant::now());
    while start.elapsed() < duration {
        send(card, "READ BINARY", read, HINT)?;
        n += 1;
    }
    Ok(Figure::rate("pcsc.read_binary", n, start.elapsed()))
}

/// Each challenge is new, answered and, where the card keeps its word, stored before it is answered.
fn authenticate(card: &Connection<'_>, profile: &Profile, duration: Duration) -> Result<Figure, BenchError> {
    const HINT: &str = "is this the profile of the card in the reader?";
    send(card, "SELECT ADF.USIM", command(Ins::SELECT, 4, 0x0c, USIM, None), HINT)?;
    let pin = command(Ins::VERIFY_PIN, 0, 1, profile.pin.danger_expose(), None);
    send(card, "VERIFY PIN", pin, HINT)?;
    let milenage = profile.aka.keyed();
    let mut rand = [0; 16];
    let mut challenge = |seq: u64| {
        if let Some(to) = rand.first_chunk_mut::<8>() {
            *to = seq.to_be_bytes();
        }
        let sqn = Sqn::from_parts(seq, 0).unwrap_or(Sqn::MAX);
        let autn = Milenage::autn(&milenage.vector(&rand, sqn, Amf::SEPARATION), sqn, Amf::SEPARATION);
        let data = [&[16][..], &rand, &[16], &autn].concat();
        let answer = send(card, "AUTHENTICATE", command(Ins::AUTHENTICATE, 0, 0x81, &data, None), HINT)?;
        // DC 0E AUTS: the card is further on than this measurement knew.
        let auts = answer.strip_prefix(&[0xdc, 0x0e]).and_then(|auts| auts.try_into().ok());
        Ok::<_, BenchError>(auts.and_then(|auts| milenage.open_auts(&rand, auts)))
    };
    let mut seq = 1;
    if let Some(sqn_ms) = challenge(seq)? {
        seq = sqn_ms.seq();
    }
    let (mut n, start) = (0, Instant::now());
    while start.elapsed() < duration {
        seq += 1;
        if challenge(seq)?.is_some() {
            return Err(BenchError::Card { command: "AUTHENTICATE", answer: Status::OK, hint: HINT });
        }
        n += 1;
    }
    Ok(Figure::rate("pcsc.authenticate", n, start.elapsed()))
}
