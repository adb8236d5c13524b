//! UTF-8, the one multibyte encoding (besides single bytes in the C locale).

/// What the first bytes of an input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A character and the bytes it took.
    Character(u32, usize),
    /// The beginning of a character.
    Incomplete,
    /// No character begins like this.
    Invalid,
}

/// Encodes a code point; `None` for surrogates and beyond U+10FFFF.
#[must_use]
pub fn encode(value: u32) -> Option<([u8; 4], usize)> {
    let mut bytes = [0; 4];
    let length = char::from_u32(value)?.encode_utf8(&mut bytes).len();
    Some((bytes, length))
}

/// Decodes the first character of `bytes` (RFC 3629: shortest form, no surrogates).
#[must_use]
pub fn decode(bytes: &[u8]) -> Decoded {
    let Some(&first) = bytes.first() else {
        return Decoded::Incomplete;
    };
    let (length, initial) = match first {
        0..=0x7f => return Decoded::Character(u32::from(first), 1),
        0xc2..=0xdf => (2, u32::from(first & 0x1f)),
        0xe0..=0xef => (3, u32::from(first & 0x0f)),
        0xf0..=0xf4 => (4, u32::from(first & 0x07)),
        _ => return Decoded::Invalid,
    };
    let mut value = initial;
    for index in 1..length {
        let Some(&byte) = bytes.get(index) else {
            return Decoded::Incomplete;
        };
        if !continues(first, index, byte) {
            return Decoded::Invalid;
        }
        value = value << 6 | u32::from(byte & 0x3f);
    }
    Decoded::Character(value, length)
}

/// Whether `byte` may stand at `index` of a character that begins with `first`.
#[must_use]
pub fn continues(first: u8, index: usize, byte: u8) -> bool {
    let range = match (first, index) {
        (0xe0, 1) => 0xa0..=0xbf,
        (0xed, 1) => 0x80..=0x9f,
        (0xf0, 1) => 0x90..=0xbf,
        (0xf4, 1) => 0x80..=0x8f,
        _ => 0x80..=0xbf,
    };
    range.contains(&byte)
}
