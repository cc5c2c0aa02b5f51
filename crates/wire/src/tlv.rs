//! BER-TLV as cards use it (TS 101 220 §7.1): tags of one to three octets, definite lengths up to 2^24 − 1.

use crate::Malformed;
use alloc::vec::Vec;

/// Appends tag, length and `value`. The tag is written in as many octets as it needs.
///
/// A value beyond 2^24 − 1 octets has no length field here; such a thing never leaves a card, and it is left out.
pub fn put(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    let [_, l2, l1, l0] = match u32::try_from(value.len()) {
        Ok(len) if len < 1 << 24 => len.to_be_bytes(),
        _ => return,
    };
    // One octet at least: 00 is no tag of the standards, but what was read with it is written with it.
    let zeros = (tag.leading_zeros() / 8).min(3) as usize;
    out.extend(tag.to_be_bytes().into_iter().skip(zeros));
    match (l2, l1, l0) {
        (0, 0, 0..=0x7f) => out.push(l0),
        (0, 0, _) => out.extend([0x81, l0]),
        (0, _, _) => out.extend([0x82, l1, l0]),
        _ => out.extend([0x83, l2, l1, l0]),
    }
    out.extend_from_slice(value);
}

/// Tag, length and `value` on their own.
pub fn tlv(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 5);
    put(&mut out, tag, value);
    out
}

/// One data object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<'a> {
    /// The tag's octets, most significant first.
    pub tag: u32,
    /// The value.
    pub value: &'a [u8],
}

/// The data objects in a byte string, one after the other; stops after the first that is malformed.
#[derive(Debug, Clone)]
pub struct Objects<'a>(&'a [u8]);

/// Reads the data objects in `bytes`.
pub const fn objects(bytes: &[u8]) -> Objects<'_> {
    Objects(bytes)
}

/// The value of the first object with this tag, if everything before it is well formed.
pub fn find(bytes: &[u8], tag: u32) -> Option<&[u8]> {
    objects(bytes).map_while(Result::ok).find(|o| o.tag == tag).map(|o| o.value)
}

impl<'a> Objects<'a> {
    fn take(&mut self) -> Result<u8, Malformed> {
        let (first, rest) =
            self.0.split_first().ok_or(Malformed::new("TLV", "ends inside a tag or length"))?;
        self.0 = rest;
        Ok(*first)
    }

    fn object(&mut self) -> Result<Object<'a>, Malformed> {
        let mut tag = u32::from(self.take()?);
        if tag & 0x1f == 0x1f {
            for more in 1.. {
                let octet = self.take()?;
                tag = tag << 8 | u32::from(octet);
                if octet & 0x80 == 0 {
                    break;
                }
                if more == 2 {
                    return Err(Malformed::new("TLV", "tag longer than three octets"));
                }
            }
        }
        let first = self.take()?;
        let len = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x83 => {
                let mut len = 0;
                for _ in 0x80..first {
                    len = len << 8 | usize::from(self.take()?);
                }
                len
            }
            _ => return Err(Malformed::new("TLV", "indefinite length, or one above three octets")),
        };
        let (value, rest) =
            self.0.split_at_checked(len).ok_or(Malformed::new("TLV", "value shorter than its length"))?;
        self.0 = rest;
        Ok(Object { tag, value })
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = Result<Object<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let object = self.object();
        if object.is_err() {
            self.0 = &[];
        }
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_is_read_with_any_tag_is_written_with_it() {
        for tag in [0, 1, 0x62, 0x1f01, 0x7f49, 0x1f_81_01] {
            let written = tlv(tag, &[7]);
            assert_eq!(find(&written, tag), Some(&[7][..]), "{tag:x}");
        }
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        for (len, head) in [
            (0, vec![0x62, 0]),
            (127, vec![0x62, 127]),
            (128, vec![0x62, 0x81, 128]),
            (256, vec![0x62, 0x82, 1, 0]),
            (65_536, vec![0x62, 0x83, 1, 0, 0]),
        ] {
            let value = vec![7; len];
            let bytes = tlv(0x62, &value);
            assert!(bytes.starts_with(&head), "{len}");
            assert_eq!(objects(&bytes).collect::<Vec<_>>(), [Ok(Object { tag: 0x62, value: &value })]);
        }
    }

    #[test]
    fn long_tags_keep_their_octets() {
        let bytes = tlv(0xbf2d, &tlv(0x5f_20, b"x"));
        assert_eq!(bytes, [0xbf, 0x2d, 4, 0x5f, 0x20, 1, b'x']);
        assert_eq!(find(find(&bytes, 0xbf2d).unwrap(), 0x5f20), Some(&b"x"[..]));
        assert_eq!(find(&bytes, 0x5f20), None);
    }

    #[test]
    fn malformed_objects_end_the_list() {
        for bad in [
            &[0x82][..],
            &[0x82, 2, 1],
            &[0x82, 0x80, 0, 0],
            &[0x82, 0x84, 0, 0, 0, 0],
            &[0xbf, 0x81, 0x81, 0x81, 1, 0],
            &[0x1f],
        ] {
            let mut all = objects(bad);
            assert!(all.next().unwrap().is_err(), "{bad:02x?}");
            assert!(all.next().is_none());
        }
    }
}
