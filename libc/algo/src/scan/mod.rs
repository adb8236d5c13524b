//! The conversion engine of the `scanf` family (C 7.21.6.2, POSIX `fscanf`).
//!
//! Like the formatting engine it sees neither memory nor streams, only a [`Source`] and
//! the [`Targets`] that arguments point to. One byte of look-ahead is all it needs.

mod numbers;

use crate::float::Extended;
use crate::number::is_space;
use crate::utf8::{Decoded, decode};
use alloc::vec::Vec;

/// Where bytes come from.
pub trait Source {
    /// The next byte, which stays next; `None` at the end or after an error.
    fn peek(&mut self) -> Option<u8>;
    /// Takes the byte that `peek` showed.
    fn advance(&mut self);
}

/// The places that the arguments point to.
pub trait Targets {
    /// The next pointer argument.
    fn next(&mut self) -> usize;
    /// Stores the low `size` bytes of an integer.
    fn integer(&mut self, place: usize, size: usize, value: u64);
    /// Stores a `float`.
    fn single(&mut self, place: usize, value: f32);
    /// Stores a `double`.
    fn double(&mut self, place: usize, value: f64);
    /// Stores a `long double`.
    fn extended(&mut self, place: usize, value: Extended);
    /// Stores bytes, or wide characters for each character where `wide`.
    fn text(&mut self, place: usize, text: &[u8], wide: bool, terminate: bool);
    /// Stores at `place` a pointer to a new block with the text (`%ms`); false without memory.
    fn allocate(&mut self, place: usize, text: &[u8], wide: bool, terminate: bool) -> bool;
}

/// Why scanning stopped early.
enum Stop {
    /// The input ended (or failed) before the directive got anything.
    Input,
    /// The input is not what the directive wants.
    Matching,
}

#[derive(Clone, Copy)]
struct Directive {
    suppress: bool,
    allocate: bool,
    position: Option<usize>,
    width: usize,
    size: usize,
    letter: u8,
}

impl Directive {
    fn wide(&self) -> bool {
        self.size == 8 || matches!(self.letter, b'S' | b'C')
    }
}

/// Scans; the result is C's: the number of assignments, or -1 where the input ended before
/// the first conversion was done.
pub fn scan(source: &mut dyn Source, format: &[u8], targets: &mut dyn Targets) -> i32 {
    let mut scanner = Scanner {
        source,
        targets,
        consumed: 0,
        assigned: 0,
        places: Vec::new(),
    };
    let stop = scanner.run(format);
    match stop {
        Err(Stop::Input) if scanner.assigned == 0 => -1,
        _ => scanner.assigned,
    }
}

struct Scanner<'a> {
    source: &'a mut dyn Source,
    targets: &'a mut dyn Targets,
    consumed: u64,
    assigned: i32,
    /// Pointer arguments read so far, for formats that number them.
    places: Vec<usize>,
}

/// Splits a directive off the format (behind its `%`); also gives its length.
fn parse(text: &[u8]) -> Option<(Directive, usize)> {
    let mut index = 0;
    let peek = |index: usize| text.get(index).copied().unwrap_or(0);
    let number = |index: &mut usize| {
        let mut value = 0usize;
        while peek(*index).is_ascii_digit() {
            value = value
                .saturating_mul(10)
                .saturating_add(usize::from(peek(*index) - b'0'));
            *index += 1;
        }
        value
    };
    let mut directive = Directive {
        suppress: false,
        allocate: false,
        position: None,
        width: 0,
        size: 4,
        letter: 0,
    };
    let first = number(&mut index);
    if first > 0 && peek(index) == b'$' {
        directive.position = Some(first);
        index += 1;
    } else {
        index = 0;
    }
    if peek(index) == b'*' {
        directive.suppress = true;
        index += 1;
    }
    directive.width = number(&mut index);
    if peek(index) == b'm' {
        directive.allocate = true;
        index += 1;
    }
    let modifier = peek(index);
    let doubled = peek(index + 1) == modifier;
    let (size, length) = match modifier {
        b'h' if doubled => (1, 2),
        b'h' => (2, 1),
        b'l' if doubled => (8, 2),
        b'l' | b'j' | b'z' | b't' | b'q' => (8, 1),
        b'L' => (16, 1),
        _ => (4, 0),
    };
    directive.size = size;
    index += length;
    directive.letter = peek(index);
    (directive.letter != 0).then_some((directive, index + 1))
}

