//! Octets that may be a PIN or a key.

use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut};
use zeroize::Zeroize as _;

/// Octets in the clear that may hold a secret: wiped on drop, never printed.
///
/// A vector that never held anything is not wiped, which is more than a saving of nothing: it points nowhere, and to store no octet
/// nowhere takes a processor with masked stores as long as a whole command.
#[derive(Clone, Default)]
pub(crate) struct Plain(Vec<u8>);

impl Plain {
    pub(crate) const fn new(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        if self.0.capacity() > 0 {
            self.0.zeroize();
        }
    }
}

impl Deref for Plain {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Plain {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plain({} octets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn what_may_be_a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Plain::new(Vec::from([0x31; 4]))), "Plain(4 octets)");
    }
}
