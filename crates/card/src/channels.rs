//! The logical channels, and MANAGE CHANNEL, which opens and closes them (TS 102 221 §8.7, §11.1.17).

use crate::answer::Answer;
use crate::session::Channel;
use alloc::vec;
use alloc::vec::Vec;
use wire::apdu::{Command, Status};

const OPEN: u8 = 0x00;
const CLOSE: u8 = 0x80;

/// The logical channels.
pub(crate) struct Channels {
    basic: Channel,
    /// Channels 1 to 19; `None` where closed.
    further: Vec<Option<Channel>>,
}

impl Channels {
    /// The basic one alone.
    pub(crate) const fn new() -> Self {
        Self { basic: Channel::new(), further: Vec::new() }
    }

    /// The highest channel (TS 102 221 §10.1.1).
    pub(crate) const LAST: u8 = 19;
    /// The highest one of a terminal that has not said that it knows more (§11.1.19.2.2).
    pub(crate) const LAST_OF_OLD: u8 = 3;

    /// An open channel.
    pub(crate) fn get(&mut self, number: u8) -> Option<&mut Channel> {
        match number.checked_sub(1) {
            None => Some(&mut self.basic),
            Some(place) => self.further.get_mut(usize::from(place))?.as_mut(),
        }
    }

    /// All open channels.
    pub(crate) fn open_ones(&mut self) -> impl Iterator<Item = &mut Channel> {
        core::iter::once(&mut self.basic).chain(self.further.iter_mut().flatten())
    }

    /// The lowest channel that is closed, up to this one.
    pub(crate) fn closed(&mut self, last: u8) -> Option<u8> {
        (1..=last).find(|number| self.get(*number).is_none())
    }

    /// Opens a closed channel; `None` if there is none by that number or it is open.
    pub(crate) fn open(&mut self, number: u8, channel: Channel) -> Option<()> {
        if number > Self::LAST || self.get(number).is_some() {
            return None;
        }
        let place = usize::from(number.checked_sub(1)?);
        if self.further.len() <= place {
            self.further.resize_with(place + 1, || None);
        }
        *self.further.get_mut(place)? = Some(channel);
        Some(())
    }

    /// Closes an open channel other than the basic one.
    pub(crate) fn close(&mut self, number: u8) -> Option<()> {
        self.further.get_mut(usize::from(number.checked_sub(1)?))?.take().map(drop)
    }
}

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
