//! MANAGE CHANNEL (TS 102 221 §11.1.17): opening and closing logical channels.

use crate::answer::Answer;
use crate::session::{Channel, Channels};
use alloc::vec;
use wire::apdu::{Command, Status};

const OPEN: u8 = 0x00;
const CLOSE: u8 = 0x80;

/// A channel opened from the basic one begins at the MF and knows nobody; one opened from another begins where that one
/// stands, with whom it knows (ISO/IEC 7816-4 §7.1.2). `last` is the highest that the terminal knows.
pub(crate) fn manage_channel(
    command: &Command<'_>,
    from: u8,
    last: u8,
    channels: &mut Channels,
) -> Result<Answer<'static>, Status> {
    match (command.p1, command.p2) {
        // The number has one octet: nothing is opened for whoever would not hear which.
        (OPEN, 0) if command.le != Some(1) => Err(Status::exact(1)),
        (OPEN, wanted) => {
            let chosen = match wanted {
                0 => channels.closed(last).ok_or(Status::FUNCTION_NOT_SUPPORTED)?,
                number => number,
            };
            let channel = match from {
                0 => Channel::new(),
                _ => channels.get(from).ok_or(Status::CHANNEL_NOT_SUPPORTED)?.another(),
            };
            if wanted > last && wanted <= Channels::LAST {
                return Err(Status::FUNCTION_NOT_SUPPORTED);
            }
            channels.open(chosen, channel).ok_or(match wanted {
                1..=19 => Status::FUNCTION_NOT_SUPPORTED,
                _ => Status::WRONG_P1_P2,
            })?;
            Ok(if wanted == 0 { Answer::Made(vec![chosen]) } else { Answer::Done })
        }
        // The basic channel does not close; P2 00 means the one the command came on.
        (CLOSE, number) => {
            let number = if number == 0 { from } else { number };
            match number {
                1..=19 => {
                    channels.close(number).ok_or(Status::CHANNEL_NOT_SUPPORTED)?;
                    Ok(Answer::Done)
                }
                _ => Err(Status::WRONG_P1_P2),
            }
        }
        _ => Err(Status::WRONG_P1_P2),
    }
}
