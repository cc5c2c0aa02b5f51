//! Key references: the names by which a card's secret codes are called (TS 102 221 §9.5.1, table 9.3).

/// One code's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRef(u8);

impl KeyRef {
    /// The holder's PIN.
    pub const PIN1: Self = Self(0x01);
    /// One PIN for all applications.
    pub const UNIVERSAL: Self = Self(0x11);
    /// The second PIN of the first application.
    pub const PIN2: Self = Self(0x81);
    /// The operator's first administrative code.
    pub const ADM1: Self = Self(0x0a);

    /// An administrative code, 1 to 10.
    pub const fn adm(number: u8) -> Option<Self> {
        match number {
            1..=5 => Some(Self(0x09 + number)),
            6..=10 => Some(Self(0x84 + number)),
            _ => None,
        }
    }

    /// As it stands in a P2 or an access rule.
    pub(crate) const fn new(octet: u8) -> Option<Self> {
        match octet {
            0x01..=0x08 | 0x0a..=0x0e | 0x11 | 0x81..=0x88 | 0x8a..=0x8e => Some(Self(octet)),
            _ => None,
        }
    }

    pub(crate) const fn octet(self) -> u8 {
        self.0
    }

    /// Whether it names an administrative code.
    pub(crate) const fn is_administrative(self) -> bool {
        matches!(self.0 & 0x7f, 0x0a..=0x0e)
    }

    /// Whether it means something within one application alone.
    pub(crate) const fn is_local(self) -> bool {
        self.0 & 0x80 != 0
    }

    const fn bit(self) -> u32 {
        let place = if self.is_local() { 17 + (self.0 & 0x1f) } else { self.0 };
        1 << (place & 31)
    }
}

/// A set of key references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct KeySet(u32);

impl KeySet {
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) const fn of(key: KeyRef) -> Self {
        Self(key.bit())
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has_all(self, of: Self) -> bool {
        of.0 & !self.0 == 0
    }

    /// The administrative codes.
    const ADMINISTRATIVE: Self = {
        let mut all = Self::EMPTY;
        let mut number = 1;
        while let Some(key) = KeyRef::adm(number) {
            all = all.with(Self::of(key));
            number += 1;
        }
        all
    };

    /// Whether an administrative code is among them.
    pub(crate) const fn has_administrative(self) -> bool {
        self.0 & Self::ADMINISTRATIVE.0 != 0
    }

    /// What ends with an application.
    pub(crate) const fn global(self) -> Self {
        Self(self.0 & (KeyRef(0x81).bit() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_a_bit_of_its_own() {
        let mut all = KeySet::EMPTY;
        let mut count = 0;
        for key in (0..=255).filter_map(KeyRef::new) {
            assert!(!all.has_all(KeySet::of(key)), "{key:?}");
            assert_eq!(KeySet::of(key).global() == KeySet::EMPTY, key.is_local(), "{key:?}");
            all = all.with(KeySet::of(key));
            count += 1;
        }
        assert_eq!(count, 8 + 5 + 1 + 8 + 5);
    }

    #[test]
    fn administrative_codes_are_numbered_as_the_standard_numbers_them() {
        assert_eq!(KeyRef::adm(1), Some(KeyRef(0x0a)));
        assert_eq!(KeyRef::adm(5), Some(KeyRef(0x0e)));
        assert_eq!(KeyRef::adm(6), Some(KeyRef(0x8a)));
        assert_eq!(KeyRef::adm(10), Some(KeyRef(0x8e)));
        assert_eq!(KeyRef::adm(11), None);
    }
}