impl Scanner<'_> {
    fn run(&mut self, format: &[u8]) -> Result<(), Stop> {
        let mut rest = format;
        while let Some((&byte, behind)) = rest.split_first() {
            if is_space(byte) {
                self.skip_space();
                rest = behind;
            } else if byte != b'%' {
                self.literal(byte)?;
                rest = behind;
            } else if behind.first() == Some(&b'%') {
                self.skip_space();
                self.literal(b'%')?;
                rest = &behind[1..];
            } else {
                let (directive, length) = parse(behind).ok_or(Stop::Matching)?;
                rest = self.convert(directive, &behind[length..])?;
            }
        }
        Ok(())
    }

    fn take(&mut self) {
        self.source.advance();
        self.consumed += 1;
    }

    fn skip_space(&mut self) {
        while self.source.peek().is_some_and(is_space) {
            self.take();
        }
    }

    fn literal(&mut self, wanted: u8) -> Result<(), Stop> {
        match self.source.peek() {
            None => Err(Stop::Input),
            Some(found) if found == wanted => {
                self.take();
                Ok(())
            }
            Some(_) => Err(Stop::Matching),
        }
    }

    fn place(&mut self, directive: &Directive) -> usize {
        match directive.position {
            None => self.targets.next(),
            Some(position) => {
                while self.places.len() < position {
                    let next = self.targets.next();
                    self.places.push(next);
                }
                self.places[position - 1]
            }
        }
    }

    /// Does one conversion and returns the format behind it.
    fn convert<'f>(&mut self, directive: Directive, rest: &'f [u8]) -> Result<&'f [u8], Stop> {
        if !matches!(directive.letter, b'c' | b'C' | b'[' | b'n') {
            self.skip_space();
        }
        match directive.letter {
            b'n' => {
                if !directive.suppress {
                    let place = self.place(&directive);
                    self.targets
                        .integer(place, directive.size.min(8), self.consumed);
                }
                return Ok(rest);
            }
            b'[' => {
                let (set, behind) = ByteSet::parse(rest).ok_or(Stop::Matching)?;
                self.string(&directive, |byte| set.contains(byte))?;
                return Ok(behind);
            }
            b's' | b'S' => self.string(&directive, |byte| !is_space(byte))?,
            b'c' | b'C' => self.characters(&directive)?,
            b'd' | b'u' => self.integer(&directive, 10)?,
            b'i' => self.integer(&directive, 0)?,
            b'o' => self.integer(&directive, 8)?,
            b'b' => self.integer(&directive, 2)?,
            b'x' | b'X' => self.integer(&directive, 16)?,
            b'p' => self.integer(
                &Directive {
                    size: 8,
                    ..directive
                },
                16,
            )?,
            b'a' | b'e' | b'f' | b'g' | b'A' | b'E' | b'F' | b'G' => self.floating(&directive)?,
            _ => return Err(Stop::Matching),
        }
        Ok(rest)
    }

    fn limit(directive: &Directive) -> usize {
        if directive.width == 0 {
            usize::MAX
        } else {
            directive.width
        }
    }

    fn string(&mut self, directive: &Directive, wanted: impl Fn(u8) -> bool) -> Result<(), Stop> {
        if self.source.peek().is_none() {
            return Err(Stop::Input);
        }
        let text = self.collect(Self::limit(directive), wanted, directive.wide());
        if text.is_empty() {
            return Err(Stop::Matching);
        }
        self.assign_text(directive, &text, true)
    }

    /// Takes bytes while they are wanted; `limit` counts characters where `wide`.
    fn collect(&mut self, limit: usize, wanted: impl Fn(u8) -> bool, wide: bool) -> Vec<u8> {
        let (mut text, mut count) = (Vec::new(), 0);
        while let Some(byte) = self.source.peek() {
            let starts = !wide || byte & 0xc0 != 0x80;
            if !wanted(byte) || starts && count == limit {
                break;
            }
            count += usize::from(starts);
            text.push(byte);
            self.take();
        }
        text
    }

    fn characters(&mut self, directive: &Directive) -> Result<(), Stop> {
        let count = directive.width.max(1);
        let text = self.collect(count, |_| true, directive.wide());
        let found = if directive.wide() {
            text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
        } else {
            text.len()
        };
        if found < count {
            return Err(if text.is_empty() {
                Stop::Input
            } else {
                Stop::Matching
            });
        }
        self.assign_text(directive, &text, false)
    }

    fn assign_text(
        &mut self,
        directive: &Directive,
        text: &[u8],
        terminate: bool,
    ) -> Result<(), Stop> {
        if directive.suppress {
            return Ok(());
        }
        let wide = directive.wide();
        if wide && !is_utf8(text) {
            return Err(Stop::Input);
        }
        let place = self.place(directive);
        if directive.allocate {
            if !self.targets.allocate(place, text, wide, terminate) {
                return Err(Stop::Input);
            }
        } else {
            self.targets.text(place, text, wide, terminate);
        }
        self.assigned += 1;
        Ok(())
    }
}

fn is_utf8(mut text: &[u8]) -> bool {
    while !text.is_empty() {
        match decode(text) {
            Decoded::Character(_, length) => text = &text[length..],
            _ => return false,
        }
    }
    true
}

/// A scan set `[...]`; bytes above ASCII belong to it by value.
struct ByteSet([u64; 4]);

