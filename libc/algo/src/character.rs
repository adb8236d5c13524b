//! Character classes and case (C 7.4, 7.30) for the C and C.UTF-8 locales.
//!
//! The Unicode facts come from `core`'s own tables: they are in every Rust program anyway.

/// A character class by its POSIX name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum CharacterClass {
    /// Letters and digits.
    Alnum = 1,
    /// Letters.
    Alpha,
    /// Space and tab.
    Blank,
    /// Control characters.
    Cntrl,
    /// ASCII digits.
    Digit,
    /// Printable, not a space.
    Graph,
    /// Lower case.
    Lower,
    /// Printable.
    Print,
    /// Printable, neither letter, digit nor space.
    Punct,
    /// White space.
    Space,
    /// Upper case.
    Upper,
    /// Hexadecimal digits.
    Xdigit,
}

/// The class names in the order of [`CharacterClass`].
const NAMES: [(&[u8], CharacterClass); 12] = [
    (b"alnum", CharacterClass::Alnum),
    (b"alpha", CharacterClass::Alpha),
    (b"blank", CharacterClass::Blank),
    (b"cntrl", CharacterClass::Cntrl),
    (b"digit", CharacterClass::Digit),
    (b"graph", CharacterClass::Graph),
    (b"lower", CharacterClass::Lower),
    (b"print", CharacterClass::Print),
    (b"punct", CharacterClass::Punct),
    (b"space", CharacterClass::Space),
    (b"upper", CharacterClass::Upper),
    (b"xdigit", CharacterClass::Xdigit),
];

/// The class called `name` (as in `[:name:]`).
#[must_use]
pub fn class_named(name: &[u8]) -> Option<CharacterClass> {
    NAMES
        .iter()
        .find(|(text, _)| *text == name)
        .map(|&(_, class)| class)
}

/// The class with the number `number`, as `wctype` hands it out.
#[must_use]
pub fn class_numbered(number: u64) -> Option<CharacterClass> {
    NAMES
        .iter()
        .map(|&(_, class)| class)
        .find(|&class| class as u64 == number)
}

/// Whether `character` is in `class`.
#[must_use]
pub fn is_in(character: u32, class: CharacterClass) -> bool {
    if character < 0x80 {
        return is_in_ascii(character as u8, class);
    }
    let Some(letter) = char::from_u32(character) else {
        return false;
    };
    match class {
        CharacterClass::Alnum => letter.is_alphanumeric(),
        // Digits of other scripts are letters: only 0 to 9 may be digits (C 7.30.2.1.5).
        CharacterClass::Alpha => letter.is_alphanumeric(),
        CharacterClass::Digit | CharacterClass::Xdigit => false,
        CharacterClass::Blank => {
            letter.is_whitespace() && !is_line_break(character) && !is_no_break(character)
        }
        CharacterClass::Space => letter.is_whitespace() && !is_no_break(character),
        CharacterClass::Cntrl => letter.is_control() || is_line_break(character),
        CharacterClass::Lower => letter.is_lowercase() || simple_upper(letter) != letter,
        CharacterClass::Upper => letter.is_uppercase() || simple_lower(letter) != letter,
        CharacterClass::Print => is_printable(letter),
        CharacterClass::Graph => is_printable(letter) && !letter.is_whitespace(),
        CharacterClass::Punct => {
            is_printable(letter) && !letter.is_whitespace() && !letter.is_alphanumeric()
        }
    }
}

fn is_in_ascii(byte: u8, class: CharacterClass) -> bool {
    match class {
        CharacterClass::Alnum => byte.is_ascii_alphanumeric(),
        CharacterClass::Alpha => byte.is_ascii_alphabetic(),
        CharacterClass::Blank => matches!(byte, b' ' | b'\t'),
        CharacterClass::Cntrl => byte.is_ascii_control(),
        CharacterClass::Digit => byte.is_ascii_digit(),
        CharacterClass::Graph => byte.is_ascii_graphic(),
        CharacterClass::Lower => byte.is_ascii_lowercase(),
        CharacterClass::Print => matches!(byte, b' '..=b'~'),
        CharacterClass::Punct => byte.is_ascii_punctuation(),
        CharacterClass::Space => crate::number::is_space(byte),
        CharacterClass::Upper => byte.is_ascii_uppercase(),
        CharacterClass::Xdigit => byte.is_ascii_hexdigit(),
    }
}

fn is_line_break(character: u32) -> bool {
    matches!(character, 0x85 | 0x2028 | 0x2029)
}

fn is_no_break(character: u32) -> bool {
    matches!(character, 0xa0 | 0x2007 | 0x202f)
}

fn is_printable(letter: char) -> bool {
    let value = u32::from(letter);
    let private = matches!(value, 0xe000..=0xf8ff | 0xf_0000..=0x10_ffff);
    let nothing = value & 0xfffe == 0xfffe
        || matches!(value, 0xfff9..=0xfffb | 0xe0000..=0xe0fff | 0xfdd0..=0xfdef);
    !letter.is_control() && !is_line_break(value) && (private || !nothing)
}

