//! Access rules: what it takes to do what to a file (TS 102 221 §9.2.7, ISO/IEC 7816-4 §9.3.3).
//!
//! A rule is a record of an EF.ARR, in expanded format: an access mode, then the condition for it, and so on. What no
//! condition is given for is not allowed, nor is what stands under a condition that this card does not understand.

use crate::key::{KeyRef, KeySet};
use wire::tlv::{Object, objects};

/// What one may want to do to a file. The first seven are the bits of an access mode byte, from the lowest: for an EF
/// and for a directory they differ in the first three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Read or search an EF; delete what is in a directory.
    Read = 0,
    /// Update an EF; create an EF in a directory.
    Update = 1,
    /// Create a directory in a directory.
    CreateDir = 2,
    Deactivate = 3,
    Activate = 4,
    Terminate = 5,
    /// Delete the file itself.
    Delete = 6,
    Increase = 7,
    Resize = 8,
}

impl Operation {
    /// Creating an EF has the bit of updating one.
    pub(crate) const CREATE_FILE: Self = Self::Update;

    const COUNT: usize = 9;
    /// Octets of an access mode that is named by its instruction (table 9.6).
    const INCREASE: u8 = 0x32;
    const RESIZE: u8 = 0xd4;
}

/// What it takes: all keys of one of these sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Condition {
    ways: [KeySet; Self::WAYS],
    count: u8,
}

impl Condition {
    const WAYS: usize = 3;

    pub(crate) const NEVER: Self = Self { ways: [KeySet::EMPTY; Self::WAYS], count: 0 };
    pub(crate) const ALWAYS: Self = Self { ways: [KeySet::EMPTY; Self::WAYS], count: 1 };

    pub(crate) const fn key(key: KeyRef) -> Self {
        Self { ways: [KeySet::of(key), KeySet::EMPTY, KeySet::EMPTY], count: 1 }
    }

    pub(crate) fn ways(&self) -> impl Iterator<Item = KeySet> {
        self.ways.into_iter().take(usize::from(self.count))
    }

    /// Whether whoever has shown `keys` may.
    pub(crate) fn allows(&self, keys: KeySet) -> bool {
        self.ways().any(|way| keys.has_all(way))
    }

    /// Whether nobody may without an administrative code.
    pub(crate) fn is_administrative(&self) -> bool {
        self.ways().all(KeySet::has_administrative)
    }

    /// One more way; `None` if there is no room for it.
    fn or(mut self, way: KeySet) -> Option<Self> {
        *self.ways.get_mut(usize::from(self.count))? = way;
        self.count += 1;
        Some(self)
    }

    /// A condition as a data object; `None` if this card does not understand it.
    fn read(object: &Object<'_>) -> Option<Self> {
        match (object.tag, object.value) {
            (0x90, []) => Some(Self::ALWAYS),
            (0x97, []) => Some(Self::NEVER),
            // A control reference template: a key, and that its user proves to know it. Nothing else may stand there.
            (0xa4, [0x83, 1, key, 0x95, 1, 0x08]) => KeyRef::new(*key).map(Self::key),
            (0xa0, parts) => {
                let mut parts = objects(parts);
                parts.try_fold(Self::NEVER, |any, part| {
                    Self::read(&part.ok()?)?.ways().try_fold(any, Self::or)
                })
            }
            (0xaf, parts) if !parts.is_empty() => {
                let mut parts = objects(parts);
                parts.try_fold(Self::ALWAYS, |all, part| {
                    let part = Self::read(&part.ok()?)?;
                    let pairs = all.ways().flat_map(|a| part.ways().map(move |b| a.with(b)));
                    pairs.into_iter().try_fold(Self::NEVER, Self::or)
                })
            }
            _ => None,
        }
    }
}

/// A record of EF.ARR, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule([Condition; Operation::COUNT]);

impl Rule {
    const NOTHING: Self = Self([Condition::NEVER; Operation::COUNT]);

    pub(crate) fn takes(&self, operation: Operation) -> Condition {
        self.0.get(operation as usize).copied().unwrap_or(Condition::NEVER)
    }

    /// Reads a record, filled up with FF. From the first object that is malformed on, nothing is allowed. Where an access
    /// mode stands twice, the first counts.
    pub(crate) fn read(record: &[u8]) -> Self {
        let mut rule = Self::NOTHING;
        let mut given = [false; Operation::COUNT];
        let mut objects = objects(record).map_while(Result::ok);
        while let (Some(mode), Some(condition)) = (objects.next(), objects.next()) {
            let condition = Condition::read(&condition).unwrap_or(Condition::NEVER);
            for (place, wanted) in operations(&mode).into_iter().enumerate() {
                if let (true, Some(given @ false), Some(takes)) =
                    (wanted, given.get_mut(place), rule.0.get_mut(place))
                {
                    *given = true;
                    *takes = condition;
                }
            }
        }
        rule
    }
}