impl ByteSet {
    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
    }

    /// Parses behind the `[`; also gives the format behind the `]`.
    fn parse(text: &[u8]) -> Option<(Self, &[u8])> {
        let negated = text.first() == Some(&b'^');
        let start = usize::from(negated);
        let end = start
            + 1
            + text
                .get(start + 1..)?
                .iter()
                .position(|&byte| byte == b']')?;
        let members = &text[start..end];
        let mut set = [0u64; 4];
        let mut index = 0;
        while index < members.len() {
            let first = members[index];
            let ranged = members.get(index + 1) == Some(&b'-') && index + 2 < members.len();
            let last = if ranged { members[index + 2] } else { first };
            for byte in first..=last {
                set[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
            index += if ranged { 3 } else { 1 };
        }
        if negated {
            set = set.map(|word| !word);
        }
        Some((ByteSet(set), &text[end + 1..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::string::{String, ToString};

    struct Bytes<'a>(&'a [u8], usize);

    impl Source for Bytes<'_> {
        fn peek(&mut self) -> Option<u8> {
            self.0.get(self.1).copied()
        }
        fn advance(&mut self) {
            self.1 += 1;
        }
    }

    #[derive(Default)]
    struct Log(Vec<String>);

    impl Targets for Log {
        fn next(&mut self) -> usize {
            0
        }
        fn integer(&mut self, _: usize, size: usize, value: u64) {
            let shift = 64 - 8 * size as u32;
            self.0.push(((value << shift) as i64 >> shift).to_string());
        }
        fn single(&mut self, _: usize, value: f32) {
            self.0.push(value.to_string());
        }
        fn double(&mut self, _: usize, value: f64) {
            self.0.push(value.to_string());
        }
        fn extended(&mut self, _: usize, value: Extended) {
            self.0.push(value.to_f64().to_string());
        }
        fn text(&mut self, _: usize, text: &[u8], wide: bool, _: bool) {
            self.0.push(format!(
                "{}{}",
                if wide { "L" } else { "" },
                String::from_utf8_lossy(text)
            ));
        }
        fn allocate(&mut self, _: usize, text: &[u8], _: bool, _: bool) -> bool {
            self.0.push(format!("m{}", String::from_utf8_lossy(text)));
            true
        }
    }

    fn read(input: &str, format: &str) -> (i32, String) {
        let mut log = Log::default();
        let count = scan(&mut Bytes(input.as_bytes(), 0), format.as_bytes(), &mut log);
        (count, log.0.join(","))
    }

    #[test]
    fn integers_are_read_in_their_base() {
        assert_eq!(
            read(" 12 -7 0x1f 017 z", "%d%d%i%i%d"),
            (4, "12,-7,31,15".into())
        );
        assert_eq!(read("1234", "%2d%d"), (2, "12,34".into()));
        assert_eq!(read("300 70000", "%hhd %hd"), (2, "44,4464".into()));
        assert_eq!(read("ff", "%x"), (1, "255".into()));
        assert_eq!(read("0xg", "%x"), (0, String::new()));
        assert_eq!(read("0x1a", "%p"), (1, "26".into()));
    }

    #[test]
    fn strings_and_sets_take_what_they_name() {
        assert_eq!(read("abc def", "%s%n%s"), (2, "abc,3,def".into()));
        assert_eq!(read("abc123", "%[a-z]%[^4]"), (2, "abc,123".into()));
        assert_eq!(read("]x", "%[]]%c"), (2, "],x".into()));
        assert_eq!(read("a b", "%c%c%*c"), (2, "a, ".into()));
        assert_eq!(read("é€x", "%2lc%ms"), (2, "Lé€,mx".into()));
        assert_eq!(read("key=value", "%*[^=]=%s"), (1, "value".into()));
    }

    #[test]
    fn the_end_of_input_differs_from_a_mismatch() {
        assert_eq!(read("", "%d").0, -1);
        assert_eq!(read("   ", "%s").0, -1);
        assert_eq!(read("x", "%d").0, 0);
        assert_eq!(read("1 x", "%d %d").0, 1);
        assert_eq!(read("1", "%d%d").0, 1);
        assert_eq!(read("ab", "ac%d").0, 0);
        assert_eq!(read("50%", "%d%%%n"), (1, "50,3".into()));
    }

    #[test]
    fn floats_need_a_whole_number() {
        assert_eq!(
            read("1.5e3 -inf .5 0x1p4", "%lf %f %Lf %lf"),
            (4, "1500,-inf,0.5,16".into())
        );
        assert_eq!(read("1e+x", "%lf").0, 0);
        assert_eq!(read("100ergs", "%lf%s").0, 0);
        assert_eq!(read("nan(1)2", "%lf%d"), (2, "NaN,2".into()));
    }

    proptest! {
        #[test]
        fn nothing_makes_the_scanner_fail_badly(input in "[0-9a-z.+% -]{0,20}", format in "[%a-z0-9\\[\\]^*$. -]{0,15}") {
            read(&input, &format);
        }
    }
}