fn simple_lower(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => letter,
    }
}

fn simple_upper(letter: char) -> char {
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => letter,
    }
}

/// The lower-case form, where it is one character; else the character itself.
#[must_use]
pub fn to_lower(character: u32) -> u32 {
    if character < 0x80 {
        return u32::from((character as u8).to_ascii_lowercase());
    }
    char::from_u32(character).map_or(character, |letter| simple_lower(letter).into())
}

/// The upper-case form, where it is one character; else the character itself.
#[must_use]
pub fn to_upper(character: u32) -> u32 {
    if character < 0x80 {
        return u32::from((character as u8).to_ascii_uppercase());
    }
    char::from_u32(character).map_or(character, |letter| simple_upper(letter).into())
}

/// Blocks of combining and formatting characters, which take no column of their own.
const ZERO_WIDTH: [(u32, u32); 40] = [
    (0x300, 0x36f),
    (0x483, 0x489),
    (0x591, 0x5bd),
    (0x5bf, 0x5c7),
    (0x610, 0x61a),
    (0x64b, 0x65f),
    (0x670, 0x670),
    (0x6d6, 0x6dc),
    (0x6df, 0x6e4),
    (0x6e7, 0x6e8),
    (0x6ea, 0x6ed),
    (0x730, 0x74a),
    (0x7a6, 0x7b0),
    (0x7eb, 0x7f3),
    (0x816, 0x82d),
    (0x859, 0x85b),
    (0x8ca, 0x902),
    (0x93a, 0x93a),
    (0x93c, 0x93c),
    (0x941, 0x948),
    (0x94d, 0x94d),
    (0xe31, 0xe31),
    (0xe34, 0xe3a),
    (0xe47, 0xe4e),
    (0xeb1, 0xeb1),
    (0xeb4, 0xebc),
    (0xec8, 0xece),
    (0x1160, 0x11ff),
    (0x1ab0, 0x1ace),
    (0x1dc0, 0x1dff),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0x20d0, 0x20f0),
    (0x302a, 0x302d),
    (0x3099, 0x309a),
    (0xfe00, 0xfe0f),
    (0xfe20, 0xfe2f),
    (0xfeff, 0xfeff),
    (0xe0100, 0xe01ef),
];

/// East Asian wide and full-width blocks and emoji (Unicode TR 11).
const DOUBLE_WIDTH: [(u32, u32); 27] = [
    (0x1100, 0x115f),
    (0x231a, 0x231b),
    (0x2329, 0x232a),
    (0x23e9, 0x23ec),
    (0x25fd, 0x25fe),
    (0x2614, 0x2615),
    (0x2648, 0x2653),
    (0x26aa, 0x26ab),
    (0x26bd, 0x26be),
    (0x26c4, 0x26c5),
    (0x2705, 0x2705),
    (0x270a, 0x270b),
    (0x2753, 0x2755),
    (0x2795, 0x2797),
    (0x2e80, 0x303e),
    (0x3041, 0x33ff),
    (0x3400, 0x4dbf),
    (0x4e00, 0xa4cf),
    (0xa960, 0xa97f),
    (0xac00, 0xd7a3),
    (0xf900, 0xfaff),
    (0xfe30, 0xfe6f),
    (0xff01, 0xff60),
    (0xffe0, 0xffe6),
    (0x1f300, 0x1f64f),
    (0x1f900, 0x1f9ff),
    (0x20000, 0x3fffd),
];

fn in_ranges(character: u32, ranges: &[(u32, u32)]) -> bool {
    ranges
        .binary_search_by(|&(first, last)| {
            if last < character {
                core::cmp::Ordering::Less
            } else if first > character {
                core::cmp::Ordering::Greater
            } else {
                core::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

/// Columns on a terminal (XSI `wcwidth`): -1 for what cannot be printed.
#[must_use]
pub fn width(character: u32) -> i32 {
    match character {
        0 => 0,
        0x20..=0x7e => 1,
        _ if in_ranges(character, &ZERO_WIDTH) => 0,
        _ if !is_in(character, CharacterClass::Print) => -1,
        _ if in_ranges(character, &DOUBLE_WIDTH) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_tables_are_sorted() {
        for table in [&ZERO_WIDTH[..], &DOUBLE_WIDTH[..]] {
            assert!(table.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }

    #[test]
    fn widths_follow_the_script() {
        assert_eq!(
            [0x41, 0xe9, 0x4e2d, 0x301, 7, 0x1f600].map(width),
            [1, 1, 2, 0, -1, 2]
        );
    }

    #[test]
    fn case_changes_only_one_to_one() {
        assert_eq!(
            (to_upper(0xe9), to_lower(0xc9), to_upper(0xdf)),
            (0xc9, 0xe9, 0xdf)
        );
        assert!(
            is_in(0xe9, CharacterClass::Lower)
                && is_in(0x416, CharacterClass::Upper)
                && is_in(0x20ac, CharacterClass::Punct)
        );
    }
}
