//! What an entry's field may be, and how it is written: into a row, and into an answer.

use deed::Reason;
use deed::cbor::{MAX_UINT, Reader, Writer};
use serde::Serialize;
use wire::{Imei, Imsi, Plmn, UnixTime};

/// A field's value, as answers show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A count or a time.
    Number(u64),
    /// Yes or no.
    Yes(bool),
    /// Words.
    Text(String),
    /// Not known.
    Nothing,
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(n) => n.fmt(f),
            Self::Yes(yes) => yes.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Nothing => Ok(()),
        }
    }
}

/// A field.
pub(super) trait Field: Sized {
    fn write(&self, w: Writer) -> Writer;
    fn read(r: &mut Reader<'_>) -> Result<Self, Reason>;
    fn value(&self) -> Value;
}

impl Field for u64 {
    fn write(&self, w: Writer) -> Writer {
        w.uint((*self).min(MAX_UINT))
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        r.uint()
    }
    fn value(&self) -> Value {
        Value::Number(*self)
    }
}

impl Field for UnixTime {
    fn write(&self, w: Writer) -> Writer {
        self.0.write(w)
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        r.uint().map(Self)
    }
    fn value(&self) -> Value {
        Value::Number(self.0)
    }
}

impl Field for bool {
    fn write(&self, w: Writer) -> Writer {
        w.uint(u64::from(*self))
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        match r.uint()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Reason::Encoding("neither yes nor no")),
        }
    }
    fn value(&self) -> Value {
        Value::Yes(*self)
    }
}

impl Field for String {
    /// Octets: the deed's text is ASCII, and senders and browsers name themselves as they like.
    fn write(&self, w: Writer) -> Writer {
        w.bytes(self.as_bytes())
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        Self::from_utf8(r.bytes()?.to_vec()).map_err(|_| Reason::Encoding("text that is not UTF-8"))
    }
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl<T: Field> Field for Option<T> {
    fn write(&self, w: Writer) -> Writer {
        match self {
            Some(value) => value.write(w.array(1)),
            None => w.array(0),
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        match r.list(1, "optional field")? {
            0 => Ok(None),
            _ => T::read(r).map(Some),
        }
    }
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Nothing, Field::value)
    }
}

/// Identifiers, as their digits.
macro_rules! digits {
    ($($name:ty),*) => { $(
        impl Field for $name {
            fn write(&self, w: Writer) -> Writer {
                w.bytes(self.as_str().as_bytes())
            }
            fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
                let text = std::str::from_utf8(r.bytes()?).map_err(|_| Reason::Encoding("digits"))?;
                text.parse().map_err(|e: wire::Malformed| Reason::Encoding(e.why))
            }
            fn value(&self) -> Value {
                Value::Text(self.as_str().into())
            }
        }
    )* };
}

digits!(Imei, Imsi, Plmn);