/// Which operations an access mode speaks of.
fn operations(mode: &Object<'_>) -> [bool; Operation::COUNT] {
    let mut out = [false; Operation::COUNT];
    match (mode.tag, mode.value) {
        (0x80, [byte @ 0..=0x7f]) => {
            for (bit, wanted) in out.iter_mut().take(Operation::Increase as usize).enumerate() {
                *wanted = byte >> bit & 1 != 0;
            }
        }
        (0x84, [Operation::INCREASE]) => {
            if let Some(wanted) = out.get_mut(Operation::Increase as usize) {
                *wanted = true;
            }
        }
        (0x84, [Operation::RESIZE]) => {
            if let Some(wanted) = out.get_mut(Operation::Resize as usize) {
                *wanted = true;
            }
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use wire::tlv::tlv;

    const PIN: &[u8] = &[0xa4, 6, 0x83, 1, 0x01, 0x95, 1, 0x08];
    const ADM: &[u8] = &[0xa4, 6, 0x83, 1, 0x0a, 0x95, 1, 0x08];
    const PIN2: &[u8] = &[0xa4, 6, 0x83, 1, 0x81, 0x95, 1, 0x08];

    fn keys(keys: &[KeyRef]) -> KeySet {
        keys.iter().fold(KeySet::EMPTY, |set, key| set.with(KeySet::of(*key)))
    }

    fn record(parts: &[&[u8]]) -> Vec<u8> {
        let mut record = parts.concat();
        record.resize(record.len() + 5, 0xff);
        record
    }

    #[test]
    fn a_record_says_what_each_operation_takes() {
        // The example of a public test card: read ADM1, write and update always, delete and terminate never, resize ADM1.
        let rule = Rule::read(&record(&[
            &[0x80, 1, 0x01],
            ADM,
            &[0x80, 1, 0x06, 0x90, 0, 0x80, 1, 0x60, 0x97, 0, 0x84, 1, 0xd4],
            ADM,
        ]));
        for (operation, nobody, holder, operator) in [
            (Operation::Read, false, false, true),
            (Operation::Update, true, true, true),
            (Operation::Deactivate, false, false, false),
            (Operation::Delete, false, false, false),
            (Operation::Increase, false, false, false),
            (Operation::Resize, false, false, true),
        ] {
            let takes = rule.takes(operation);
            assert_eq!(takes.allows(KeySet::EMPTY), nobody, "{operation:?}");
            assert_eq!(takes.allows(keys(&[KeyRef::PIN1])), holder, "{operation:?}");
            assert_eq!(takes.allows(keys(&[KeyRef::ADM1])), operator, "{operation:?}");
        }
    }

    #[test]
    fn or_and_and_are_what_they_say_and_not_is_a_denial() {
        let read = |condition: &[u8]| Rule::read(&record(&[&[0x80, 1, 1], condition])).takes(Operation::Read);
        let (pin, pin2, adm) = (KeyRef::PIN1, KeyRef::PIN2, KeyRef::ADM1);
        let either = read(&tlv(0xa0, &[PIN, ADM].concat()));
        assert!(either.allows(keys(&[pin])) && either.allows(keys(&[adm])) && !either.allows(keys(&[pin2])));
        let both = read(&tlv(0xaf, &[PIN, ADM].concat()));
        assert!(both.allows(keys(&[pin, adm])) && !both.allows(keys(&[pin])) && !both.allows(keys(&[adm])));
        let nested = read(&tlv(0xaf, &[&tlv(0xa0, &[PIN, ADM].concat())[..], PIN2].concat()));
        assert!(nested.allows(keys(&[pin, pin2])) && nested.allows(keys(&[adm, pin2])));
        assert!(!nested.allows(keys(&[pin, adm])) && !nested.allows(keys(&[pin2])));
        let never = read(&tlv(0xaf, &[PIN, &[0x97, 0]].concat()));
        assert!(!never.allows(keys(&[pin])));
        assert!(!read(&tlv(0xa7, PIN)).allows(keys(&[pin])));
        assert!(!read(&tlv(0xa7, PIN)).allows(KeySet::EMPTY));
        assert!(!read(&tlv(0xa0, &[])).allows(keys(&[pin, pin2, adm])), "one of none");
        assert!(!read(&tlv(0xaf, &[])).allows(keys(&[pin, pin2, adm])), "all of none");
    }

    #[test]
    fn what_is_not_understood_is_denied() {
        let everybody = (0..=255).filter_map(KeyRef::new).fold(KeySet::EMPTY, |s, k| s.with(KeySet::of(k)));
        for condition in [
            &[0x9e, 1, 0x10][..],                     // a security condition byte
            &[0xa4, 3, 0x83, 1, 0x01],                // no usage
            &[0xa4, 6, 0x83, 1, 0x01, 0x95, 1, 0x80], // external authentication
            &[0xa4, 6, 0x83, 1, 0x09, 0x95, 1, 0x08], // no such key
            &[0xa4, 9, 0x83, 1, 0x01, 0x95, 1, 0x08, 0x80, 1, 2],
            &[0xb4, 6, 0x83, 1, 0x01, 0x95, 1, 0x08], // secure messaging
            &[0x90, 1, 0],
            &[0xa0, 7, 0x83, 1, 0x01, 0x95, 1, 0x08, 0x00],
            &[0xa0, 8, 0xa4, 6, 0x83, 1, 0x01, 0x95, 1], // cut short
        ] {
            let rule = Rule::read(&record(&[&[0x80, 1, 0x03], condition]));
            assert!(!rule.takes(Operation::Read).allows(everybody), "{condition:02x?}");
            assert!(!rule.takes(Operation::Update).allows(everybody), "{condition:02x?}");
        }
        let many = tlv(0xa0, &[&tlv(0xa0, &[PIN, ADM].concat())[..], PIN2, PIN].concat());
        assert_eq!(Rule::read(&[&[0x80, 1, 1][..], &many].concat()).takes(Operation::Read), Condition::NEVER);
        assert_eq!(Rule::read(&[0xff; 24]), Rule::NOTHING);
        assert_eq!(Rule::read(&[]), Rule::NOTHING);
    }

    #[test]
    fn the_first_condition_for_a_mode_counts() {
        let rule = Rule::read(&record(&[&[0x80, 1, 0x01, 0x97, 0, 0x80, 1, 0x03, 0x90, 0]]));
        assert_eq!(rule.takes(Operation::Read), Condition::NEVER);
        assert_eq!(rule.takes(Operation::Update), Condition::ALWAYS);
    }
}
