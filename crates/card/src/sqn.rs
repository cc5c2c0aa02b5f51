//! Which sequence numbers the USIM takes (TS 33.102 Annex C.2): an array of 32, one for each IND.

use crate::codec::Reader;
use keys::milenage::Sqn;

/// Slots: all values of IND.
const SLOTS: usize = 1 << Sqn::IND_BITS;
/// Δ: the farthest jump that is believed (§C.3.2), so that nobody can use up the numbers.
const DELTA: u64 = 1 << 28;

/// The highest SEQ accepted for each IND; 0 before the first.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SqnArray([u64; SLOTS]);

impl SqnArray {
    pub(crate) const fn new() -> Self {
        Self([0; SLOTS])
    }

    /// SQN_MS: the highest number ever accepted.
    pub(crate) fn highest(&self) -> Sqn {
        self.slots().filter(|sqn| sqn.seq() > 0).max().unwrap_or_default()
    }

    /// Whether `sqn` is fresh (§C.2.1, §C.2.2): no farther than Δ beyond the highest, and higher than the last in
    /// its slot.
    pub(crate) fn accepts(&self, sqn: Sqn) -> bool {
        let near = sqn.seq().saturating_sub(self.highest().seq()) <= DELTA;
        near && self.slot(sqn.ind()).is_some_and(|last| sqn.seq() > last)
    }

    pub(crate) fn slot(&self, ind: u8) -> Option<u64> {
        self.0.get(usize::from(ind)).copied()
    }

    /// Records that `sqn` was accepted. A slot never goes down.
    pub(crate) fn take(&mut self, sqn: Sqn) {
        if let Some(slot) = self.0.get_mut(usize::from(sqn.ind())) {
            *slot = sqn.seq().max(*slot);
        }
    }

    /// As it stands in a snapshot.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut array = Self::new();
        for _ in 0..SLOTS {
            array.take(Sqn::new(reader.u64()?)?);
        }
        Some(array)
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = Sqn> {
        self.0.iter().zip(0..).filter_map(|(seq, ind)| Sqn::from_parts(*seq, ind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqn(seq: u64, ind: u8) -> Sqn {
        Sqn::from_parts(seq, ind).unwrap()
    }

    fn array(taken: &[Sqn]) -> SqnArray {
        let mut array = SqnArray::new();
        for sqn in taken {
            assert!(array.accepts(*sqn), "{sqn:?}");
            array.take(*sqn);
        }
        array
    }

    #[test]
    fn a_number_is_taken_once() {
        let array = array(&[sqn(1, 0), sqn(2, 0)]);
        for old in [sqn(0, 0), sqn(1, 0), sqn(2, 0), sqn(0, 31)] {
            assert!(!array.accepts(old), "{old:?}");
        }
        assert_eq!(array.highest(), sqn(2, 0));
    }

    #[test]
    fn out_of_order_numbers_are_taken_in_slots_of_their_own() {
        let array = array(&[sqn(100, 3), sqn(99, 4), sqn(50, 31), sqn(51, 31)]);
        assert!(array.accepts(sqn(1, 0)));
        assert!(!array.accepts(sqn(99, 3)));
        assert_eq!(array.highest(), sqn(100, 3));
    }

    #[test]
    fn a_jump_of_delta_is_taken_and_one_more_is_not() {
        let array = array(&[sqn(7, 1)]);
        assert!(array.accepts(sqn(7 + DELTA, 2)));
        assert!(!array.accepts(sqn(8 + DELTA, 2)));
        assert!(!array.accepts(Sqn::MAX));
    }

    #[test]
    fn the_numbers_end_at_2_to_the_48_and_do_not_wrap() {
        let mut array = SqnArray::new();
        array.take(sqn((1 << 43) - 3, 0));
        assert!(array.accepts(sqn((1 << 43) - 2, 0)));
        assert!(array.accepts(Sqn::MAX));
        array.take(Sqn::MAX);
        assert!(!array.accepts(Sqn::MAX));
        assert!(!array.accepts(sqn(0, 31)));
        assert!(!array.accepts(sqn(1, 31)));
        assert_eq!(array.highest(), Sqn::MAX);
        assert!(array.accepts(sqn(1, 5)), "another slot still takes what it has not seen");
    }
}
