//! Plain records, octet by octet: big-endian numbers, strings with their length before them.

use alloc::vec::Vec;

/// Reads a record; `None` from the first octet that is missing.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A string of up to 65,535 octets.
    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }
}

/// Appends a string with its length. Nothing on a card is longer than 65,535 octets; such a thing would be cut.
pub(crate) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend(bytes.iter().take(usize::from(len)));
}

/// Appends as a string what `put` appends.
pub(crate) fn put_as_string(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let mut own = Vec::new();
    put(&mut own);
    put_string(out, &own);
}

/// Appends a string in which runs of one octet are short: files are mostly filled with FF. Its length, then pieces:
/// 00 to 7F are followed by one to 128 octets as they are, 80 to FF by the octet that stands three to 130 times.
pub(crate) fn pack(out: &mut Vec<u8>, bytes: &[u8]) {
    const RUN: usize = 3;
    let bytes = bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes);
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    let mut rest = bytes;
    let mut plain = rest;
    let flush = |out: &mut Vec<u8>, plain: &[u8]| {
        for piece in plain.chunks(128) {
            out.push((piece.len() - 1) as u8);
            out.extend_from_slice(piece);
        }
    };
    while let Some(first) = rest.first() {
        let run = rest.iter().take(127 + RUN).take_while(|b| *b == first).count();
        let after = rest.get(run..).unwrap_or_default();
        if run >= RUN {
            flush(out, plain.get(..plain.len() - rest.len()).unwrap_or_default());
            out.extend_from_slice(&[0x80 | (run - RUN) as u8, *first]);
            plain = after;
        }
        rest = after;
    }
    flush(out, plain);
}

/// What [`pack`] wrote.
pub(crate) fn unpack(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let len = usize::from(reader.u16()?);
    let mut out = Vec::with_capacity(len);
    while out.len() < len {
        let head = reader.u8()?;
        if head < 0x80 {
            out.extend_from_slice(reader.take(usize::from(head) + 1)?);
        } else {
            let octet = reader.u8()?;
            out.resize(out.len() + usize::from(head & 0x7f) + 3, octet);
        }
    }
    (out.len() == len).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_was_packed_comes_back() {
        let cases = [
            vec![],
            vec![7],
            vec![0xff; 2],
            vec![0xff; 3],
            vec![0xff; 131],
            vec![0xff; 60_000],
            (0..=255).collect(),
            [vec![1, 1, 2, 2], vec![0; 200], vec![3], vec![4; 3]].concat(),
            (0..1000u32).map(|i| ((i * i) >> 3) as u8).collect(),
        ];
        for bytes in cases {
            let mut out = Vec::new();
            pack(&mut out, &bytes);
            assert!(out.len() <= bytes.len() + bytes.len() / 128 + 3);
            let mut reader = Reader(&out);
            assert_eq!(unpack(&mut reader).as_ref(), Some(&bytes));
            assert!(reader.is_empty());
            for cut in 0..out.len() {
                assert!(bytes.is_empty() || unpack(&mut Reader(&out[..cut])).is_none());
            }
        }
        assert!(unpack(&mut Reader(&[0, 2, 0x80, 7])).is_none(), "more than it says");
    }
}
