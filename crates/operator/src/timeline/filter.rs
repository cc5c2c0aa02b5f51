//! Which lines of a timeline somebody wants.

use super::{Actor, Entry, Kind};
use crate::store::Stream;
use wire::UnixTime;

/// The records that a timeline is made of, in the order of their numbers. [`Stream::Message`] is a queue and no record.
pub const STREAMS: [Stream; 6] =
    [Stream::SignIn, Stream::Network, Stream::Alarm, Stream::Deed, Stream::Code, Stream::Card];

/// What is wanted; the default is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these kinds; of all, if there is none.
    pub kinds: Vec<Kind>,
    /// By one of these; by anybody, if there is none.
    pub actors: Vec<Actor>,
    /// Not before.
    pub from: Option<UnixTime>,
    /// Not after.
    pub until: Option<UnixTime>,
}

impl Filter {
    /// Whether a line is wanted.
    pub fn wants(&self, at: UnixTime, entry: &Entry) -> bool {
        self.wants_time(at)
            && (self.kinds.is_empty() || self.kinds.contains(&entry.what.kind()))
            && (self.actors.is_empty() || self.actors.contains(&entry.actor))
    }

    /// Whether a time is.
    pub fn wants_time(&self, at: UnixTime) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at <= until)
    }

    /// Among which records to look: the others hold none of what is wanted.
    pub fn streams(&self) -> Vec<Stream> {
        let holds =
            |stream: &Stream| self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.stream() == *stream);
        STREAMS.into_iter().filter(holds).collect()
    }
}
